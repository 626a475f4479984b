//! Which rule not created by eniroute decides for an address before eniroute's does, and who has made it. Pure.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::gather::Gather;
use crate::net::rule::{LOOPBACK, STATIC};
use crate::net::{Family, Rule, maker};
use crate::numbering::Band;
use crate::object::Object;
use crate::plan::Planned;
use crate::reconcile::assess::Assessment;

/// The rules that are not eniroute's, and may apply to what this host sends, in the kernel's order.
pub(super) fn foreign(assessment: &Assessment) -> Vec<&Rule> {
    not_ours(assessment, &may_apply)
}

/// The rules that are not eniroute's, and that `is_meant` takes, in the kernel's order.
pub(super) fn not_ours<'a>(
    assessment: &'a Assessment,
    is_meant: &dyn Fn(&Rule) -> bool,
) -> Vec<&'a Rule> {
    let enis = assessment.desired.enis.iter();
    let ours: BTreeSet<&Rule> = enis.flat_map(|planned| &planned.rules).into_set();
    let has_made = |rule: &Rule| assessment.scope.has_made(&Object::Rule(rule.clone()));
    let rules = assessment.observed.rules.iter();
    rules
        .filter(|rule| is_meant(rule) && !ours.contains(rule) && !has_made(rule))
        .gathered()
}

/// Of packets from an address of an ENI, among rules that are not eniroute's.
pub(super) struct Shadow<'a> {
    pub assessment: &'a Assessment,
    pub planned: &'a Planned,
    pub from: IpAddr,
    pub foreign: &'a [&'a Rule],
}

impl<'a> Shadow<'a> {
    /// The first rule of somebody else's that leads packets to `to` to `table`; of packets that do not leave at all,
    /// that forbids them.
    pub fn decider(&self, to: IpAddr, table: Option<u32>) -> Option<&'a Rule> {
        let decides = |rule: &&Rule| match table {
            Some(table) => rule.table == table,
            None => forbids(rule),
        };
        self.earlier()
            .filter(decides)
            .find(|rule| rule.extra().to.is_none_or(|net| net.contains(&to)))
    }

    /// The rules that are asked before eniroute's about such packets.
    pub fn earlier(&self) -> impl Iterator<Item = &'a Rule> {
        let from = self.from;
        let last = self.planned.eni.number().priority(Band::Default);
        self.foreign.iter().copied().filter(move |rule| {
            rule.family == Family::of(from)
                && (1..=last).contains(&rule.priority)
                && rule.from.is_none_or(|net| net.contains(&from))
        })
    }
}

/// What is sent from this host has no mark, and comes in by no interface.
fn may_apply(rule: &Rule) -> bool {
    let words = rule.extra().foreign.as_deref().unwrap_or_default();
    let is_inverted = words.starts_with("not ");
    let is_unmarked = rule
        .extra()
        .mark
        .is_none_or(|mark| mark.value & mark.mask == 0);
    let is_sent_here = rule
        .extra()
        .iif
        .as_deref()
        .is_none_or(|dev| dev == LOOPBACK);
    is_inverted || (is_unmarked && is_sent_here)
}

fn forbids(rule: &Rule) -> bool {
    let words = rule.extra().foreign.as_deref().unwrap_or_default();
    ["unreachable", "prohibit", "blackhole"]
        .iter()
        .any(|word| words.ends_with(word))
}

/// The rule, and whose it is.
pub(super) fn named(rule: &Rule, assessment: &Assessment) -> String {
    let protocols = &assessment.observed.protocols;
    let protocol = protocols.get(rule).copied().unwrap_or(STATIC);
    format!("`{rule}` ({})", maker::maker(rule, protocol))
}
