//! The ENIs that a person has chosen with `--eni`.

use std::collections::BTreeSet;

use crate::eni::Eni;
use crate::error::{Error, Result};
use crate::gather::Gather;
use crate::ledger::Ledger;
use crate::metadata::Metadata;
use crate::nearest::{aside, nearest_object};
use crate::net::{Link, Mac, link_of_mac};
use crate::plan::link_of;
use crate::select::Selector;

/// The ENIs that the selectors mean; `None` without selectors: all.
pub(super) fn choose(
    selectors: &[Selector],
    metadata: &Metadata,
    links: &[Link],
) -> Result<Option<BTreeSet<Mac>>> {
    let meant_by = |selector: &Selector| {
        let known = metadata.read();
        let is_meant = |eni: &&Eni| selector.matches(eni, link_of(eni, links));
        let late = metadata.incomplete.iter().chain(&metadata.apart);
        let late = late
            .map(|late| late.mac)
            .filter(|mac| selector.means(*mac, link_of_mac(*mac, links)));
        known
            .filter(is_meant)
            .map(|eni| eni.mac)
            .chain(late)
            .gathered()
    };
    let known = || {
        metadata
            .enis
            .iter()
            .map(|eni| describe(eni, links))
            .gathered()
    };
    each(selectors, meant_by, known)
}

/// What the selectors mean; each means something of what is `known`.
fn each(
    selectors: &[Selector],
    meant_by: impl Fn(&Selector) -> Vec<Mac>,
    known: impl Fn() -> Vec<String>,
) -> Result<Option<BTreeSet<Mac>>> {
    let mut chosen = BTreeSet::new();
    for selector in selectors {
        let meant = meant_by(selector);
        if meant.is_empty() {
            return Err(no_such_eni(selector, known()));
        }
        chosen.extend(meant);
    }
    Ok((!selectors.is_empty()).then_some(chosen))
}

fn describe(eni: &Eni, links: &[Link]) -> String {
    let name = link_of(eni, links).map_or("no interface", |link| &*link.name);
    let address = eni.addresses().next();
    let address = address.map_or("no address".to_owned(), |ip| ip.to_string());
    let number = eni.number();
    format!("{name} {} {} device {number} {address}", eni.id, eni.mac)
}

/// As [`choose`], among the ENIs that the ledger knows.
pub(super) fn choose_made(
    selectors: &[Selector],
    ledger: &Ledger,
    links: &[Link],
) -> Result<Option<BTreeSet<Mac>>> {
    let known = || {
        let enis = ledger.enis.iter();
        enis.map(|(mac, entry)| format!("{} {} {mac}", entry.dev, entry.id))
            .gathered()
    };
    each(
        selectors,
        |selector| ledger.meant_by(selector, links),
        known,
    )
}

fn no_such_eni(selector: &Selector, known: Vec<String>) -> Error {
    let list = match known[..] {
        [] => "(none)".to_owned(),
        _ => known.join("\n  "),
    };
    let (written, mut words) = (
        selector.to_string(),
        known.iter().flat_map(|eni| eni.split(' ')),
    );
    let meant = aside(nearest_object(&written, &mut words));
    Error::Usage(format!(
        "no ENI matches `{selector}`{meant}; there are:\n  {list}"
    ))
}
