//! Scenario S4 without its appliance: three subnets for its ENIs, and a client in one of its own, between which and the
//! Internet the VPC's route tables put the appliance.

use std::net::IpAddr;

use super::{EniId, EniSpec, Host, INTERNET, RouteTable, SubnetId, Vpc, tcp, udp};

/// The client's addresses, and the first one's public address.
pub const CLIENT: [&str; 2] = ["10.0.3.50", "2001:db8:0:d::50"];
pub const PUBLIC: &str = "203.0.113.50";

/// Both ranges of the client's subnet.
const CLIENTS: [&str; 2] = ["10.0.3.0/24", "2001:db8:0:d::/64"];
const EVERYWHERE: [&str; 2] = ["0.0.0.0/0", "::/0"];

pub struct IngressSite {
    pub vpc: Vpc,
    /// The subnets of the primary ENI, and of the two arms.
    pub subnets: [SubnetId; 3],
    pub clients: SubnetId,
    pub client: Host,
}

impl IngressSite {
    pub fn new() -> Self {
        let mut vpc = Vpc::new();
        let [front, first, second, clients] = ["a", "b", "c", "d"].map(|letter| {
            let number = u32::from(letter.as_bytes()[0] - b'a');
            vpc.subnet(
                &format!("10.0.{number}.0/24"),
                Some(&format!("2001:db8:0:{letter}::/64")),
            )
        });
        let client = vpc.instance(clients, "client", &CLIENT);
        vpc.elastic_ip(CLIENT[0], PUBLIC);
        Self {
            vpc,
            subnets: [front, first, second],
            clients,
            client,
        }
    }

    /// The appliance's primary ENI, which is checked.
    pub fn primary(&self) -> EniSpec {
        primary(self.subnets[0], "10.0.0.10", "2001:db8:0:a::10")
    }

    /// The arms, without the source/destination check.
    pub fn arms(&self) -> [EniSpec; 2] {
        let arm = |n: usize, name| EniSpec::new(self.subnets[n], name).unchecked();
        [
            arm(1, "eth1")
                .ipv4(["10.0.1.20"])
                .ipv6(["2001:db8:0:b::20"]),
            arm(2, "eth2")
                .ipv4(["10.0.2.30"])
                .ipv6(["2001:db8:0:c::30"]),
        ]
    }

    /// The VPC's tables: the Internet's packets come by the ENI `inward`, the client's by `outward`.
    pub fn route(&self, inward: EniId, outward: EniId) {
        route(&self.vpc, self.clients, inward, outward);
    }

    /// Who does not answer a ping through the appliance: the client to the Internet, or the other way round.
    pub fn silent(&self) -> Vec<IpAddr> {
        let inward = self.vpc.inet().ping(&[PUBLIC, CLIENT[1]]);
        [inward, self.client.ping(&INTERNET)].concat()
    }

    /// The same, of IPv4 alone.
    pub fn silent_ipv4(&self) -> Vec<IpAddr> {
        let inward = self.vpc.inet().ping(&[PUBLIC]);
        [inward, self.client.ping(&INTERNET[..1])].concat()
    }
}

pub fn primary(subnet: SubnetId, ipv4: &str, ipv6: &str) -> EniSpec {
    EniSpec::new(subnet, "eth0").ipv4([ipv4]).ipv6([ipv6])
}

pub fn route(vpc: &Vpc, clients: SubnetId, inward: EniId, outward: EniId) {
    for family in 0..2 {
        vpc.route(RouteTable::Internet, CLIENTS[family], inward);
        let own = RouteTable::Subnet(clients);
        vpc.route(own, EVERYWHERE[family], outward);
    }
}

/// Begins flows of every kind in both families, from either side: each must be answered. Pings go first, and their
/// failure is told with what `state` says.
pub fn assert_passes(vpc: &Vpc, client: &Host, mut state: impl FnMut() -> String) {
    let inet = vpc.inet();
    let [outside, outside6] = INTERNET;
    for (inward, at, outward) in [
        (PUBLIC, CLIENT[0], outside),
        (CLIENT[1], CLIENT[1], outside6),
    ] {
        assert!(inet.ping(&[inward]).is_empty(), "{inward}: {}", state());
        assert!(client.ping(&[outward]).is_empty(), "{outward}: {}", state());
        tcp(&inet, inward, client, at);
        tcp(client, outward, &inet, outward);
        for size in [10, 4_000] {
            udp(&inet, inward, client, at, size);
            udp(client, outward, &inet, outward, size);
        }
    }
    assert_eq!(vpc.spoofed(), 0, "nothing leaves by the primary");
}
