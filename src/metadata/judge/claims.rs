//! The ranges of an ENI, each with the metadata key that it comes from.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::eni::Eni;

pub(super) const SUBNET_IPV4: &str = "subnet-ipv4-cidr-block";

pub(super) const SUBNET_IPV6: &str = "subnet-ipv6-cidr-blocks";

pub(super) fn subnets(eni: &Eni) -> impl Iterator<Item = (&'static str, IpNet)> {
    let v4 = eni
        .subnet_ipv4
        .iter()
        .map(|net| (SUBNET_IPV4, IpNet::V4(*net)));
    v4.chain(
        eni.subnet_ipv6
            .iter()
            .map(|net| (SUBNET_IPV6, IpNet::V6(*net))),
    )
}

/// What traffic is sent out by: addresses and delegated prefixes.
pub(super) fn claims(eni: &Eni) -> impl Iterator<Item = (&'static str, IpNet)> {
    let key = |ip: &IpAddr| if ip.is_ipv4() { "local-ipv4s" } else { "ipv6s" };
    let addresses = eni.addresses().map(move |ip| (key(&ip), IpNet::from(ip)));
    let v4 = eni
        .ipv4_prefixes
        .iter()
        .map(|net| ("ipv4-prefix", IpNet::V4(*net)));
    let v6 = eni
        .ipv6_prefixes
        .iter()
        .map(|net| ("ipv6-prefix", IpNet::V6(*net)));
    addresses.chain(v4).chain(v6)
}
