//! Addresses that an ENI's interface has and EC2 has not assigned to the ENI, any more: a packet from one is dropped by the
//! VPC, and whoever has the address now cannot be reached from this host. What a file of ours has brought is ours to take
//! away, whatever the ledger knows; what the owner's file brings is reported, with the place.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::eni::Eni;
use crate::files::Disk;
use crate::gather::Gather;
use crate::ledger::Ledger;
use crate::metadata::Metadata;
use crate::metadata::cache::Memory;
use crate::net::{Address, Mac};
use crate::object::{Change, Object, Observed};
use crate::plan::{Desired, Planned};
use crate::stacks::mention::{Mention, Texts};

/// One such address.
#[derive(Clone, Debug)]
pub struct Stray {
    /// The ENI's on whose interface it is.
    pub mac: Mac,
    pub address: Address,
    pub range: Range,
    /// The files that name it.
    by: Vec<Mention>,
}

/// See [`crate::metadata::cache::Memory`].
pub type LetGo = BTreeMap<Mac, BTreeSet<IpNet>>;

/// Whose the address could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// EC2 has assigned it to this other ENI of the instance.
    Of(Mac),
    /// It is in a subnet of this ENI or of another one of the instance, where EC2 assigns every address.
    Subnet,
    /// EC2 cannot assign it to any ENI of the instance; a route table of the VPC may lead to it all the same.
    Elsewhere,
}

impl Stray {
    /// A file of ours for this ENI has brought it, in the form that ours have, and nobody else's names it.
    fn is_ours(&self) -> bool {
        let is_own = |by: &Mention| by.own.as_ref().and_then(|own| own.mac()) == Some(self.mac);
        // What lies in /run has been made of other files, of ours as well.
        let is_foreign = |by: &Mention| by.own.is_none() && !by.path.starts_with("/run");
        self.address.is_host() && self.by.iter().any(is_own) && !self.by.iter().any(is_foreign)
    }

    /// Somebody else's line that brings it.
    pub fn place(&self) -> Option<&Mention> {
        self.by.iter().find(|by| by.own.is_none())
    }
}

/// The addresses on an ENI's interface that are neither its own nor in a prefix of it. A lease goes by itself, and a
/// link-local address is nobody's.
pub fn strays(
    disk: &Disk,
    metadata: &Metadata,
    desired: &Desired,
    observed: &Observed,
) -> Vec<Stray> {
    let strays = desired.enis.iter().flat_map(|planned| {
        let up = observed.addresses.iter();
        let strays = up.filter(|address| is_stray(planned, address, observed));
        strays.map(|address| (planned.eni.mac, address))
    });
    let strays: Vec<(Mac, &Address)> = strays.gathered();
    if strays.is_empty() {
        return Vec::new();
    }
    let texts = Texts::read(disk);
    let found = strays.into_iter().map(|(mac, address)| Stray {
        mac,
        address: address.clone(),
        range: range(metadata, address.net.addr()),
        by: texts.mentions(address.net.addr()),
    });
    found.gathered()
}

fn is_stray(planned: &Planned, address: &Address, observed: &Observed) -> bool {
    let (eni, ip) = (&planned.eni, address.net.addr());
    address.dev == planned.dev
        && is_of_a_vpc(ip)
        && !is_own(eni, ip)
        && !observed.expiring.contains_key(address)
}

fn is_own(eni: &Eni, ip: IpAddr) -> bool {
    eni.addresses().any(|own| own == ip) || eni.prefixes().any(|prefix| prefix.contains(&ip))
}

fn is_of_a_vpc(ip: IpAddr) -> bool {
    let is_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !(is_local || ip.is_multicast() || ip.is_loopback() || ip.is_unspecified())
}

fn range(metadata: &Metadata, ip: IpAddr) -> Range {
    let mut enis = metadata.enis.iter();
    let owner = enis.find(|eni| eni.addresses().any(|own| own == ip));
    let mut subnets = metadata.enis.iter().flat_map(Eni::subnets);
    match owner {
        Some(eni) => Range::Of(eni.mac),
        None if subnets.any(|subnet| subnet.contains(&ip)) => Range::Subnet,
        None => Range::Elsewhere,
    }
}

/// Has the ledger know of those that files of ours have brought, of ENIs whose addresses EC2 has told now: files that are
/// there, or that a network manager has loaded still, by what went in this boot.
pub fn claim(ledger: &mut Ledger, disk: &Disk, metadata: &Metadata, strays: &[Stray]) {
    let let_go = Memory::load(disk).let_go;
    let is_told = |stray: &&Stray| !metadata.recalled.contains(&stray.mac);
    let is_loaded = |stray: &Stray| {
        let mut gone = let_go.get(&stray.mac).into_iter().flatten();
        gone.any(|net| *net == stray.address.net)
    };
    let is_ours = |stray: &&Stray| stray.is_ours() || is_loaded(stray);
    for stray in strays.iter().filter(is_ours).filter(is_told) {
        if ledger.enis.contains_key(&stray.mac) {
            ledger.note(&Object::Address(stray.address.clone()));
        }
    }
}

/// What of these changes takes host addresses away from ENIs, added to what was `let_go` before.
pub fn let_go(changes: &[Change], desired: &Desired, mut before: LetGo) -> LetGo {
    for change in changes {
        let Change::Remove(Object::Address(address)) = change else {
            continue;
        };
        let mut enis = desired.enis.iter();
        let planned = enis.find(|planned| planned.dev == address.dev);
        if let Some(planned) = planned.filter(|_| address.is_host()) {
            let gone = before.entry(planned.eni.mac).or_default();
            gone.insert(address.net);
        }
    }
    before
}
