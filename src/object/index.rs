//! What the kernel holds, for looking things up: an instance can have thousands of rules.

use std::collections::BTreeSet;

use super::{Object, Observed};
use crate::net::{Address, Dev, Route, Rule};

pub struct Index<'a> {
    observed: &'a Observed,
    up: BTreeSet<&'a Dev>,
    addresses: BTreeSet<&'a Address>,
    routes: BTreeSet<&'a Route>,
    rules: BTreeSet<&'a Rule>,
}

impl<'a> Index<'a> {
    pub fn new(observed: &'a Observed) -> Self {
        Self {
            observed,
            up: observed
                .links
                .iter()
                .filter(|link| link.up)
                .map(|link| &link.name)
                .collect(),
            addresses: observed.addresses.iter().collect(),
            routes: observed.routes.iter().collect(),
            rules: observed.rules.iter().collect(),
        }
    }

    /// Exactly this object is there.
    pub fn has(&self, object: &Object) -> bool {
        match object {
            Object::Sysctl(sysctl) => self.observed.sysctls.get(&sysctl.key) == Some(&sysctl.value),
            Object::LinkUp(dev) => self.up.contains(dev),
            Object::Address(address) => self.addresses.contains(address),
            Object::Route(route) => self.has_route(route),
            Object::Rule(rule) => self.rules.contains(rule),
        }
    }

    /// Exactly this route is there.
    pub fn has_route(&self, route: &Route) -> bool {
        self.routes.contains(route)
    }
}
