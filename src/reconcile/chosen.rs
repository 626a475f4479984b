//! The ENIs that a person has chosen with `--eni`.

use std::collections::BTreeSet;

use crate::eni::Eni;
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::metadata::Metadata;
use crate::net::{Link, Mac};
use crate::plan::link_of;
use crate::select::Selector;

/// The ENIs that the selectors mean; `None` without selectors: all.
pub(super) fn choose(
    selectors: &[Selector],
    metadata: &Metadata,
    links: &[Link],
) -> Result<Option<BTreeSet<Mac>>> {
    let mut chosen = BTreeSet::new();
    for selector in selectors {
        let meant = |eni: &&Eni| selector.matches(eni, link_of(eni, links));
        let known = metadata.enis.iter().chain(&metadata.refused);
        let mut macs: Vec<Mac> = known.filter(meant).map(|eni| eni.mac).collect();
        macs.extend(
            metadata
                .incomplete
                .iter()
                .map(|incomplete| incomplete.mac)
                .filter(|mac| selector.is_mac(*mac)),
        );
        if macs.is_empty() {
            let known = metadata.enis.iter().map(|eni| describe(eni, links));
            return Err(no_such_eni(selector, known.collect()));
        }
        chosen.extend(macs);
    }
    Ok((!selectors.is_empty()).then_some(chosen))
}

fn describe(eni: &Eni, links: &[Link]) -> String {
    let name = link_of(eni, links).map_or("no interface", |link| &*link.name);
    let address = eni
        .addresses()
        .next()
        .map_or("no address".to_owned(), |ip| ip.to_string());
    format!(
        "{name} {} {} device {} {address}",
        eni.id,
        eni.mac,
        eni.number()
    )
}

/// As [`choose`], among the ENIs that the ledger knows.
pub(super) fn choose_made(
    selectors: &[Selector],
    ledger: &Ledger,
    links: &[Link],
) -> Result<Option<BTreeSet<Mac>>> {
    let mut chosen = BTreeSet::new();
    for selector in selectors {
        let meant = ledger.meant_by(selector, links);
        if meant.is_empty() {
            let known = ledger
                .enis
                .iter()
                .map(|(mac, entry)| format!("{} {} {mac}", entry.dev, entry.id));
            return Err(no_such_eni(selector, known.collect()));
        }
        chosen.extend(meant);
    }
    Ok((!selectors.is_empty()).then_some(chosen))
}

fn no_such_eni(selector: &Selector, known: Vec<String>) -> Error {
    let list = if known.is_empty() {
        "  (none)".to_owned()
    } else {
        format!("  {}", known.join("\n  "))
    };
    Error::Usage(format!("no ENI matches `{selector}`; there are:\n{list}"))
}
