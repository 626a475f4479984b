//! What the ENIs before one have: an address or prefix of its own that is theirs, or overlaps with theirs, cannot be.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Finding;
use super::claims::{SUBNET_IPV4, SUBNET_IPV6, claims, shown, subnets};
use super::range::delegated;
use crate::eni::Eni;
use crate::net::Mac;

/// What the ENIs before have.
#[derive(Default)]
pub(super) struct Taken {
    owners: Vec<Owner>,
    /// By first address and length: indices of `owners`.
    claims: BTreeMap<(IpAddr, u8), Vec<usize>>,
}

pub(super) struct Owner {
    pub mac: Mac,
    id: String,
    primary: bool,
    vpc: Option<String>,
    subnets: Vec<IpNet>,
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

    pub(super) fn clash(&self, eni: &Eni) -> Option<Finding> {
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
    pub(super) fn overlaps(&self, eni: &Eni) -> Vec<Overlap<'_>> {
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
