//! The rule index: a search tree of `goto` rules over the flat rules of one family, which stay and are the truth.
//! Pure.
//!
//! The kernel asks rules one by one. In the order of priorities: the entrance leads what cannot be ours behind the
//! index; nodes lead a packet by its source to the block of its ENI; a packet that they do not know goes on with the
//! flat rules, as if there were no index; behind those are a gate, which leads it past the blocks, and the blocks, which
//! look up what the flat rules of the source would, and lead behind the index. All that a node says is true of itself, wherever a packet comes from, and the
//! kernel passes over a `goto` whose target is gone: an index that is there in part answers as the whole one does.
//!
//! - Made and taken away in their order ([`IndexRule::turn`]), no rule leads to what is not all there.
//! - Whatever stands has its place: a node keeps its priority as long as its prefix is one, so that a change of one
//!   address changes a few rules.

mod flat;
mod slots;
mod tree;

use std::cmp::Reverse;
use std::fmt;

use ipnet::IpNet;

use crate::gather::{Gather, Order};
use crate::net::index_rule::{END, ENTRANCE, FIXED, FLAT, IndexRule, Packets, Step, is_spanned};
use crate::net::{Family, Rule};
use flat::Flat;
use slots::{Blocks, TREES};
use tree::{Entry, Tree};

/// From so many rules of a family on, an index pays.
pub const PAYS_FROM: usize = 64;

/// What keeps an index from being made where one would pay: a rule that eniroute has not made, and which a jump would
/// pass over; in `ip`'s words, with its family's flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle(pub String);

impl Obstacle {
    /// The command that takes it away.
    pub fn remove_command(&self) -> String {
        let (family, words) = self.0.split_once(' ').unwrap_or_default();
        format!("ip {family} rule del {words}")
    }
}

impl fmt::Display for Obstacle {
    /// `ip -4 rule: from all lookup 52 priority 9999`
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (family, words) = self.0.split_once(' ').unwrap_or_default();
        write!(f, "ip {family} rule: {words}")
    }
}

/// An index that stands, in order.
pub type Standing<'a> = &'a [&'a IndexRule];

/// What is there of one family.
pub struct Ground<'a> {
    pub family: Family,
    /// The flat rules, and those of others.
    pub rules: &'a [&'a Rule],
    /// Whether eniroute has made a rule.
    pub is_ours: &'a dyn Fn(&Rule) -> bool,
    /// The index that stands.
    pub standing: Standing<'a>,
    /// By the ledger, eniroute has made that.
    pub has_made: bool,
}

impl Ground<'_> {
    /// The index over the flat rules, in order. Empty where none pays.
    ///
    /// # Errors
    /// One would, and a rule of others is in its way.
    pub fn wanted(&self) -> Result<Vec<IndexRule>, Obstacle> {
        let spanned = self.rules.iter().filter(|rule| is_spanned(rule.priority));
        let (ours, others): (Vec<&Rule>, Vec<&Rule>) =
            spanned.partition(|rule| (self.is_ours)(rule));
        if ours.len() < PAYS_FROM {
            return Ok(Vec::new());
        }
        let flag = self.family.flag();
        let strange = self.standing.first().filter(|_| !self.has_made);
        if let Some(rule) = strange {
            return Err(Obstacle(format!("{flag} {rule}")));
        }
        let obstacle = |rule: &Rule| Obstacle(format!("{flag} {rule}"));
        if let Some(rule) = others.first() {
            return Err(obstacle(rule));
        }
        let flat = Flat::of(&ours).map_err(obstacle)?;
        Ok(rules(flat, self.standing))
    }
}

/// What is to go before the flat rules change, and what comes at the end of all, each in its order. Packets that a new
/// guard keeps out must not meet the tree before it is there.
pub fn changes(standing: Standing, mut wanted: Vec<IndexRule>) -> (Vec<IndexRule>, Vec<IndexRule>) {
    let is_new = |rule: &IndexRule| standing.binary_search(&rule).is_err();
    let is_over = |rule: &IndexRule| wanted.binary_search(rule).is_err();
    let is_guard = |rule: &IndexRule| rule.is_guard() && is_new(rule);
    let is_anew = wanted.iter().any(is_guard);
    let there = standing.iter().map(|rule| **rule);
    let mut gone = in_order(there.filter(|rule| is_anew || is_over(rule)).gathered());
    gone.reverse();
    wanted.retain(|rule| is_anew || is_new(rule));
    (gone, in_order(wanted))
}

/// In the order in which they are made ([`IndexRule::turn`]); of one turn, the last ones first.
pub fn in_order(mut rules: Vec<IndexRule>) -> Vec<IndexRule> {
    rules.order_by_key(|rule| (rule.turn(), Reverse(rule.priority)));
    rules
}

/// The index over them.
fn rules(mut flat: Flat, standing: Standing) -> Vec<IndexRule> {
    let blocks = Blocks::of(&flat.sources, standing);
    flat.sources.retain(|source| blocks.has(source));
    let trees = tree::grown(&flat.covers, &flat.sources);
    let slots = slots::of(&trees, standing);
    let index = Index {
        flat: &flat,
        blocks,
        trees,
        slots,
    };
    index.rules()
}

/// What the rules are made of.
struct Index<'a> {
    flat: &'a Flat,
    blocks: Blocks,
    trees: Vec<Tree<'a>>,
    /// Of each node of each tree.
    slots: Vec<Vec<u32>>,
}

impl Index<'_> {
    fn rules(&self) -> Vec<IndexRule> {
        let fixed = FIXED.map(|(priority, step)| (priority, Packets::All, step));
        let rules = fixed
            .into_iter()
            .chain(self.entrance())
            .chain(self.blocks.rules());
        let rules = rules.chain(self.nodes());
        let family = self.flat.family;
        let rules = rules.map(|(priority, packets, step)| IndexRule {
            priority,
            family,
            packets,
            step,
        });
        let mut rules: Vec<IndexRule> = rules.gathered();
        rules.order();
        rules.dedup();
        rules
    }

    /// Marked packets go by the flat rules. Unbound ones, and those from outside of what a tree covers, go to the next
    /// tree, and at last behind the index, or to the first rule for what comes in by an interface; where there are such
    /// rules, packets from one of the addresses that came in go by the flat rules.
    fn entrance(&self) -> impl Iterator<Item = Line> {
        let marked = self.flat.marks;
        let marked = marked.map(|mask| (ENTRANCE, Packets::Marked(mask), Step::Goto(FLAT)));
        let past = self.flat.first_received.unwrap_or(END);
        let unbound = unspecified(self.flat.family);
        let unbound = unbound.map(|net| (ENTRANCE, Packets::From(net), Step::Goto(past)));
        let nexts = TREES.map(|[outside, ..]| outside);
        let nexts = nexts.into_iter().take(self.trees.len()).skip(1);
        let covers = self.trees.iter().zip(TREES).zip(nexts.chain([past]));
        let covers = covers.flat_map(|((tree, [outside, guard, _]), next)| {
            let outside = (
                outside,
                Packets::NotFrom(tree.cover.into()),
                Step::Goto(next),
            );
            let received = self.flat.first_received;
            let received = received.map(|_| (guard, Packets::Received, Step::Goto(FLAT)));
            std::iter::once(outside).chain(received)
        });
        marked.into_iter().chain(unbound).chain(covers)
    }

    fn nodes(&self) -> impl Iterator<Item = Line> {
        self.trees
            .iter()
            .zip(&self.slots)
            .flat_map(|(tree, slots)| {
                tree.nodes.iter().zip(slots).flat_map(|(node, slot)| {
                    let entries = node
                        .entries
                        .iter()
                        .filter_map(|entry| self.entry(entry, tree, slots));
                    let entries = entries
                        .map(|(net, target)| (*slot, Packets::From(net), Step::Goto(target)));
                    entries.chain([(slot + 1, Packets::All, Step::Goto(FLAT))])
                })
            })
    }

    fn entry(&self, entry: &Entry, tree: &Tree, slots: &[u32]) -> Option<(IpNet, u32)> {
        match entry {
            Entry::Source(source) => Some((source.net.into(), self.blocks.slot(source)?)),
            Entry::Node(node) => Some((tree.nodes.get(*node)?.prefix.into(), *slots.get(*node)?)),
        }
    }
}

/// A rule of the index, but for its family.
type Line = (u32, Packets, Step);

/// What an unbound IPv4 packet is from. One of IPv6 is from nowhere, and so within no prefix (`fib6_rule_match`).
fn unspecified(family: Family) -> Option<IpNet> {
    let from = IpNet::from(std::net::IpAddr::from([0, 0, 0, 0]));
    (family == Family::Ipv4).then_some(from)
}

#[cfg(test)]
mod tests;
