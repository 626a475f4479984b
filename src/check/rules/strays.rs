//! Addresses whose packets take a wrong way (R1, R4), one finding each; and where the walk and the kernel differ (R13).

use super::cause::{self, Cause};
use super::ways::{Fault, Way, Ways};
use crate::gather::Gather;
use crate::numbering::Owner;
use crate::reconcile::findings::APPLY;
use crate::report::{Code, Evidence, Finding, Remedy};

/// So many destinations are told of one address.
const TOLD: usize = 4;

/// One for each address.
pub(super) fn findings<'a>(ways: &'a Ways) -> impl Iterator<Item = Finding> + use<'a> {
    ways.by_address().filter_map(stray)
}

fn stray(ways: &[Way]) -> Option<Finding> {
    let is_astray = |way: &&Way| way.fault == Some(Fault::Astray);
    let worst = ways.iter().find(is_astray).or(ways.first())?;
    let question = &worst.answer.question;
    let (from, to, dev) = (question.from, question.to, &question.dev);
    let code = if is_astray(&worst) {
        Code::R1
    } else {
        Code::R4
    };
    let (now, cause) = (worst.way_out(), cause::of(worst));
    let what = format!(
        "packets from {from} to {to} would leave {now}, and should leave by {dev}: {cause}"
    );
    let finding = Finding::new(code, Owner::Eni(question.mac), what, advice(&cause))
        .of_address(from)
        .is_not(destinations(ways), format!("by {dev}"))
        .mended_by(Remedy::safe(APPLY));
    let finding = taken_away(&cause).fold(finding, |finding, command| {
        finding.mended_by(Remedy::review(command))
    });
    Some(ways.iter().take(TOLD).fold(finding, |finding, way| {
        let to = way.answer.question.to;
        let asked = format!("ip route get {to} from {from}");
        finding.known_from(Evidence::kernel(asked, way.way_out()))
    }))
}

/// `to the Internet: by eth0; to its own subnet: not at all`
fn destinations(ways: &[Way]) -> String {
    let each = ways.iter().take(TOLD);
    let each = each.map(|way| format!("to {}: {}", way.destination(), way.way_out()));
    let mut text = each.gathered::<Vec<_>>().join("; ");
    if let Some(more @ 1..) = ways.len().checked_sub(TOLD) {
        text += &format!("; and {more} more");
    }
    text
}

fn advice(cause: &Cause) -> String {
    match cause {
        Cause::Rule(_) => {
            "take that rule away, or give it a higher number than eniroute's".to_owned()
        }
        Cause::Missing(_) | Cause::Table(_) => format!("{APPLY} makes it again"),
        Cause::Route(_) => format!("take that route away if it is not meant, then {APPLY}"),
    }
}

/// The command that takes away what is at fault, where it is somebody else's.
fn taken_away(cause: &Cause) -> impl Iterator<Item = String> + use<> {
    let command = match cause {
        Cause::Rule(rule) => Some(rule.rule.remove_command()),
        Cause::Route(found) => Some(found.route.remove_command()),
        Cause::Missing(_) | Cause::Table(_) => None,
    };
    command.into_iter()
}

/// Where the walk says something else than the kernel.
pub(super) fn differing<'a>(ways: &'a Ways) -> impl Iterator<Item = Finding> + use<'a> {
    ways.differing.iter().map(|way| {
        let question = &way.answer.question;
        let (from, to) = (question.from, question.to);
        let walked = match &way.walk.end.devs()[..] {
            [] => "not at all".to_owned(),
            devs => format!("by {}", devs.iter().map(|dev| &***dev).gathered::<Vec<_>>().join(" and ")),
        };
        let asked = way.way_out();
        let what = format!(
            "packets from {from} to {to} leave {asked} by the kernel's word, and {walked} by eniroute's own walk of the rules"
        );
        let remedy = "run it again; if it says so again, please report it with the output of `ip rule` and `ip route show table all`";
        Finding::new(Code::R13, Owner::Eni(question.mac), what, remedy)
            .of_address(from)
            .is_not(walked, asked.clone())
            .known_from(Evidence::kernel(format!("ip route get {to} from {from}"), asked))
    })
}
