//! L6: a strict reverse path filter, and what it drops.

use std::net::IpAddr;

use super::setting;
use crate::check::walk::{Packet, Walker};
use crate::gather::Gather;
use crate::net::Family;
use crate::numbering::Owner;
use crate::plan::Planned;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::Question;
use crate::reconcile::inspect::links::{ALL, RP_FILTER};
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// `rp_filter`: the answer has to leave by the very interface that the packet came in by.
const STRICT: u32 = 1;

/// Whose address a forwarded packet may have: one of no ENI and of no network of the host (RFC 5737).
const SOMEBODY: [u8; 4] = [192, 0, 2, 1];

pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let strict = |planned: &&Planned| inspection.links.greater(RP_FILTER, &planned.dev) == STRICT;
    let walker = Walker::new(&inspection.fib);
    let of_eni = |planned| dropped(inspection, planned, &walker);
    inspection
        .enis()
        .filter(strict)
        .filter_map(of_eni)
        .gathered()
}

fn dropped(inspection: &Inspection, planned: &Planned, walker: &Walker) -> Option<Finding> {
    own(inspection, planned, walker).or_else(|| forwarded(inspection, planned, walker))
}

/// What comes in by an ENI for its own address, and whose answer would leave by another interface.
fn own(inspection: &Inspection, planned: &Planned, walker: &Walker) -> Option<Finding> {
    let answers = inspection.answers.iter().map(|answer| &answer.question);
    let mut own =
        answers.filter(|question| question.mac == planned.eni.mac && question.from.is_ipv4());
    let dropped = own.find(|question| !is_taken(planned, walker, (question.from, question.to)))?;
    let Question { from, to, .. } = dropped;
    let what = format!(
        "{} drops what comes from {to} for {from}: the answer would leave by another interface",
        planned.dev
    );
    let finding = finding(inspection, planned, (*from, *to), what);
    Some(finding.of_address(*from).rated(Severity::Error))
}

/// What comes in by an ENI to be forwarded, for a container for instance, goes back by main.
fn forwarded(inspection: &Inspection, planned: &Planned, walker: &Walker) -> Option<Finding> {
    let (from, to) = (
        IpAddr::from(SOMEBODY),
        crate::reconcile::inspect::outside(Family::Ipv4),
    );
    let what = format!(
        "this host forwards packets, and {} drops those that come in by it for anybody else",
        planned.dev
    );
    let is_dropped = inspection.links.forwards() && !is_taken(planned, walker, (from, to));
    is_dropped.then(|| finding(inspection, planned, (from, to), what))
}

/// The kernel looks up the way back as if the host itself sent it (`__fib_validate_source`).
fn is_taken(planned: &Planned, walker: &Walker, (from, to): (IpAddr, IpAddr)) -> bool {
    let walk = walker.walk(&Packet::sent(Some(from), to));
    walk.end.devs().contains(&&planned.dev)
}

fn finding(
    inspection: &Inspection,
    planned: &Planned,
    (from, to): (IpAddr, IpAddr),
    what: String,
) -> Finding {
    let dev = &planned.dev;
    let walker = Walker::new(&inspection.fib);
    let walk = walker.walk(&Packet::sent(Some(from), to));
    let devs: Vec<String> = walk.end.devs().iter().map(ToString::to_string).gathered();
    let now = if devs.is_empty() {
        "no way".to_owned()
    } else {
        format!("by {}", devs.join(" and "))
    };
    Finding::told(Code::L6, Owner::Eni(planned.eni.mac), what)
        .about(dev.to_string())
        .is_not("rp_filter is 1, strict", "2, loose, or 0")
        .mended_by(Remedy::review(format!(
            "sysctl -w net/ipv4/conf/{dev}/rp_filter=2"
        )))
        .known_from(setting(inspection, RP_FILTER, ALL))
        .known_from(setting(inspection, RP_FILTER, dev))
        .known_from(Evidence::kernel(
            format!("ip route get {to} from {from}"),
            now,
        ))
}
