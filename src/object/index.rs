//! What the kernel holds, for looking things up: an instance can have thousands of rules.

use std::collections::BTreeSet;

use super::{Object, Observed};
use crate::gather::Gather;
use crate::net::Route;
use crate::net::sysctl::Sysctl;

/// All objects of one [`Observed`].
pub struct Index(BTreeSet<Object>);

impl Index {
    /// Of what was observed.
    pub fn new(observed: &Observed) -> Self {
        Self(observed.objects().into_set())
    }

    /// Exactly this object is there, whatever was before it.
    pub fn has(&self, object: &Object) -> bool {
        match object {
            Object::Sysctl(Sysctl { key, value, .. }) => {
                let wanted = Sysctl::new(key.clone(), value);
                self.0.contains(&Object::Sysctl(wanted))
            }
            Object::Nft(nft) => self.0.contains(&Object::Nft(nft.as_seen())),
            _ => self.0.contains(object),
        }
    }

    /// Exactly this route is there.
    pub fn has_route(&self, route: &Route) -> bool {
        self.0.contains(&Object::Route(route.clone()))
    }
}
