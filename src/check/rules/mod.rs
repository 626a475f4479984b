//! Rules and routes (R): which way packets from each address would leave, and which rule or route decides it.

mod cause;
mod count;
mod culprits;
mod lacking;
mod leftovers;
mod main_table;
mod maker;
mod refusals;
mod strays;
mod ways;

use crate::gather::Gather;
use crate::reconcile::Inspection;
use crate::report::Finding;
use ways::Ways;

/// Every finding of the group, after those of a run: these as bad as they are by the ways that packets take. What is
/// missing and costs nothing is a warning, and a rule of others is named once.
pub(super) fn findings<'a>(
    inspection: &'a Inspection,
    of_run: impl Iterator<Item = &'a Finding>,
) -> Vec<Finding> {
    let ways = Ways::of(inspection);
    let of_run = of_run.filter(|finding| !culprits::says_more(&ways, finding));
    let of_run = of_run.map(|finding| lacking::rated(&ways, finding));
    let wrong = strays::findings(&ways).chain(culprits::findings(&ways));
    let tables = main_table::findings(inspection).chain(refusals::findings(inspection));
    let rules = leftovers::findings(inspection).chain(lacking::doubles(inspection));
    let rules = rules.chain(count::finding(inspection));
    let own = wrong.chain(tables).chain(rules);
    of_run.chain(own).chain(strays::differing(&ways)).gathered()
}
