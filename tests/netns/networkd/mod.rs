//! The hand-over to the real systemd-networkd, with netplan and without, in the fake VPC.

mod counts;
mod dhcpv6;
mod egress;
mod imds;
mod index;
mod killed;
pub mod lab;
mod mtu;
mod newcomers;
mod owner_s_gateway;
mod owners;
mod ports;
mod reload;
mod renamed;
mod repair;
mod restarted;
mod taken_away;

use lab::{CONFIG, Lab};

use crate::draw::seeds;
use crate::drawn::secondaries;
use crate::guest::CLOUD_INIT_24_1;

const NOBODY: [std::net::IpAddr; 0] = [];
pub const ETH: [&str; 3] = ["eth0", "eth1", "eth2"];

pub type Files<'a> = &'a [(&'a str, &'a str)];

pub const YAML: &str = "/etc/netplan/50-cloud-init.yaml";

/// cloud-init's file for the ENIs that were there at the first boot.
pub const CLOUD_INIT_ETH0: &str = "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n      \
                               dhcp4-overrides: {route-metric: 100}\n      match: {macaddress: '06:00:00:00:00:00'}\n      \
                               set-name: eth0\n";
const CLOUD_INIT_ETH1: &str = "    eth1:\n      dhcp4: true\n      dhcp4-overrides: {route-metric: 200}\n      \
                               match: {macaddress: '06:00:00:00:00:01'}\n      set-name: eth1\n";

/// Debian's images.
const ALL_ETH: &str = "network:\n  version: 2\n  ethernets:\n    all-eth:\n      match: {name: 'eth*'}\n      dhcp4: true\n";

pub const NETWORKD_ETH0: Files = &[(
    "/etc/systemd/network/20-eth0.network",
    "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n[DHCPv4]\nRouteMetric=100\n",
)];
const NETWORKD_ALL: Files = &[(
    "/etc/systemd/network/20-all.network",
    "[Match]\nName=eth*\n[Network]\nDHCP=ipv4\n",
)];

/// A host with three ENIs that networkd runs by `files`.
pub fn three_enis(files: Files, configured: &[&str]) -> Lab {
    let mut lab = Lab::new(files);
    lab.attach_eth1();
    lab.attach_eth2();
    lab.boot(configured);
    lab
}

/// What is in the kernel after `apply` is there after a boot without eniroute, all of it; a second run changes
/// nothing. `but`: what of it cannot be in a file.
fn assert_same_thing_twice(files: Files, configured: &[&str], but: fn(&str) -> bool) -> Lab {
    let lab = assert_lab_same_twice(three_enis(files, configured), but);
    assert_eq!(
        lab.vpc.inet().ping(&["54.178.213.178", "3.104.193.180"]),
        NOBODY
    );
    lab
}

fn assert_lab_same_twice(mut lab: Lab, but: fn(&str) -> bool) -> Lab {
    let log = lab.apply();
    assert!(log.contains("networkctl reload"), "{log}\n{}", lab.log());
    let mut applied = lab.ours();
    assert!(
        applied
            .iter()
            .filter(|line| line.contains("lookup 1000"))
            .count()
            >= 4,
        "{applied:#?}"
    );
    let again = lab.apply();
    assert!(
        !again.contains("ip -") && !again.contains("reload"),
        "{again}"
    );
    assert_eq!(lab.ours(), applied);

    lab.power_off();
    lab.boot(&ETH);
    applied.retain(|line| !but(line));
    assert_eq!(lab.ours(), applied);
    assert!(lab.guest.ip("route get 8.8.8.8").contains("src 10.0.0.10"));
    lab
}

/// With secondary ENIs made up from each seed, beside a file of the primary's.
fn assert_drawn_same_twice(files: Files) {
    for seed in seeds(1) {
        let mut lab = Lab::new(files);
        for spec in secondaries(seed, lab.subnets) {
            lab.enis.push(lab.vpc.attach(spec));
        }
        lab.boot(&["eth0"]);
        assert_lab_same_twice(lab, |_| false);
    }
}

#[test]
fn whatever_ec2_has_given_netplan_makes_of_the_files_what_apply_made() {
    assert_drawn_same_twice(&[(YAML, CLOUD_INIT_ETH0)]);
}

#[test]
fn whatever_ec2_has_given_networkd_makes_of_the_files_what_apply_made() {
    assert_drawn_same_twice(NETWORKD_ETH0);
}

/// A catch-all is not the primary's alone: its narrow table and its second address are the boot service's, and so are
/// the others' subnets in main, by which the primary's answers would leave without that table.
fn of_the_primary(line: &str) -> bool {
    let subnet =
        line.contains("metric 1000") && !line.contains("default") && !line.contains("table");
    subnet || line.contains("table 10000") || line.contains("10.0.0.11/32")
}

#[test]
fn netplan_same_thing_twice_beside_cloud_init() {
    assert_same_thing_twice(&[(YAML, CLOUD_INIT_ETH0)], &["eth0"], |_| false);
}

#[test]
fn netplan_same_thing_twice_where_cloud_init_owns_a_secondary() {
    let yaml = format!("{CLOUD_INIT_ETH0}{CLOUD_INIT_ETH1}");
    let lab = assert_same_thing_twice(&[(YAML, &yaml)], &["eth0", "eth1"], |_| false);
    assert!(
        lab.guest
            .ip("-4 address show eth1")
            .contains("10.0.0.20/20"),
        "eth1 keeps its lease"
    );
}

#[test]
fn netplan_same_thing_twice_beside_cloud_init_s_own_policy_routing() {
    let yaml = CLOUD_INIT_24_1.replace("\"02:00:00:00:00:01\"", "'06:00:00:00:00:00'");
    let yaml = yaml.replace("\"02:00:00:00:00:02\"", "'06:00:00:00:00:01'");
    let lab = assert_same_thing_twice(&[(YAML, &yaml)], &["eth0", "eth1"], |_| false);
    let rules = lab.rules();
    for rule in [
        "10001:\tfrom 10.0.0.20 lookup 10001",
        "from 10.0.0.20 lookup 101",
        "from 10.0.0.21 lookup 101",
    ] {
        assert!(rules.contains(rule), "{rule} is not in {rules}");
    }
    let default = |table: &str| {
        lab.guest
            .ip(&format!("-4 route show default dev eth1 table {table}"))
            .lines()
            .count()
    };
    assert_eq!(
        ["main", "101", "10001"].map(default),
        [1, 1, 1],
        "{}",
        lab.guest.dump()
    );
}

#[test]
fn netplan_same_thing_twice_under_a_catch_all() {
    let files = [("/etc/netplan/90-default.yaml", ALL_ETH)];
    let lab = assert_same_thing_twice(&files, &ETH, of_the_primary);
    assert_eq!(
        lab.guest
            .ip("-4 route show default")
            .matches("proto dhcp")
            .count(),
        1,
        "one DHCP default is left"
    );
}

/// cloud-init does so at a boot at which the metadata service does not answer, and keeps to it.
#[test]
fn what_cloud_init_forgets_of_a_secondary_comes_from_our_own_files() {
    let policy = CLOUD_INIT_24_1.replace("\"02:00:00:00:00:01\"", "'06:00:00:00:00:00'");
    let policy = policy.replace("\"02:00:00:00:00:02\"", "'06:00:00:00:00:01'");
    let plain = format!("{CLOUD_INIT_ETH0}{CLOUD_INIT_ETH1}      addresses: [10.0.0.21/20]\n");
    for yaml in [plain, policy] {
        let mut lab = three_enis(&[(YAML, &yaml)], &["eth0", "eth1"]);
        lab.apply();
        lab.power_off();
        lab.guest
            .enter(|| std::fs::write(YAML, CLOUD_INIT_ETH0).unwrap());
        lab.boot(&ETH);
        let subnets = lab.subnets;
        let addresses = [
            "10.0.0.10",
            "10.0.0.20",
            "10.0.0.21",
            "10.1.0.30",
            "10.1.0.31",
        ];
        for host in subnets.map(|subnet| lab.vpc.neighbour(subnet)) {
            assert_eq!(host.ping(&addresses), NOBODY, "{}", lab.guest.dump());
        }
        assert_eq!(
            lab.vpc.inet().ping(&["54.178.213.178", "3.104.193.180"]),
            NOBODY
        );
        lab.apply();
        assert!(!lab.apply().contains("ip -"), "nothing is left to do");
    }
}

#[test]
fn netplan_same_thing_twice_with_rules_that_netplan_cannot_say() {
    let files = [
        (YAML, CLOUD_INIT_ETH0),
        (CONFIG, "main_routes_first = true\n"),
    ];
    let lab = assert_same_thing_twice(&files, &["eth0"], |_| false);
    assert!(
        lab.rules()
            .contains("15001:\tfrom 10.0.0.20 lookup main suppress_prefixlength 1"),
        "{}",
        lab.rules()
    );
}

#[test]
fn netplan_same_thing_twice_with_a_router_s_rules() {
    let files = [(YAML, CLOUD_INIT_ETH0), (CONFIG, ROUTER)];
    let lab = assert_same_thing_twice(&files, &["eth0"], |_| false);
    assert_router_s(&lab);
}

#[test]
fn networkd_same_thing_twice_with_a_router_s_rules() {
    let files = [NETWORKD_ETH0, &[(CONFIG, ROUTER)][..]].concat();
    let lab = assert_same_thing_twice(&files, &["eth0"], |_| false);
    assert_router_s(&lab);
}

/// A router: rules for marks with a mask, and for what comes in by an ENI.
const ROUTER: &str =
    "[forwarding]\nenabled = true\n[[forwarding.path]]\nin = \"eth1\"\nout = \"eth2\"\n";

fn assert_router_s(lab: &Lab) {
    let rules = lab.rules();
    for line in [
        "10000:\tfrom all fwmark 0x1000000/0xff000000 lookup 10000",
        "15000:\tfrom all fwmark 0x1000000/0xff000000 lookup main",
        "10001:\tfrom all fwmark 0x2000000/0xff000000 lookup 10001",
        "15001:\tfrom all iif eth1 lookup main suppress_prefixlength 0",
        "20001:\tfrom all iif eth1 lookup 10002",
        "20002:\tfrom all iif eth2 lookup 10002",
    ] {
        assert!(rules.contains(line), "{line}: {rules}");
    }
}

#[test]
fn networkd_same_thing_twice_beside_a_file_of_the_primary_s() {
    assert_same_thing_twice(NETWORKD_ETH0, &["eth0"], |_| false);
}

#[test]
fn networkd_same_thing_twice_under_a_catch_all() {
    assert_same_thing_twice(NETWORKD_ALL, &ETH, of_the_primary);
}

fn assert_the_primary_loses_nothing(files: Files) {
    let lab = three_enis(files, &["eth0"]);
    let lost = lab.under_traffic(|| assert!(lab.apply().contains("networkctl reload")));
    assert_eq!(lost, 0, "{}", lab.log());
    ["eth1", "eth2"]
        .iter()
        .for_each(|dev| assert!(lab.record(dev).contains("eniroute-"), "{}", lab.record(dev)));
}

#[test]
fn netplan_the_primary_loses_nothing_while_secondaries_are_handed_over() {
    assert_the_primary_loses_nothing(&[(YAML, CLOUD_INIT_ETH0)]);
}

#[test]
fn networkd_the_primary_loses_nothing_while_secondaries_are_handed_over() {
    assert_the_primary_loses_nothing(NETWORKD_ALL);
}

#[test]
fn a_lease_that_came_after_our_own_address_is_taken_away() {
    let lab = three_enis(&[("/etc/netplan/90-default.yaml", ALL_ETH)], &ETH);
    let address = |verb, prefix| {
        lab.guest
            .ip(&format!("address {verb} 10.0.0.20/{prefix} dev eth1"))
    };
    address("del", 20);
    address("add", 32);
    address("add", 20);
    lab.apply();
    let addresses = lab.guest.ip("-4 -o address show eth1");
    assert!(
        addresses.contains("10.0.0.20/32") && !addresses.contains("10.0.0.20/20"),
        "{addresses}\n{}",
        lab.log()
    );
    assert!(
        lab.guest
            .ip("route show dev eth1")
            .contains("src 10.0.0.20 metric 10001")
    );
    lab.await_configured("eth1");
    assert!(!lab.apply().contains("ip -"), "nothing is left to do");
}

/// The control: the primary does lose pings where networkd finds its unit rewritten, and the tests here see it.
#[test]
fn a_plain_reload_of_rewritten_units_flaps_the_primary() {
    let lab = three_enis(&[(YAML, CLOUD_INIT_ETH0)], &["eth0"]);
    let flaps = || {
        lab.under_traffic(|| {
            lab.guest.sh("netplan generate; networkctl reload");
            std::thread::sleep(std::time::Duration::from_secs(1));
            lab.await_configured("eth0");
        })
    };
    assert!((0..3).any(|_| flaps() > 0), "{}", lab.log());
}

#[test]
fn rewritten_units_are_not_reloaded() {
    let lab = three_enis(&[(YAML, CLOUD_INIT_ETH0)], &["eth0"]);
    // What `systemctl daemon-reload` does by netplan's generator: the same text, another inode.
    lab.guest.sh("netplan generate");
    let lost = lab.under_traffic(|| {
        let log = lab.apply();
        assert!(
            log.contains(
                "was not asked to reload, because /run/systemd/network/10-netplan-eth0.network"
            ),
            "{log}"
        );
        assert!(!log.contains("networkctl reload"), "{log}");
    });
    assert_eq!(lost, 0);
    assert_eq!(lab.vpc.inet().ping(&["3.104.193.180"]), NOBODY);
    assert!(
        lab.has("/run/systemd/network/10-netplan-eniroute-eth1.network"),
        "it is there for whoever reloads next"
    );
}

#[test]
fn where_networkd_does_not_run_the_files_are_for_the_boot() {
    let mut lab = Lab::new(&[(YAML, CLOUD_INIT_ETH0)]);
    lab.attach_eth1();
    let log = lab.apply();
    assert!(
        !log.contains("reload"),
        "another guest's networkd is not ours: {log}"
    );
    assert!(lab.has("/etc/netplan/60-eniroute-eth1.yaml"));
    assert_eq!(lab.guest.sh("ls /run/systemd/network"), "");
}

/// An image that was made of another instance: netplan's generator has read our files before we take them away.
#[test]
fn before_networkd_starts_the_units_that_netplan_made_of_our_files_go_with_them() {
    let yaml = format!("{CLOUD_INIT_ETH0}{CLOUD_INIT_ETH1}");
    let mut lab = Lab::new(&[(YAML, &yaml)]);
    lab.attach_eth1();
    lab.attach_eth2();
    lab.guest.sh("netplan generate");
    let units = "cat /run/systemd/network/*.network; ls /run/systemd/network";
    let without_us = lab.guest.sh(units);
    lab.boot(&["eth0", "eth1"]);
    lab.apply();
    lab.power_off();
    lab.guest.sh("netplan generate");
    assert_ne!(lab.guest.sh(units), without_us);
    assert_eq!(lab.eniroute("remove").code, 0);
    assert_eq!(lab.guest.sh(units), without_us);
}

#[test]
fn without_the_kernel_part_the_files_are_for_the_boot() {
    let lab = three_enis(NETWORKD_ETH0, &["eth0"]);
    let run = lab.eniroute("apply -v --no-kernel");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!run.stderr.contains("reload"), "{run:?}");
    assert!(lab.has("/etc/systemd/network/10-eniroute-eth1.network"));
    assert!(lab.has("/etc/systemd/network/20-eth0.network.d/60-eniroute-eth0.conf"));
    assert!(!lab.rules().contains("lookup 100"), "{}", lab.rules());
}

#[test]
fn a_later_eni_is_not_loaded_while_the_primary_s_new_drop_in_would_be() {
    let mut lab = Lab::new(&[(YAML, CLOUD_INIT_ETH0)]);
    lab.attach_eth1();
    lab.boot(&["eth0"]);
    assert!(lab.apply().contains("networkctl reload"));
    lab.attach_eth2();
    let lost = lab.under_traffic(|| {
        let log = lab.apply();
        assert!(
            log.contains("10-netplan-eth0.network.d/60-eniroute-eth0.conf is newer than it"),
            "{log}"
        );
    });
    assert_eq!(lost, 0);
    let applied = lab.ours();
    assert!(
        applied.contains(&"10002: from 10.1.0.31 lookup 10002".to_owned()),
        "{applied:#?}"
    );
    lab.power_off();
    lab.boot(&ETH);
    assert_eq!(lab.ours(), applied);
}

#[test]
fn our_rules_survive_a_hot_plug_and_come_back_after_a_detach() {
    let mut lab = Lab::new(NETWORKD_ALL);
    lab.attach_eth1();
    lab.boot(&["eth0", "eth1"]);
    lab.apply();
    let rules = lab.rules();
    lab.guest
        .ip("rule add from 192.0.2.1 lookup 77 priority 500");
    lab.attach_eth2();
    lab.until("networkd deletes a foreign rule", || {
        !lab.rules().contains("192.0.2.1")
    });
    lab.await_configured("eth2");
    assert_eq!(lab.rules(), rules);
    assert!(lab.apply().contains("networkctl reload"));
    let three = lab.ours();

    // eth1's file holds the primary's rules, which networkd takes away with the link.
    let eth1 = lab.enis[1];
    lab.vpc.detach(eth1);
    lab.until("networkd deletes the rules of eth1's file", || {
        !lab.rules().contains("lookup 10001")
    });
    lab.apply();
    let expected = [
        "10000: from 10.0.0.10 lookup 10000",
        "10002: from 10.1.0.30 lookup 10002",
    ];
    let ours = lab.ours();
    expected.iter().for_each(|rule| {
        assert!(
            ours.contains(&(*rule).to_owned()),
            "{rule} is not in {ours:#?}"
        )
    });
    assert!(
        !ours.iter().any(|line| line.contains("10001")),
        "{ours:#?} of {three:#?}"
    );
}

#[test]
fn a_definition_that_netplan_refuses_is_named_and_nothing_of_ours_is_written() {
    let lab = three_enis(&[(YAML, CLOUD_INIT_ETH0)], &["eth0"]);
    lab.guest
        .sh("echo 'network: {ethernets: {eth9: {dhcp5: true}}}' >/etc/netplan/70-broken.yaml");
    let run = lab.eniroute("apply");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("/etc/netplan/70-broken.yaml:") && run.stderr.contains("dhcp5"),
        "{run:?}"
    );
    assert_eq!(
        lab.guest.sh("ls /etc/netplan /etc/systemd/network"),
        "/etc/netplan:\n50-cloud-init.yaml\n70-broken.yaml\n\n/etc/systemd/network:\n"
    );
    assert!(!lab.guest.sh("ls /run/systemd/network").contains("eniroute"));
    assert_eq!(
        lab.vpc.inet().ping(&["3.104.193.180"]),
        NOBODY,
        "the kernel part is done"
    );
}

#[test]
fn what_netplan_refuses_does_not_keep_our_files_from_being_removed() {
    let lab = three_enis(&[(YAML, CLOUD_INIT_ETH0)], &["eth0"]);
    lab.apply();
    lab.guest
        .sh("echo 'network: {ethernets: {eth9: {dhcp5: true}}}' >/etc/netplan/70-broken.yaml");
    let run = lab.eniroute("remove");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("70-broken.yaml"), "{run:?}");
    assert!(
        !lab.guest
            .sh("ls -R /etc/netplan /etc/systemd/network")
            .contains("eniroute")
    );
    assert!(!lab.rules().contains("lookup 100"), "{}", lab.rules());
}

/// It takes ten times as long as the generator, and may be absent where that is there.
#[test]
fn netplan_s_command_line_is_not_run() {
    let lab = three_enis(&[(YAML, CLOUD_INIT_ETH0)], &["eth0"]);
    lab.guest.sh(
        "printf '#!/bin/sh\nexit 9\n' >/run/bin/netplan; chmod 755 /run/bin/netplan
                  mount --bind /run/bin/netplan /usr/sbin/netplan",
    );
    lab.apply();
    assert_eq!(
        lab.guest
            .sh("grep -l 'Written by eniroute' /etc/netplan/*")
            .lines()
            .count(),
        3
    );
    ETH[1..].iter().for_each(|dev| {
        assert!(
            lab.loaded(dev).contains("netplan-eniroute-"),
            "{}",
            lab.loaded(dev)
        )
    });
}

#[test]
fn a_read_only_etc_costs_the_files_alone() {
    let lab = three_enis(&[(YAML, CLOUD_INIT_ETH0)], &["eth0"]);
    lab.guest
        .sh("mount -o remount,ro /etc/netplan; mount -o remount,ro /etc/systemd/network");
    let run = lab.eniroute("apply");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr
            .contains("/etc/netplan/60-eniroute-eth1.yaml: Read-only file system"),
        "{run:?}"
    );
    assert!(!lab.guest.sh("ls /run/systemd/network").contains("eniroute"));
    assert_eq!(
        lab.vpc.inet().ping(&["3.104.193.180"]),
        NOBODY,
        "the kernel part is done"
    );
}

#[test]
fn networkd_remove_hands_the_secondaries_back() {
    assert_remove_hands_back(NETWORKD_ALL, "20-all.network");
}

#[test]
fn netplan_remove_hands_the_secondaries_back() {
    assert_remove_hands_back(
        &[("/etc/netplan/90-default.yaml", ALL_ETH)],
        "10-netplan-all-eth.network",
    );
}

fn assert_remove_hands_back(files: Files, owner: &str) {
    let lab = three_enis(files, &ETH);
    lab.apply();
    assert!(!lab.record("eth1").contains(owner));
    let lost = lab.under_traffic(|| {
        let run = lab.eniroute("remove");
        assert_eq!(run.code, 0, "{run:?}");
        lab.until("the catch-all has eth1 again", || {
            lab.record("eth1").contains(owner)
        });
        lab.await_configured("eth1");
    });
    assert_eq!(lost, 0);
    assert!(!lab.rules().contains("lookup 100"), "{}", lab.rules());
    assert!(
        lab.guest
            .ip("-4 address show eth1")
            .contains("10.0.0.20/20"),
        "eth1 has its lease again"
    );
}
