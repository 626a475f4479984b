//! Which way packets take, and which rules and routes not created by eniroute decide it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::APPLY;
use super::shadow::{Shadow, named, not_ours};
use crate::diff::Conflict;
use crate::error::Result;
use crate::gather::Gather;
use crate::kernel::Kernel;
use crate::net::{Dev, Family, Rule};
use crate::numbering::{Band, Owner};
use crate::object::{Change, Object};
use crate::plan::Planned;
use crate::reconcile::assess::Assessment;
use crate::reconcile::proof::outside;
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// The ENI's addresses that would leave by another interface, be it some flows only.
pub(super) fn misrouted(
    assessment: &Assessment,
    planned: &Planned,
    foreign: &[&Rule],
    kernel: &mut Kernel,
) -> Result<Vec<Finding>> {
    let shadow = |from| Shadow {
        assessment,
        planned,
        from,
        foreign,
    };
    let observed = &assessment.observed;
    let up = observed.addresses.iter().filter(|up| up.dev == planned.dev);
    let up: BTreeSet<IpAddr> = up.map(|up| up.net.addr()).into_set();
    let packets: Vec<(IpAddr, IpAddr)> = planned
        .eni
        .addresses()
        .filter(|from| up.contains(from))
        .flat_map(|from| {
            let to = destinations(&shadow(from)).into_iter();
            to.map(move |to| (from, to))
        })
        .gathered();
    let ways = kernel.all_ways_out(&packets, &observed.links)?;
    let mut findings: Vec<Finding> = Vec::new();
    let mut last = None;
    for ((from, to), ways) in packets.into_iter().zip(ways) {
        if last != Some(from) && is_astray(planned, &ways) {
            findings.push(stray(&shadow(from), to, &ways, kernel)?);
            last = Some(from);
        }
    }
    Ok(findings)
}

/// Where an address is looked up to: the outside; and where a rule of somebody else's comes first, which may know only
/// some of main's routes, the other ENIs' subnets.
fn destinations(shadow: &Shadow) -> Vec<IpAddr> {
    let outside = outside(Family::of(shadow.from));
    let mut all = vec![outside];
    if shadow.earlier().next().is_some() {
        let enis = shadow.assessment.desired.enis.iter();
        let others = enis.filter(|planned| planned.eni.mac != shadow.planned.eni.mac);
        let subnets = others.flat_map(|planned| planned.eni.subnets());
        let subnets = subnets.filter(|net| net.addr().is_ipv4() == outside.is_ipv4());
        all.extend(subnets.filter_map(|net| net.hosts().next()));
    }
    all
}

/// Without a way out at all only a secondary ENI is at fault: its table should have a default.
fn is_astray(planned: &Planned, ways: &[Dev]) -> bool {
    match ways {
        [] => !planned.eni.primary,
        ways => ways.iter().any(|dev| *dev != planned.dev),
    }
}

fn stray(shadow: &Shadow, to: IpAddr, ways: &[Dev], kernel: &mut Kernel) -> Result<Finding> {
    let Shadow {
        assessment,
        planned,
        from,
        ..
    } = *shadow;
    let table = kernel.route_get(to, Some(from))?.map(|way| way.table);
    let decider = shadow.decider(to, table);
    let now = if ways.is_empty() {
        "not at all".to_owned()
    } else {
        format!("by {}", ways.join(" and "))
    };
    let to = if to == outside(Family::of(to)) {
        String::new()
    } else {
        format!(" to {to}")
    };
    let why = decider.map(|rule| {
        format!(
            ": the rule {} comes before eniroute's",
            named(rule, assessment)
        )
    });
    let what = format!(
        "packets from {from}{to} would leave {now}, and should leave by {}{}",
        planned.dev,
        why.unwrap_or_default()
    );
    let remedy = match decider {
        Some(_) => "give that rule a priority above 23199, or take it away",
        None => {
            "`ip rule` and `ip route show table main` show what decides before eniroute's tables"
        }
    };
    let finding = Finding::new(Code::R1, Owner::Eni(planned.eni.mac), what, remedy);
    Ok(finding.of_address(from))
}

/// Traffic that no program has bound to an address leaves by another ENI than the primary, which has an address of that
/// family: for some reason main prefers that one.
pub(super) fn unbound(assessment: &Assessment, kernel: &mut Kernel) -> Result<Vec<Finding>> {
    let enis = || assessment.desired.enis.iter();
    let Some(primary) = enis().find(|planned| planned.eni.primary) else {
        return Ok(Vec::new());
    };
    let mut findings = Vec::new();
    for to in [Family::Ipv4, Family::Ipv6].map(outside) {
        let is_up = assessment.observed.addresses.iter().any(|up| {
            up.dev == primary.dev
                && up.net.addr().is_ipv4() == to.is_ipv4()
                && primary.eni.addresses().any(|ip| ip == up.net.addr())
        });
        let ways = kernel.ways_out(to, None, &assessment.observed.links)?;
        let is_other = |dev: &&Dev| enis().any(|eni| !eni.eni.primary && eni.dev == **dev);
        if let Some(other) = ways.iter().find(is_other).filter(|_| is_up) {
            findings.push(preferred(primary, other, to));
        }
    }
    Ok(findings)
}

fn preferred(primary: &Planned, other: &Dev, to: IpAddr) -> Finding {
    let family = Family::of(to);
    let what = format!(
        "{} traffic of programs that choose no address would leave by {other}, and not by the primary ENI's {}",
        if to.is_ipv4() { "IPv4" } else { "IPv6" },
        primary.dev
    );
    let remedy = format!(
        "where that is not meant, give main's routes by {other} a higher metric (`ip {} route` shows them)",
        family.flag()
    );
    Finding::new(Code::R6, Owner::Eni(primary.eni.mac), what, remedy)
}

/// Rules not created by eniroute for addresses of ours, cloud-init's since 24.1 for one: which of the two is asked first.
pub(super) fn rivals(assessment: &Assessment) -> Vec<Finding> {
    let is_for_sources = |rule: &Rule| {
        rule.extra().foreign.is_none() && rule.extra().mark.is_none() && rule.from.is_some()
    };
    let theirs = not_ours(assessment, &is_for_sources);
    if theirs.is_empty() {
        return Vec::new();
    }
    let enis = assessment.desired.enis.iter();
    let rivals = enis.flat_map(|planned| rivals_of(assessment, planned, &theirs));
    rivals.gathered()
}

/// Those among the rules of others.
fn rivals_of(assessment: &Assessment, planned: &Planned, theirs: &[&Rule]) -> Vec<Finding> {
    let sources: BTreeSet<_> = planned.rules.iter().map(|rule| rule.from).into_set();
    let is_of_its = |rule: &&&Rule| sources.contains(&rule.from);
    let own = planned.eni.number().priority(Band::Own);
    let mut kinds: BTreeMap<(u32, bool), Vec<&Rule>> = BTreeMap::new();
    for rule in theirs.iter().copied().filter(|rule| is_of_its(&rule)) {
        let kind = (rule.table, rule.priority < own);
        kinds.entry(kind).or_default().push(rule);
    }
    let mac = planned.eni.mac;
    let told = kinds.into_iter().filter_map(|((table, comes_first), rules)| {
        let order = if comes_first {
            "they come before eniroute's, which are never asked"
        } else {
            "eniroute's come first"
        };
        let what = format!(
            "rules not created by eniroute send traffic from {}'s addresses to table {table} ({} of them, the first is {}): {order}",
            planned.dev,
            rules.len(),
            named(rules.first()?, assessment),
        );
        let severity = if comes_first { Severity::Warning } else { Severity::Hint };
        Some(Finding {
            severity,
            ..Finding::told(Code::R3, Owner::Eni(mac), what)
        })
    });
    told.gathered()
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
    let away = Change::Remove(Object::from(standing.clone()));
    Finding::new(
        Code::R11,
        Owner::Eni(*owner),
        what,
        format!("to have that instead: {away}, then {APPLY}"),
    )
    .about(standing.to_string())
    .is_not(standing.to_string(), wanted.to_string())
    .mended_by(Remedy::review(away.to_string()))
    .mended_by(Remedy::safe(APPLY))
    .known_from(Evidence::kernel(
        format!(
            "ip {} route show table {}",
            standing.family().flag(),
            standing.table
        ),
        standing.to_string(),
    ))
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
            object: Default::default(),
            src: None,
            metric: 0,
            mtu: None,
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
