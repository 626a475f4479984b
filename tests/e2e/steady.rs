//! What runs again and again: it must find its way where something stays odd, and cost nothing while nothing changes.

use std::process::Command;

use crate::instance::{Instance, changed};
use crate::vpc::{EniId, EniSpec, Vpc};

const NOBODYS_ID: u32 = 65534;

/// eth0 and eth1, configured.
fn two_enis() -> (Vpc, Instance, EniId) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
    let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
    vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.0.10"]));
    let eth1 = vpc.attach(EniSpec::new(b, "eth1").ipv4(["10.1.0.30", "10.1.0.31"]).ipv6(["2001:db8:0:b::300"]));
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    (vpc, instance, eth1)
}

/// An EFA-only ENI never has an interface; one that a container has taken is listed, too.
#[test]
fn a_refresh_is_as_cheap_where_an_eni_has_no_interface() {
    let (mut vpc, instance, eth1) = two_enis();
    vpc.unplug(eth1);
    instance.must("hotplug remove eth1");
    instance.must("refresh");
    let (dump, disk) = (instance.host.dump(), instance.disk_state());
    for _ in 0..3 {
        vpc.imds().clear_log();
        assert_eq!(instance.must("refresh"), "");
        let log = vpc.imds().log();
        assert!(log.len() <= 2 + 2 * 2, "{} requests: {log:?}", log.len());
        assert_eq!((instance.host.dump(), instance.disk_state()), (dump.clone(), disk.clone()));
    }
}

#[test]
fn an_interface_that_is_renamed_gets_its_files_under_its_new_name() {
    let (_vpc, instance, _) = two_enis();
    instance.host.ip("link set eth1 down");
    instance.host.ip("link set eth1 name wan-1");
    instance.must("hotplug add wan-1");
    instance.must("refresh");
    assert!(instance.host.ip("route show table 10001").contains("default via 10.1.0.1 dev wan-1"));
    assert!(instance.has("etc/netplan/60-eniroute-wan-1.yaml") && !instance.has("etc/netplan/60-eniroute-eth1.yaml"));
    assert_eq!(instance.must("refresh"), "");
}

#[test]
fn what_the_configuration_says_now_holds_for_what_is_remembered() {
    let (_vpc, instance, _) = two_enis();
    instance.write("etc/eniroute.toml", "main_route = false\n");
    instance.must("refresh");
    assert!(!instance.host.ip("route").contains("metric 10001"), "{}", instance.host.ip("route"));
    instance.write("etc/eniroute.toml", "exclude = [\"eth1\"]\n");
    instance.must("refresh");
    assert!(instance.host.ip("rule").contains("from 10.1.0.31 lookup 10001"), "it is left as it is");
    assert_eq!(instance.must("refresh"), "");
}

#[test]
fn a_nic_whose_eni_ec2_no_longer_lists_keeps_all_and_costs_no_more() {
    let (mut vpc, instance, eth1) = two_enis();
    let dump = instance.host.dump();
    vpc.forget(eth1);
    instance.must("refresh");
    let disk = instance.disk_state();
    vpc.imds().clear_log();
    for command in ["refresh", "hotplug remove eth1", "hotplug change"] {
        let run = instance.eniroute(command);
        assert!(run.code == 0 && run.stdout.is_empty() && run.stderr.is_empty(), "{command}: {run:?}");
    }
    assert!(vpc.imds().log().len() <= 2 + 2 * 2, "{:?}", vpc.imds().log());
    instance.host.settle();
    assert_eq!(changed(&dump, &instance.host.dump()), [] as [String; 0]);
    assert_eq!(instance.disk_state(), disk);
}

/// systemd itself says what it would run. As a user who has no units of his own.
#[test]
fn a_hyphen_in_an_interface_s_name_is_not_taken_for_a_slash() {
    let units = concat!(env!("CARGO_MANIFEST_DIR"), "/system");
    for (unit, command) in [("eniroute-hotplug", "hotplug add wan-1 "), ("eniroute-detach", "hotplug remove wan-1 ")] {
        let home = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(home.path(), Some(NOBODYS_ID), None).unwrap();
        let mut systemd = Command::new("setpriv");
        systemd.args([
            "--reuid",
            &NOBODYS_ID.to_string(),
            "--clear-groups",
            "/lib/systemd/systemd",
            "--test",
            "--user",
        ]);
        systemd.arg(format!("--unit={unit}@wan-1.service")).env("SYSTEMD_UNIT_PATH", format!("{units}:"));
        let out = systemd.env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        let lines: Vec<&str> = said.lines().filter(|line| line.contains("/usr/sbin/eniroute")).collect();
        assert!(lines.iter().any(|line| line.contains(command)), "{lines:?} {out:?}");
    }
}
