//! The walk of one packet through the policy rules and the route tables, step by step as the kernel's lookup goes
//! (`fib_rules_lookup` in net/core/fib_rules.c, `fib_table_lookup`, `fib6_table_lookup`).

mod matching;
mod tables;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::gather::Gather;
use crate::net::fib::{Action, Fib, FibRoute, PolicyRule};
use crate::net::sources::BySource;
use crate::net::{Dev, Family, RouteKind};
pub use matching::Reason;
use tables::Tables;

/// What the kernel's lookup goes by of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// `None`: the socket is bound to no address.
    pub from: Option<IpAddr>,
    pub to: IpAddr,
    /// The interface that it came in by; `None`: the host itself sends it.
    pub iif: Option<Dev>,
    /// The interface that its socket is bound to.
    pub oif: Option<Dev>,
    pub mark: u32,
    /// Whose socket it is; the kernel's own answers are of user 0.
    pub uid: u32,
}

impl Packet {
    /// One that the host sends, of root, without a mark.
    pub fn sent(from: Option<IpAddr>, to: IpAddr) -> Self {
        Self {
            from,
            to,
            iif: None,
            oif: None,
            mark: 0,
            uid: 0,
        }
    }

    /// Its family.
    pub fn family(&self) -> Family {
        Family::of(self.to)
    }
}

/// What every rule did that was asked, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk<'a> {
    /// In the order in which the kernel asks; the last one decided, unless none did.
    pub steps: Vec<Step<'a>>,
    pub end: End<'a>,
}

/// One rule that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    pub rule: &'a PolicyRule,
    pub outcome: Outcome<'a>,
}

/// What a rule did with the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It is not for this packet.
    NotMatched(Reason),
    /// Its table has no route to there.
    NoRoute,
    /// Its table has a `throw` route to there.
    Thrown(&'a FibRoute),
    /// Its table has this route, which the rule passes over (`suppress_prefixlength`).
    Suppressed(&'a FibRoute),
    /// It sends the packet to the first rule of this priority.
    Jumped(u32),
    /// It does nothing: `nop`, or a `goto` without a target.
    Nothing,
    /// It decided.
    Decided,
}

/// What comes of the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End<'a> {
    /// It leaves by this route, or arrives at this host where that is a `local` one.
    Route(&'a FibRoute),
    /// This route refuses it: `unreachable`, `prohibit`, `blackhole`.
    RefusedByRoute(&'a FibRoute),
    /// This rule does.
    RefusedByRule(&'a PolicyRule),
    /// No rule leads to a route.
    NoRoute,
}

impl<'a> Walk<'a> {
    /// The rule that decided; `None`: none did.
    pub fn decider(&self) -> Option<&'a PolicyRule> {
        let last = self.steps.last()?;
        (last.outcome == Outcome::Decided).then_some(last.rule)
    }

    /// The rules before the end that have a selector which is not followed: the kernel may have taken one of them.
    pub fn uncertain(&self) -> impl Iterator<Item = &'a PolicyRule> {
        let of = |step: &Step<'a>| {
            (step.outcome == Outcome::NotMatched(Reason::Unknown)).then_some(step.rule)
        };
        self.steps.iter().filter_map(of)
    }
}

impl<'a> End<'a> {
    /// The interfaces by which it leaves, some flows by each; empty where it does not leave.
    pub fn devs(&self) -> Vec<&'a Dev> {
        match self {
            Self::Route(found) if !self.is_local() => {
                found.route.ways().map(|(_, dev)| dev).gathered()
            }
            Self::Route(_) | Self::RefusedByRoute(_) | Self::RefusedByRule(_) | Self::NoRoute => {
                Vec::new()
            }
        }
    }

    /// It is for this host itself.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Route(found) if tables::is_local(found.route.kind))
    }

    /// The table that decided.
    pub fn table(&self) -> Option<u32> {
        match self {
            Self::Route(found) | Self::RefusedByRoute(found) => Some(found.route.table),
            Self::RefusedByRule(_) | Self::NoRoute => None,
        }
    }
}

/// A [`Fib`] made ready for many walks.
#[derive(Debug)]
pub struct Walker<'a> {
    rules: BTreeMap<Family, BySource<'a>>,
    tables: Tables<'a>,
}

/// The rules that may be for packets of one source: what is left of thousands, each with its place among all.
#[derive(Clone, Debug)]
pub struct Candidates<'a>(Vec<(usize, &'a PolicyRule)>);

impl<'a> Walker<'a> {
    /// Over what `fib` holds.
    pub fn new(fib: &'a Fib) -> Self {
        let mut rules: BTreeMap<Family, BySource> = BTreeMap::new();
        for rule in &fib.rules {
            rules.entry(rule.family()).or_default().push(rule);
        }
        Self {
            rules,
            tables: Tables::new(&fib.routes),
        }
    }

    /// The walk past every rule.
    pub fn walk(&self, packet: &Packet) -> Walk<'a> {
        let rules = self.rules.get(&packet.family());
        let rules = rules.into_iter().flat_map(BySource::all).copied();
        self.walk_by(packet, &Candidates(rules.enumerate().gathered()))
    }

    /// The rules that may be for packets of `family` from this source: a walk by them ends as one past all.
    pub fn candidates(&self, family: Family, from: Option<IpAddr>) -> Candidates<'a> {
        let rules = self.rules.get(&family);
        Candidates(rules.map(|rules| rules.of(from)).unwrap_or_default())
    }

    /// The walk past these rules only.
    pub fn walk_by(&self, packet: &Packet, candidates: &Candidates<'a>) -> Walk<'a> {
        let mut steps = Vec::new();
        let mut next = 0;
        while let Some(&(_, rule)) = candidates.0.get(next) {
            let (outcome, end) = self.ask(rule, packet);
            next = match outcome {
                Outcome::Jumped(target) => self.place_of(packet.family(), target, candidates),
                _ => next + 1,
            };
            steps.push(Step { rule, outcome });
            if let Some(end) = end {
                return Walk { steps, end };
            }
        }
        let end = End::NoRoute;
        Walk { steps, end }
    }

    /// Where among the candidates the walk goes on that jumps to the first rule of a priority.
    fn place_of(&self, family: Family, target: u32, candidates: &Candidates) -> usize {
        let rules = self.rules.get(&family);
        let place = rules.map_or(usize::MAX, |rules| rules.first_from(target));
        candidates.0.partition_point(|(at, _)| *at < place)
    }

    /// What one rule does with the packet, and the end if that is it.
    fn ask(&self, rule: &'a PolicyRule, packet: &Packet) -> (Outcome<'a>, Option<End<'a>>) {
        if let Some(reason) = matching::reason_against(rule, packet) {
            return (Outcome::NotMatched(reason), None);
        }
        match rule.action {
            Action::Lookup => self.look_up(rule, packet),
            Action::Goto(target) if self.has_target(rule, target) => {
                (Outcome::Jumped(target), None)
            }
            Action::Goto(_) | Action::Nop => (Outcome::Nothing, None),
            Action::Blackhole | Action::Unreachable | Action::Prohibit | Action::Other(_) => {
                (Outcome::Decided, Some(End::RefusedByRule(rule)))
            }
        }
    }

    /// A `goto` leads forward, to a rule that is there; the kernel passes over one that does not.
    fn has_target(&self, rule: &PolicyRule, target: u32) -> bool {
        let rules = self.rules.get(&rule.family());
        let first = rules.and_then(|rules| rules.all().get(rules.first_from(target)));
        target > rule.rule.priority && first.is_some_and(|first| first.rule.priority == target)
    }

    fn look_up(&self, rule: &'a PolicyRule, packet: &Packet) -> (Outcome<'a>, Option<End<'a>>) {
        let Some(found) = self.tables.look_up(rule.rule.table, packet) else {
            return (Outcome::NoRoute, None);
        };
        match found.route.kind {
            RouteKind::Throw => (Outcome::Thrown(found), None),
            kind if tables::is_refusal(kind) => {
                (Outcome::Decided, Some(End::RefusedByRoute(found)))
            }
            _ if is_suppressed(rule, found) => (Outcome::Suppressed(found), None),
            _ => (Outcome::Decided, Some(End::Route(found))),
        }
    }
}

/// The rule takes no route whose prefix is not longer than this (`fib4_rule_suppress`).
fn is_suppressed(rule: &PolicyRule, found: &FibRoute) -> bool {
    let length = u32::from(found.route.dst.prefix_len());
    rule.rule
        .suppress_prefixlength
        .is_some_and(|longest| length <= longest)
}
