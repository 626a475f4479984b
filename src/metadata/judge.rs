//! What cannot be true of a VPC is not configured: an address or prefix that is no unicast one, lies outside its subnet,
//! or belongs to another ENI, would cut that one off. What fails is refused for its ENI alone; the primary's always
//! wins. Pure: of what the service says now, and of what is remembered, alike.
//!
//! Sources: EC2 User Guide, "Prefix delegation" (/28, /80); VPC User Guide, "Subnet sizing" (/16 to /28, /44 to /64 in
//! steps of 4; the first four addresses and the last one of a subnet are reserved) and "VPC CIDR blocks".

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};

use super::{Incomplete, Metadata};
use crate::eni::Eni;
use crate::net::Mac;
use crate::numbering::Number;

const SUBNET_IPV4: &str = "subnet-ipv4-cidr-block";
const SUBNET_IPV6: &str = "subnet-ipv6-cidr-blocks";

/// Of delegated prefixes.
const PREFIX_IPV4: u8 = 28;
const PREFIX_IPV6: u8 = 80;

/// Routers, name servers and the future's addresses: the first ones of each subnet.
const RESERVED: u8 = 4;

/// The instance's link-local services by IPv6 (metadata, DNS, time): fd00:ec2::/32.
const SERVICES: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32);

/// A metadata key, and what is wrong with a value of it.
type Finding = (&'static str, String);

/// What can be of what was `read`, the primary ENI first, then by number; and what cannot be, and why. What EC2 said of
/// those that are `recalled` before this boot gives way to what it says of others now, but for the primary ENI.
pub fn judge(mut read: Vec<Eni>, recalled: &BTreeSet<Mac>) -> Metadata {
    let is_recalled = |eni: &Eni| recalled.contains(&eni.mac);
    read.sort_by_key(|eni| (!eni.primary, is_recalled(eni), eni.number()));
    let sound = || read.iter().filter(|eni| own(eni).is_none());
    let (all, told) = (
        count(sound()),
        count(sound().filter(|eni| !is_recalled(eni))),
    );
    let primary = read.iter().find(|eni| eni.primary).map(|eni| eni.mac);
    let mut metadata = Metadata {
        primary,
        ..Metadata::default()
    };
    let mut taken = Taken::default();
    for eni in read {
        let numbers = if is_recalled(&eni) { &all } else { &told };
        let is_shared = !eni.primary && numbers.get(&eni.number()).is_some_and(|count| *count > 1);
        let finding = own(&eni)
            .or_else(|| is_shared.then(|| shared_number(&eni)))
            .or_else(|| taken.clash(&eni));
        let Some((key, why)) = finding else {
            taken.insert(&eni);
            metadata
                .recalled
                .extend(is_recalled(&eni).then_some(eni.mac));
            metadata.enis.push(eni);
            continue;
        };
        metadata.incomplete.push(Incomplete {
            mac: eni.mac,
            key: key.to_owned(),
            why,
        });
        if eni.primary {
            // Whatever is wrong with it: no other ENI has its addresses.
            taken.insert(&only_addresses(&eni));
        }
        metadata.refused.push(eni);
    }
    metadata
}

/// The ENIs whose ranges overlap without being the same: legal, if they are of different VPCs.
pub fn overlapping(read: &[Eni]) -> BTreeSet<Mac> {
    let mut taken = Taken::default();
    let mut found = BTreeSet::new();
    for eni in read.iter().filter(|eni| own(eni).is_none()) {
        let others = taken
            .overlaps(eni)
            .into_iter()
            .filter(|overlap| overlap.mine != overlap.theirs);
        let others: Vec<Mac> = others.map(|overlap| overlap.owner.mac).collect();
        if !others.is_empty() {
            found.insert(eni.mac);
            found.extend(others);
        }
        taken.insert(eni);
    }
    found
}

fn only_addresses(eni: &Eni) -> Eni {
    let (ipv4_prefixes, ipv6_prefixes, subnet_ipv6) = (Vec::new(), Vec::new(), Vec::new());
    Eni {
        ipv4_prefixes,
        ipv6_prefixes,
        subnet_ipv4: None,
        subnet_ipv6,
        ..eni.clone()
    }
}

/// What is wrong with an ENI whatever the others are.
fn own(eni: &Eni) -> Option<Finding> {
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

/// It goes into file names and texts, so nothing but letters, digits and hyphens is let through.
pub fn is_id(text: &str) -> bool {
    text.starts_with("eni-") && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Only the primary ENI is device 0 of card 0; a card has up to 100 devices here, and an instance up to 32 cards.
fn is_place(eni: &Eni) -> bool {
    match (eni.device_number, eni.network_card) {
        (0, 0) => eni.primary,
        (device, card) => !eni.primary && device < 100 && card < 32,
    }
}

fn place(eni: &Eni) -> String {
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
    let shown = shown(claim);
    if !is_unicast(claim) {
        return Some(format!("{shown} is no unicast address of a VPC"));
    }
    let mut around = subnets(eni)
        .map(|(_, subnet)| subnet)
        .filter(|subnet| subnet.contains(&claim))
        .peekable();
    if around.peek().is_none() {
        let of_family =
            subnets(eni).filter(|(_, subnet)| subnet.max_prefix_len() == claim.max_prefix_len());
        let list = of_family
            .map(|(_, subnet)| subnet.to_string())
            .collect::<Vec<_>>()
            .join(", ");
        return Some(format!(
            "{shown} is not in the ENI's subnet ({})",
            if list.is_empty() { "none" } else { &list }
        ));
    }
    let subnet = around.find(|subnet| reserved(*subnet).any(|ip| claim.contains(&ip)))?;
    Some(format!(
        "{shown} is reserved in the subnet {subnet}: its first four addresses and its last one are EC2's own"
    ))
}

/// The length of a delegated prefix of the same family.
fn delegated(net: IpNet) -> u8 {
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

fn reserved(subnet: IpNet) -> impl Iterator<Item = IpAddr> {
    let nth = move |n: u8| match subnet.network() {
        IpAddr::V4(base) => IpAddr::V4(Ipv4Addr::from_bits(base.to_bits() + u32::from(n))),
        IpAddr::V6(base) => IpAddr::V6(Ipv6Addr::from_bits(base.to_bits() + u128::from(n))),
    };
    (0..RESERVED).map(nth).chain([subnet.broadcast()])
}

/// It happens while EC2 has published a device number but not yet the network card; neither is trusted then.
fn shared_number(eni: &Eni) -> Finding {
    let why = format!(
        "{} is claimed by another ENI too; EC2 is probably still publishing it",
        place(eni)
    );
    ("device-number", why)
}

fn subnets(eni: &Eni) -> impl Iterator<Item = (&'static str, IpNet)> {
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
fn claims(eni: &Eni) -> impl Iterator<Item = (&'static str, IpNet)> {
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

/// What the ENIs before have.
#[derive(Default)]
struct Taken {
    owners: Vec<Owner>,
    /// By first address and length: indices of `owners`.
    claims: BTreeMap<(IpAddr, u8), Vec<usize>>,
}

struct Owner {
    mac: Mac,
    id: String,
    primary: bool,
    vpc: Option<String>,
    subnets: Vec<IpNet>,
}

/// Two ranges of two ENIs that have an address in common.
struct Overlap<'a> {
    key: &'static str,
    mine: IpNet,
    theirs: IpNet,
    owner: &'a Owner,
}

impl Taken {
    fn insert(&mut self, eni: &Eni) {
        for (_, claim) in claims(eni) {
            self.claims
                .entry((claim.network(), claim.prefix_len()))
                .or_default()
                .push(self.owners.len());
        }
        let subnets = subnets(eni).map(|(_, subnet)| subnet).collect();
        let Eni {
            mac,
            id,
            primary,
            vpc,
            ..
        } = eni.clone();
        self.owners.push(Owner {
            mac,
            id,
            primary,
            vpc,
            subnets,
        });
    }

    fn clash(&self, eni: &Eni) -> Option<Finding> {
        if let Some(other) = self
            .owners
            .iter()
            .find(|other| other.id == eni.id || other.primary && eni.primary)
        {
            return Some((
                "interface-id",
                format!("`{}` is in the place of ENI {}", eni.id, other.mac),
            ));
        }
        let overlaps = self.overlaps(eni);
        let overlap = overlaps.iter().find(|overlap| overlap.is_wrong(eni))?;
        let Overlap {
            key,
            mine,
            theirs,
            owner,
        } = overlap;
        let (mine, theirs) = (shown(*mine), shown(*theirs));
        let what = if mine == theirs {
            "belongs to".to_owned()
        } else {
            format!("overlaps with {theirs} of")
        };
        Some((
            key,
            format!("{mine} {what} another ENI, {} ({})", owner.id, owner.mac),
        ))
    }

    /// Addresses and prefixes first. Subnets that are the same do not overlap: two ENIs may be in one.
    fn overlaps(&self, eni: &Eni) -> Vec<Overlap<'_>> {
        let mut found = Vec::new();
        for (key, mine) in claims(eni) {
            for (theirs, owner) in self.touching(mine) {
                found.push(Overlap {
                    key,
                    mine,
                    theirs,
                    owner,
                });
            }
        }
        for (key, mine) in subnets(eni) {
            for owner in &self.owners {
                let theirs = owner
                    .subnets
                    .iter()
                    .filter(|theirs| **theirs != mine && touch(mine, **theirs));
                found.extend(theirs.map(|theirs| Overlap {
                    key,
                    mine,
                    theirs: *theirs,
                    owner,
                }));
            }
        }
        found
    }

    /// Addresses and prefixes that lie in `claim`, and a prefix that it lies in: there is only one length of those.
    fn touching(&self, claim: IpNet) -> impl Iterator<Item = (IpNet, &Owner)> {
        let length = delegated(claim);
        let around = IpNet::new(claim.addr(), length)
            .ok()
            .filter(|around| around.prefix_len() < claim.prefix_len());
        let around = around.map(|around| (around.network(), length));
        let around = around.and_then(|key| self.claims.get_key_value(&key));
        let inside = self
            .claims
            .range((claim.network(), 0)..=(claim.broadcast(), u8::MAX));
        let inside = inside.filter(move |((_, length), _)| *length >= claim.prefix_len());
        inside
            .chain(around)
            .flat_map(move |((ip, length), owners)| {
                let net = IpNet::new(*ip, *length).unwrap_or_else(|_| IpNet::from(*ip));
                owners.iter().map(move |owner| (net, &self.owners[*owner]))
            })
    }
}

impl Overlap<'_> {
    /// One address has one owner. Ranges may overlap where the VPCs differ, but for the primary ENI's addresses, which
    /// another ENI's prefix would take away.
    fn is_wrong(&self, eni: &Eni) -> bool {
        let is_claim = self.key != SUBNET_IPV4 && self.key != SUBNET_IPV6;
        let differ =
            matches!((&eni.vpc, &self.owner.vpc), (Some(mine), Some(theirs)) if mine != theirs);
        is_claim && (self.mine == self.theirs || self.owner.primary) || !differ
    }
}

fn touch(a: IpNet, b: IpNet) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// An address without its length.
fn shown(claim: IpNet) -> String {
    let is_address = claim.prefix_len() == claim.max_prefix_len();
    if is_address {
        claim.addr().to_string()
    } else {
        claim.to_string()
    }
}

fn count<'a>(enis: impl Iterator<Item = &'a Eni>) -> BTreeMap<Number, usize> {
    let mut counts = BTreeMap::new();
    enis.for_each(|eni| *counts.entry(eni.number()).or_default() += 1);
    counts
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
