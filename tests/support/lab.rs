//! An instance of two ENIs in the fake VPC: what most tests begin with. Whoever needs other ENIs says which, and nothing else.

use super::instance::Instance;
use super::vpc::{EniId, EniSpec, SubnetId, Vpc};

/// Take it apart and keep the VPC: what is not kept is taken down.
pub struct Lab {
    pub vpc: Vpc,
    /// Its network stack is netplan, by the look of its disk.
    pub instance: Instance,
    /// 10.0.0.0/20 with 2001:db8:0:a::/64, and 10.1.0.0/20 with 2001:db8:0:b::/64.
    pub subnets: [SubnetId; 2],
    /// eth0, the primary, and eth1.
    pub enis: [EniId; 2],
}

impl Lab {
    /// [`Self::eth0`] in the first subnet, [`Self::eth1`] in the second.
    pub fn two_enis() -> Self {
        Self::of(|[a, b]| [Self::eth0(a), Self::eth1(b)])
    }

    /// [`Self::eth0`] and [`Self::neighbour`] in the first subnet.
    pub fn in_one_subnet() -> Self {
        Self::of(|[a, _]| [Self::eth0(a), Self::neighbour(a)])
    }

    /// Other ENIs in these subnets.
    pub fn of(enis: impl FnOnce([SubnetId; 2]) -> [EniSpec; 2]) -> Self {
        let mut vpc = Vpc::new();
        let subnets = [
            vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64")),
            vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64")),
        ];
        let enis = enis(subnets).map(|spec| vpc.attach(spec));
        let instance = Instance::with_netplan(vpc.guest());
        Self {
            vpc,
            instance,
            subnets,
            enis,
        }
    }

    /// With a network stack that the caller writes.
    pub fn bare(self) -> Self {
        let instance = Instance::bare(self.vpc.guest());
        Self { instance, ..self }
    }

    /// Scenario S1 in both families: two ENIs in one subnet, an Elastic IP on each.
    pub fn of_scenario_1(secondary: &[&str]) -> (Vpc, SubnetId, EniId) {
        let mut vpc = Vpc::new();
        let subnet = vpc.subnet("172.31.32.0/20", Some("2001:db8:0:a::/64"));
        let eth0 = EniSpec::new(subnet, "eth0")
            .mac("06:ce:dd:28:5b:b8")
            .ipv4(["172.31.37.139"])
            .ipv6(["2001:db8:0:a::139"]);
        vpc.attach(eth0.public("172.31.37.139", "54.178.213.178"));
        let eth1 = EniSpec::new(subnet, "eth1")
            .mac("06:a6:9a:4a:98:c6")
            .ipv4(["172.31.41.29"].iter().chain(secondary))
            .ipv6(["2001:db8:0:a::29"]);
        let eth1 = vpc.attach(eth1.public("172.31.41.29", "3.104.193.180"));
        (vpc, subnet, eth1)
    }

    /// Two addresses, of which the first is 203.0.113.10 outside.
    pub fn eth0(subnet: SubnetId) -> EniSpec {
        let spec = EniSpec::new(subnet, "eth0").ipv4(["10.0.0.10", "10.0.0.11"]);
        spec.public("10.0.0.10", "203.0.113.10")
    }

    /// In the second subnet, in both families: 10.1.0.30 is 203.0.113.30 outside.
    pub fn eth1(subnet: SubnetId) -> EniSpec {
        let spec = EniSpec::new(subnet, "eth1")
            .ipv4(["10.1.0.30", "10.1.0.31"])
            .ipv6(["2001:db8:0:b::300"]);
        spec.public("10.1.0.30", "203.0.113.30")
    }

    /// In the first subnet, in both families: 10.0.0.20 is 203.0.113.20 outside.
    pub fn neighbour(subnet: SubnetId) -> EniSpec {
        let spec = EniSpec::new(subnet, "eth1")
            .ipv4(["10.0.0.20", "10.0.0.21"])
            .ipv6(["2001:db8:0:a::200"]);
        spec.public("10.0.0.20", "203.0.113.20")
    }
}
