//! What systemd-networkd drops when it starts again is put back by the unit that each of its starts starts.

use std::fs;
use std::time::{Duration, Instant};

use super::lab::{Lab, Systemd};
use super::{CLOUD_INIT_ETH0, NETWORKD_ALL, NOBODY, YAML};

/// The commands of the unit, in their order.
fn commands() -> Vec<String> {
    let unit = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/system/eniroute-restarted.service"
    );
    let unit = fs::read_to_string(unit).unwrap();
    let commands = unit
        .lines()
        .filter_map(|line| line.strip_prefix("ExecStart="));
    commands.map(str::to_owned).collect()
}

pub fn run_unit(lab: &Lab) {
    for command in commands() {
        match command.strip_prefix("/usr/sbin/eniroute ") {
            Some(arguments) => {
                let run = lab.eniroute(arguments);
                assert_eq!(run.code, 0, "{run:#?}");
            }
            None => drop(lab.guest.sh(&command)),
        }
    }
}

/// Under a catch-all no file holds the primary's table, and since 257 networkd drops every rule that is in no file.
#[test]
fn what_networkd_drops_at_a_start_is_back_within_seconds_and_networkd_is_left_alone() {
    for systemd in Systemd::ALL {
        let mut lab = Lab::of(systemd, NETWORKD_ALL);
        lab.attach_eth1();
        lab.attach_eth2();
        lab.boot(&["eth0", "eth1", "eth2"]);
        lab.apply();
        lab.await_configured("eth1");
        let before = lab.ours();
        lab.restart();
        if systemd != Systemd::Installed {
            lab.until("networkd drops what it does not know", || {
                lab.ours() != before
            });
        }
        let began = Instant::now();
        run_unit(&lab);
        assert!(lab.is_soon(began.elapsed(), Duration::from_secs(20)));
        assert_eq!(lab.ours(), before, "{systemd:?}");
        for subnet in lab.subnets {
            let all = ["10.0.0.10", "10.0.0.11", "10.0.0.20", "10.1.0.30"];
            assert_eq!(lab.vpc.neighbour(subnet).ping(&all), NOBODY, "{systemd:?}");
        }
        let said = lab.log();
        assert!(!said.contains("Reconfiguring"), "{systemd:?}: {said}");
        assert!(lab.guest.sh("ls /run/eniroute").contains("metadata.json"));
    }
}

/// As netplan has it from 0.104 to 1.1: its generator, a reload, and each link configured anew. It starts no daemon, so it is the
/// deleted addresses that systemd hears of (`eniroute-link.socket`), and that start the same command.
#[test]
fn what_netplan_apply_drops_is_back_within_seconds() {
    let mut lab = Lab::of(Systemd::Installed, &[(YAML, CLOUD_INIT_ETH0)]);
    lab.attach_eth1();
    lab.attach_eth2();
    lab.boot(&["eth0"]);
    lab.apply();
    let links = ["eth0", "eth1", "eth2"];
    links.iter().for_each(|dev| lab.await_configured(dev));
    let before = lab.ours();
    let said = lab.log().len();
    lab.guest
        .sh("netplan generate && networkctl reload && networkctl reconfigure eth0 eth1 eth2");
    lab.until("networkd is at it", || lab.log().len() > said);
    links.iter().for_each(|dev| lab.await_configured(dev));
    run_unit(&lab);
    assert_eq!(lab.ours(), before);
    for subnet in lab.subnets {
        let all = ["10.0.0.10", "10.0.0.11", "10.0.0.20", "10.1.0.30"];
        assert_eq!(lab.vpc.neighbour(subnet).ping(&all), NOBODY);
    }
}
