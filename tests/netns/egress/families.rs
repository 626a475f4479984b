//! S5: IPv4 clients by NAT, IPv6 clients by the same ENI without it, behind an egress-only gateway or another.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::nat::{FIRST, Lab, PORT, SECOND};
use crate::vpc::{Host, INTERNET};

const V4: [&str; 3] = ["172.31.20.11", "172.31.20.12", "172.31.20.13"];
const V6: [&str; 3] = ["2001:db8:0:2::11", "2001:db8:0:2::12", "2001:db8:0:2::13"];

/// Clients of the first ENI, of the second, and nobody's.
fn scene() -> (Lab, [Host; 3]) {
    let mut lab = Lab::bare();
    let clients = [0, 1, 2].map(|n| lab.dual_client(&format!("dual-{n}"), V4[n], V6[n]));
    lab.configure(&format!(
        "[[egress]]\nfrom = [\"{}\", \"{}\"]\nas = \"{FIRST}\"\n[[egress]]\nfrom = [\"{}\", \"{}\"]\nas = \"{SECOND}\"\n",
        V4[0], V6[0], V4[1], V6[1]
    ));
    lab.instance.must("apply --backend none");
    lab.instance.host.settle();
    (lab, clients)
}

fn sent(host: &Host) -> [u64; 2] {
    ["eth0", "eth1"].map(|dev| {
        let read = host.sh(&format!("cat /sys/class/net/{dev}/statistics/tx_packets"));
        read.trim().parse().unwrap()
    })
}

/// So many words there and back by one TCP flow.
pub fn talk(client: &Host, inet: &Host, at: &str, words: usize) -> std::io::Result<()> {
    let listener = inet.enter(|| TcpListener::bind((at, PORT)).unwrap());
    let target = (at.parse::<std::net::IpAddr>().unwrap(), PORT).into();
    let wait = Duration::from_secs(1);
    let mut near = client.enter(|| TcpStream::connect_timeout(&target, wait))?;
    listener.set_nonblocking(true)?;
    let accepted = || {
        thread::sleep(wait / 50);
        listener.accept().ok()
    };
    // The client has an answer to its first packet, and the server may not have the next one.
    let (mut far, _) = (0..50)
        .find_map(|_| accepted())
        .ok_or(ErrorKind::TimedOut)?;
    near.set_read_timeout(Some(wait))?;
    far.set_read_timeout(Some(wait))?;
    for _ in 0..words {
        near.write_all(b"x")?;
        far.read_exact(&mut [0])?;
        far.write_all(b"y")?;
        near.read_exact(&mut [0])?;
    }
    Ok(())
}

#[test]
fn ipv6_clients_leave_by_their_eni_with_their_own_address_and_ipv4_clients_by_nat() {
    for egress_only in [false, true] {
        let (lab, clients) = scene();
        let inet = lab.vpc.inet();
        if egress_only {
            lab.vpc.egress_only_ipv6();
            assert_eq!(inet.ping(&V6[..1]).len(), 1, "nobody gets in");
        }
        for (n, public) in [(0, FIRST), (1, SECOND)] {
            let [v4, v6] = INTERNET;
            let before = sent(&lab.instance.host);
            talk(&clients[n], &inet, v6, 50).unwrap();
            let after = sent(&lab.instance.host);
            let by = [0, 1].map(|dev| after[dev] - before[dev] >= 50);
            assert_eq!(by, [n == 0, n == 1], "{before:?} {after:?}");
            let seen = clients[n].seen_by(&inet, v6.parse().unwrap(), None);
            assert_eq!(seen, Some(V6[n].parse().unwrap()));
            assert_eq!(lab.seen(&clients[n]), public);
            talk(&clients[n], &inet, v4, 3).unwrap();
            assert!(clients[n].ping(&INTERNET).is_empty());
        }
        assert!(
            talk(&clients[2], &inet, INTERNET[1], 1).is_err(),
            "nobody's client"
        );
        assert_eq!(lab.seen(&clients[2]), "");
        assert_eq!(lab.vpc.without_public_address(), 0);
        assert_eq!(lab.vpc.spoofed(), 0);
    }
}
