//! Fail-over: an ENI that moves to a stand-by, and an address that keepalived moves.

use std::time::{Duration, Instant};

use super::scene::{ONE_ARM, PUBLIC, Scene, standby};
use crate::vpc::INTERNET;

#[test]
fn an_arm_that_moves_to_a_standby_is_forwarded_there_at_once_and_no_more_here() {
    let mut scene = Scene::applied(ONE_ARM, [0, 0]);
    let (guest, other) = standby(&mut scene.vpc, scene.subnets[0], ONE_ARM);
    other.must("apply");
    scene.assert_passes();
    let arm = scene.arms[0];
    scene.vpc.detach(arm);
    scene.appliance.must("hotplug remove eth1");
    let rules = scene.appliance.host.ip("-4 rule") + &scene.appliance.host.ip("-6 rule");
    assert!(
        !rules.contains("eth1") && !rules.contains("0x2000000"),
        "{rules}"
    );
    let file = scene.appliance.read("etc/sysctl.d/99-zz-eniroute.conf");
    assert!(!file.contains("eth1"), "{file}");
    scene.vpc.move_to(arm, guest, "eth7");
    scene.route(arm, arm);
    let began = Instant::now();
    other.must("hotplug add eth7");
    let took = began.elapsed();
    assert!(other.is_soon(took, Duration::from_secs(1)), "{took:?}");
    other.host.settle();
    scene.assert_passes();
}

/// The kernel keeps a rule by the name that it was made with.
#[test]
fn the_rules_of_an_arm_that_is_renamed_follow_it() {
    let scene = Scene::applied(ONE_ARM, [0, 0]);
    let host = &scene.appliance.host;
    host.ip("link set eth1 down");
    host.ip("link set eth1 name arm1");
    scene.appliance.must("apply");
    host.settle();
    let rules = host.ip("-4 rule") + &host.ip("-6 rule");
    assert!(
        !rules.contains("eth1") && !rules.contains("detached"),
        "{rules}"
    );
    assert!(rules.contains("iif arm1 lookup 10001"), "{rules}");
    assert!(
        scene.vpc.inet().ping(&[PUBLIC]).is_empty(),
        "{}",
        host.dump()
    );
    assert_eq!(scene.client.ping(&INTERNET).len(), 0);
}

const VIRTUAL: &str = "10.0.1.50";

#[test]
fn a_standby_address_is_routed_when_it_comes_and_nothing_is_found_wrong_with_it() {
    let config = format!("[forwarding]\nstandby = [\"{VIRTUAL}\"]\n");
    let mut scene = Scene::applied(&config, [0, 0]);
    let host = scene.appliance.host.clone();
    let way = || host.ip(&format!("route get 8.8.8.8 from {VIRTUAL}"));
    // As keepalived does it when this host takes over; the line that its notify_master has.
    host.ip(&format!("address add {VIRTUAL}/32 dev eth1"));
    let found = |command: &str| {
        let run = scene.appliance.eniroute(&format!("{command} --json"));
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        report["findings"].to_string()
    };
    assert!(!found("check").contains("\"A2\""), "{}", found("check"));
    scene.appliance.must("refresh");
    assert!(way().contains("dev eth1 table 10001"), "{}", way());
    for command in ["check", "status"] {
        assert!(!found(command).contains(VIRTUAL), "{}", found(command));
    }
    // EC2 follows, and the address is one like any other.
    let arm = scene.arms[0];
    scene.vpc.assign(arm, VIRTUAL);
    scene.appliance.must("refresh");
    let front = scene.vpc.neighbour(scene.subnets[0]);
    assert!(front.ping(&[VIRTUAL]).is_empty());
    // It goes to the other host.
    scene.vpc.unassign(arm, VIRTUAL);
    host.ip(&format!("address del {VIRTUAL}/32 dev eth1"));
    scene.appliance.must("refresh");
    assert!(!host.ip("rule").contains(VIRTUAL), "{}", host.ip("rule"));
}

/// Without the line in the configuration it is one that EC2 does not know.
#[test]
fn an_address_that_is_no_standby_one_is_still_found() {
    let scene = Scene::applied("", [0, 0]);
    let host = &scene.appliance.host;
    host.ip(&format!("address add {VIRTUAL}/32 dev eth1"));
    let run = scene.appliance.eniroute("check --json");
    assert!(
        run.stdout.contains("\"A2\"") && run.stdout.contains(VIRTUAL),
        "{}",
        run.stdout
    );
}
