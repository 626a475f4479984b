//! The wishes of an entry, and what an answer or a refusal is, by packets.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use super::families::talk;
use crate::crowd::Crowd;
use crate::nat::{A, B, C, FIRST, Flow, Lab, PORT, S3, SECOND, echo};
use crate::vpc::{Host, INTERNET, uninterrupted, wait_for};

fn entry(wishes: &str) -> String {
    format!("[[egress]]\nfrom = \"{A}\"\nas = \"{FIRST}\"\n{wishes}\n")
}

/// How many SYNs, or answers to them, have asked for segments of this size.
fn count_segments(host: &Host, size: u32) {
    host.sh(&format!(
        "nft add table inet seen; nft flush table inet seen
        nft 'add chain inet seen input {{ type filter hook input priority 0; }}'
        nft add rule inet seen input tcp flags '& syn == syn' tcp option maxseg size {size} counter"
    ));
}

fn counted(host: &Host) -> bool {
    !host.sh("nft list table inet seen").contains("packets 0 ")
}

#[test]
fn segments_are_bounded_in_both_directions_as_wished() {
    for (wishes, out, back) in [
        ("", 1460, 1460),
        ("mss = 1200", 1200, 1200),
        ("mss = 0", 8961, 4000),
    ] {
        let lab = Lab::new(&entry(wishes));
        let inet = lab.vpc.inet();
        echo(&inet);
        inet.ip(&format!(
            "route replace default via 198.18.0.1 src {} advmss 4000",
            INTERNET[0]
        ));
        count_segments(&inet, out);
        count_segments(&lab.clients[0], back);
        drop(Flow::open(&lab.clients[0]));
        assert!(counted(&inet), "{wishes}: {}", inet.sh("nft list ruleset"));
        assert!(counted(&lab.clients[0]), "{wishes}");
    }
}

/// The gateway's side has 1500 bytes and says so to the address that a client leaves as: the word goes on to the client
/// (whose own gateway, the same router here, does not take its own word back). Of a datagram in pieces, and of its answer, only the first piece has ports.
#[test]
fn a_client_hears_of_a_narrower_path_by_either_eni_and_its_datagrams_get_there_in_pieces() {
    let lab = Lab::new(S3);
    let host = &lab.instance.host;
    host.sh("nft 'add table ip seen; add chain ip seen out { type filter hook postrouting priority 300; }'");
    for client in [A, B] {
        host.sh(&format!(
            "nft 'add counter ip seen to_{0}; add rule ip seen out ip daddr {client} icmp type destination-unreachable icmp code 4 counter name to_{0}'",
            client.replace('.', "_")
        ));
    }
    let told = |client: &str| {
        let name = client.replace('.', "_");
        let counter = host.sh(&format!("nft list counter ip seen to_{name}"));
        !counter.contains("packets 0 ")
    };
    let wait = Some(Duration::from_secs(3));
    let ear = lab
        .vpc
        .inet()
        .enter(|| UdpSocket::bind((INTERNET[0], 5000)).unwrap());
    ear.set_read_timeout(wait).unwrap();
    for (client, (own, public)) in lab.clients.iter().zip([(A, FIRST), (B, SECOND)]) {
        let mouth = client.enter(|| UdpSocket::bind("0.0.0.0:0").unwrap());
        mouth.set_read_timeout(wait).unwrap();
        mouth.send_to(&[0; 1473], (INTERNET[0], 5000)).unwrap();
        wait_for("word of the narrower path", || told(own));
        for length in [8974, 30_000] {
            let mut piece = [0; 30_000];
            mouth
                .send_to(&piece[..length], (INTERNET[0], 5000))
                .unwrap();
            let (read, from) = uninterrupted(|| ear.recv_from(&mut piece)).unwrap();
            assert_eq!((read, from.ip().to_string()), (length, public.to_owned()));
            ear.send_to(&piece[..length], from).unwrap();
            assert_eq!(uninterrupted(|| mouth.recv(&mut piece)).unwrap(), length);
        }
    }
    assert_eq!(
        (lab.vpc.spoofed(), lab.vpc.without_public_address()),
        (0, 0)
    );
}

#[test]
fn segments_over_ipv6_are_twenty_bytes_less() {
    let mut lab = Lab::bare();
    let client = lab.dual_client("client-d", "172.31.20.7", "2001:db8:0:2::7");
    for (wishes, expected) in [("", 1440), ("mss = 1300", 1280), ("mss = 0", 8941)] {
        lab.configure(&format!(
            "[[egress]]\nfrom = \"2001:db8:0:2::/64\"\nas = \"{SECOND}\"\n{wishes}\n"
        ));
        lab.instance.must("apply --backend none");
        lab.instance.host.settle();
        let inet = lab.vpc.inet();
        count_segments(&inet, expected);
        talk(&client, &inet, INTERNET[1], 2).unwrap();
        assert!(counted(&inet), "{wishes}: {}", inet.sh("nft list ruleset"));
    }
}

#[test]
fn ports_are_kept_or_drawn_as_wished() {
    for (wishes, kept) in [("", 20), ("ports = \"random\"", 0)] {
        let lab = Lab::new(&entry(wishes));
        let ear = lab
            .vpc
            .inet()
            .enter(|| UdpSocket::bind((INTERNET[0], 5000)).unwrap());
        ear.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        let same = (0..20_u16).filter(|n| {
            let own = 30_000 + n;
            let mouth = lab.clients[0].enter(|| UdpSocket::bind(("0.0.0.0", own)).unwrap());
            mouth.send_to(b"?", (INTERNET[0], 5000)).unwrap();
            let (_, from) = uninterrupted(|| ear.recv_from(&mut [0; 8])).unwrap();
            assert_eq!(from.ip().to_string(), FIRST);
            from.port() == own
        });
        assert_eq!(same.count(), kept, "{wishes}");
    }
}

/// A peered VPC answers the client itself: its answers do not come back by this host.
#[test]
fn not_to_keeps_the_client_s_own_address_in_both_families_and_tcp_works_though_answers_come_another_way()
 {
    let mut lab = Lab::bare();
    let peered = lab.vpc.subnet("10.8.0.0/24", Some("2001:db8:8:1::/64"));
    let client = lab.dual_client("client-d", "172.31.20.7", "2001:db8:0:2::7");
    lab.configure(&format!(
        "[[egress]]\nfrom = [\"172.31.20.7\", \"2001:db8:0:2::7\"]\nas = \"{SECOND}\"\nnot_to = [\"10.8.0.0/16\", \"2001:db8:8::/48\"]\n"
    ));
    lab.instance.must("apply --backend none");
    lab.instance.host.settle();
    let far = lab
        .vpc
        .instance(peered, "far", &["10.8.0.9", "2001:db8:8:1::9"]);
    for (at, own) in [
        ("10.8.0.9", "172.31.20.7"),
        ("2001:db8:8:1::9", "2001:db8:0:2::7"),
    ] {
        let seen = client.seen_by(&far, at.parse().unwrap(), None);
        assert_eq!(seen, Some(own.parse().unwrap()));
        let listener = far.enter(|| TcpListener::bind((at, PORT)).unwrap());
        let mut near = client.enter(|| TcpStream::connect((at, PORT)).unwrap());
        let (mut server, from) = listener.accept().unwrap();
        assert_eq!(from.ip().to_string(), own);
        near.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        server
            .set_read_timeout(Some(Duration::from_secs(3)))
            .unwrap();
        for _ in 0..3 {
            near.write_all(b"hello").unwrap();
            server.read_exact(&mut [0; 5]).unwrap();
            server.write_all(b"hello").unwrap();
            near.read_exact(&mut [0; 5]).unwrap();
        }
    }
    assert_eq!(lab.seen(&client), SECOND, "all else is translated");
    assert_eq!(lab.vpc.without_public_address(), 0);
}

/// conntrack that picks up no flow in its midst calls such packets invalid.
#[test]
fn a_packet_of_a_client_s_that_conntrack_calls_invalid_is_answered_by_a_reset() {
    let lab = Lab::new(S3);
    echo(&lab.vpc.inet());
    let mut flows = [0, 1].map(|index| Flow::open(&lab.clients[index]));
    lab.instance
        .host
        .sysctl("net.netfilter.nf_conntrack_tcp_loose", 0);
    lab.forget_flows();
    for flow in &mut flows {
        assert_eq!(flow.outcome(), Err(ErrorKind::ConnectionReset));
    }
    assert!(counter(&lab, "_stale") >= 2);
    assert_eq!(lab.vpc.without_public_address(), 0);
}

#[test]
fn packets_for_flows_that_nobody_knows_here_are_dropped_and_counted_and_the_flows_go_on() {
    let lab = Lab::new(S3);
    let mut crowd = Crowd::open(&lab.vpc.inet(), &lab.clients[..2], [0, 0, 6, 6]);
    lab.forget_flows();
    assert_eq!(crowd.alive()[2], 6);
    assert!(counter(&lab, "unsolicited") > 0);
    assert_eq!(crowd.alive_when_asked(), [0, 0, 6, 6]);
    // A port of the host's that nobody listens at is closed, as ever, to who begins a flow.
    let refused = lab
        .vpc
        .inet()
        .enter(|| TcpStream::connect((FIRST, 81)).unwrap_err());
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

/// The packets that the table's counters of this ending have seen.
fn counter(lab: &Lab, ending: &str) -> u64 {
    let listing = lab
        .instance
        .host
        .sh("nft list counters table inet eniroute");
    let mut lines = listing.lines().map(str::trim);
    let mut packets = 0;
    while let Some(line) = lines.next() {
        if line.starts_with("counter ") && line.trim_end_matches(" {").ends_with(ending) {
            let words = lines.next().unwrap().split_whitespace().nth(1).unwrap();
            packets += words.parse::<u64>().unwrap();
        }
    }
    packets
}

#[test]
fn what_comes_in_by_an_eni_and_is_nobody_s_is_dropped_and_counted() {
    let lab = Lab::new(S3);
    let before = counter(&lab, "refused");
    assert_eq!(lab.seen(&lab.clients[2]), "", "{C} is nobody's");
    assert_eq!(lab.seen(&lab.clients[1]), SECOND, "{B} is");
    assert!(counter(&lab, "refused") > before);
}
