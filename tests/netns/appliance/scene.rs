//! An appliance between the Internet and a subnet, and what passes it.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use crate::instance::Instance;
use crate::vpc::{EniId, EniSpec, GuestId, Host, INTERNET, RouteTable, SubnetId, Vpc};

/// Forwarding by whichever ENI a packet came in by.
pub const ONE_ARM: &str = "[forwarding]\nenabled = true\n";

/// In by eth1, out by eth2, and the other way round.
pub const TWO_ARMS: &str = "[forwarding]\nenabled = true\n\
    [[forwarding.path]]\nin = \"eth1\"\nout = \"eth2\"\n\
    [[forwarding.path]]\nin = \"eth2\"\nout = \"eth1\"\n";

/// The client's addresses, and the first one's public address.
pub const CLIENT: [&str; 2] = ["10.0.3.50", "2001:db8:0:d::50"];
pub const PUBLIC: &str = "203.0.113.50";

/// Both ranges of the client's subnet.
const CLIENTS: [&str; 2] = ["10.0.3.0/24", "2001:db8:0:d::/64"];
const EVERYWHERE: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// An appliance with three ENIs, whose primary one is checked, and a client in a subnet of its own.
pub struct Scene {
    pub vpc: Vpc,
    pub appliance: Instance,
    pub client: Host,
    pub arms: [EniId; 2],
    pub clients: SubnetId,
    /// The subnets of the primary ENIs, and of the arms.
    pub subnets: [SubnetId; 3],
}

impl Scene {
    /// With this configuration, not applied yet; no route table leads to the appliance.
    pub fn new(config: &str) -> Self {
        let mut vpc = Vpc::new();
        let subnets = ["a", "b", "c", "d"].map(|letter| {
            let number = u32::from(letter.as_bytes()[0] - b'a');
            vpc.subnet(
                &format!("10.0.{number}.0/24"),
                Some(&format!("2001:db8:0:{letter}::/64")),
            )
        });
        let [front, first, second, clients] = subnets;
        vpc.attach(primary(front, "10.0.0.10", "2001:db8:0:a::10"));
        let arms = [
            vpc.attach(arm(first, "eth1", "10.0.1.20", "2001:db8:0:b::20")),
            vpc.attach(arm(second, "eth2", "10.0.2.30", "2001:db8:0:c::30")),
        ];
        let appliance = Instance::with_netplan(vpc.guest());
        appliance.write("etc/eniroute.toml", config);
        let client = vpc.instance(clients, "client", &CLIENT);
        vpc.elastic_ip(CLIENT[0], PUBLIC);
        Self {
            vpc,
            appliance,
            client,
            arms,
            clients,
            subnets: [front, first, second],
        }
    }

    /// The VPC's tables: the Internet's packets come by the ENI `inward`, the client's by `outward`.
    pub fn route(&self, inward: EniId, outward: EniId) {
        for family in 0..2 {
            self.vpc
                .route(RouteTable::Internet, CLIENTS[family], inward);
            let own = RouteTable::Subnet(self.clients);
            self.vpc.route(own, EVERYWHERE[family], outward);
        }
    }

    /// An appliance through which both directions pass by these ENIs (0 is the first arm).
    pub fn applied(config: &str, [inward, outward]: [usize; 2]) -> Self {
        let scene = Self::new(config);
        scene.route(scene.arms[inward], scene.arms[outward]);
        scene.appliance.must("apply");
        scene.appliance.host.settle();
        scene
    }

    /// Begins flows of every kind in both families, from either side: each must be answered.
    pub fn assert_passes(&self) {
        let inet = self.vpc.inet();
        let [outside, outside6] = INTERNET;
        for (inward, at, outward) in [
            (PUBLIC, CLIENT[0], outside),
            (CLIENT[1], CLIENT[1], outside6),
        ] {
            let dump = || self.appliance.host.dump();
            assert!(inet.ping(&[inward]).is_empty(), "{inward}: {}", dump());
            assert!(
                self.client.ping(&[outward]).is_empty(),
                "{outward}: {}",
                dump()
            );
            tcp(&inet, inward, &self.client, at);
            tcp(&self.client, outward, &inet, outward);
            for size in [10, 4_000] {
                udp(&inet, inward, &self.client, at, size);
                udp(&self.client, outward, &inet, outward, size);
            }
        }
        assert_eq!(self.vpc.spoofed(), 0, "nothing leaves by the primary");
    }

    /// How many packets each of the appliance's ENIs has sent.
    pub fn sent(&self) -> [u64; 3] {
        ["eth0", "eth1", "eth2"].map(|dev| {
            let path = format!("/sys/class/net/{dev}/statistics/tx_packets");
            let read = self.appliance.host.sh(&format!("cat {path}"));
            read.trim().parse().unwrap()
        })
    }
}

fn primary(subnet: SubnetId, ipv4: &str, ipv6: &str) -> EniSpec {
    EniSpec::new(subnet, "eth0").ipv4([ipv4]).ipv6([ipv6])
}

/// An ENI without the source/destination check.
fn arm(subnet: SubnetId, name: &str, ipv4: &str, ipv6: &str) -> EniSpec {
    EniSpec::new(subnet, name)
        .ipv4([ipv4])
        .ipv6([ipv6])
        .unchecked()
}

/// A stand-by with a primary ENI alone, and this configuration.
pub fn standby(vpc: &mut Vpc, subnet: SubnetId, config: &str) -> (GuestId, Instance) {
    let guest = vpc.second_guest("standby");
    vpc.attach(primary(subnet, "10.0.0.40", "2001:db8:0:a::40").on(guest));
    let instance = Instance::with_netplan(vpc.guest_of(guest));
    instance.write("etc/eniroute.toml", config);
    (guest, instance)
}

fn bound(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse::<IpAddr>().unwrap(), 0)
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
        let (_, sender) = ear.recv_from(heard).ok()?;
        ear.send_to(&said, sender).ok()?;
        mouth.recv_from(heard).ok()
    };
    let (length, _) = (0..3)
        .find_map(|_| exchange(&mut heard))
        .unwrap_or_else(|| panic!("UDP {} to {target}, {size} bytes", from.name()));
    assert_eq!(length, size);
}
