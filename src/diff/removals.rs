//! What eniroute made and nobody wants any more, in the order in which it goes.

use std::collections::BTreeSet;

use super::Scope;
use super::present::Present;
use crate::net::Route;
use crate::net::sysctl::Key;
use crate::object::Object;
use crate::plan::Desired;

pub(super) fn removals(desired: &Desired, present: &Present, scope: &Scope) -> Vec<Object> {
    let wanted: BTreeSet<Object> = desired.objects().collect();
    let set: BTreeSet<&Key> = wanted
        .iter()
        .filter_map(Object::sysctl)
        .map(|sysctl| &sysctl.key)
        .collect();
    // A rival of a wanted route has been replaced already.
    let replaced: BTreeSet<_> = desired
        .enis
        .iter()
        .flat_map(|planned| &planned.routes)
        .map(Route::key)
        .collect();

    let made = scope
        .made
        .iter()
        .flat_map(|made| made.objects.iter().rev().map(|object| (made.owner, object)));
    let made = made.filter(|(owner, object)| {
        present.index.has(object)
            && !present.is_leased(object)
            && scope.removes(desired, *owner, object)
    });
    let unwanted = made.filter(|(_, object)| match object {
        Object::Route(route) => !replaced.contains(&route.key()),
        Object::Sysctl(sysctl) => !set.contains(&sysctl.key),
        Object::Address(_) | Object::LinkUp(_) | Object::Rule(_) => !wanted.contains(*object),
    });
    let unwanted: Vec<Object> = unwanted
        .map(|(_, object)| object.clone())
        .filter(|object| !is_in_use(object, desired))
        .collect();
    let free = |object: &Object| !matches!(object, Object::LinkUp(dev) if present.is_shared(dev, &unwanted));
    unwanted
        .iter()
        .filter(|object| free(object))
        .cloned()
        .collect()
}

/// Whatever the ledger says: the primary ENI's link stays up, and an address that EC2 assigns to an ENI stays. That
/// ENI may have been a secondary one of another instance, which this disk or ENI comes from.
fn is_in_use(object: &Object, desired: &Desired) -> bool {
    desired.enis.iter().any(|planned| match object {
        Object::LinkUp(_) | Object::Sysctl(_) => {
            planned.eni.primary && object.dev() == Some(&planned.dev)
        }
        Object::Address(address) => {
            planned.dev == address.dev && planned.eni.addresses().any(|ip| ip == address.net.addr())
        }
        Object::Route(_) | Object::Rule(_) => false,
    })
}
