//! Forwarding is on and an arm's rules or routes are not there: as where udev has switched it on with the link, a moment
//! before the network stack has them.

use super::scene::{ONE_ARM, PUBLIC, Scene, TWO_ARMS};
use super::{OWN, passed};
use crate::vpc::{INTERNET, udp};

const RULES: &str = "for f in -4 -6; do for p in 10001 15001 20001 10002 15002 20002; do \
    while ip $f rule del priority $p 2>/dev/null; do :; done; done; done";
const ROUTES: &str =
    "for f in -4 -6; do for t in 10001 10002; do ip $f route flush table $t; done; done";

#[test]
fn nothing_is_passed_on_by_the_primary_while_an_arm_s_rules_or_routes_are_not_there() {
    for (config, arms) in [(ONE_ARM, [0, 0]), (TWO_ARMS, [1, 0])] {
        let scene = Scene::applied(config, arms);
        let host = &scene.appliance.host;
        let inet = scene.vpc.inet();
        for gone in [
            RULES.to_owned(),
            ROUTES.to_owned(),
            format!("{RULES}; {ROUTES}"),
        ] {
            host.sh(&gone);
            let before = scene.sent();
            assert_eq!(inet.ping(&[PUBLIC, super::CLIENT[1]]).len(), 2, "{gone}");
            assert_eq!(scene.client.ping(&INTERNET).len(), 2, "{gone}");
            assert_eq!(scene.vpc.spoofed(), 0, "{gone}: by the primary");
            let sent = passed(before, scene.sent());
            assert!(sent[0] < OWN, "{gone}: {sent:?}");
            assert!(host.ping(&super::CLIENT).is_empty(), "{gone}: its own");
            scene.appliance.must("apply");
            host.settle();
            scene.assert_passes();
        }
    }
}

#[test]
fn a_more_specific_route_of_main_s_by_another_eni_goes_before_an_arm_s_own_as_ever() {
    let mut scene = Scene::new(ONE_ARM);
    let primary = scene.vpc.first_eni();
    scene.vpc.check_source(primary, false);
    let arm = scene.arms[0];
    scene.route(arm, arm);
    scene.appliance.must("apply");
    let host = &scene.appliance.host;
    host.settle();
    host.ip(&format!(
        "route add {}/32 via 10.0.0.1 dev eth0",
        INTERNET[0]
    ));
    let before = scene.sent();
    let inet = scene.vpc.inet();
    (0..3).for_each(|_| udp(&scene.client, INTERNET[0], &inet, INTERNET[0], 10));
    let after = scene.sent();
    assert!(after[0] >= before[0] + 3, "{before:?} {after:?}");
}
