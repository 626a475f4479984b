//! Rules and routes that lead many addresses astray, each named once: shadowing rules (R3), refusing routes (R8).

use std::net::IpAddr;

use super::cause::{self, Cause};
use super::ways::{Way, Ways};
use super::{maker, refusals};
use crate::gather::Gather;
use crate::net::fib::{FibRoute, PolicyRule};
use crate::numbering::Owner;
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// So many addresses are named.
const NAMED: usize = 3;

/// What somebody else has made, and the ways that it makes wrong.
struct Culprit<'a> {
    cause: Cause<'a>,
    owner: Owner,
    addresses: Vec<IpAddr>,
}

/// One for each rule or route.
pub(super) fn findings<'a>(ways: &'a Ways) -> impl Iterator<Item = Finding> + use<'a> {
    culprits(ways)
        .into_iter()
        .filter_map(|culprit| finding(&culprit))
}

/// The summary of rules of others says less than what is found here of the ENI's.
pub(super) fn says_more(ways: &Ways, finding: &Finding) -> bool {
    let is_rule = |culprit: &Culprit| matches!(culprit.cause, Cause::Rule(_));
    finding.code == Code::R3
        && culprits(ways)
            .iter()
            .any(|culprit| is_rule(culprit) && culprit.owner == finding.owner)
}

fn culprits<'a>(ways: &'a Ways) -> Vec<Culprit<'a>> {
    let mut culprits: Vec<Culprit> = Vec::new();
    for way in &ways.wrong {
        let cause = cause::of(way);
        match culprits.iter_mut().find(|known| known.cause == cause) {
            Some(known) => known.add(way),
            None => culprits.push(Culprit::of(cause, way)),
        }
    }
    culprits
}

impl<'a> Culprit<'a> {
    fn of(cause: Cause<'a>, way: &Way) -> Self {
        Self {
            cause,
            owner: Owner::Eni(way.answer.question.mac),
            addresses: vec![way.answer.question.from],
        }
    }

    fn add(&mut self, way: &Way) {
        let question = &way.answer.question;
        if self.owner != Owner::Eni(question.mac) {
            self.owner = Owner::Host;
        }
        if !self.addresses.contains(&question.from) {
            self.addresses.push(question.from);
        }
    }

    /// `10.0.0.1, 10.0.0.2, 10.0.0.3 and 4 more`
    fn who(&self) -> String {
        let named = self.addresses.iter().take(NAMED).map(IpAddr::to_string);
        let named = named.gathered::<Vec<_>>().join(", ");
        match self.addresses.len().checked_sub(NAMED) {
            Some(more @ 1..) => format!("{named} and {more} more"),
            _ => named,
        }
    }
}

fn finding(culprit: &Culprit) -> Option<Finding> {
    match culprit.cause {
        Cause::Rule(rule) => Some(shadow(culprit, rule)),
        Cause::Route(found) if refusals::is_refusal(found) => Some(refusal(culprit, found)),
        Cause::Missing(_) | Cause::Route(_) | Cause::Table(_) => None,
    }
}

fn shadow(culprit: &Culprit, rule: &PolicyRule) -> Finding {
    let (who, words) = (culprit.who(), &rule.rule);
    let what = format!("{} comes before eniroute's for {who}", maker::rule(rule));
    let remedy = "take it away, or give it a higher number than eniroute's";
    Finding::new(Code::R3, culprit.owner, what, remedy)
        .rated(Severity::Error)
        .about(words.to_string())
        .is_not(
            format!("asked at priority {}", words.priority),
            "asked after eniroute's rules, or for other packets only",
        )
        .mended_by(Remedy::review(words.remove_command()))
        .known_from(Evidence::kernel(
            format!("ip {} rule", rule.family().flag()),
            format!("{}: {words} ({})", words.priority, maker::of_rule(rule)),
        ))
}

fn refusal(culprit: &Culprit, found: &FibRoute) -> Finding {
    let route = &found.route;
    let what = format!(
        "{} refuses packets from {}",
        maker::route(found),
        culprit.who()
    );
    Finding::new(
        Code::R8,
        culprit.owner,
        what,
        "take it away if it is not meant",
    )
    .rated(Severity::Error)
    .about(route.to_string())
    .is_not(route.to_string(), "a way out, or no route")
    .mended_by(Remedy::review(route.remove_command()))
    .known_from(refusals::evidence(found))
}
