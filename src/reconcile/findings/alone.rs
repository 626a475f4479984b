//! ENIs that are left alone, and links that only their owners bring up: each with the reason.

use crate::numbering::Owner;
use crate::plan::{Skipped, Why};
use crate::reconcile::assess::Assessment;
use crate::report::{Code, Finding};

pub(super) fn left_alone(skipped: &Skipped) -> Finding {
    let (code, remedy) = match skipped.why {
        Why::NoLink => (
            Code::L1,
            Some("see whether its driver is loaded, and whether another network namespace has it"),
        ),
        Why::Excluded | Why::Enslaved(_) | Why::Declared(_) => (Code::O5, None),
        Why::Cni(_) => (Code::O1, None),
    };
    let name = skipped.dev.as_deref().unwrap_or(&skipped.eni.id);
    let what = format!("{name} is left alone: {}", skipped.why);
    Finding {
        remedy: remedy.map(str::to_owned),
        ..Finding::told(code, Owner::Eni(skipped.eni.mac), what)
    }
}

/// A link that is down is as good as left alone.
pub(super) fn manual(assessment: &Assessment) -> impl Iterator<Item = Finding> {
    assessment.desired.enis.iter().filter_map(|planned| {
        let declared = planned.manual.as_ref()?;
        let (code, now) = if planned.waits_for_owner(&assessment.observed) {
            (Code::O5, "until then it has no addresses and no routes")
        } else {
            (Code::O6, "it is up, and has what its addresses need")
        };
        let what = format!("{}: {declared}; {now}", planned.dev);
        Some(Finding::told(code, Owner::Eni(planned.eni.mac), what))
    })
}

/// All of them that have an interface.
pub(super) fn all(assessment: &Assessment) -> impl Iterator<Item = Finding> {
    let is_here = |skipped: &&Skipped| skipped.why != Why::NoLink;
    let skipped = assessment.desired.skipped.iter().filter(is_here);
    skipped.map(left_alone).chain(manual(assessment))
}
