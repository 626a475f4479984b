//! How often a run has netplan render and networkd load its files, as these count it themselves: once. The clients of a
//! catch-all keep routes in main that the hand-over ends, so what was planned from those would be written twice.

use super::lab::{Lab, Systemd};
use super::{ALL_ETH, CLOUD_INIT_ETH0, Files, NETWORKD_ALL, NETWORKD_ETH0, NOBODY, YAML};

/// Two secondary ENIs, at the first boot with eniroute.
fn first_run(systemd: Systemd, files: Files, configured: &[&str]) -> (Lab, String) {
    let mut lab = Lab::of(systemd, files);
    lab.attach_eth1();
    lab.attach_eth2();
    lab.boot(configured);
    lab.guest.sh(": >/run/bin/runs");
    let log = lab.apply();
    (lab, log)
}

fn assert_once(systemd: Systemd, files: Files, configured: &[&str]) {
    let (mut lab, log) = first_run(systemd, files, configured);
    let said = lab.log();
    for dev in ["eth1", "eth2"] {
        let times = said.matches(&format!("{dev}: Reconfiguring with")).count();
        assert_eq!(times, 1, "{systemd:?} {files:?} {dev}: {said}\n{log}");
    }
    assert!(!said.contains("Could not drop"), "{said}\n{log}");
    let by_netplan = files.iter().any(|(path, _)| path.contains("netplan"));
    let renderings = lab.guest.sh("cat /run/bin/runs").lines().count();
    assert_eq!(renderings, usize::from(by_netplan), "{log}");
    let written: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("::files] "))
        .collect();
    let twice = written
        .iter()
        .filter(|line| line.contains("] update ") || line.contains("] delete "));
    assert_eq!(twice.count(), 0, "{written:#?}");
    for subnet in lab.subnets {
        let all = [
            "10.0.0.10",
            "10.0.0.11",
            "10.0.0.20",
            "10.0.0.21",
            "10.1.0.30",
            "10.1.0.31",
        ];
        assert_eq!(
            lab.vpc.neighbour(subnet).ping(&all),
            NOBODY,
            "{}",
            lab.guest.dump()
        );
    }
    let again = lab.apply();
    assert!(
        !again.contains("ip -") && !again.contains("reload"),
        "{again}"
    );
}

#[test]
fn under_a_catch_all_the_first_run_has_everything_loaded_once() {
    for systemd in Systemd::ALL {
        assert_once(systemd, NETWORKD_ALL, &["eth0", "eth1", "eth2"]);
        assert_once(
            systemd,
            &[("/etc/netplan/90-default.yaml", ALL_ETH)],
            &["eth0", "eth1", "eth2"],
        );
    }
}

#[test]
fn beside_a_file_of_the_primary_s_the_first_run_has_everything_loaded_once() {
    assert_once(Systemd::Installed, NETWORKD_ETH0, &["eth0"]);
    assert_once(Systemd::Installed, &[(YAML, CLOUD_INIT_ETH0)], &["eth0"]);
}
