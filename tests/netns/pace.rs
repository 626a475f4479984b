//! How the metadata service is asked: over a few connections, by one token, and by fewer packets a second than EC2 drops.

use std::thread;
use std::time::Duration;

use crate::instance::Instance;
use crate::vpc::{Background, EniSpec, Fault, Imds, Vpc, wait_for};

/// Half of what EC2 lets an ENI send to its link-local services in a second.
const PACKETS: usize = 512;

/// So many ENIs with so many addresses each, which have public ones.
fn host(enis: usize, addresses: usize) -> (Vpc, Instance) {
    let mut vpc = Vpc::new();
    for eni in 0..enis {
        let subnet = vpc.subnet(&format!("10.{eni}.0.0/20"), None);
        let spec = EniSpec::new(subnet, &format!("eth{eni}"));
        let private: Vec<String> = (0..addresses)
            .map(|host| format!("10.{eni}.0.{}", 10 + host))
            .collect();
        let public = private.iter().zip(10..);
        let spec = public.fold(spec.ipv4(&private), |spec, (ip, host)| {
            spec.public(ip, format!("203.{eni}.0.{host}"))
        });
        vpc.attach(spec);
    }
    let instance = Instance::with_netplan(vpc.guest());
    (vpc, instance)
}

/// Tells when each packet to the service leaves by eth0 (`PACKET_OUTGOING` is 4), in seconds: by the kernel's clock
/// (`SO_TIMESTAMPNS` is 35), since a reader that comes late on a busy machine finds many at once.
const CAPTURE: &str = "
import socket, struct
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
wire.setsockopt(socket.SOL_SOCKET, 35, 1)
wire.bind(('eth0', 3))
service = socket.inet_aton('169.254.169.254')
print('ready', flush=True)
while True:
    frame, told, _, source = wire.recvmsg(128, 128)
    if source[2] == 4 and frame[12:14] == b'\\x08\\0' and frame[30:34] == service:
        seconds, nanoseconds = struct.unpack('qq', told[0][2])
        print(f'{seconds}.{nanoseconds:09}', flush=True)
";

fn capture(instance: &Instance) -> Background {
    let program = instance.host.command("python3").args(["-c", CAPTURE]);
    let capture = program.background();
    wait_for("the capture", || capture.log().starts_with("ready"));
    capture
}

/// When each packet went, at least `least` of them, once all have gone that are to come.
fn sent(capture: &Background, least: usize) -> Vec<f64> {
    let read = || -> Vec<f64> {
        let log = capture.log();
        let times = log.lines().skip(1).map(|line| line.parse().unwrap());
        times.collect()
    };
    wait_for("silence", || {
        let before = read().len();
        thread::sleep(Duration::from_millis(200));
        before >= least && before == read().len()
    });
    read()
}

fn tokens(imds: &Imds) -> usize {
    let log = imds.log();
    let puts = log.iter().filter(|request| request.method == "PUT");
    puts.count()
}

/// The most of these moments in any second.
fn busiest_second(sent: &[f64]) -> usize {
    let within = |n: usize| sent[n..].iter().take_while(move |at| **at < sent[n] + 1.0);
    let counts = (0..sent.len()).map(|n| within(n).count());
    counts.max().unwrap_or_default()
}

/// The greediest command asks for 750 public addresses. On a busy machine a connection may be late, and what it was asked is
/// asked again, or a pause be so long that an answer is acknowledged by itself.
#[test]
fn no_second_has_more_packets_than_half_of_what_ec2_allows() {
    let (vpc, instance) = host(15, 50);
    for (command, most) in [("apply", 78), ("refresh", 32), ("status", 842)] {
        vpc.imds().clear_log();
        let capture = capture(&instance);
        instance.must(command);
        let imds = vpc.imds();
        let requests = imds.log().len();
        let sent = sent(&capture, requests);
        assert!(requests <= most + 20, "{command}: {requests} requests");
        assert!(
            (requests..=requests * 5 / 4 + 40).contains(&sent.len()),
            "{command}: {} packets for {requests} requests",
            sent.len()
        );
        let in_a_second = busiest_second(&sent);
        assert!(
            in_a_second <= PACKETS,
            "{command}: {in_a_second} packets in a second"
        );
        assert!(
            imds.most_connections() <= 4,
            "{command}: {} connections",
            imds.most_connections()
        );
        assert_eq!(tokens(imds), 1, "{command}");
    }
}

/// What nobody has asked for costs no request: the ranges of a VPC are for who passes packets on.
#[test]
fn looking_asks_for_what_it_tells_and_for_nothing_twice() {
    let (vpc, instance) = host(4, 1);
    instance.must("apply");
    for (settings, ranges) in [("", 0), ("[forwarding]\nenabled = true\n", 4)] {
        instance.write("etc/eniroute.toml", settings);
        for (command, most) in [("status", 3 + 4 * 6), ("check", 5 + 4 * 10)] {
            vpc.imds().clear_log();
            instance.eniroute(command);
            let mut paths: Vec<String> = vpc.imds().log().into_iter().map(|r| r.path).collect();
            let asked = paths.iter().filter(|path| path.contains("/vpc-ipv4-cidr"));
            assert_eq!(asked.count(), ranges, "{command}: {paths:#?}");
            let count = paths.len();
            assert!(count <= most + ranges, "{command}: {count}: {paths:#?}");
            paths.sort();
            paths.dedup();
            assert_eq!(paths.len(), count, "{command}: {paths:#?}");
        }
    }
}

#[test]
fn two_enis_are_read_over_several_connections_and_one_over_one() {
    for (enis, connections) in [(1, 1..=1), (2, 2..=4)] {
        let (vpc, instance) = host(enis, 1);
        vpc.imds().clear_log();
        instance.must("status");
        let most = vpc.imds().most_connections();
        assert!(
            connections.contains(&most),
            "{enis} ENIs: {most} connections"
        );
        assert_eq!(tokens(vpc.imds()), 1);
    }
}

/// A bound of connections, as EC2 has one: whoever is beyond it gets no answer, or a refusal.
#[test]
fn what_fails_on_one_connection_is_asked_again_by_another() {
    for fault in [
        Fault::Reset,
        Fault::Closed,
        Fault::THROTTLE,
        Fault::BROKEN,
        Fault::Truncated,
    ] {
        let (vpc, instance) = host(4, 2);
        let key = "network/interfaces/macs/06:00:00:00:00:02/local-ipv4s";
        let macs: Vec<String> = vpc
            .imds()
            .text_of("/latest/meta-data/network/interfaces/macs/")
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        let key = key.replace("06:00:00:00:00:02/", &macs[2]);
        let path = format!("/latest/meta-data/{key}");
        vpc.imds().fault_for(1, Fault::on(&path, fault.clone()));
        instance.must("apply");
        let asked = vpc
            .imds()
            .log()
            .into_iter()
            .filter(|request| request.path == path);
        assert!(asked.count() >= 2, "{fault:?}");
        let enis = instance.json("status")["enis"].as_array().unwrap().clone();
        assert!(
            enis.len() == 4 && enis.iter().all(|eni| eni["state"] == "ok"),
            "{fault:?}: {enis:#?}"
        );
    }
}
