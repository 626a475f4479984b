//! Containers on the NAT instance itself: clients like any other, with an engine's own rules beside them.

use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use crate::nat::{A, B, FIRST, Lab, S3, SECOND, echo};
use crate::vpc::{Host, INTERNET, uninterrupted};

const CONTAINERS: [&str; 2] = ["192.168.77.2", "192.168.77.3"];

/// The engine's: masquerading for what a container begins, and a port published on every address of the host's.
const ENGINE: &str = "
    nft add table ip engine
    nft 'add chain ip engine post { type nat hook postrouting priority srcnat; }'
    nft add rule ip engine post ip saddr 192.168.77.0/24 oifname != docker0 masquerade
    nft 'add chain ip engine pre { type nat hook prerouting priority dstnat; }'
    nft add rule ip engine pre fib daddr type local meta l4proto '{ tcp, udp }' th dport 8080 dnat to 192.168.77.3
";

fn scene(config: &str) -> (Lab, [Host; 2]) {
    let mut lab = Lab::bare();
    lab.vpc
        .associate(lab.enis[1], "172.31.8.209", "54.178.200.1");
    let host = lab.instance.host.clone();
    let containers = CONTAINERS.map(|ip| host.container("docker0", &format!("{ip}/24")));
    host.sh(ENGINE);
    lab.configure(config);
    lab.instance.must("apply --backend none");
    (lab, containers)
}

fn seen(container: &Host, inet: &Host) -> Option<IpAddr> {
    container.seen_by(inet, INTERNET[0].parse().unwrap(), None)
}

#[test]
fn a_container_leaves_as_its_entry_says_and_without_one_as_before() {
    let (lab, [first, second]) = scene(&format!(
        "{S3}\n[[egress]]\nfrom = \"{}\"\nas = \"{SECOND}\"\n",
        CONTAINERS[0]
    ));
    let inet = lab.vpc.inet();
    assert_eq!(seen(&first, &inet), Some(SECOND.parse().unwrap()));
    assert_eq!(seen(&second, &inet), Some(FIRST.parse().unwrap()));
    echo(&inet);
    assert!(crate::nat::ask(&first) && crate::nat::ask(&second));
    assert_eq!(lab.all_seen(), [FIRST, SECOND, ""]);
    lab.instance.must("remove");
    assert_eq!(seen(&first, &inet), Some(FIRST.parse().unwrap()));
    assert_eq!(lab.vpc.without_public_address(), 0);
    assert_eq!(lab.vpc.spoofed(), 0);
}

#[test]
fn a_published_port_answers_on_every_address_of_every_eni_beside_clients() {
    let (lab, [_, published]) = scene(S3);
    let inet = lab.vpc.inet();
    let at = CONTAINERS[1];
    let listener = published.enter(|| TcpListener::bind((at, 8080)).unwrap());
    let ear = published.enter(|| UdpSocket::bind((at, 8080)).unwrap());
    ear.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    for public in [FIRST, SECOND, "54.178.200.1"] {
        let target = (public.parse::<IpAddr>().unwrap(), 8080).into();
        let connect = || TcpStream::connect_timeout(&target, Duration::from_secs(2));
        inet.enter(connect)
            .unwrap_or_else(|error| panic!("{public}: {error}"));
        drop(listener.accept().unwrap());
        let mouth = inet.enter(|| UdpSocket::bind((INTERNET[0], 0)).unwrap());
        mouth
            .set_read_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        mouth.send_to(b"?", target).unwrap();
        let (_, from) = uninterrupted(|| ear.recv_from(&mut [0; 8])).unwrap();
        ear.send_to(b"!", from).unwrap();
        let (_, from) = uninterrupted(|| mouth.recv_from(&mut [0; 8])).unwrap();
        assert_eq!(from.ip().to_string(), public);
    }
    assert_eq!(lab.all_seen(), [FIRST, SECOND, ""], "{A} {B}");
    assert_eq!(lab.vpc.spoofed(), 0);
}
