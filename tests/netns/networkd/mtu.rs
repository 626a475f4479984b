//! `mtu_internet`: networkd makes of its own files, and of those that netplan makes of YAML, the routes that `apply` made, and
//! forgets the MTU with the key.

use super::lab::{CONFIG, Lab};
use super::{CLOUD_INIT_ETH0, ETH, Files, NETWORKD_ETH0, YAML, assert_lab_same_twice};
use crate::mtu::MTU;

#[test]
fn networkd_makes_of_our_units_the_mtu_that_apply_made() {
    assert_followed(NETWORKD_ETH0);
}

#[test]
fn networkd_makes_of_our_yaml_the_mtu_that_apply_made() {
    assert_followed(&[(YAML, CLOUD_INIT_ETH0)]);
}

fn write(lab: &Lab, config: &str) {
    lab.guest
        .sh(&format!("cat >{CONFIG} <<'END'\n{config}\nEND"));
}

fn has_mtu(lab: &Lab) -> Vec<bool> {
    let ways = [
        "8.8.8.8 from 10.0.0.20",
        "8.8.8.8 oif eth1",
        "2001:4860:4860::8888 from 2001:db8:0:a::200",
        "10.0.0.99 from 10.0.0.20",
        "8.8.8.8 from 10.0.0.10",
    ];
    let has = |way: &str| {
        lab.guest
            .ip(&format!("route get {way}"))
            .contains("mtu 1500")
    };
    ways.map(has).to_vec()
}

fn assert_followed(files: Files) {
    let mut lab = Lab::new(files);
    lab.attach_eth1();
    lab.attach_eth2();
    lab.boot(&["eth0"]);
    write(&lab, MTU);
    let lab = assert_lab_same_twice(lab, |_| false);
    assert_eq!(has_mtu(&lab), [true, true, true, false, false]);
    let without = |line: String| line.replace(" mtu 1500", "");
    let plain: Vec<String> = lab.ours().into_iter().map(without).collect();

    write(&lab, "");
    let log = lab.apply();
    assert!(log.contains("networkctl reload"), "{log}");
    assert_eq!(has_mtu(&lab), [false; 5], "{}", lab.guest.dump());
    assert_eq!(lab.ours(), plain);
    let lab = assert_lab_same_twice_over(lab);
    assert_eq!(lab.ours(), plain);
}

/// A second run changes nothing, and the next boot has it so.
fn assert_lab_same_twice_over(mut lab: Lab) -> Lab {
    let again = lab.apply();
    let is_quiet = !again.contains("ip -") && !again.contains("reload");
    assert!(is_quiet, "{again}");
    lab.power_off();
    lab.boot(&ETH);
    lab
}
