//! The walk of a packet through a chain of a packet filter and those that it leads to, as far as the rules are understood:
//! what may come of it.

use super::packet::Packet;
use crate::reconcile::inspect::rulesets::{Chain, FilterRule, Rulesets, Verdict};

/// No chain leads further than the kernel follows (`NFT_JUMP_STACK_SIZE`).
const DEPTH: usize = 16;

/// All that may come of a packet. Where nothing else may, the one thing is certain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate<'a> {
    pub accepts: bool,
    /// What drops it: a rule, or a policy.
    pub drops: Option<Dropper<'a>>,
    /// The rule that gives it another source address.
    pub translates: Option<&'a FilterRule>,
    /// The chain that led here goes on.
    goes_on: bool,
}

/// What drops a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropper<'a> {
    Rule(&'a FilterRule),
    Policy,
}

/// What comes of `packet` in a base chain.
pub fn walk<'a>(rulesets: &'a Rulesets, base: &'a Chain, packet: &Packet) -> Fate<'a> {
    let walk = Walk { rulesets, packet };
    let mut fate = Fate::default();
    walk.pass(base, &mut fate, 0);
    if fate.goes_on && base.drops {
        fate.drops = fate.drops.or(Some(Dropper::Policy));
    } else {
        fate.accepts |= fate.goes_on;
    }
    fate
}

struct Walk<'a, 'p> {
    rulesets: &'a Rulesets,
    packet: &'p Packet<'p>,
}

impl<'a> Walk<'a, '_> {
    fn pass(&self, chain: &'a Chain, fate: &mut Fate<'a>, depth: usize) {
        for rule in &chain.rules {
            let is_for = self.packet.is_for(rule);
            let may_go_on = is_for == Some(false) || self.obey((chain, rule), fate, depth);
            if is_for == Some(true) && !may_go_on {
                return;
            }
        }
        fate.goes_on = true;
    }

    /// Whether the next rule may be asked.
    fn obey(
        &self,
        (chain, rule): (&'a Chain, &'a FilterRule),
        fate: &mut Fate<'a>,
        depth: usize,
    ) -> bool {
        match &rule.verdict {
            Verdict::Next => return true,
            Verdict::Accept => fate.accepts = true,
            Verdict::Drop => fate.drops = fate.drops.or(Some(Dropper::Rule(rule))),
            Verdict::Return => fate.goes_on = true,
            Verdict::Translate(_) => fate.translates = fate.translates.or(Some(rule)),
            Verdict::Jump(target) => return self.follow((chain, target), fate, depth),
            Verdict::Goto(target) => {
                fate.goes_on |= self.follow((chain, target), fate, depth);
            }
            Verdict::Other => {
                fate.accepts = true;
                return true;
            }
        }
        false
    }

    /// Whether the chain that leads there may go on.
    fn follow(
        &self,
        (chain, target): (&'a Chain, &str),
        fate: &mut Fate<'a>,
        depth: usize,
    ) -> bool {
        let mut others = self.rulesets.of_table(chain);
        let next = others.find(|other| other.name == target);
        let Some(next) = next.filter(|_| depth < DEPTH) else {
            fate.accepts = true;
            return true;
        };
        let before = std::mem::take(&mut fate.goes_on);
        self.pass(next, fate, depth + 1);
        std::mem::replace(&mut fate.goes_on, before)
    }
}

impl Fate<'_> {
    /// It is dropped, whatever else.
    pub fn is_dropped(&self) -> bool {
        self.drops.is_some() && !self.accepts && self.translates.is_none()
    }
}

impl Dropper<'_> {
    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::Rule(rule) => format!("its rule `{}`", rule.text),
            Self::Policy => "policy drop".to_owned(),
        }
    }
}
