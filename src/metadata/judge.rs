//! What cannot be true of a VPC is not configured: an address or prefix that is no unicast one, lies outside its subnet,
//! or belongs to another ENI, would cut that one off. What fails is refused for its ENI alone; the primary's always
//! wins. Pure: of what the service says now, and of what is remembered, alike.

mod claims;
mod range;
mod taken;

use std::collections::{BTreeMap, BTreeSet};

use super::{Incomplete, Metadata};
use crate::eni::Eni;
use crate::error::Lack;
use crate::gather::{Gather, Order};
use crate::net::Mac;
use crate::numbering::Number;
pub use range::is_id;
use range::{own, place};
use taken::Taken;

/// A metadata key, and what is wrong with a value of it.
type Finding = (&'static str, String);

/// What can be of what was `read`, the primary ENI first, then by number; and what cannot be, and why. What EC2 said of
/// those that are `recalled` before this boot gives way to what it says of others now, but for the primary ENI.
pub fn judge(mut read: Vec<Eni>, recalled: &BTreeSet<Mac>) -> Metadata {
    let is_recalled = |eni: &Eni| recalled.contains(&eni.mac);
    read.order_by_key(|eni| (!eni.primary, is_recalled(eni), eni.number()));
    let wrong: Vec<Option<Finding>> = read.iter().map(own).gathered();
    let sound = || {
        let judged = read.iter().zip(&wrong);
        judged
            .filter(|(_, wrong)| wrong.is_none())
            .map(|(eni, _)| eni)
    };
    let (all, now) = (
        count(sound()),
        count(sound().filter(|eni| !is_recalled(eni))),
    );
    let mut metadata = Metadata {
        primary: read.iter().find(|eni| eni.primary).map(|eni| eni.mac),
        ..Metadata::default()
    };
    let mut taken = Taken::default();
    for (eni, wrong) in read.into_iter().zip(wrong) {
        let numbers = if is_recalled(&eni) { &all } else { &now };
        let is_shared = !eni.primary && numbers.get(&eni.number()).is_some_and(|count| *count > 1);
        let shared = || is_shared.then(|| shared_number(&eni));
        match wrong.or_else(shared).or_else(|| taken.clash(&eni)) {
            None => {
                taken.insert(&eni);
                metadata
                    .recalled
                    .extend(is_recalled(&eni).then_some(eni.mac));
                metadata.enis.push(eni);
            }
            Some(finding) => {
                // Whatever is wrong with the primary ENI: no other one has its addresses.
                eni.primary.then(|| taken.insert(&only_addresses(&eni)));
                metadata.refuse(eni, finding);
            }
        }
    }
    metadata
}

impl Metadata {
    fn refuse(&mut self, eni: Eni, (key, why): Finding) {
        let (mac, key) = (eni.mac, key.to_owned());
        let lack = Lack::Wrong;
        self.incomplete.push(Incomplete {
            mac,
            key,
            why,
            lack,
        });
        self.refused.push(eni);
    }
}

/// Whether an ENI can be, whatever the others are: a file of ours may say anything, too.
pub fn is_sound(eni: &Eni) -> bool {
    own(eni).is_none()
}

/// The ENIs whose ranges overlap without being the same: legal, if they are of different VPCs.
pub fn overlapping<'a>(read: impl Iterator<Item = &'a Eni>) -> BTreeSet<Mac> {
    let mut taken = Taken::default();
    let mut found = BTreeSet::new();
    for eni in read.filter(|eni| own(eni).is_none()) {
        let mut overlaps = taken.overlaps(eni);
        overlaps.retain(|overlap| overlap.mine != overlap.theirs);
        let others: Vec<Mac> = overlaps.iter().map(|overlap| overlap.owner.mac).gathered();
        if !others.is_empty() {
            found.insert(eni.mac);
            found.extend(others);
        }
        taken.insert(eni);
    }
    found
}

fn only_addresses(eni: &Eni) -> Eni {
    let mut eni = eni.clone();
    eni.ipv4_prefixes.clear();
    eni.ipv6_prefixes.clear();
    eni.subnet_ipv6.clear();
    eni.subnet_ipv4 = None;
    eni
}

/// It happens while EC2 has published a device number but not yet the network card; neither is trusted then.
fn shared_number(eni: &Eni) -> Finding {
    let why = format!(
        "{} is claimed by another ENI too; EC2 is probably still publishing it",
        place(eni)
    );
    ("device-number", why)
}

fn count<'a>(enis: impl Iterator<Item = &'a Eni>) -> BTreeMap<Number, usize> {
    let mut counts = BTreeMap::new();
    enis.for_each(|eni| *counts.entry(eni.number()).or_default() += 1);
    counts
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
