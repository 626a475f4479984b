//! What a change makes of the ledger: what is intended, what was done of it, and what was left.

use crate::ledger::Ledger;
use crate::net::sysctl::Sysctl;
use crate::object::{Change, Object};

/// The ledger of what could not be taken back: it is still ours to take away.
pub(super) fn with(before: &Ledger, left: &[Change]) -> Ledger {
    let mut ledger = before.clone();
    left.iter().for_each(|change| ledger.record(change));
    ledger
}

/// What was done of what was `intended`.
pub(super) fn record(ledger: &mut Ledger, done: &[Change], intended: &[Change]) {
    done.iter().for_each(|change| ledger.record(change));
    let settings = intended.iter().filter(|change| change.key().is_some());
    let undone = settings.filter(|change| !done.contains(change));
    undone
        .filter_map(left_as_it_is)
        .for_each(|setting| ledger.note(&setting));
}

/// A setting that could not be made, with the value that it has: the next run may change it, although its link is up by
/// then.
fn left_as_it_is(undone: &Change) -> Option<Object> {
    let Change::Add(Object::Sysctl(wanted)) = undone else {
        return None;
    };
    let value = wanted.before.clone()?;
    Some(Object::from(Sysctl {
        value,
        ..*wanted.clone()
    }))
}

/// What will be ours if all goes well, beside what is; and where nothing is taken away, how many have to be made for that to
/// be exactly so.
pub(super) fn intended(ledger: &Ledger, changes: &[Change]) -> (Ledger, Option<usize>) {
    let mut intended = ledger.clone();
    for change in changes {
        match change {
            Change::Add(object) => intended.note(object),
            Change::Replace { new, .. } => intended.note(&Object::from((**new).clone())),
            Change::Remove(_) => {}
        }
    }
    let is_all = changes.iter().all(Change::is_addition);
    (intended, is_all.then_some(changes.len()))
}
