//! What is persisted is what is applied: the files, executed as their stack executes them on a second, identical
//! instance, make the same kernel state as netlink made on the first.

use std::collections::BTreeSet;

use crate::draw::seeds;
use crate::drawn::secondaries;
use crate::instance::Instance;
use crate::vpc::{EniSpec, Host, SubnetId, Vpc};

/// An instance with all there is: two ENIs in one subnet, one in another, dual stack, secondaries, a prefix.
fn instance() -> (Vpc, Instance) {
    instance_of(|[a, b]| {
        let second = EniSpec::new(a, "eth1")
            .ipv4(["10.0.0.20", "10.0.0.21"])
            .ipv6(["2001:db8:0:a::200"]);
        let third = EniSpec::new(b, "eth2")
            .ipv4(["10.1.0.30"])
            .ipv6(["2001:db8:0:b::300", "2001:db8:0:b::301"]);
        [
            second.prefix4("10.0.3.16/28"),
            third.prefix6("2001:db8:0:b:c::/80"),
        ]
    })
}

fn instance_of(secondaries: impl FnOnce([SubnetId; 2]) -> [EniSpec; 2]) -> (Vpc, Instance) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
    let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
    vpc.attach(
        EniSpec::new(a, "eth0")
            .ipv4(["10.0.0.10", "10.0.0.11"])
            .ipv6(["2001:db8:0:a::100"]),
    );
    for spec in secondaries([a, b]) {
        vpc.attach(spec);
    }
    let instance = Instance::bare(vpc.guest());
    instance.write(
        "etc/sysconfig/network-scripts/ifcfg-eth0",
        "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\n",
    );
    (vpc, instance)
}

/// Every rule, every route of main and of our tables, and every address, without protocol, `onlink` and the way an
/// address was configured: what makes a difference to a packet.
pub fn state(host: &Host) -> BTreeSet<String> {
    let mut state = BTreeSet::new();
    for family in ["-4", "-6"] {
        let rules = host.ip(&format!("{family} rule"));
        let routes = host.ip(&format!("{family} route show table all"));
        let routes = routes.lines().filter(|route| {
            !route.contains("table local")
                && !route.contains("fe80::/64")
                && !route.contains("ff00::")
        });
        // The /128's own on-link route in main is the kernel's, where the address was added without `noprefixroute`.
        let routes = routes
            .filter(|route| !route.contains("proto kernel metric 256") || route.contains('/'));
        let addresses = host.ip(&format!("{family} -o address show scope global"));
        let addresses = addresses.lines().map(|line| {
            line.split_whitespace()
                .skip(1)
                .take(3)
                .collect::<Vec<_>>()
                .join(" ")
        });
        let lines = rules
            .lines()
            .chain(routes)
            .map(str::to_owned)
            .chain(addresses);
        state.extend(lines.map(|line| format!("{family} {}", steady(&line))));
    }
    state
}

fn steady(line: &str) -> String {
    let mut words = line.split_whitespace();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "proto" | "pref" | "expires" => drop(words.next()),
            "onlink" | "linkdown" | "dadfailed" => {}
            word => kept.push(word),
        }
    }
    kept.join(" ")
}

pub fn assert_same(by_netlink: &BTreeSet<String>, by_files: &BTreeSet<String>) {
    let only =
        |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
    let (netlink, files) = (only(by_netlink, by_files), only(by_files, by_netlink));
    assert!(
        netlink.is_empty() && files.is_empty(),
        "only by netlink: {netlink:#?}\nonly by files: {files:#?}"
    );
    assert!(
        by_netlink.iter().any(|line| line.contains("lookup 10001")),
        "{by_netlink:#?}"
    );
}

/// ifup does this with the files of an interface: addresses, then each line of route-*, then each of rule-*.
const IFUP: &str = r#"
cd "$ROOT/etc/sysconfig/network-scripts"
for cfg in ifcfg-*; do
    (
        . "./$cfg"
        dev=${DEVICE%%:*}
        ip link set "$dev" up
        n=
        while eval "address=\${IPADDR$n:-}"; [ -n "$address" ]; do
            eval "length=\$PREFIX$n"
            ip address replace "$address/$length" dev "$dev"
            n=$((${n:-0} + 1))
        done
        for address in ${IPV6ADDR:-} ${IPV6ADDR_SECONDARIES:-}; do ip -6 address replace "$address" dev "$dev" nodad; done
    )
done
for file in route-* ; do grep -v '^#' "$file" | sed 's/^/route add /' | ip -4 -batch -; done
for file in route6-*; do grep -v '^#' "$file" | sed 's/^/route add /' | ip -6 -batch -; done
for file in rule-*  ; do grep -v '^#' "$file" | sed 's/^/rule add /'  | ip -4 -batch -; done
for file in rule6-* ; do grep -v '^#' "$file" | sed 's/^/rule add /'  | ip -6 -batch -; done
"#;

#[test]
fn network_scripts_make_what_netlink_makes() {
    for config in ["", "main_routes_first = true\n"] {
        assert_same_twice(config, instance);
    }
}

#[test]
fn network_scripts_make_what_netlink_makes_whatever_ec2_has_given() {
    for seed in seeds(1) {
        let config = ["", "main_routes_first = true\n"][seed as usize % 2];
        assert_same_twice(config, || instance_of(|subnets| secondaries(seed, subnets)));
    }
}

fn assert_same_twice(config: &str, instance: impl Fn() -> (Vpc, Instance)) {
    let by_netlink = {
        let (_vpc, instance) = instance();
        instance.write("etc/eniroute.toml", config);
        instance.must("apply --backend network-scripts --no-persist");
        state(&instance.host)
    };
    let (_vpc, instance) = instance();
    instance.write("etc/eniroute.toml", config);
    instance.must("apply --backend network-scripts --no-kernel");
    let root = instance.root().display().to_string();
    instance
        .host
        .command("bash")
        .args(["-euc", IFUP])
        .env("ROOT", root)
        .run();
    assert_same(&by_netlink, &state(&instance.host));
}
