//! What the owner of a NIC says already, in forms that are easily misread: with `main_routes_first` beside its own
//! routes, and in units that are for two NICs.

use super::lab::{CONFIG, Lab, Systemd};
use super::{Files, YAML, assert_same_thing_twice};
use crate::guest::CLOUD_INIT_24_1;

const MAIN_ROUTES_FIRST: (&str, &str) = (CONFIG, "main_routes_first = true\n");

/// cloud-init's file with routes and rules of its own for eth1, with the MACs of this VPC.
fn cloud_init() -> String {
    let yaml = CLOUD_INIT_24_1.replace("\"02:00:00:00:00:01\"", "'06:00:00:00:00:00'");
    yaml.replace("\"02:00:00:00:00:02\"", "'06:00:00:00:00:01'")
}

/// Rules that netplan cannot say and routes that it would not take are both for a drop-in of one unit, and both are in
/// it.
#[test]
fn netplan_same_thing_twice_with_main_routes_first_beside_cloud_init_s_own_routes() {
    assert_bands_twice(
        &[(YAML, &cloud_init()), MAIN_ROUTES_FIRST],
        &["eth0", "eth1"],
    );
}

/// The primary's rules have no other place then than beside a secondary's owner.
#[test]
fn netplan_same_thing_twice_with_main_routes_first_where_every_secondary_has_an_owner_with_routes()
{
    let yaml = cloud_init();
    let (_, eth1) = yaml.split_once("    eth1:\n").unwrap();
    let eth2 = eth1
        .replace("eth1", "eth2")
        .replace(":01'", ":02'")
        .replace("table: 101", "table: 102");
    let eth2 = eth2
        .replace("10.0.0.0/20", "10.1.0.0/20")
        .replace("10.0.0.1\"", "10.1.0.1\"")
        .replace("10.0.0.2", "10.1.0.3");
    let yaml = format!("{yaml}    eth2:\n{eth2}");
    assert_bands_twice(
        &[(YAML, &yaml), MAIN_ROUTES_FIRST],
        &["eth0", "eth1", "eth2"],
    );
}

fn assert_bands_twice(files: Files, configured: &[&str]) {
    let lab = assert_same_thing_twice(files, configured, |_| false);
    let (rules, routes) = (lab.rules(), lab.guest.ip("-4 route show table 10001"));
    for rule in [
        "10000:\tfrom 10.0.0.11 lookup 10000",
        "10001:\tfrom 10.0.0.20 lookup 10001 suppress_prefixlength 0",
        "15001:\tfrom 10.0.0.21 lookup main suppress_prefixlength 1",
        "20001:\tfrom 10.0.0.20 lookup 10001",
        "20002:\tfrom 10.1.0.31 lookup 10002",
    ] {
        assert!(rules.contains(rule), "{rule} is not in {rules}");
    }
    assert!(routes.contains("default via 10.0.0.1"), "{routes}");
}

const UNIT: &str = "20-form.network";
const DROP_IN: &str = "/etc/systemd/network/20-form.network.d/10-more.conf";

/// A [Match] section (what follows `+` is a drop-in's), which of eth1 and eth2 networkd runs by it, and whether
/// something may be added to it: it is one NIC's alone.
const FORMS: &[(&str, &[&str], bool)] = &[
    ("Name=eth1", &["eth1"], true),
    ("Name=eth1\nName=eth2", &["eth1", "eth2"], false),
    ("Name=eth1 eth2", &["eth1", "eth2"], false),
    ("Name=eth1 \\\n# and\n  eth2", &["eth1", "eth2"], false),
    ("Name=eth2\nName=\nName=eth1", &["eth1"], true),
    (
        "Name=eth1\n[Link]\n[Match]\nName=eth2",
        &["eth1", "eth2"],
        false,
    ),
    ("Name=eth1+Name=eth2", &["eth1", "eth2"], false),
    ("Name=eth1 eth2+Name=\nName=eth2", &["eth2"], true),
    ("Name=eth[12]", &["eth1", "eth2"], false),
    ("Name=eth[12]\nName=!eth1 nic1", &["eth2"], false),
    ("Name=!eth0 lo eth1", &["eth1", "eth2"], false),
    ("Name=nic1", &["eth1"], true),
    ("Name=\"eth1\" eth2", &["eth2"], false),
    (" Name = eth1 \n;Name=eth2\n#Name=eth2", &["eth1"], true),
    ("MACAddress=06:00:00:00:00:01", &["eth1"], true),
    (
        "MACAddress=06:00:00:00:00:01\nMACAddress=06:00:00:00:00:02",
        &["eth1", "eth2"],
        false,
    ),
    (
        "MACAddress=0600.0000.0001 06-00-00-00-00-02",
        &["eth1", "eth2"],
        false,
    ),
    (
        "MACAddress=06:00:00:00:00:01\nName=eth1 eth2",
        &["eth1"],
        true,
    ),
    ("Kind=veth\nName=eth1", &["eth1"], true),
    ("Kind=!veth\nName=eth1", &[], false),
    (
        "Type=ether\nKind=veth\nName=!eth0",
        &["eth1", "eth2"],
        false,
    ),
    ("Name=eth1\n[Network", &[], false),
    ("Name=eth1\nHost=nobody", &[], false),
];

/// The primary's own file, before the form's, and without what takes long at each start.
const ETH0_FIRST: (&str, &str) = (
    "/etc/systemd/network/10-eth0.network",
    "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n",
);

/// networkd is the judge of what a [Match] section says; what eniroute writes goes by it.
#[test]
fn what_a_match_section_is_for_is_what_networkd_makes_of_it() {
    for systemd in Systemd::ALL {
        let mut lab = Lab::of(systemd, &[ETH0_FIRST]);
        lab.attach_eth1();
        lab.attach_eth2();
        lab.guest.ip("link property add dev eth1 altname nic1");
        for (form, run, own) in FORMS {
            assert_form(&mut lab, form, run, *own);
        }
        // As a VLAN or a bridge has that copies its NIC's address.
        lab.guest
            .ip("link add copy address 06:00:00:00:00:01 type veth peer name other");
        assert_form(&mut lab, "MACAddress=06:00:00:00:00:01", &["eth1"], false);
    }
}

fn assert_form(lab: &mut Lab, form: &str, run: &[&str], own: bool) {
    let (main, more) = form.split_once('+').unwrap_or((form, ""));
    lab.power_off();
    lab.guest
        .sh(&format!("rm -rf {DROP_IN}; mkdir -p $(dirname {DROP_IN})"));
    let write = |path: &str, text: &str| {
        let text = format!("[Match]\n{text}\n[Network]\nLinkLocalAddressing=no\n");
        lab.guest.enter(|| std::fs::write(path, text).unwrap());
    };
    write(&format!("/etc/systemd/network/{UNIT}"), main);
    if !more.is_empty() {
        write(DROP_IN, more);
    }
    lab.boot(&["eth0"]);
    let is_settled = |dev: &&str| {
        ["configured", "unmanaged"]
            .iter()
            .any(|state| lab.record(dev).contains(&format!("ADMIN_STATE={state}")))
    };
    lab.until("networkd has looked at all", || {
        ["eth1", "eth2"].iter().all(is_settled)
    });
    let by_networkd: Vec<_> = ["eth1", "eth2"]
        .into_iter()
        .filter(|dev| lab.record(dev).contains(UNIT))
        .collect();
    assert_eq!(by_networkd, run, "{form}: networkd\n{}", lab.log());
    let plan = lab.eniroute("plan");
    assert_eq!(plan.code, 0, "{form}: {plan:?}");
    let added = |dev: &&&str| {
        plan.stdout
            .contains(&format!("{UNIT}.d/60-eniroute-{dev}.conf"))
    };
    let expected: Vec<&str> = run.iter().filter(|_| own).copied().collect();
    assert_eq!(
        ["eth1", "eth2"]
            .iter()
            .filter(added)
            .copied()
            .collect::<Vec<_>>(),
        expected,
        "{form}: {plan:?}"
    );
}

/// The secondary's address never lands on the primary, live or at a boot, and nothing is written at each run.
#[test]
fn a_unit_for_the_primary_and_a_secondary_gets_nothing_of_either() {
    let forms = [
        "Name=eth0\nName=eth1",
        "Name=eth0 eth1",
        "MACAddress=06:00:00:00:00:00\nMACAddress=06:00:00:00:00:01",
    ];
    for (systemd, form) in Systemd::ALL
        .into_iter()
        .flat_map(|systemd| forms.map(|form| (systemd, form)))
    {
        let text = format!("[Match]\n{form}\n[Network]\nDHCP=ipv4\n");
        assert_nothing_is_mixed(
            systemd,
            &[("/etc/systemd/network/20-two.network", &text)],
            form,
        );
    }
}

#[test]
fn netplan_a_unit_that_somebody_widened_to_two_nics_gets_nothing_of_either() {
    let yaml = "network: {version: 2, ethernets: {eth0: {dhcp4: true}}}";
    for systemd in Systemd::ALL {
        let mut lab = Lab::of(systemd, &[(YAML, yaml)]);
        lab.guest.sh(
            "mkdir /etc/systemd/network/10-netplan-eth0.network.d
            printf '[Match]\\nName=eth1\\n' >/etc/systemd/network/10-netplan-eth0.network.d/x.conf",
        );
        lab.attach_eth1();
        lab.boot(&["eth0", "eth1"]);
        assert_unmixed(&mut lab, "a drop-in");
    }
}

fn assert_nothing_is_mixed(systemd: Systemd, files: Files, form: &str) {
    let mut lab = Lab::of(systemd, files);
    lab.attach_eth1();
    lab.boot(&["eth0", "eth1"]);
    assert_unmixed(&mut lab, form);
}

fn assert_unmixed(lab: &mut Lab, form: &str) {
    let own = |lab: &Lab, when: &str| {
        let addresses = |dev: &str| lab.guest.ip(&format!("-4 -o address show dev {dev}"));
        let (eth0, eth1) = (addresses("eth0"), addresses("eth1"));
        assert!(
            !eth0.contains("10.0.0.2") && !eth1.contains("10.0.0.1"),
            "{form}, {when}: {eth0}{eth1}{}",
            lab.log()
        );
        assert!(
            eth0.contains("10.0.0.10/20") && eth1.contains("10.0.0.20/32"),
            "{form}, {when}: {eth0}{eth1}{}",
            lab.log()
        );
    };
    lab.apply();
    assert!(
        lab.loaded("eth1").contains("eniroute-eth1.network"),
        "{form}: {}",
        lab.loaded("eth1")
    );
    own(lab, "after apply");
    for when in ["at once", "after a reload"] {
        let log = lab.apply();
        assert!(
            !["ip -", "create", "update", "delete"]
                .iter()
                .any(|word| log.contains(word)),
            "{form}, {when}: {log}"
        );
        lab.guest.sh("networkctl reload");
        ["eth0", "eth1"]
            .iter()
            .for_each(|dev| lab.await_configured(dev));
        own(lab, when);
    }
    lab.power_off();
    lab.boot(&["eth0", "eth1"]);
    own(lab, "after a boot");
}

/// Its gateway is in the lease's subnet, which is there only once the lease is.
#[test]
fn a_route_of_the_owner_s_by_the_lease_s_router_is_there_after_a_boot_beside_ours() {
    let yaml = "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n      \
                routes: [{to: 10.20.0.0/16, via: 10.0.0.1}]\n";
    let mut lab = super::three_enis(&[(super::YAML, yaml)], &["eth0"]);
    let route = "10.20.0.0/16 via 10.0.0.1 dev eth0";
    assert!(
        lab.guest.ip("route").contains(route),
        "{}",
        lab.guest.ip("route")
    );
    lab.apply();
    lab.power_off();
    lab.boot(&super::ETH);
    assert!(
        lab.guest.ip("route").contains(route),
        "{}\n{}",
        lab.guest.ip("route"),
        lab.log()
    );
    assert_eq!(
        lab.vpc.inet().ping(&["54.178.213.178", "3.104.193.180"]),
        super::NOBODY
    );
}
