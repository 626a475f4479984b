//! Policy rules found by the source that they are for: of thousands, most are for one address alone.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::fib::PolicyRule;
use crate::gather::Gather;

/// The rules of one family, in the order in which the kernel asks them.
#[derive(Debug, Default)]
pub struct BySource<'a> {
    rules: Vec<&'a PolicyRule>,
    /// The places of those for packets from this address alone.
    of_one: BTreeMap<IpAddr, Vec<usize>>,
    /// The places of all others.
    of_many: Vec<usize>,
}

impl<'a> BySource<'a> {
    /// Adds the next one.
    pub fn push(&mut self, rule: &'a PolicyRule) {
        let from = rule.rule.from.filter(|_| !rule.is_inverted);
        let one = from.filter(|net| net.prefix_len() == net.max_prefix_len());
        let places = match one {
            Some(net) => self.of_one.entry(net.addr()).or_default(),
            None => &mut self.of_many,
        };
        places.push(self.rules.len());
        self.rules.push(rule);
    }

    /// All of them.
    pub fn all(&self) -> &[&'a PolicyRule] {
        &self.rules
    }

    /// Those that may be for packets from there, each with its place among all; `None`: from no address yet.
    pub fn of(&self, from: Option<IpAddr>) -> Vec<(usize, &'a PolicyRule)> {
        let unbound = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let own = self.of_one.get(&from.unwrap_or(unbound));
        let mut places = own.cloned().unwrap_or_default();
        places.extend(&self.of_many);
        places.sort_unstable();
        let rules = places
            .iter()
            .filter_map(|place| Some((*place, *self.rules.get(*place)?)));
        rules.filter(|(_, rule)| rule.may_be_from(from)).gathered()
    }

    /// The place of the first rule that has at least this priority; behind the last where none has.
    pub fn first_from(&self, priority: u32) -> usize {
        self.rules
            .partition_point(|rule| rule.rule.priority < priority)
    }
}
