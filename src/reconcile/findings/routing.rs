//! Which way packets take, and which rules and routes not created by eniroute decide it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::APPLY;
use crate::diff::Conflict;
use crate::error::Result;
use crate::kernel::Kernel;
use crate::net::{Dev, Family, Rule};
use crate::numbering::{Band, Owner};
use crate::object::{Change, Object};
use crate::plan::Planned;
use crate::reconcile::assess::Assessment;
use crate::reconcile::proof::outside;
use crate::report::{Code, Finding};

/// The ENI's addresses that would leave by another interface, be it some flows only. Without a way out at all only a
/// secondary ENI is at fault: its table should have a default.
pub(super) fn misrouted(
    assessment: &Assessment,
    planned: &Planned,
    kernel: &mut Kernel,
) -> Result<Vec<Finding>> {
    let observed = &assessment.observed;
    let mut findings = Vec::new();
    for ip in planned.eni.addresses() {
        let is_up = observed
            .addresses
            .iter()
            .any(|up| up.dev == planned.dev && up.net.addr() == ip);
        let outside = outside(Family::of(ip));
        let ways = kernel.ways_out(outside, Some(ip), &observed.links)?;
        let right = if ways.is_empty() {
            planned.eni.primary
        } else {
            ways.iter().all(|dev| *dev == planned.dev)
        };
        if is_up && !right {
            findings.push(stray(planned, ip, &ways));
        }
    }
    Ok(findings)
}

fn stray(planned: &Planned, ip: IpAddr, ways: &[Dev]) -> Finding {
    let now = if ways.is_empty() {
        "not at all".to_owned()
    } else {
        format!("by {}", ways.join(" and "))
    };
    let what = format!(
        "packets from {ip} would leave {now}, and should leave by {}",
        planned.dev
    );
    let remedy = "`ip rule` shows which rule comes before eniroute's; take that away, or give it a higher number";
    Finding::new(Code::R1, Owner::Eni(planned.eni.mac), what, remedy)
}

/// Rules not created by eniroute for addresses of ours, cloud-init's since 24.1 for one: which of the two is asked first.
pub(super) fn rivals(assessment: &Assessment) -> Vec<Finding> {
    assessment
        .desired
        .enis
        .iter()
        .flat_map(|planned| rivals_of(assessment, planned))
        .collect()
}

fn rivals_of(assessment: &Assessment, planned: &Planned) -> Vec<Finding> {
    let sources: BTreeSet<_> = planned.rules.iter().map(|rule| rule.from).collect();
    let is_theirs = |rule: &&Rule| {
        rule.foreign.is_none()
            && rule.mark.is_none()
            && rule.from.is_some()
            && sources.contains(&rule.from)
            && !planned.rules.contains(rule)
            && !assessment.scope.has_made(&Object::Rule((*rule).clone()))
    };
    let own = planned.eni.number().priority(Band::Own);
    let mut counts: BTreeMap<(u32, bool), usize> = BTreeMap::new();
    for rule in assessment.observed.rules.iter().filter(is_theirs) {
        *counts.entry((rule.table, rule.priority < own)).or_default() += 1;
    }
    let dev = &planned.dev;
    let told = counts.into_iter().map(|((table, first), count)| {
        let order = if first { "they come before eniroute's, which are never asked" } else { "eniroute's come first" };
        format!("rules not created by eniroute send traffic from {dev}'s addresses to table {table} ({count} of them): {order}")
    });
    told.map(|what| Finding::told(Code::R3, Owner::Eni(planned.eni.mac), what))
        .collect()
}

pub(super) fn conflicts(assessment: &Assessment) -> impl Iterator<Item = Finding> {
    assessment.conflicts.iter().map(conflict)
}

fn conflict(
    Conflict {
        owner,
        wanted,
        standing,
    }: &Conflict,
) -> Finding {
    let what = format!(
        "the route `{standing}` is not eniroute's, and was left in the place of `{wanted}`"
    );
    let away = Change::Remove(Object::Route(standing.clone()));
    Finding::new(
        Code::R11,
        Owner::Eni(*owner),
        what,
        format!("to have that instead: {away}, then {APPLY}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Mac, Route, RouteKind};

    #[test]
    fn a_route_of_others_is_named_with_the_one_that_it_keeps_out_and_the_command_that_takes_it_away()
     {
        let route = |via: &str| Route {
            table: 10001,
            kind: RouteKind::Unicast,
            dst: "0.0.0.0/0".parse().unwrap(),
            via: Some(via.parse().unwrap()),
            dev: Some("eth1".into()),
            next_hops: Vec::new(),
            src: None,
            metric: 0,
        };
        let owner = Mac([2, 0, 0, 0, 0, 1]);
        let found = conflict(&Conflict {
            owner,
            wanted: route("10.0.0.1"),
            standing: route("10.0.0.2"),
        });
        assert_eq!((found.code, found.owner), (Code::R11, Owner::Eni(owner)));
        assert_eq!(
            found.to_string(),
            "the route `default via 10.0.0.2 dev eth1 onlink table 10001` is not eniroute's, and was left in the place \
             of `default via 10.0.0.1 dev eth1 onlink table 10001`; to have that instead: \
             ip -4 route del default via 10.0.0.2 dev eth1 onlink table 10001, then eniroute apply"
        );
    }
}
