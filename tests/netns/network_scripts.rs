//! The files for network-scripts, read by Red Hat's own ifup and ifdown in a guest of the fake VPC. Theirs is another
//! licence and no package of ours, so `ENIROUTE_IFUP` names the folder with them, and without it nothing here runs.

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::appliance::ONE_ARM;
use crate::consumer::{furnish_from, power_cycle, program, said};
use crate::instance::{Instance, neighbours_reach};
use crate::mtu::MTU;
use crate::same_twice::{assert_same, state};
use crate::vpc::{EniSpec, SubnetId, Vpc};

const FOLDER: &str = "etc/sysconfig/network-scripts";

/// The primary's owner, which wants router advertisements but no address of its own making from them.
const IFCFG_ETH0: &str = "DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\nIPV6INIT=yes\nIPV6_AUTOCONF=no\n\
                          IPV6_FORCE_ACCEPT_RA=yes\nPEERDNS=no\n";

/// What somebody else may have written for the second ENI.
const FOREIGN: [&str; 2] = [
    "DEVICE=eth1\nONBOOT=yes\nBOOTPROTO=dhcp\nPEERDNS=no\n",
    "NAME=second\nDEVICE=eth1\nONBOOT=yes\nBOOTPROTO=dhcp\nPEERDNS=no\nIPV6INIT=yes\nIPV6_AUTOCONF=no\nDHCPV6C=yes\n",
];

const CONFIGS: [&str; 4] = ["", "main_routes_first = true\n", MTU, ONE_ARM];

const ADDRESSES: [&str; 10] = [
    "10.0.0.10",
    "10.0.0.11",
    "10.0.0.20",
    "10.0.0.21",
    "10.1.0.30",
    "2001:db8:0:a::100",
    "2001:db8:0:a::200",
    "2001:db8:0:a::201",
    "2001:db8:0:b::300",
    "2001:db8:0:b::301",
];

/// Red Hat's ipcalc, which prints shell assignments, is not Debian's; DHCP is the VPC's, so a lease is `ip` commands.
const STAND_INS: [(&str, &str); 4] = [
    (
        "bin/ipcalc",
        r#"#!/bin/bash
case $1 in -c*6) [[ $2 == *:* ]]; exit ;; esac
number() { IFS=. read -r a b c d <<<"$1"; echo $((a << 24 | b << 16 | c << 8 | d)); }
dotted() { echo $(($1 >> 24 & 255)).$(($1 >> 16 & 255)).$(($1 >> 8 & 255)).$(($1 & 255)); }
address=$(number "${2%/*}")
case $2 in
*/*) mask=$((0xffffffff << (32 - ${2#*/}) & 0xffffffff)) ;;
*) mask=$(number "$3") ;;
esac
case $1 in
--netmask) echo "NETMASK=$(dotted "$mask")" ;;
--network) echo "NETWORK=$(dotted $((address & mask)))" ;;
--broadcast) echo "BROADCAST=$(dotted $((address | mask ^ 0xffffffff)))" ;;
*) echo "ipcalc: $1 is not stood in for" >&2; exit 1 ;;
esac
"#,
    ),
    (
        "sbin/dhclient",
        r#"#!/bin/bash
[ "$1" = -6 ] && leases=/etc/leases6 || leases=/etc/leases
for word; do
    if [ -f "$leases/$word" ]; then exec ip -batch "$leases/$word"; fi
done
exit 2
"#,
    ),
    // It may announce an address. A probe of one costs seconds, and a VPC has no duplicates.
    (
        "sbin/arping",
        "#!/bin/sh\ncase \" $* \" in *' -D '*) echo \"a probe: $*\" >&2; exit 1 ;; esac\n",
    ),
    ("bin/logger", "#!/bin/sh\n"),
];

struct Guest {
    vpc: Vpc,
    instance: Instance,
    subnets: [SubnetId; 2],
}

/// Three ENIs, dual stack, two of them in one subnet, with secondaries and delegated prefixes; the first boot is over.
fn guest(config: &str, foreign: Option<&str>) -> Guest {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
    let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
    vpc.attach(
        EniSpec::new(a, "eth0")
            .ipv4(["10.0.0.10", "10.0.0.11"])
            .ipv6(["2001:db8:0:a::100"]),
    );
    let eth1 = EniSpec::new(a, "eth1").ipv4(["10.0.0.20", "10.0.0.21"]);
    vpc.attach(
        eth1.ipv6(["2001:db8:0:a::200", "2001:db8:0:a::201"])
            .prefix4("10.0.3.16/28"),
    );
    let eth2 = EniSpec::new(b, "eth2")
        .ipv4(["10.1.0.30"])
        .ipv6(["2001:db8:0:b::300", "2001:db8:0:b::301"]);
    vpc.attach(eth2.prefix6("2001:db8:0:b:c::/80"));
    let instance = Instance::bare(vpc.guest());
    instance.write("etc/eniroute.toml", config);
    install(&instance);
    instance.write(&format!("{FOLDER}/ifcfg-eth0"), IFCFG_ETH0);
    ifup(&instance, "eth0");
    if let Some(ifcfg) = foreign {
        instance.write(&format!("{FOLDER}/ifcfg-eth1"), ifcfg);
        ifup(&instance, "eth1");
    }
    instance.host.settle();
    Guest {
        vpc,
        instance,
        subnets: [a, b],
    }
}

/// The scripts, what they need of a Red Hat system, and what the VPC leases.
fn install(instance: &Instance) {
    let scripts = PathBuf::from(
        env::var("ENIROUTE_IFUP").expect("ENIROUTE_IFUP: a folder with network-scripts"),
    );
    // In the source of Fedora and of EL8; in EL7's source, and where they are installed.
    let places = [
        "../etc/rc.d/init.d/functions",
        "../../rc.d/init.d/functions",
    ]
    .map(|place| scripts.join(place));
    let functions = places
        .iter()
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("none of {places:?} is there"));
    instance.write(
        "etc/init.d/functions",
        &fs::read_to_string(functions).unwrap(),
    );
    instance.write("etc/sysconfig/network", "NOZEROCONF=yes\n");
    // EL7 looks there for who wants to hear of it.
    fs::create_dir_all(instance.root().join("var/run/netreport")).unwrap();
    copy_scripts(&scripts, &instance.root().join(FOLDER));
    instance.write("etc/leases/eth0", "");
    let lease = "link set eth1 up\naddress replace 10.0.0.20/20 dev eth1 metric 200\n\
                 route replace default via 10.0.0.1 dev eth1 proto dhcp src 10.0.0.20 metric 200\n";
    instance.write("etc/leases/eth1", lease);
    let address =
        |ip| format!("address replace 2001:db8:0:a::{ip}/128 dev eth1 noprefixroute nodad\n");
    instance.write("etc/leases6/eth1", &(address("200") + &address("201")));
    furnish_from(instance, &stand_ins(instance));
}

/// All but the machine's own configuration.
fn copy_scripts(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from)
        .unwrap_or_else(|error| panic!("ENIROUTE_IFUP: {}: {error}", from.display()))
    {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if ["ifup", "ifdown", "network-", "init."]
            .iter()
            .any(|start| name.starts_with(start))
        {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
    assert!(
        to.join("ifup-eth").is_file(),
        "ENIROUTE_IFUP: {} has no ifup-eth",
        from.display()
    );
}

/// A folder with the programs that this machine lacks; on Red Hat's systems `sh` is bash, and the scripts need it.
/// `awk` is a link into /etc, which is not in the root.
fn stand_ins(instance: &Instance) -> String {
    for (name, script) in STAND_INS {
        let path = format!("stand-ins/{name}");
        instance.write(&path, script);
        fs::set_permissions(
            instance.root().join(path),
            fs::Permissions::from_mode(0o755),
        )
        .unwrap();
    }
    for (program, name) in [("bash", "sh"), ("mawk", "awk")] {
        symlink(program, instance.root().join("stand-ins/bin").join(name)).unwrap();
    }
    instance.root().join("stand-ins").display().to_string()
}

/// Runs a script of theirs for an interface; it must succeed. Its standard error.
fn script(instance: &Instance, name: &str, dev: &str) -> String {
    let command = program(instance, &format!("/{FOLDER}/{name} {dev}"));
    let out = command.env("DEPRECATION_WARNING_ISSUED", "true").output();
    assert!(out.status.success(), "{name} {dev}: {}", said(&out));
    String::from_utf8(out.stderr).unwrap()
}

/// The first ifup of an interface has nothing to complain of.
fn ifup(instance: &Instance, dev: &str) {
    assert_eq!(script(instance, "ifup", dev), "", "ifup {dev}");
}

fn settled(instance: &Instance) -> BTreeSet<String> {
    instance.host.settle();
    state(&instance.host)
}

fn by_netlink(config: &str, foreign: Option<&str>) -> BTreeSet<String> {
    let Guest {
        instance,
        vpc: _vpc,
        ..
    } = guest(config, foreign);
    instance.must("apply --backend network-scripts --no-persist");
    settled(&instance)
}

/// An instance that booted from the files alone.
fn by_files(config: &str, foreign: Option<&str>) -> Guest {
    let guest = guest(config, foreign);
    guest
        .instance
        .must("apply --backend network-scripts --no-kernel");
    power_cycle(&guest.instance.host, &["eth1", "eth2"]);
    for dev in ["eth0", "eth1", "eth2"] {
        ifup(&guest.instance, dev);
    }
    guest
}

/// The rules at the priorities of device number `number`, in every band and in both families.
fn rules_of(instance: &Instance, number: u32) -> Vec<String> {
    let rules = ["-4 rule", "-6 rule"]
        .map(|what| instance.host.ip(what))
        .concat();
    let bands = [10_000, 15_000, 20_000].map(|band| format!("{}:", band + number));
    rules
        .lines()
        .filter(|rule| bands.iter().any(|band| rule.starts_with(band)))
        .map(str::to_owned)
        .collect()
}

/// Every interface goes down and takes its rules along; the secondary ones come back as they were.
fn ifdown_and_ifup(instance: &Instance, before: &BTreeSet<String>) {
    for (dev, number) in [("eth1", 1), ("eth2", 2)] {
        assert_ne!(rules_of(instance, number), [""; 0]);
        script(instance, "ifdown", dev);
        assert_eq!(rules_of(instance, number), [""; 0], "after ifdown {dev}");
        assert_eq!(
            instance
                .host
                .ip(&format!("-o address show dev {dev} scope global")),
            ""
        );
        script(instance, "ifup", dev);
        assert_same(before, &settled(instance));
    }
    script(instance, "ifdown", "eth0");
    assert_eq!(rules_of(instance, 0), [""; 0]);
}

fn prove(config: &str, foreign: Option<&str>) {
    let applied = by_netlink(config, foreign);
    let mut guest = by_files(config, foreign);
    assert_same(&applied, &settled(&guest.instance));
    // The primary's as its owner wants them, whatever its aliases bring; none for an ENI that is ours.
    assert_eq!(
        guest
            .instance
            .host
            .sh("cd /proc/sys/net/ipv6/conf; cat eth0/autoconf eth2/accept_ra"),
        "0\n0\n"
    );
    neighbours_reach(&mut guest.vpc, &guest.subnets, &ADDRESSES);
    assert_eq!(guest.vpc.spoofed(), 0);
    for dev in ["eth0", "eth1", "eth2"] {
        script(&guest.instance, "ifup", dev);
        assert_same(&applied, &settled(&guest.instance));
    }
    ifdown_and_ifup(&guest.instance, &applied);
}

#[test]
#[ignore = "set ENIROUTE_IFUP to a folder with initscripts' network-scripts"]
fn ifup_makes_what_netlink_makes() {
    for config in CONFIGS {
        prove(config, None);
    }
}

#[test]
#[ignore = "set ENIROUTE_IFUP to a folder with initscripts' network-scripts"]
fn ifup_completes_an_eni_that_a_foreign_file_configures() {
    for config in CONFIGS {
        for foreign in FOREIGN {
            prove(config, Some(foreign));
        }
    }
}
