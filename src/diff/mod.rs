//! The changes that lead from what the kernel holds to what is desired: a pure set difference, in an order that
//! never leaves a working address without its route.

mod conflict;
mod lifelines;
mod present;
mod removals;
mod scope;

use std::collections::BTreeMap;

use crate::gather::{Gather, Order};
use crate::numbering::Number;
use crate::object::{Change, Index, Object, Observed};
use crate::plan::{Desired, Planned};
pub use conflict::{Conflict, conflicts};
pub use lifelines::{lifelines, lost_lifeline};
use present::Present;
use removals::removals;
pub use scope::Scope;

/// What has to change. First everything that is added, the host's and then ENI by ENI, addresses before routes before rules, and
/// by [`Object::stage`]; then what is taken away, the other way round. Applying the result and asking again gives nothing.
pub fn diff(desired: &Desired, observed: &Observed, scope: &Scope) -> Vec<Change> {
    let present = Present::new(observed);
    let enis = desired.enis.iter();
    let in_scope = enis.filter(|planned| scope.adds(planned.eni.mac));
    let in_scope = in_scope.filter(|planned| planned.missing_lease(observed).is_none());
    let objects = in_scope.flat_map(|planned| due(planned, observed));
    let objects = desired.host.iter().cloned().chain(objects);
    let added = objects.filter_map(|object| present.addition(object, scope));
    let mut changes: Vec<Change> = added.gathered();
    changes.order_by_key(Change::stage);
    let removed = removals(desired, &present, scope).into_iter();
    changes.extend(removed.map(Change::Remove));
    changes.shrink_to_fit();
    changes
}

/// What of each ENI is not in the kernel.
pub fn missing(desired: &Desired, observed: &Observed) -> BTreeMap<Number, Vec<Object>> {
    let present = Present::new(observed);
    let lacking = |planned: &Planned| {
        due(planned, observed)
            .filter(|object| present.lacks(object))
            .gathered()
    };
    desired
        .enis
        .iter()
        .map(|planned| (planned.eni.number(), lacking(planned)))
        .into_map()
}

/// What can be made of an ENI's part now: on a link that only its owner brings up, the rules until then.
fn due<'a>(planned: &'a Planned, observed: &Observed) -> impl Iterator<Item = Object> + 'a {
    let waits = planned.waits_for_owner(observed);
    let needs_link = |object: &Object| object.is_lasting() && !matches!(object, Object::Rule(_));
    planned
        .objects()
        .filter(move |object| !waits || !needs_link(object))
}

/// Those of `changes` that are so in the kernel: made, or needless.
pub fn standing(changes: &[Change], observed: &Observed) -> Vec<Change> {
    let present = Index::new(observed);
    let stands = |change: &&Change| match change {
        Change::Add(object) => present.has(object),
        Change::Remove(object) => !present.has(object),
        Change::Replace { new, .. } => present.has_route(new),
    };
    changes.iter().filter(stands).cloned().gathered()
}

#[cfg(test)]
mod tests;
