//! The files for ifupdown, read by Debian's own ifup and ifdown in a guest of the fake VPC.

use crate::appliance::ONE_ARM;
use crate::consumer::{furnish, power_cycle, run};
use crate::draw::seeds;
use crate::drawn::secondaries;
use crate::instance::{Instance, changed, neighbours_reach};
use crate::mtu::MTU;
use crate::vpc::{EniId, EniSpec, SubnetId, Vpc};

pub const INTERFACES: &str =
    "source-directory /etc/network/interfaces.d\nsource-directory /run/network/interfaces.d\n";

/// The primary's owner; its lease is the VPC's.
const CLOUD_INIT: &str = "auto eth0\niface eth0 inet manual\n";

const ADDRESSES: [&str; 8] = [
    "10.0.0.10",
    "10.0.0.11",
    "10.0.0.20",
    "10.0.0.21",
    "10.1.0.30",
    "2001:db8:0:a::100",
    "2001:db8:0:a::200",
    "2001:db8:0:b::300",
];

pub struct Guest {
    vpc: Vpc,
    pub instance: Instance,
    subnets: [SubnetId; 2],
    eth1: EniId,
    eth2: EniId,
}

impl Guest {
    /// EC2 takes an address of eth1 away.
    pub fn unassign(&mut self, address: &str) {
        self.vpc.unassign(self.eth1, address);
    }

    /// To neighbours in every subnet.
    pub fn all_answer(&mut self) {
        neighbours_reach(&mut self.vpc, &self.subnets, &ADDRESSES);
    }
}

/// Three ENIs, two of them in one subnet, one with a delegated prefix.
pub fn guest() -> Guest {
    guest_of(|[a, b]| {
        let eth1 = EniSpec::new(a, "eth1")
            .ipv4(["10.0.0.20", "10.0.0.21"])
            .ipv6(["2001:db8:0:a::200"]);
        let eth2 = EniSpec::new(b, "eth2")
            .ipv4(["10.1.0.30"])
            .ipv6(["2001:db8:0:b::300"]);
        let eth1 = eth1.prefix4("10.0.3.16/28").prefix6("2001:db8:0:a:1::/80");
        [eth1, eth2]
    })
}

fn guest_of(secondaries: impl FnOnce([SubnetId; 2]) -> [EniSpec; 2]) -> Guest {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
    let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
    vpc.attach(
        EniSpec::new(a, "eth0")
            .ipv4(["10.0.0.10", "10.0.0.11"])
            .ipv6(["2001:db8:0:a::100"]),
    );
    let [eth1, eth2] = secondaries([a, b]).map(|spec| vpc.attach(spec));
    let instance = Instance::bare(vpc.guest());
    furnish(&instance);
    instance.write("etc/network/interfaces", INTERFACES);
    instance.write("etc/network/interfaces.d/50-cloud-init", CLOUD_INIT);
    for folder in [
        "run/network",
        "etc/network/if-pre-up.d",
        "etc/network/if-up.d",
        "etc/network/if-down.d",
        "etc/network/if-post-down.d",
    ] {
        std::fs::create_dir_all(instance.root().join(folder)).unwrap();
    }
    Guest {
        vpc,
        instance,
        subnets: [a, b],
        eth1,
        eth2,
    }
}

/// Boots from the files alone. Returns the guest's state before and after.
fn boot(Guest { instance, .. }: &Guest) -> [String; 2] {
    let host = &instance.host;
    host.settle();
    let applied = host.dump();
    host.ip("address del 10.0.0.11/32 dev eth0");
    power_cycle(host, &["eth1", "eth2"]);
    run(instance, "find /run/network -type f -delete");
    for dev in ["eth0", "eth1", "eth2"] {
        assert_eq!(run(instance, &format!("ifup {dev}")), "");
    }
    host.settle();
    [applied, host.dump()]
}

/// For a comparison that shows what differs.
fn assert_same(before: &str, after: &str) {
    assert_eq!(changed(before, after), [""; 0]);
}

#[test]
fn a_boot_from_the_files_alone_makes_what_apply_made() {
    for config in ["", "main_routes_first = true\n", MTU, ONE_ARM] {
        let mut guest = guest();
        guest.instance.write("etc/eniroute.toml", config);
        guest.instance.must("apply");
        let [applied, booted] = boot(&guest);
        assert_same(&applied, &booted);
        assert_eq!(
            guest
                .instance
                .host
                .sh("cat /proc/sys/net/ipv6/conf/eth1/accept_ra"),
            "0\n"
        );
        assert!(
            applied.contains("throw 10.0.3.16/28 table 10001"),
            "{applied}"
        );
        neighbours_reach(&mut guest.vpc, &guest.subnets, &ADDRESSES);
        assert_eq!(guest.vpc.spoofed(), 0);
        let again = guest.instance.json("apply");
        assert_eq!(
            (&again["kernel"], &again["files"]),
            (&serde_json::json!([]), &serde_json::json!([]))
        );
    }
}

#[test]
fn whatever_ec2_has_given_ifup_makes_of_the_files_what_apply_made() {
    for seed in seeds(1) {
        let guest = guest_of(|subnets| secondaries(seed, subnets));
        guest.instance.must("apply");
        let [applied, booted] = boot(&guest);
        assert_same(&applied, &booted);
    }
}

#[test]
fn ifup_may_run_again_and_ifdown_leaves_nothing() {
    let guest = guest();
    let host = guest.instance.host.clone();
    let bare = host.dump();
    guest.instance.must("apply");
    let [applied, _] = boot(&guest);
    for _ in 0..2 {
        run(&guest.instance, "ifup --force eth1");
        run(&guest.instance, "ifup --force eth0");
        host.settle();
        assert_same(&applied, &host.dump());
    }
    run(&guest.instance, "ifdown eth1");
    run(&guest.instance, "ifdown eth2");
    run(&guest.instance, "ifdown eth0");
    // The owner's method takes the primary's link and lease down, too.
    let but_eth0 = |dump: &str| {
        dump.lines()
            .filter(|line| !line.contains("eth0"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_same(&but_eth0(&bare), &but_eth0(&host.dump()));
}

#[test]
fn a_foreign_stanza_keeps_the_second_eni_and_ours_adds_what_it_lacks() {
    let mut guest = guest();
    let foreign = "auto eth1\niface eth1 inet static\n    address 10.0.0.20/20\n";
    guest
        .instance
        .write("etc/network/interfaces.d/70-eth1", foreign);
    run(&guest.instance, "ifup eth1");
    guest.instance.must("apply");
    let ours = guest
        .instance
        .read("etc/network/interfaces.d/99-eniroute-eth1");
    assert!(!ours.contains("address replace 10.0.0.20/"), "{ours}");
    let [applied, booted] = boot(&guest);
    assert_same(&applied, &booted);
    neighbours_reach(&mut guest.vpc, &guest.subnets, &ADDRESSES);
}

/// ifup has no program for bridges here, so the owner's own commands make it a port, as Debian's scripts do.
#[test]
fn a_port_of_a_bridge_of_the_owner_s_gets_nothing_of_ours_at_a_boot() {
    let guest = guest();
    guest.instance.must("apply");
    let bridge = "auto br0\niface br0 inet manual\n    bridge_ports eth1\n    pre-up ip link add br0 type bridge || :\n    \
                  pre-up ip link set eth1 master br0 up\n    up ip link set br0 up\n";
    guest
        .instance
        .write("etc/network/interfaces.d/70-br0", bridge);
    let told = "its owner makes it a port of br0 (`bridge_ports eth1` in /etc/network/interfaces.d/70-br0, iface br0)";
    let said = guest.instance.must("apply");
    assert!(said.contains(told), "{said}");
    let host = guest.instance.host.clone();
    power_cycle(&host, &["eth1", "eth2"]);
    run(&guest.instance, "find /run/network -type f -delete");
    for dev in ["eth0", "eth2", "br0"] {
        run(&guest.instance, &format!("ifup {dev}"));
    }
    run(
        &guest.instance,
        "ifup --ignore-errors --allow=hotplug eth1 || :",
    );
    for _ in 0..2 {
        let link = host.ip("-o link show dev eth1");
        assert!(
            link.contains("master br0") && link.contains(",UP"),
            "{link}"
        );
        let dump = host.dump();
        assert!(
            !dump.contains("10.0.0.20/") && !dump.contains("lookup 10001"),
            "{dump}"
        );
        guest.instance.must("apply");
    }
}

#[test]
fn a_stanza_that_ifup_does_not_bring_up_by_itself_is_left_down_and_gets_what_it_needs_with_ifup() {
    let mut guest = guest();
    let stanza = "iface eth1 inet static\n    address 10.0.0.20/20\n";
    guest
        .instance
        .write("etc/network/interfaces.d/50-eth1", stanza);
    let host = guest.instance.host.clone();
    for command in ["apply", "refresh", "apply"] {
        guest.instance.must(command);
        assert!(
            !host.ip("-o link show dev eth1").contains("UP"),
            "{command}"
        );
    }
    for auto in ["--all", "--all --allow=hotplug"] {
        let list = run(&guest.instance, &format!("ifquery --list {auto}"));
        assert!(!list.contains("eth1"), "{auto}: {list}");
    }
    let [_, booted] = boot(&guest);
    assert!(booted.contains("lookup 10001"), "{booted}");
    neighbours_reach(&mut guest.vpc, &guest.subnets, &["10.0.0.20", "10.0.0.21"]);
    assert!(
        guest
            .instance
            .must("status")
            .contains("eth1: its owner alone brings it up")
    );
}

#[test]
fn another_eni_under_the_same_name_is_not_taken_for_ours() {
    let mut guest = guest();
    guest.instance.must("apply");
    guest.vpc.detach(guest.eth2);
    guest.vpc.attach(
        EniSpec::new(guest.subnets[1], "eth2")
            .mac("06:00:00:00:77:77")
            .ipv4(["10.1.0.77"]),
    );
    let host = guest.instance.host.clone();
    let rules = host.ip("-4 rule") + &host.ip("-6 rule");
    assert_eq!(run(&guest.instance, "ifup eth2"), "");
    assert_eq!(
        host.ip("-o -4 address show dev eth2") + &host.ip("-4 route show dev eth2"),
        ""
    );
    assert_eq!(host.ip("-4 rule") + &host.ip("-6 rule"), rules);
    // The same of the primary, in an image that was made of this instance.
    host.sh("ip address del 10.0.0.11/32 dev eth0; ip -4 rule flush; ip -4 rule add lookup main priority 32766");
    host.sh("ip link set eth0 address 06:00:00:00:88:88");
    assert_eq!(run(&guest.instance, "ifup eth0"), "");
    assert_eq!(host.ip("-4 rule").lines().count(), 2, "{}", host.dump());
    assert!(
        !host.ip("-4 address show dev eth0").contains("10.0.0.11"),
        "{}",
        host.dump()
    );
}
