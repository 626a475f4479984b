//! Where packets from each address would go: one destination of each kind that a VPC has.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::eni::Eni;
use crate::gather::Gather;
use crate::net::{Dev, Family, Mac};
use crate::plan::Planned;
use crate::reconcile::assess::Assessment;
use crate::reconcile::proof::outside;

/// A packet that would be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Whose address it is from.
    pub mac: Mac,
    /// The interface that should carry it.
    pub dev: Dev,
    pub from: IpAddr,
    pub to: IpAddr,
    pub destination: Destination,
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    Internet,
    /// In the ENI's own subnet.
    Neighbour,
    /// In a subnet that no ENI of this host is in.
    Vpc,
    /// In another ENI's subnet.
    SubnetOf(Mac),
}

impl Destination {
    /// The kernel is asked for it by every address, not by one of those that the same rules are for.
    pub fn is_common(self) -> bool {
        matches!(self, Self::Internet | Self::Neighbour)
    }
}

/// The addresses that are spoken for: no packet to them would leave, or they are a container's.
struct Taken {
    addresses: BTreeSet<IpAddr>,
    prefixes: Vec<IpNet>,
}

impl Taken {
    fn of(assessment: &Assessment) -> Self {
        let enis = || assessment.metadata.enis.iter();
        let up = assessment.observed.addresses.iter();
        let up = up.map(|up| up.net.addr());
        Self {
            addresses: enis().flat_map(Eni::addresses).chain(up).gathered(),
            prefixes: enis().flat_map(Eni::prefixes).gathered(),
        }
    }

    fn has(&self, ip: IpAddr) -> bool {
        let is_in = |prefix: &IpNet| prefix.contains(&ip);
        self.addresses.contains(&ip) || self.prefixes.iter().any(is_in)
    }

    /// An address of the subnet that is nobody's here: the last one that a host may have.
    fn stranger(&self, subnet: IpNet) -> Option<IpAddr> {
        let mut hosts = (1..=u8::MAX).filter_map(|n| before_end(subnet, n));
        hosts.find(|ip| subnet.contains(ip) && !self.has(*ip))
    }
}

/// Every question, by ENI, then by address.
pub fn questions(assessment: &Assessment) -> Vec<Question> {
    let taken = Taken::of(assessment);
    let of_eni = |planned| of_eni(assessment, planned, &taken);
    let enis = assessment.desired.enis.iter();
    enis.flat_map(of_eni).gathered()
}

/// For each address of the ENI that is up, on whichever interface.
fn of_eni(assessment: &Assessment, planned: &Planned, taken: &Taken) -> Vec<Question> {
    let destinations = [Family::Ipv4, Family::Ipv6]
        .map(|family| (family, destinations(assessment, planned, taken, family)));
    let up = assessment.observed.addresses.iter();
    let up: BTreeSet<IpAddr> = up.map(|up| up.net.addr()).into_set();
    let mut all = Vec::new();
    for from in planned.eni.addresses().filter(|ip| up.contains(ip)) {
        let of_family = destinations.iter();
        let of_family = of_family.filter(|(family, _)| *family == Family::of(from));
        for (destination, to) in of_family.flat_map(|(_, list)| list) {
            all.push(Question {
                mac: planned.eni.mac,
                dev: planned.dev.clone(),
                from,
                to: *to,
                destination: *destination,
            });
        }
    }
    all
}

/// One of each kind; those of ENIs that share a subnet are the same.
fn destinations(
    assessment: &Assessment,
    planned: &Planned,
    taken: &Taken,
    family: Family,
) -> Vec<(Destination, IpAddr)> {
    let of = |eni: &Eni| taken.stranger(subnet(eni, family)?);
    let enis = assessment.desired.enis.iter().map(|other| &other.eni);
    let others = enis.filter(|eni| eni.mac != planned.eni.mac);
    let others = others.filter_map(|eni| Some((Destination::SubnetOf(eni.mac), of(eni)?)));
    let internet = [(Destination::Internet, outside(family))].into_iter();
    let own = of(&planned.eni).map(|ip| (Destination::Neighbour, ip));
    let vpc = elsewhere(assessment, family).and_then(|net| taken.stranger(net));
    let vpc = vpc.map(|ip| (Destination::Vpc, ip));
    let mut seen = BTreeSet::new();
    let all = internet.chain(own).chain(vpc).chain(others);
    all.filter(|(_, to)| seen.insert(*to)).gathered()
}

fn subnet(eni: &Eni, family: Family) -> Option<IpNet> {
    eni.subnets().find(|net| Family::of(net.addr()) == family)
}

/// A part of the VPC that is no subnet of this host's ENIs: what comes behind the last of them.
fn elsewhere(assessment: &Assessment, family: Family) -> Option<IpNet> {
    let enis = assessment.metadata.enis.iter();
    let last = enis.filter_map(|eni| subnet(eni, family)).max()?;
    let first = match last.broadcast() {
        IpAddr::V4(ip) => u32::from(ip).checked_add(1).map(|ip| IpAddr::V4(ip.into())),
        IpAddr::V6(ip) => u128::from(ip)
            .checked_add(1)
            .map(|ip| IpAddr::V6(ip.into())),
    };
    IpNet::new(first?, last.prefix_len()).ok()
}

/// The `n`th address before the last one of a subnet, which is no host's.
fn before_end(subnet: IpNet, n: u8) -> Option<IpAddr> {
    match subnet.broadcast() {
        IpAddr::V4(ip) => u32::from(ip)
            .checked_sub(n.into())
            .map(|ip| IpAddr::V4(ip.into())),
        IpAddr::V6(ip) => u128::from(ip)
            .checked_sub(n.into())
            .map(|ip| IpAddr::V6(ip.into())),
    }
}
