//! Two hosts that say something to each other: by a TCP connection, by datagrams of any size.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use super::netns::Host;

fn bound(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse::<IpAddr>().unwrap(), 0)
}

/// Of a socket with a timeout: signal(7) has its wait end early where this process was stopped and goes on.
pub fn uninterrupted<T>(mut wait: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match wait() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            ended => return ended,
        }
    }
}

/// A connection from one host to `address`, which is `at` on the other, by which both say something.
pub fn tcp(from: &Host, address: &str, to: &Host, at: &str) {
    let listener = to.enter(|| TcpListener::bind(bound(at)).unwrap());
    let port = listener.local_addr().unwrap().port();
    let target = SocketAddr::new(address.parse().unwrap(), port);
    let wait = Duration::from_secs(3);
    let connect = || TcpStream::connect_timeout(&target, wait);
    let mut near = from
        .enter(connect)
        .unwrap_or_else(|e| panic!("TCP {} to {target}: {e}", from.name()));
    let (mut far, _) = listener.accept().unwrap();
    for stream in [&mut near, &mut far] {
        stream.set_read_timeout(Some(wait)).unwrap();
    }
    for (sender, receiver) in [(0, 1), (1, 0)] {
        let ends = [&mut near, &mut far];
        ends[sender].write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        let ends = [&mut near, &mut far];
        ends[receiver].read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");
    }
}

/// Datagrams of this size, there and back.
pub fn udp(from: &Host, address: &str, to: &Host, at: &str, size: usize) {
    let wildcard = if at.contains(':') { "::" } else { "0.0.0.0" };
    let ear = to.enter(|| UdpSocket::bind(bound(at)).unwrap());
    let mouth = from.enter(|| UdpSocket::bind(bound(wildcard)).unwrap());
    let target = SocketAddr::new(address.parse().unwrap(), ear.local_addr().unwrap().port());
    for socket in [&ear, &mouth] {
        socket
            .set_read_timeout(Some(Duration::from_secs(1)))
            .unwrap();
    }
    let (said, mut heard) = (vec![7; size], vec![0; size + 1]);
    let exchange = |heard: &mut Vec<u8>| {
        mouth.send_to(&said, target).ok()?;
        let (_, sender) = uninterrupted(|| ear.recv_from(heard)).ok()?;
        ear.send_to(&said, sender).ok()?;
        uninterrupted(|| mouth.recv_from(heard)).ok()
    };
    let (length, _) = (0..3)
        .find_map(|_| exchange(&mut heard))
        .unwrap_or_else(|| panic!("UDP {} to {target}, {size} bytes", from.name()));
    assert_eq!(length, size);
}
