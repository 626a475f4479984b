//! Rules and routes (R): which way packets from each address would leave, and which rule or route decides it.

use crate::numbering::Owner;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::{Answer, Destination};
use crate::report::{Code, Evidence, Finding};

/// Every finding of the group that a run itself does not make.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let wrong = inspection
        .answers
        .iter()
        .filter(|answer| is_wrong(inspection, answer));
    wrong.map(stray).collect()
}

/// Without a way to the Internet only a secondary ENI is at fault: its table should have a default route.
fn is_wrong(inspection: &Inspection, answer: &Answer) -> bool {
    let question = &answer.question;
    let mut primary = inspection.enis().filter(|planned| planned.eni.primary);
    let is_primary = primary.any(|planned| planned.eni.mac == question.mac);
    let may_lack = is_primary && question.destination == Destination::Internet;
    !(answer.is_right() || may_lack && answer.devs.is_empty())
}

fn stray(answer: &Answer) -> Finding {
    let question = &answer.question;
    let (from, to, dev) = (question.from, question.to, &question.dev);
    let now = match &answer.devs[..] {
        [] => "not at all".to_owned(),
        devs => format!("by {}", devs.join(" and ")),
    };
    let what = format!("packets from {from} to {to} would leave {now}, and should leave by {dev}");
    Finding::told(Code::R1, Owner::Eni(question.mac), what)
        .of_address(from)
        .is_not(now.clone(), format!("by {dev}"))
        .known_from(Evidence::kernel(
            format!("ip route get {to} from {from}"),
            now,
        ))
}
