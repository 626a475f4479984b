//! What rules cost every new flow (R10).

use crate::numbering::Owner;
use crate::reconcile::Inspection;
use crate::report::{Code, Evidence, Finding};

/// A hint where there are so many that it was measured.
pub(super) fn finding(inspection: &Inspection) -> Option<Finding> {
    let cost = inspection.cost?.as_nanos();
    let count = inspection.fib.rules.len();
    let what = format!(
        "there are {count} rules: a new flow that passes all of them pays {cost} ns for it"
    );
    let remedy = "delegate prefixes to the ENIs in the place of single addresses: one rule is for a whole prefix";
    let finding = Finding::new(Code::R10, Owner::Host, what, remedy);
    let finding = finding.is_not(format!("{count} rules"), "no more than 1,000");
    Some(finding.known_from(Evidence::kernel(
        "ip rule; ip route get 8.8.8.8, measured",
        format!("{cost} ns more than `ip route get 127.0.0.1`"),
    )))
}
