//! Symmetric return: an answer leaves by the ENI by which its flow came, wherever it comes from, and whatever a path says.

use super::scene::{CLIENT, ONE_ARM, PUBLIC, Scene, TWO_ARMS};
use super::{OWN, passed};
use crate::vpc::{Host, INTERNET, tcp, udp};

/// A container on the appliance, at which every port of these addresses of eth1 is published.
const CONTAINER: [&str; 2] = ["192.168.77.2", "fd77::2"];
const PUBLISHED: [&str; 2] = ["203.0.113.20", "203.0.113.21"];
const PUBLISHED6: &str = "2001:db8:0:b::20";

/// eth1 with a second address, both public, and the container behind a bridge.
fn publishing(config: &str) -> (Scene, Host) {
    let mut scene = Scene::new(config);
    let arm = scene.arms[0];
    scene.vpc.check_source(arm, true);
    scene.vpc.assign(arm, "10.0.1.21");
    for (private, public) in ["10.0.1.20", "10.0.1.21"].iter().zip(PUBLISHED) {
        scene.vpc.associate(arm, private, public);
    }
    scene.appliance.must("apply");
    let host = scene.appliance.host.clone();
    let container = host.container("docker0", "192.168.77.2/24");
    host.sysctl("net.ipv6.conf.all.forwarding", 1);
    host.ip("address add fd77::1/64 dev docker0 nodad");
    container.ip_batch("address add fd77::2/64 dev eth0 nodad\nroute add ::/0 via fd77::1\n");
    host.sh(
        "nft add table inet engine
        nft 'add chain inet engine published { type nat hook prerouting priority dstnat; }'
        nft add rule inet engine published ip daddr '{ 10.0.1.20, 10.0.1.21 }' meta l4proto '{ tcp, udp }' dnat ip to 192.168.77.2
        nft add rule inet engine published ip6 daddr 2001:db8:0:b::20 meta l4proto '{ tcp, udp }' dnat ip6 to fd77::2",
    );
    host.settle();
    (scene, container)
}

#[test]
fn a_published_port_answers_on_every_address_of_a_secondary_eni() {
    let (scene, container) = publishing(ONE_ARM);
    let inet = scene.vpc.inet();
    for public in PUBLISHED {
        tcp(&inet, public, &container, CONTAINER[0]);
        for size in [10, 4_000] {
            udp(&inet, public, &container, CONTAINER[0], size);
        }
    }
    tcp(&inet, PUBLISHED6, &container, CONTAINER[1]);
    udp(&inet, PUBLISHED6, &container, CONTAINER[1], 10);
    assert_eq!(scene.vpc.spoofed(), 0, "{}", scene.appliance.host.dump());
    // What the container begins itself keeps to main.
    let way = scene
        .appliance
        .host
        .ip("route get 8.8.8.8 from 192.168.77.2 iif docker0");
    assert!(way.contains("dev eth0"), "{way}");
}

#[test]
fn without_symmetry_the_answer_of_a_published_port_leaves_by_main() {
    let (scene, container) = publishing("[forwarding]\nenabled = true\nsymmetric = false\n");
    assert_eq!(
        scene.appliance.host.sh("nft list tables inet"),
        "table inet engine\n"
    );
    let listener = container.enter(|| std::net::TcpListener::bind("192.168.77.2:8080").unwrap());
    let connected = scene.vpc.inet().enter(|| {
        let target = format!("{}:8080", PUBLISHED[0]).parse().unwrap();
        std::net::TcpStream::connect_timeout(&target, std::time::Duration::from_secs(1))
    });
    assert!(
        connected.is_err() && scene.vpc.spoofed() > 0,
        "{connected:?}"
    );
    drop(listener);
}

#[test]
fn an_answer_that_comes_in_by_another_way_goes_back_as_its_flow_came() {
    // The client's table leads to eth1, by which the Internet's packets come, too; a path sends them on by eth2.
    let scene = Scene::applied(TWO_ARMS, [0, 0]);
    let before = scene.sent();
    for _ in 0..20 {
        tcp(&scene.vpc.inet(), PUBLIC, &scene.client, CLIENT[0]);
        udp(&scene.vpc.inet(), CLIENT[1], &scene.client, CLIENT[1], 10);
    }
    let [primary, first, second] = passed(before, scene.sent());
    assert!(
        primary < OWN && first > OWN && second > OWN,
        "{first} {second}"
    );
    scene.assert_passes();
}

#[test]
fn an_answer_to_what_came_in_by_the_primary_goes_back_by_the_primary() {
    let config =
        "[forwarding]\nenabled = true\n[[forwarding.path]]\nin = \"eth0\"\nout = \"eth1\"\n";
    let mut scene = Scene::new(config);
    let primary = scene.vpc.first_eni();
    scene.vpc.check_source(primary, false);
    scene.route(primary, scene.arms[0]);
    scene.appliance.must("apply");
    scene.appliance.host.settle();
    let before = scene.sent();
    for _ in 0..20 {
        tcp(&scene.vpc.inet(), PUBLIC, &scene.client, CLIENT[0]);
        tcp(&scene.vpc.inet(), CLIENT[1], &scene.client, CLIENT[1]);
    }
    let [primary, first, second] = passed(before, scene.sent());
    assert!(
        primary > OWN && first > OWN && second < OWN,
        "{primary} {first} {second}"
    );
}

fn tracked(scene: &Scene, mark: u32) -> usize {
    let list =
        |family| format!("conntrack -L -f {family} -m {mark:#x}/0xff000000 2>/dev/null | wc -l");
    let counts = ["ipv4", "ipv6"].map(|family| scene.appliance.host.sh(&list(family)));
    counts
        .iter()
        .map(|count| count.trim().parse::<usize>().unwrap())
        .sum()
}

#[test]
fn a_changed_path_ends_the_connections_that_it_contradicts_and_others_go_on() {
    let scene = Scene::applied(TWO_ARMS, [1, 0]);
    scene.assert_passes();
    let [first, second] = [0x0200_0000, 0x0300_0000];
    assert!(tracked(&scene, first) > 0 && tracked(&scene, second) > 0);
    let kept = tracked(&scene, second);
    // From now on, what comes in by eth1 leaves by it.
    let config =
        "[forwarding]\nenabled = true\n[[forwarding.path]]\nin = \"eth2\"\nout = \"eth1\"\n";
    scene.appliance.write("etc/eniroute.toml", config);
    scene.appliance.must("apply");
    assert_eq!(tracked(&scene, first), 0);
    assert_eq!(tracked(&scene, second), kept);
    scene.assert_passes();
    assert!(tracked(&scene, first) > 0);
    scene.appliance.must("apply");
    assert!(tracked(&scene, first) > 0, "nothing has changed");
    // The mark's other bits are somebody else's.
    assert!(scene.client.ping(&INTERNET).is_empty());
}
