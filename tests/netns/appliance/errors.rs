//! What an appliance says of a packet that it cannot pass on, and what flows make of a way that changes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::scene::{CLIENT, ONE_ARM, Scene, TWO_ARMS};
use super::{OWN, passed};
use crate::vpc::{Host, INTERNET};

/// What `from` hears when it sends a packet that must not be divided to `target`.
fn too_long(from: &Host, target: &str) -> String {
    let ping = from.command("ping");
    let out = ping.args(["-c1", "-W2", "-M", "do", "-s", "1400", target]);
    String::from_utf8_lossy(&out.output().stdout).into_owned()
}

/// A path MTU of 1300 behind the appliance's second arm, or its first.
#[test]
fn fragmentation_needed_and_packet_too_big_come_back_by_the_eni_and_from_its_address() {
    let scene = Scene::applied(TWO_ARMS, [1, 0]);
    let host = &scene.appliance.host;
    let flow = ["1300", "9001"];
    host.ip(&format!("link set eth2 mtu {}", flow[0]));
    let before = scene.sent();
    for (target, own) in [
        (INTERNET[0], "10.0.1.20"),
        (INTERNET[1], "2001:db8:0:b::20"),
    ] {
        let said = too_long(&scene.client, target);
        let lower = said.to_lowercase();
        assert!(said.contains(&format!("From {own}")), "{said}");
        assert!(
            lower.contains("mtu=1300") || lower.contains("mtu = 1300"),
            "{said}"
        );
        // What it has learnt serves from now on.
        let way = scene.client.ip(&format!("route get {target}"));
        assert!(way.contains("mtu 1300"), "{way}");
    }
    host.ip(&format!("link set eth2 mtu {}", flow[1]));
    host.ip(&format!("link set eth1 mtu {}", flow[0]));
    // From the Internet's side IPv6 alone: the fake VPC's 1:1 NAT leaves the packet inside an ICMP message as it is.
    let said = too_long(&scene.vpc.inet(), CLIENT[1]);
    assert!(said.contains("From 2001:db8:0:c::30"), "{said}");
    let [primary, ..] = passed(before, scene.sent());
    assert!(primary < OWN, "{primary}");
    assert_eq!(scene.vpc.spoofed(), 0);
}

/// Both ends of a connection say something.
fn exchange([near, far]: [&mut TcpStream; 2]) {
    for (from, to) in [(0, 1), (1, 0)] {
        let ends = [&mut *near, &mut *far];
        ends[from].write_all(b"hello").unwrap();
        ends[to].read_exact(&mut [0; 5]).unwrap();
    }
}

#[test]
fn tcp_outlives_a_path_that_changes_in_both_families_and_from_either_side() {
    let scene = Scene::applied(TWO_ARMS, [1, 0]);
    let inet = scene.vpc.inet();
    let (client, wait) = (&scene.client, Some(Duration::from_secs(5)));
    let mut flows = Vec::new();
    for (from, to, target, at) in [
        (client, &inet, INTERNET[0], INTERNET[0]),
        (client, &inet, INTERNET[1], INTERNET[1]),
        (&inet, client, super::scene::PUBLIC, CLIENT[0]),
        (&inet, client, CLIENT[1], CLIENT[1]),
    ] {
        let listener = to.enter(|| TcpListener::bind((at, 0)).unwrap());
        let port = listener.local_addr().unwrap().port();
        let near = from.enter(|| TcpStream::connect((target, port)).unwrap());
        let (far, _) = listener.accept().unwrap();
        for end in [&near, &far] {
            end.set_read_timeout(wait).unwrap();
        }
        flows.push([near, far]);
    }
    for config in [ONE_ARM, TWO_ARMS] {
        flows
            .iter_mut()
            .for_each(|[near, far]| exchange([near, far]));
        scene.appliance.write("etc/eniroute.toml", config);
        scene.appliance.must("apply");
    }
    flows
        .iter_mut()
        .for_each(|[near, far]| exchange([near, far]));
    assert_eq!(scene.vpc.spoofed(), 0);
}
