//! What was looked at, and what cannot be seen from inside.

use crate::reconcile::Inspection;
use crate::report::{EniVerdict, Verdict};

/// What was proven of each ENI, and what was assumed.
pub fn verdict(inspection: &Inspection) -> Verdict {
    let of_eni = |mac| {
        let answers = || {
            let answers = inspection.answers.iter();
            answers.filter(move |answer| answer.question.mac == mac)
        };
        let mut addresses: Vec<_> = answers().map(|answer| answer.question.from).collect();
        addresses.dedup();
        EniVerdict {
            mac,
            addresses: addresses.len(),
            ways: answers().count(),
            right: answers().filter(|answer| answer.is_right()).count(),
        }
    };
    Verdict {
        proven: inspection
            .enis()
            .map(|planned| of_eni(planned.eni.mac))
            .collect(),
        assumed: Vec::new(),
    }
}
