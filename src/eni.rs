//! An ENI as the VPC describes it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::net::Mac;
use crate::numbering::Number;

/// The router's address in every IPv6 subnet of every VPC, beside its own (Amazon VPC user guide, subnet sizing).
pub const IPV6_ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0x0ec2, 0, 0, 0, 0, 0, 1);

/// One elastic network interface, complete: everything that the plan needs is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eni {
    pub mac: Mac,
    /// `eni-0123456789abcdef0`
    pub id: String,
    /// Its MAC is the metadata's top-level `mac`.
    pub primary: bool,
    pub device_number: u32,
    pub network_card: u32,
    /// In EC2's order: the first is the primary address. Empty in an IPv6-only subnet.
    pub ipv4: Vec<Ipv4Addr>,
    pub ipv6: Vec<Ipv6Addr>,
    /// Delegated prefixes (/28).
    pub ipv4_prefixes: Vec<Ipv4Net>,
    /// Delegated prefixes (/80).
    pub ipv6_prefixes: Vec<Ipv6Net>,
    pub subnet_ipv4: Option<Ipv4Net>,
    pub subnet_ipv6: Vec<Ipv6Net>,
    /// `vpc-...`; read only where its ranges overlap with another ENI's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// The ranges of its VPC; read with the public addresses only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vpc_ranges: Vec<IpNet>,
    /// Public addresses by the private address that they are mapped to; read for `status` only.
    pub public: BTreeMap<Ipv4Addr, Vec<Ipv4Addr>>,
}

/// What of an ENI concerns a reader, and no plan. What EC2 does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// `sg-...`
    pub security_groups: Vec<String>,
    /// `subnet-...`
    pub subnet: Option<String>,
    /// `vpc-...`
    pub vpc: Option<String>,
    /// The account: twelve digits.
    pub owner: Option<String>,
}

impl Eni {
    /// Which ENI of the instance this is: what its table, its metric in main and its rules' priorities come from.
    pub fn number(&self) -> Number {
        Number::new(self.device_number, self.network_card)
    }

    /// Every address, IPv4 first, the primary one first of all.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let v4 = self.ipv4.iter().copied().map(IpAddr::from);
        v4.chain(self.ipv6.iter().copied().map(IpAddr::from))
    }

    /// The ranges of its subnet, IPv4 first.
    pub fn subnets(&self) -> impl Iterator<Item = IpNet> {
        let v4 = self.subnet_ipv4.into_iter().map(IpNet::from);
        v4.chain(self.subnet_ipv6.iter().copied().map(IpNet::from))
    }

    /// Its delegated prefixes, IPv4 first.
    pub fn prefixes(&self) -> impl Iterator<Item = IpNet> {
        let v4 = self.ipv4_prefixes.iter().copied().map(IpNet::from);
        v4.chain(self.ipv6_prefixes.iter().copied().map(IpNet::from))
    }

    /// It has an IPv6 address or prefix of its own; its subnet may have IPv6 all the same.
    pub fn has_ipv6(&self) -> bool {
        !self.ipv6.is_empty() || !self.ipv6_prefixes.is_empty()
    }
}
