//! The very rule or route that makes a way wrong.

use super::maker;
use super::ways::Way;
use crate::check::walk::{End, Outcome};
use crate::net::Rule;
use crate::net::fib::{FibRoute, PolicyRule};

/// The kernel's own rules, which lead to `local`, `main` and `default`.
const OF_THE_KERNEL: [u32; 3] = [0, 32_766, 32_767];

/// What makes a way wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause<'a> {
    /// A rule that is none of eniroute's decides.
    Rule(&'a PolicyRule),
    /// A rule of eniroute's is not there.
    Missing(&'a Rule),
    /// This route leads there.
    Route(&'a FibRoute),
    /// This table has no route to there.
    Table(u32),
}

/// The cause of a wrong way.
pub(super) fn of<'a>(way: &Way<'a>) -> Cause<'a> {
    match way.walk.decider() {
        Some(rule) if is_own(way, &rule.rule) => by_route(way),
        Some(rule) if is_before(way, rule) => Cause::Rule(rule),
        _ => match unasked(way) {
            Some(own) => jump(way, own).map_or(Cause::Missing(own), Cause::Rule),
            None => by_route(way),
        },
    }
}

fn own<'a>(way: &Way<'a>) -> impl Iterator<Item = &'a Rule> {
    let from = way.answer.question.from;
    let rules = way.planned.rules.iter();
    rules.filter(move |rule| rule.from.is_some_and(|net| net.contains(&from)))
}

fn is_own(way: &Way, rule: &Rule) -> bool {
    own(way).any(|own| own == rule)
}

/// Somebody's rule decides before all of eniroute's for this address.
fn is_before(way: &Way, rule: &PolicyRule) -> bool {
    let first = own(way).map(|own| own.priority).min();
    let is_kernels = OF_THE_KERNEL.contains(&rule.rule.priority);
    !is_kernels && first.is_none_or(|first| rule.rule.priority <= first)
}

/// A rule that led past that one.
fn jump<'a>(way: &Way<'a>, own: &Rule) -> Option<&'a PolicyRule> {
    let is_past = |rule: &Rule, to| (rule.priority..to).contains(&own.priority);
    let mut steps = way.walk.steps.iter();
    let jumped = steps.find(|step| match step.outcome {
        Outcome::Jumped(to) => is_past(&step.rule.rule, to),
        _ => false,
    });
    jumped.map(|step| step.rule)
}

/// The first rule of eniroute's for this address that was not asked: it is not there, or a jump passed over it.
fn unasked<'a>(way: &Way<'a>) -> Option<&'a Rule> {
    let was_asked = |rule: &&Rule| way.walk.steps.iter().any(|step| step.rule.rule == **rule);
    own(way).find(|rule| !was_asked(rule))
}

fn by_route<'a>(way: &Way<'a>) -> Cause<'a> {
    let table = own(way).next().map_or(crate::net::MAIN, |rule| rule.table);
    match way.walk.end {
        End::Route(found) | End::RefusedByRoute(found) => Cause::Route(found),
        End::RefusedByRule(rule) => Cause::Rule(rule),
        End::NoRoute => Cause::Table(table),
    }
}

impl std::fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Rule(rule) => write!(f, "{} decides", maker::rule(rule)),
            Self::Missing(rule) => write!(f, "the rule `{rule}` is missing"),
            Self::Route(found) => write!(f, "{} leads there", maker::route(found)),
            Self::Table(table) => write!(f, "table {} has no route there", maker::table(*table)),
        }
    }
}
