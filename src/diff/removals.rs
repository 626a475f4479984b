//! What eniroute made and nobody wants any more, in the order in which it goes.

use std::collections::BTreeSet;

use super::Scope;
use super::present::Present;
use crate::eni::Eni;
use crate::gather::{Gather, Order};
use crate::ledger::Made;
use crate::numbering::Owner;
use crate::object::{Object, Place};
use crate::plan::{Desired, Planned};

pub(super) fn removals(desired: &Desired, present: &Present, scope: &Scope) -> Vec<Object> {
    let wanted: Vec<Object> = desired.objects().collect();
    // What had the place of a wanted one has been replaced already.
    let taken: BTreeSet<Place> = wanted.iter().map(Object::place).into_set();
    let is_unwanted = |(owner, object): &(Owner, &Object)| {
        !present.is_leased(object)
            && !present.is_router(object)
            && scope.removes(desired, *owner, object)
            && !taken.contains(&object.place())
            && !is_in_use(object, desired)
    };
    let unwanted = scope.made.iter().flat_map(last_first).filter(is_unwanted);
    let unwanted: Vec<Object> = unwanted
        .flat_map(|(_, object)| present.standing(object))
        .collect();
    let is_free = |object: &&Object| !matches!(object, Object::LinkUp(dev) if present.is_shared(dev, &unwanted));
    let mut unwanted: Vec<Object> = unwanted.iter().filter(is_free).cloned().collect();
    unwanted.order_by_key(Object::undoing);
    unwanted
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
