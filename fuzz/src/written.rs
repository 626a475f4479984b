//! What eniroute wrote down itself, and a disk or a person may have changed since: it is read again as it was written, or
//! not at all, and what comes of it is a plan like any other.

use std::collections::BTreeSet;

use eniroute::config::Config;
use eniroute::diff::{Scope, diff};
use eniroute::ledger::{Ledger, Wanted};
use eniroute::metadata::cache::Memory;
use eniroute::metadata::record::Record;

use super::{guest, model};

/// The ledger of what earlier runs made.
pub fn ledger(input: &[u8]) {
    let Ok(mut ledger) = Ledger::parse(&String::from_utf8_lossy(input)) else {
        return;
    };
    assert_eq!(Ledger::parse(&ledger.text()).as_ref(), Ok(&ledger));
    let (observed, desired) = (guest::observed(), guest::desired(&Config::default()));
    let _ = ledger.of_another(Some("i-0"), &observed.links);
    ledger.bring_up_to_date(&observed);
    let wanted: Vec<Wanted> = desired.enis.iter().map(model::wanted).collect();
    ledger.restore(&wanted, &observed, &BTreeSet::new());
    ledger.adopt(&wanted, &observed);
    let scope = Scope {
        complete: true,
        made: ledger.made(&observed.links, &|_| true),
        ..Scope::default()
    };
    diff(&desired, &observed, &scope)
        .iter()
        .for_each(|change| ledger.record(change));
    ledger.let_go(|_| false, &observed);
    assert_eq!(Ledger::parse(&ledger.text()), Ok(ledger));
}

/// What the metadata service said: in this boot, and before it.
pub fn memory(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (links, observed) = (guest::links(), guest::observed());
    if let Ok(memory) = Memory::parse(&text) {
        let _ = links.iter().filter(|nic| memory.has_served(nic)).count();
        let metadata = memory.of_present(&links);
        model::assert_settles(&metadata.enis, &observed, &Config::default());
    }
    let record = Record::parse(&text).ok();
    if let Some(metadata) = record.and_then(|record| record.recall(None, &links)) {
        model::assert_settles(&metadata.enis, &observed, &Config::default());
    }
}
