//! Scenario S3 without its instance: a public subnet with room for its two ENIs, which have an Elastic IP each, and three
//! clients in a private subnet.

use std::net::IpAddr;

use super::{EniId, EniSpec, Host, INTERNET, RouteTable, SubnetId, Vpc};

/// What the Internet sees of the two ENIs.
pub const FIRST: &str = "54.178.213.178";
pub const SECOND: &str = "54.178.197.195";

/// The client that leaves by the second ENI, the one that leaves by the first, and one that is nobody's.
pub const B: &str = "172.31.26.176";
pub const A: &str = "172.31.20.5";
pub const C: &str = "172.31.20.9";

pub struct NatSite {
    pub vpc: Vpc,
    pub public: SubnetId,
    pub private: SubnetId,
    /// `A`, `B` and `C`.
    pub clients: [Host; 3],
}

impl NatSite {
    pub fn new() -> Self {
        let mut vpc = Vpc::new();
        let public = vpc.subnet("172.31.0.0/20", Some("2001:db8:0:1::/64"));
        let private = vpc.subnet("172.31.16.0/20", Some("2001:db8:0:2::/64"));
        let client = |name, ip: &str| vpc.instance(private, name, &[ip]);
        let clients = [
            client("client-a", A),
            client("client-b", B),
            client("client-c", C),
        ];
        Self {
            vpc,
            public,
            private,
            clients,
        }
    }

    /// The instance's ENIs.
    pub fn enis(&self) -> [EniSpec; 2] {
        let eni = |name| EniSpec::new(self.public, name).unchecked();
        [
            eni("eth0")
                .ipv4(["172.31.5.10"])
                .public("172.31.5.10", FIRST),
            eni("eth1")
                .ipv4(["172.31.8.208", "172.31.8.209"])
                .public("172.31.8.208", SECOND),
        ]
    }

    /// The private subnet's way out leads to this ENI.
    pub fn route(&self, eni: EniId) {
        let table = RouteTable::Subnet(self.private);
        self.vpc.route(table, "0.0.0.0/0", eni);
    }

    /// What the Internet sees of all three.
    pub fn all_seen(&self) -> [String; 3] {
        [0, 1, 2].map(|index| seen(&self.vpc, &self.clients[index]))
    }
}

/// What the Internet sees of a client's datagram; empty: nothing.
pub fn seen(vpc: &Vpc, client: &Host) -> String {
    let internet: IpAddr = INTERNET[0].parse().unwrap();
    let seen = client.seen_by(&vpc.inet(), internet, None);
    seen.map(|ip| ip.to_string()).unwrap_or_default()
}
