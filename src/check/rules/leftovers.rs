//! Rules and routes that eniroute made for an ENI that is gone (R5), by the ledger.

use std::collections::BTreeSet;

use crate::gather::Gather;
use crate::ledger::Made;
use crate::net::Mac;
use crate::numbering::Owner;
use crate::object::{Index, Kind, Object};
use crate::reconcile::Inspection;
use crate::reconcile::findings::APPLY;
use crate::report::{Code, Evidence, Finding, Remedy};

/// One for each such ENI; none while EC2 has not told of every ENI.
pub(super) fn findings(inspection: &Inspection) -> impl Iterator<Item = Finding> + use<'_> {
    let assessment = &inspection.assessment;
    let scope = &assessment.scope;
    let is_known = inspection.refusal.is_none() && scope.complete;
    let listed: BTreeSet<Mac> = inspection.listed().map(|eni| eni.mac).into_set();
    let there = Index::new(&assessment.observed);
    scope.made.iter().filter_map(move |made| {
        let Made {
            owner: owner @ Owner::Eni(mac),
            objects,
        } = made
        else {
            return None;
        };
        let is_gone = is_known && !listed.contains(mac) && !scope.keep.contains(mac);
        let left = objects.iter().filter(|object| is_gone && there.has(object));
        let left: Vec<&Object> = left.gathered();
        (!left.is_empty()).then(|| finding(*owner, *mac, &left))
    })
}

fn finding(owner: Owner, mac: Mac, left: &[&Object]) -> Finding {
    let tally = Kind::tally(left.iter().map(|object| object.kind()));
    let what = format!("{tally} of the ENI {mac}, which is gone, are still there");
    let finding = Finding::new(Code::R5, owner, what, format!("{APPLY} takes them away"))
        .about(mac.to_string())
        .is_not(tally, "nothing of it")
        .mended_by(Remedy::safe(APPLY));
    left.iter().take(3).fold(finding, |finding, object| {
        let seen = match object.rule() {
            Some(rule) => format!("ip {} rule", rule.family.flag()),
            None => "ip route show table all".to_owned(),
        };
        let text = object.rule().map(ToString::to_string);
        let text = text.or_else(|| object.route().map(ToString::to_string));
        finding.known_from(Evidence::kernel(seen, text.unwrap_or_default()))
    })
}
