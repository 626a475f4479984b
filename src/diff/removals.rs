//! What eniroute made and nobody wants any more, in the order in which it goes.

use std::collections::BTreeSet;

use super::Scope;
use super::present::Present;
use crate::eni::Eni;
use crate::gather::{Gather, Order};
use crate::ledger::Made;
use crate::net::{Address, Rule};
use crate::numbering::Owner;
use crate::object::{Object, Place, in_order};
use crate::plan::{Desired, Planned};

pub(super) fn removals(desired: &Desired, present: &Present, scope: &Scope) -> Vec<Object> {
    // What had the place of a wanted one has been replaced already.
    let others = others(desired);
    let taken = Taken::by(desired, &others);
    let is_unwanted = |(owner, object): &(Owner, &Object)| {
        !present.is_leased(object)
            && !present.is_router(object)
            && scope.removes(desired, *owner, object)
            && !taken.has(object)
            && !is_in_use(object, desired)
    };
    let unwanted = scope.made.iter().flat_map(last_first).filter(is_unwanted);
    let mut unwanted: Vec<Object> = unwanted
        .flat_map(|(_, object)| present.standing(object))
        .gathered();
    let is_shared = |object: &&Object| matches!(object, Object::LinkUp(dev) if present.is_shared(dev, &unwanted));
    let shared: Vec<Object> = unwanted.iter().filter(is_shared).cloned().gathered();
    unwanted.retain(|object| !shared.contains(object));
    unwanted.order_by_key(Object::undoing);
    unwanted
}

/// The places of what is wanted. Addresses and rules, of which there can be thousands, have their own.
struct Taken<'a> {
    addresses: Vec<&'a Address>,
    rules: Vec<&'a Rule>,
    others: BTreeSet<Place<'a>>,
}

impl<'a> Taken<'a> {
    fn by(desired: &'a Desired, others: &'a [Object]) -> Self {
        let (host, enis) = (desired.host.iter(), desired.enis.iter());
        let addresses = host.clone().filter_map(Object::address);
        let rules = host.filter_map(Object::rule);
        Self {
            addresses: in_order(addresses.chain(enis.clone().flat_map(|eni| &eni.addresses))),
            rules: in_order(rules.chain(enis.flat_map(|eni| &eni.rules))),
            others: others.iter().map(Object::place).into_set(),
        }
    }

    fn has(&self, object: &Object) -> bool {
        match object {
            Object::Address(address) => self.addresses.binary_search(&address).is_ok(),
            Object::Rule(rule) => self.rules.binary_search(&rule).is_ok(),
            Object::Sysctl(_) | Object::LinkUp(_) | Object::Route(_) | Object::Nft(_) => {
                self.others.contains(&object.place())
            }
        }
    }
}

/// What is wanted beside addresses and rules.
fn others(desired: &Desired) -> Vec<Object> {
    let host = desired.host.iter().cloned();
    let enis = desired.enis.iter().flat_map(Planned::other_objects);
    host.chain(enis).gathered()
}

fn last_first(made: &Made) -> impl Iterator<Item = (Owner, &Object)> {
    made.objects.iter().rev().map(|object| (made.owner, object))
}

/// Whatever the ledger says: the primary ENI's link stays up, and an address that EC2 assigns to an ENI stays. That
/// ENI may have been a secondary one of another instance, which this disk or ENI comes from.
fn is_in_use(object: &Object, desired: &Desired) -> bool {
    let is_needed = |eni: &Eni| match object.address() {
        Some(address) => eni.addresses().any(|ip| ip == address.net.addr()),
        None => eni.primary && matches!(object, Object::LinkUp(_)),
    };
    let is_on = |planned: &&Planned| object.dev() == Some(&planned.dev);
    let mut enis = desired.enis.iter().filter(is_on);
    enis.any(|planned| is_needed(&planned.eni))
}
