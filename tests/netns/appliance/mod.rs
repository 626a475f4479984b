//! Appliances behind VPC ingress routing (S4), with packets: what comes in by an ENI leaves by the ENI that the VPC's route
//! tables expect.

mod astray;
mod errors;
mod marks;
mod refused;
pub mod scene;
mod settings;
mod standby;
mod status;
mod tunnels;

pub use scene::ONE_ARM;
use scene::{CLIENT, PUBLIC, Scene, TWO_ARMS};

use crate::vpc::{INTERNET, tcp, udp};

/// A few packets are the hosts' own: neighbour discovery, group reports.
const OWN: u64 = 40;

fn passed(before: [u64; 3], after: [u64; 3]) -> [u64; 3] {
    [0, 1, 2].map(|dev| after[dev] - before[dev])
}

#[test]
fn without_forwarding_nothing_passes_and_nothing_of_it_is_there() {
    let scene = Scene::applied("", [0, 0]);
    assert_eq!(scene.vpc.inet().ping(&[PUBLIC]).len(), 1);
    assert_eq!(scene.client.ping(&INTERNET).len(), 2);
    let host = &scene.appliance.host;
    let rules = host.ip("-4 rule") + &host.ip("-6 rule");
    assert!(
        !rules.contains("fwmark") && !rules.contains("iif"),
        "{rules}"
    );
    assert_eq!(host.sh("nft list ruleset"), "");
    let on =
        "cat /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv6/conf/*/forwarding | sort -u";
    assert_eq!(host.sh(on), "0\n");
    assert!(!scene.appliance.has("etc/sysctl.d/99-zz-eniroute.conf"));
}

#[test]
fn a_one_armed_appliance_passes_both_families_from_either_side_by_that_arm_alone() {
    let scene = Scene::applied(ONE_ARM, [0, 0]);
    let before = scene.sent();
    scene.assert_passes();
    let after = scene.sent();
    let sent = passed(before, after);
    assert!(
        sent[0] < OWN && sent[2] < OWN && sent[1] > 2 * OWN,
        "{sent:?}"
    );
}

#[test]
fn a_two_armed_appliance_passes_what_comes_by_one_arm_out_by_the_other() {
    let scene = Scene::applied(TWO_ARMS, [1, 0]);
    let before = scene.sent();
    scene.assert_passes();
    let after = scene.sent();
    let sent = passed(before, after);
    assert!(sent[0] < OWN && sent[1] > OWN && sent[2] > OWN, "{sent:?}");
}

#[test]
fn a_path_may_lead_to_the_primary_or_come_from_it() {
    for (input, output) in [("eth1", "eth0"), ("eth0", "eth1")] {
        let config = format!(
            "[forwarding]\nenabled = true\n[[forwarding.path]]\nin = \"{input}\"\nout = \"{output}\"\n"
        );
        let mut scene = Scene::new(&config);
        let primary = scene.vpc.first_eni();
        scene.vpc.check_source(primary, false);
        let by = |name| {
            if name == "eth0" {
                primary
            } else {
                scene.arms[0]
            }
        };
        scene.route(by(output), by(input));
        scene.appliance.must("apply");
        scene.appliance.host.settle();
        let before = scene.sent();
        let inet = scene.vpc.inet();
        udp(&scene.client, INTERNET[0], &inet, INTERNET[0], 10);
        let out = usize::from(output == "eth1");
        let after = scene.sent();
        assert!(
            after[out] > before[out],
            "{input} {output}: {before:?} {after:?}"
        );
    }
}

#[test]
fn an_icmp_error_of_the_appliance_is_from_the_eni_that_the_packet_came_by() {
    let scene = Scene::applied(ONE_ARM, [0, 0]);
    for (target, source) in [
        (INTERNET[0], "10.0.1.20"),
        (INTERNET[1], "2001:db8:0:b::20"),
    ] {
        // The VPC's router is the first hop, the appliance the second.
        let hops = (1..=4).map(|ttl| {
            let out = scene.client.command("ping");
            let out = out
                .args(["-c1", "-W1", "-t", &ttl.to_string(), target])
                .output();
            String::from_utf8_lossy(&out.stdout).into_owned()
        });
        let hops = hops.collect::<String>();
        assert!(hops.contains(&format!("From {source}")), "{hops}");
    }
    assert_eq!(scene.vpc.spoofed(), 0);
}

#[test]
fn flows_that_begin_while_eniroute_applies_or_removes_leave_by_no_wrong_eni() {
    let scene = Scene::applied(ONE_ARM, [0, 0]);
    scene.appliance.must("remove");
    let inet = scene.vpc.inet();
    let flows = format!(
        "import socket, time\n\
         while True:\n  s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('{}', 9)); time.sleep(0.001)\n",
        INTERNET[0]
    );
    let _flows = scene
        .client
        .command("python3")
        .args(["-c", &flows])
        .background();
    for _ in 0..3 {
        scene.appliance.must("apply");
        udp(&scene.client, INTERNET[0], &inet, INTERNET[0], 10);
        tcp(&inet, PUBLIC, &scene.client, CLIENT[0]);
        scene.appliance.must("remove");
        assert_eq!(inet.ping(&[PUBLIC]).len(), 1, "closed again");
    }
    assert_eq!(scene.vpc.spoofed(), 0);
}
