//! What is known of the host as findings, of which a run's notes and the states of the ENIs are made. Asks the kernel
//! for routes, changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::assess::Assessment;
use super::proof::{OUTSIDE_IPV4, OUTSIDE_IPV6};
use crate::diff::{Conflict, missing};
use crate::error::Result;
use crate::kernel::Kernel;
use crate::net::{Dev, Rule, link_of_mac};
use crate::numbering::{Band, Owner};
use crate::object::{Change, Object};
use crate::plan::{Planned, Skipped, Why};
use crate::report::{Code, Finding, State};

/// What makes it so.
const APPLY: &str = "eniroute apply";

/// All of it; with `kernel`, that is asked which way each address would leave.
///
/// # Errors
/// The kernel does not tell.
pub fn all(assessment: &Assessment, kernel: Option<&mut Kernel>) -> Result<Vec<Finding>> {
    let mut findings = incomplete(assessment);
    findings.extend(assessment.desired.skipped.iter().map(left_alone));
    findings.extend(lacking(assessment));
    if let Some(kernel) = kernel {
        for planned in &assessment.desired.enis {
            if State::of(&findings, planned.eni.mac) == State::Ok {
                findings.extend(misrouted(assessment, planned, kernel)?);
            }
        }
    }
    findings.extend(rivals(assessment));
    findings.extend(
        assessment
            .desired
            .enis
            .iter()
            .filter_map(|planned| without_ipv6(assessment, planned)),
    );
    findings.extend(
        unlisted(assessment)
            .chain(idle(assessment))
            .chain(conflicts(assessment)),
    );
    Ok(findings)
}

/// What a run has to leave for a later one, in words.
pub fn notes(assessment: &Assessment) -> Vec<String> {
    let enis = || assessment.desired.enis.iter();
    let waiting = enis()
        .filter_map(|planned| missing_lease(assessment, planned))
        .map(|finding| finding.to_string());
    let waiting = waiting.chain(enis().filter_map(|planned| leased_note(assessment, planned)));
    let without_ipv6 = enis().filter_map(|planned| without_ipv6(assessment, planned));
    waiting
        .chain(
            without_ipv6
                .chain(unlisted(assessment))
                .map(|finding| finding.to_string()),
        )
        .collect()
}

/// What the configuration and others have made of this host, in words.
pub fn notes_of_others(assessment: &Assessment) -> Vec<String> {
    let is_cni = |skipped: &&Skipped| matches!(skipped.why, Why::Cni(_));
    let cni = assessment
        .desired
        .skipped
        .iter()
        .filter(is_cni)
        .map(left_alone);
    cni.chain(idle(assessment))
        .chain(conflicts(assessment))
        .map(|finding| finding.to_string())
        .collect()
}

/// Rules of others for addresses of ours, in words.
pub fn notes_of_rivals(assessment: &Assessment) -> Vec<String> {
    rivals(assessment).iter().map(Finding::to_string).collect()
}

fn incomplete(assessment: &Assessment) -> Vec<Finding> {
    let remedy = "eniroute refresh reads it again, each minute";
    let late = assessment.metadata.incomplete.iter();
    late.map(|late| Finding::new(Code::M2, Owner::Eni(late.mac), late.to_string(), remedy))
        .collect()
}

fn left_alone(skipped: &Skipped) -> Finding {
    let (code, remedy) = match skipped.why {
        Why::NoLink => (
            Code::L1,
            Some("see whether its driver is loaded, and whether another network namespace has it"),
        ),
        Why::Excluded => (Code::O5, None),
        Why::Enslaved => (Code::O5, None),
        Why::Cni(_) => (Code::O1, None),
    };
    let name = skipped.dev.as_deref().unwrap_or(&skipped.eni.id);
    let what = format!("{name} is left alone: {}", skipped.why);
    Finding {
        remedy: remedy.map(str::to_owned),
        ..Finding::told(code, Owner::Eni(skipped.eni.mac), what)
    }
}

/// What each ENI should have and has not. Some of the primary ENI's addresses are its DHCP client's business, but they
/// count all the same.
fn lacking(assessment: &Assessment) -> Vec<Finding> {
    let missing = missing(&assessment.desired, &assessment.observed);
    let of_eni = |planned: &Planned| {
        let objects = missing.get(&planned.eni.number()).into_iter().flatten();
        let mut findings: Vec<_> = objects.map(|object| absent(planned, object)).collect();
        findings.extend(unassigned(assessment, planned));
        findings
    };
    assessment.desired.enis.iter().flat_map(of_eni).collect()
}

fn absent(planned: &Planned, object: &Object) -> Finding {
    let dev = &planned.dev;
    let (code, what) = match object {
        Object::Sysctl(setting) => (
            Code::R9,
            format!("the setting {} is not {}", setting.key, setting.value),
        ),
        Object::LinkUp(_) => (Code::L3, format!("{dev} is down")),
        Object::Address(address) => (
            Code::A1,
            format!("{dev} lacks {}, which EC2 has assigned", address.net.addr()),
        ),
        Object::Route(route) => (Code::R4, format!("{dev} lacks the route `{route}`")),
        Object::Rule(rule) => (Code::R2, format!("{dev} lacks the rule `{rule}`")),
    };
    let command = Change::Add(object.clone());
    Finding::new(
        code,
        Owner::Eni(planned.eni.mac),
        what,
        format!("{APPLY} (it does `{command}`)"),
    )
}

/// What a DHCP client has to bring.
fn unassigned(assessment: &Assessment, planned: &Planned) -> Vec<Finding> {
    let own = planned
        .missing_lease(&assessment.observed)
        .map(IpAddr::from);
    let lacking = planned.lacking(&assessment.observed).into_iter();
    let each = lacking.map(|ip| match missing_lease(assessment, planned) {
        Some(finding) if own == Some(ip) => finding,
        _ => {
            let what = format!("{} lacks {ip}, which EC2 has assigned", planned.dev);
            Finding::new(
                Code::A1,
                Owner::Eni(planned.eni.mac),
                what,
                who_brings_it(assessment, &planned.dev),
            )
        }
    });
    each.collect()
}

fn missing_lease(assessment: &Assessment, planned: &Planned) -> Option<Finding> {
    let ip = planned.missing_lease(&assessment.observed)?;
    let what = format!(
        "{} lacks its own address {ip}, which its DHCP client brings",
        planned.dev
    );
    Some(Finding::new(
        Code::A1,
        Owner::Eni(planned.eni.mac),
        what,
        "nothing is added to it until then",
    ))
}

/// All the IPv6 addresses that a client has to bring, as one note.
fn leased_note(assessment: &Assessment, planned: &Planned) -> Option<String> {
    let lacking = planned
        .lacking(&assessment.observed)
        .into_iter()
        .filter(IpAddr::is_ipv6);
    let lacking = lacking
        .map(|ip| ip.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    let dev = &planned.dev;
    let who = who_brings_it(assessment, dev);
    (!lacking.is_empty()).then(|| format!("{dev} lacks {lacking}, which EC2 has assigned: {who}"))
}

fn who_brings_it(assessment: &Assessment, dev: &Dev) -> &'static str {
    if assessment.observed.has_dhcpv6_client(dev) {
        "the DHCPv6 client that runs there has to bring it, at the latest when it renews its lease"
    } else {
        "a DHCPv6 client may still start and bring it; if none does, the next run of eniroute will"
    }
}

/// The ENI's addresses that would leave by another interface, be it some flows only. Without a way out at all only a
/// secondary ENI is at fault: its table should have a default.
fn misrouted(
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
        let outside = if ip.is_ipv4() {
            OUTSIDE_IPV4
        } else {
            OUTSIDE_IPV6
        };
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
fn rivals(assessment: &Assessment) -> Vec<Finding> {
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

fn without_ipv6(assessment: &Assessment, planned: &Planned) -> Option<Finding> {
    let (dev, mac) = (&planned.dev, planned.eni.mac);
    let wants = assessment
        .metadata
        .enis
        .iter()
        .any(|eni| eni.mac == mac && eni.has_ipv6());
    let what = format!(
        "IPv6 is switched off on {dev}, so its IPv6 addresses are left out (sysctl net.ipv6.conf.{dev}.disable_ipv6)"
    );
    (wants && !planned.eni.has_ipv6()).then(|| Finding::told(Code::L5, Owner::Eni(mac), what))
}

fn unlisted(assessment: &Assessment) -> impl Iterator<Item = Finding> {
    let remedy = "nothing is taken away until one of them changes";
    assessment.unlisted.iter().map(move |mac| {
        let dev = link_of_mac(*mac, &assessment.observed.links).map_or("", |link| &link.name);
        let what = format!("{dev} ({mac}) is there, but the metadata does not list its ENI");
        Finding::new(Code::L2, Owner::Eni(*mac), what, remedy)
    })
}

fn idle(assessment: &Assessment) -> impl Iterator<Item = Finding> {
    let told = |selector| format!("`exclude` in the configuration: no ENI is `{selector}`");
    assessment
        .idle
        .iter()
        .map(move |selector| Finding::told(Code::M6, Owner::Host, told(selector)))
}

fn conflicts(assessment: &Assessment) -> impl Iterator<Item = Finding> {
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
