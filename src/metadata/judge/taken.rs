//! What the ENIs before one have: an address or prefix of its own that is theirs, or overlaps with theirs, cannot be.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Finding;
use super::claims::{SUBNET_IPV4, SUBNET_IPV6, claims, subnets};
use super::range::delegated;
use crate::eni::Eni;
use crate::gather::Gather;
use crate::net::{Mac, short};

/// What the ENIs before have.
#[derive(Default)]
pub(super) struct Taken {
    owners: Vec<Owner>,
    /// There can be thousands.
    claims: BTreeSet<Claim>,
    /// Prefixes are among them.
    has_prefixes: bool,
}

/// A range by its first address and length, and the index of its owner.
type Claim = (IpAddr, u8, u32);

pub(super) struct Owner {
    pub mac: Mac,
    id: String,
    primary: bool,
    vpc: Option<String>,
    subnets: Vec<IpNet>,
}

impl Owner {
    fn of(eni: &Eni) -> Self {
        Self {
            mac: eni.mac,
            id: eni.id.clone(),
            primary: eni.primary,
            vpc: eni.vpc.clone(),
            subnets: subnets(eni).map(|(_, subnet)| subnet).gathered(),
        }
    }
}

/// Two ranges of two ENIs that have an address in common.
pub(super) struct Overlap<'a> {
    key: &'static str,
    pub mine: IpNet,
    pub theirs: IpNet,
    pub owner: &'a Owner,
}

impl Taken {
    pub(super) fn insert(&mut self, eni: &Eni) {
        let owner = self.owners.len() as u32;
        let claims = claims(eni).map(|(_, net)| (net.network(), net.prefix_len(), owner));
        self.claims.extend(claims);
        self.has_prefixes |= eni.prefixes().next().is_some();
        self.owners.push(Owner::of(eni));
    }

    pub(super) fn clash(&self, eni: &Eni) -> Option<Finding> {
        let is_in_its_place = |other: &&Owner| other.id == eni.id || other.primary && eni.primary;
        if let Some(other) = self.owners.iter().find(is_in_its_place) {
            let why = format!("`{}` is in the place of ENI {}", eni.id, other.mac);
            return Some(("interface-id", why));
        }
        let overlaps = self.overlaps(eni);
        let wrong = overlaps.iter().find(|overlap| overlap.is_wrong(eni))?;
        Some((wrong.key, wrong.to_string()))
    }

    /// Addresses and prefixes first. Subnets that are the same do not overlap: two ENIs may be in one.
    pub(super) fn overlaps(&self, eni: &Eni) -> Vec<Overlap<'_>> {
        let overlap = |(key, mine), (theirs, owner)| Overlap {
            key,
            mine,
            theirs,
            owner,
        };
        let mut found = Vec::new();
        for claim in claims(eni) {
            found.extend(self.touching(claim.1).map(|theirs| overlap(claim, theirs)));
        }
        for subnet in subnets(eni) {
            let others = self.other_subnets(subnet.1);
            found.extend(others.map(|theirs| overlap(subnet, theirs)));
        }
        found
    }

    /// Subnets that have addresses of this one, and are another.
    fn other_subnets(&self, mine: IpNet) -> impl Iterator<Item = (IpNet, &Owner)> {
        let of = |owner| subnets_of(owner).map(move |subnet| (subnet, owner));
        let all = self.owners.iter().flat_map(of);
        all.filter(move |(theirs, _)| *theirs != mine && touch(mine, *theirs))
    }

    /// Addresses and prefixes that lie in `claim`, and a prefix that it lies in: there is only one length of those.
    fn touching(&self, claim: IpNet) -> impl Iterator<Item = (IpNet, &Owner)> {
        let length = delegated(claim);
        let around = IpNet::new(claim.addr(), length)
            .ok()
            .filter(|around| self.has_prefixes && around.prefix_len() < claim.prefix_len());
        let between = |first: (IpAddr, u8), last: (IpAddr, u8)| {
            let (first, last) = ((first.0, first.1, 0), (last.0, last.1, u32::MAX));
            self.claims.range(first..=last)
        };
        let around = around.map(|around| (around.network(), length));
        let around = around.into_iter().flat_map(move |key| between(key, key));
        let inside = between((claim.network(), 0), (claim.broadcast(), u8::MAX));
        let inside = inside.filter(move |(_, length, _)| *length >= claim.prefix_len());
        inside.chain(around).filter_map(|(ip, length, owner)| {
            let net = IpNet::new(*ip, *length).unwrap_or_else(|_| IpNet::from(*ip));
            Some((net, self.owners.get(*owner as usize)?))
        })
    }
}

impl Overlap<'_> {
    /// One address has one owner, and so has a prefix. Else ranges may overlap where the VPCs differ, for the rules of a
    /// prefix leave out what another ENI has in it; but nothing is left to chance that would take the primary's away.
    fn is_wrong(&self, eni: &Eni) -> bool {
        let is_claim = self.key != SUBNET_IPV4 && self.key != SUBNET_IPV6;
        let takes_from_primary = self.owner.primary && self.mine.contains(&self.theirs);
        let differ =
            matches!((&eni.vpc, &self.owner.vpc), (Some(mine), Some(theirs)) if mine != theirs);
        is_claim && (self.mine == self.theirs || takes_from_primary) || !differ
    }
}

impl fmt::Display for Overlap<'_> {
    /// What is wrong with it, as it is reported.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (mine, theirs) = (short(self.mine), short(self.theirs));
        let Owner { id, mac, .. } = self.owner;
        if mine == theirs {
            write!(f, "{mine} belongs to another ENI, {id} ({mac})")
        } else {
            write!(
                f,
                "{mine} overlaps with {theirs} of another ENI, {id} ({mac})"
            )
        }
    }
}

fn subnets_of(owner: &Owner) -> impl Iterator<Item = IpNet> {
    owner.subnets.iter().copied()
}

fn touch(a: IpNet, b: IpNet) -> bool {
    a.contains(&b) || b.contains(&a)
}
