//! The kernel as a list of objects, and what holds of every plan in it.

use eniroute::config::Config;
use eniroute::diff::{Scope, diff};
use eniroute::eni::Eni;
use eniroute::ledger::Wanted;
use eniroute::object::{Change, Object, Observed};
use eniroute::plan::{Planned, plan};

/// The plan is the same each time, and once it is done there is nothing to do.
pub fn assert_settles(enis: &[Eni], observed: &Observed, config: &Config) {
    let desired = plan(enis, observed, config);
    assert_eq!(plan(enis, observed, config), desired);
    let scope = Scope {
        complete: true,
        ..Scope::default()
    };
    let changes = diff(&desired, observed, &scope);
    let after = applied(observed.clone(), &changes);
    assert_eq!(diff(&desired, &after, &scope), [], "after {changes:#?}");
}

/// What the ledger is to know of an ENI.
pub fn wanted(planned: &Planned) -> Wanted<'_> {
    let lasting = planned.objects().filter(Object::is_lasting);
    let left = planned.left_to_owner.iter().cloned().map(Object::from);
    Wanted {
        mac: planned.eni.mac,
        id: &planned.eni.id,
        dev: &planned.dev,
        number: planned.eni.number(),
        objects: lasting.chain(left).collect(),
    }
}

/// What the kernel holds after these changes.
pub fn applied(mut observed: Observed, changes: &[Change]) -> Observed {
    for change in changes {
        match change {
            Change::Add(object) => add(&mut observed, object),
            Change::Remove(object) => remove(&mut observed, object),
            Change::Replace { old, new } => {
                observed.routes.retain(|route| *route != **old);
                observed.routes.push((**new).clone());
            }
        }
    }
    observed
}

fn add(observed: &mut Observed, object: &Object) {
    match object.clone() {
        Object::Sysctl(sysctl) => drop(observed.sysctls.insert(sysctl.key, sysctl.value)),
        Object::LinkUp(dev) => observed
            .links
            .iter_mut()
            .filter(|link| link.name == dev)
            .for_each(|link| link.up = true),
        Object::Address(address) => observed.addresses.push(address),
        Object::Route(route) => observed.routes.push(*route),
        Object::Rule(rule) => observed.rules.push(rule),
        Object::Nft(nft) => observed.nft = Some(*nft),
    }
}

fn remove(observed: &mut Observed, object: &Object) {
    match object {
        Object::Sysctl(sysctl) => {
            let before = sysctl.before.clone().unwrap_or_default();
            observed.sysctls.insert(sysctl.key.clone(), before);
        }
        Object::LinkUp(dev) => observed
            .links
            .iter_mut()
            .filter(|link| link.name == *dev)
            .for_each(|link| link.up = false),
        Object::Address(address) => observed.addresses.retain(|one| one != address),
        Object::Route(route) => observed.routes.retain(|one| *one != **route),
        Object::Rule(rule) => observed.rules.retain(|one| one != rule),
        Object::Nft(_) => observed.nft = None,
    }
}
