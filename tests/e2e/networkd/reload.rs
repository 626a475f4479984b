//! What networkd *has loaded* once eniroute has handed the files over, as networkctl and the kernel tell it: with a
//! systemd before and one after 254, since when networkctl does nothing and succeeds where `SYSTEMD_OFFLINE` is set.

use super::lab::{Lab, Systemd};
use super::{CLOUD_INIT_ETH0, Files, NETWORKD_ALL, NETWORKD_ETH0, YAML};

#[test]
fn networkd_has_loaded_our_units_beside_a_file_of_the_primary_s_when_apply_ends() {
    Systemd::ALL.iter().for_each(|systemd| assert_loaded(*systemd, NETWORKD_ETH0));
}

#[test]
fn networkd_has_loaded_our_units_under_a_catch_all_when_apply_ends() {
    Systemd::ALL.iter().for_each(|systemd| assert_loaded(*systemd, NETWORKD_ALL));
}

#[test]
fn networkd_has_loaded_netplan_s_units_when_apply_ends() {
    Systemd::ALL.iter().for_each(|systemd| assert_loaded(*systemd, &[(YAML, CLOUD_INIT_ETH0)]));
}

fn assert_loaded(systemd: Systemd, files: Files) {
    let mut lab = Lab::of(systemd, files);
    lab.attach_eth1();
    lab.boot(&["eth0"]);
    let log = lab.apply();
    assert!(log.contains("networkctl reload"), "{systemd:?}: {log}");
    assert!(lab.loaded("eth1").contains("eniroute-eth1.network"), "{systemd:?}: {}\n{}", lab.loaded("eth1"), lab.log());
    assert!(lab.record("eth1").contains("ADMIN_STATE=configured"), "{systemd:?}: {}", lab.record("eth1"));
    // networkd's own objects, not ours: what it has not loaded does not come back by it.
    lab.guest.ip("link set eth1 down");
    lab.guest.ip("link set eth1 up");
    lab.until("networkd puts the routes back", || !lab.guest.ip("-4 route show table 10001 default").is_empty());
}
