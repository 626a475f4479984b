//! What the kernel holds, for looking things up: an instance can have thousands of rules.

use super::{Object, Observed};
use crate::gather::{Gather, Order};
use crate::net::{Address, Route, Rule};

/// All objects of one [`Observed`], which they are not copied from.
pub struct Index<'a> {
    observed: &'a Observed,
    addresses: Vec<&'a Address>,
    routes: Vec<&'a Route>,
    rules: Vec<&'a Rule>,
}

impl<'a> Index<'a> {
    /// Of what was observed.
    pub fn new(observed: &'a Observed) -> Self {
        Self {
            observed,
            addresses: in_order(observed.addresses.iter()),
            routes: in_order(observed.routes.iter()),
            rules: in_order(observed.rules.iter()),
        }
    }

    /// Exactly this object is there, whatever was before it.
    pub fn has(&self, object: &Object) -> bool {
        let observed = self.observed;
        match object {
            Object::Sysctl(sysctl) => observed.sysctls.get(&sysctl.key) == Some(&sysctl.value),
            Object::LinkUp(dev) => observed
                .links
                .iter()
                .any(|link| link.up && link.name == *dev),
            Object::Address(address) => self.addresses.binary_search(&address).is_ok(),
            Object::Route(route) => self.has_route(route),
            Object::Rule(rule) => self.rules.binary_search(&rule).is_ok(),
            Object::Nft(nft) => {
                let mut there = observed.nft.iter();
                there.any(|standing| standing.as_seen() == nft.as_seen())
            }
        }
    }

    /// Exactly this route is there.
    pub fn has_route(&self, route: &Route) -> bool {
        self.routes.binary_search(&route).is_ok()
    }
}

/// Those of one kind.
pub fn in_order<'a, T: Ord>(all: impl Iterator<Item = &'a T>) -> Vec<&'a T> {
    let mut all: Vec<&T> = all.gathered();
    all.order();
    all
}
