//! What is wrong with an ENI whatever the others are: its id, its place, and ranges that a VPC does not have.
//!
//! Sources: EC2 User Guide, "Prefix delegation" (/28, /80); VPC User Guide, "Subnet sizing" (/16 to /28, /44 to /64 in
//! steps of 4; the first four addresses and the last one of a subnet are reserved) and "VPC CIDR blocks".

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};

use super::Finding;
use super::claims::{claims, subnets};
use crate::eni::Eni;
use crate::gather::Gather;
use crate::net::short;

/// Of delegated prefixes.
const PREFIX_IPV4: u8 = 28;

const PREFIX_IPV6: u8 = 80;

/// Routers, name servers and the future's addresses: the first ones of each subnet.
const RESERVED: u32 = 4;

/// The instance's link-local services by IPv6 (metadata, DNS, time): fd00:ec2::/32.
const SERVICES: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32);

/// What is wrong with an ENI whatever the others are.
pub(super) fn own(eni: &Eni) -> Option<Finding> {
    let named = || {
        (!is_id(&eni.id)).then(|| {
            (
                "interface-id",
                format!("`{}` is not an ENI id", eni.id.escape_debug()),
            )
        })
    };
    let placed =
        || (!is_place(eni)).then(|| ("device-number", format!("{} is out of range", place(eni))));
    let subnets = || subnets(eni).find_map(|(key, subnet)| Some((key, not_a_subnet(subnet)?)));
    let claims =
        || claims(eni).find_map(|(key, claim)| Some((key, not_of_the_subnet(eni, key, claim)?)));
    named().or_else(placed).or_else(subnets).or_else(claims)
}

/// The longest id that is taken: AWS's have 21 characters.
const LONGEST_ID: usize = 64;

/// It goes into file names and texts, so nothing but letters, digits and hyphens is let through.
pub fn is_id(text: &str) -> bool {
    let own = text.strip_prefix("eni-");
    let is_word =
        |own: &str| !own.is_empty() && own.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    own.is_some_and(is_word) && text.len() <= LONGEST_ID
}

/// Only the primary ENI is device 0 of card 0; a card has up to 100 devices here, and an instance up to 32 cards.
fn is_place(eni: &Eni) -> bool {
    match (eni.device_number, eni.network_card) {
        (0, 0) => eni.primary,
        (device, card) => !eni.primary && device < 100 && card < 32,
    }
}

pub(super) fn place(eni: &Eni) -> String {
    format!(
        "device {} on network card {}",
        eni.device_number, eni.network_card
    )
}

fn not_a_subnet(subnet: IpNet) -> Option<String> {
    let (is_size, sizes) = match subnet {
        IpNet::V4(net) => ((16..=28).contains(&net.prefix_len()), "/16 to /28"),
        IpNet::V6(net) => (
            (44..=64).contains(&net.prefix_len()) && net.prefix_len() % 4 == 0,
            "/44 to /64 in steps of 4",
        ),
    };
    if !is_size {
        return Some(format!("{subnet} is no subnet of a VPC, which has {sizes}"));
    }
    let is_range = subnet == subnet.trunc() && is_unicast(subnet);
    (!is_range).then(|| format!("{subnet} is no range of unicast addresses of a VPC"))
}

fn not_of_the_subnet(eni: &Eni, key: &str, claim: IpNet) -> Option<String> {
    let length = delegated(claim);
    if key.ends_with("-prefix") && (claim.prefix_len() != length || claim != claim.trunc()) {
        return Some(format!(
            "{claim} is no delegated prefix of EC2, which has /{length}"
        ));
    }
    let shown = || short(claim);
    if !is_unicast(claim) {
        return Some(format!("{} is no unicast address of a VPC", shown()));
    }
    let subnets = || subnets(eni).map(|(_, subnet)| subnet);
    if !subnets().any(|subnet| subnet.contains(&claim)) {
        let of_family =
            subnets().filter(|subnet| subnet.max_prefix_len() == claim.max_prefix_len());
        let list = list(of_family);
        return Some(format!("{} is not in the ENI's subnet ({list})", shown()));
    }
    let subnet =
        subnets().find(|subnet| subnet.contains(&claim) && has_reserved(claim, *subnet))?;
    Some(format!(
        "{} is reserved in the subnet {subnet}: its first four addresses and its last one are EC2's own",
        shown()
    ))
}

fn list(subnets: impl Iterator<Item = IpNet>) -> String {
    match subnets
        .map(|subnet| subnet.to_string())
        .gathered::<Vec<_>>()[..]
    {
        [] => "none".to_owned(),
        ref list => list.join(", "),
    }
}

/// The length of a delegated prefix of the same family.
pub(super) fn delegated(net: IpNet) -> u8 {
    if net.max_prefix_len() == 32 {
        PREFIX_IPV4
    } else {
        PREFIX_IPV6
    }
}

fn is_unicast(net: IpNet) -> bool {
    match net {
        IpNet::V4(net) => {
            let ip = net.addr();
            // 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/3 (multicast, reserved, broadcast), and the services' 169.254.0.0/16.
            !matches!(ip.octets()[0], 0 | 127 | 224..) && !ip.is_link_local()
        }
        IpNet::V6(net) => {
            let ip = net.addr();
            // Global unicast (2000::/3), or unique local.
            let is_routed = ip.segments()[0] >> 13 == 1 || ip.is_unique_local();
            is_routed && !SERVICES.contains(&net) && !net.contains(&SERVICES)
        }
    }
}

/// Whether `claim`, a part of `subnet`, has an address that EC2 keeps for itself.
fn has_reserved(claim: IpNet, subnet: IpNet) -> bool {
    let first_free = match subnet.network() {
        IpAddr::V4(base) => IpAddr::V4(Ipv4Addr::from_bits(base.to_bits() + RESERVED)),
        IpAddr::V6(base) => IpAddr::V6(Ipv6Addr::from_bits(base.to_bits() + u128::from(RESERVED))),
    };
    claim.network() < first_free || claim.broadcast() == subnet.broadcast()
}
