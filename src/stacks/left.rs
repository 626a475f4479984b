//! What is left to the boot service: the plan without what files hold, for every kind of object. Pure.

use crate::gather::Gather;
use crate::object::{Kind, Object, in_order};
use crate::plan::{Desired, Planned};
use crate::stacks::rendering::Rendering;

/// Why the boot service has to do something, and what it is.
struct Note {
    why: String,
    /// Whose it is.
    names: Vec<String>,
    kinds: Vec<Kind>,
}

/// One sentence for each reason why files do not hold something of `desired`, but for ENIs that have none.
pub fn notes(
    desired: &Desired,
    has_files: &dyn Fn(&Planned) -> bool,
    renderings: &[Rendering],
    held: &[&Object],
) -> Vec<String> {
    let mut notes: Vec<Note> = Vec::new();
    let host = ("this host".to_owned(), desired.host.clone(), Vec::new());
    let of = |planned: &Planned| {
        let name = format!("{} ({})", planned.dev, planned.eni.id);
        let why = reasons(planned, renderings);
        (name, of_eni(planned, renderings), why)
    };
    let enis = desired.enis.iter();
    let enis = enis.filter(|planned| has_files(planned)).map(of);
    for (name, objects, why) in [host].into_iter().chain(enis) {
        let left = objects.iter().filter(|object| !is_held(object, held));
        let kinds: Vec<Kind> = left.map(Object::kind).gathered();
        if !kinds.is_empty() {
            add(&mut notes, name, sentence(&why), kinds);
        }
    }
    notes.iter().map(text).gathered()
}

/// What files do not hold of `desired`.
pub fn objects(desired: &Desired, renderings: &[Rendering], held: &[&Object]) -> Vec<Object> {
    let enis = desired.enis.iter();
    let all = enis.flat_map(|planned| of_eni(planned, renderings));
    let all = desired.host.iter().cloned().chain(all);
    all.filter(|object| !is_held(object, held)).gathered()
}

/// Every object of an ENI. Where its whole definition is ours, no owner is left that keeps a route.
fn of_eni(planned: &Planned, renderings: &[Rendering]) -> Vec<Object> {
    let mut all = renderings.iter().flat_map(|rendering| &rendering.complete);
    match all.any(|dev| *dev == planned.dev) {
        true => planned.without_owner().objects().gathered(),
        false => planned.objects().gathered(),
    }
}

/// What files hold, in order.
pub fn held(renderings: &[Rendering]) -> Vec<&Object> {
    let renderings = renderings.iter();
    in_order(renderings.flat_map(|rendering| rendering.holds.iter().chain(&rendering.owned)))
}

fn is_held(object: &Object, held: &[&Object]) -> bool {
    held.binary_search(&object).is_ok()
}

fn reasons<'a>(planned: &Planned, renderings: &'a [Rendering]) -> Vec<&'a str> {
    let limits = renderings.iter().flat_map(|rendering| &rendering.limits);
    limits
        .filter(|(dev, _)| *dev == planned.dev)
        .map(|(_, why)| why.as_str())
        .gathered()
}

fn sentence(reasons: &[&str]) -> String {
    if reasons.is_empty() {
        "no file can hold it".to_owned()
    } else {
        reasons.join(", and because ")
    }
}

/// What has the same reason is one note.
fn add(notes: &mut Vec<Note>, name: String, why: String, kinds: Vec<Kind>) {
    match notes.iter_mut().find(|note| note.why == why) {
        Some(note) => {
            note.names.push(name);
            note.kinds.extend(kinds);
        }
        None => notes.push(Note {
            why,
            names: vec![name],
            kinds,
        }),
    }
}

/// `eth1 (eni-1), eth2 (eni-2): 3 routes are left to the boot service, because ...`
fn text(note: &Note) -> String {
    let Note { names, kinds, why } = note;
    let (names, tally) = (names.join(", "), Kind::tally(kinds.iter().copied()));
    let is = if kinds.len() == 1 { "is" } else { "are" };
    format!("{names}: {tally} {is} left to the boot service, because {why}")
}
