//! The next hop object (`ip nexthop`) that a route may go by.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// Its number; `None`: the route names its ways itself. It says nothing of where the route leads: for whoever compares two
/// routes, this is always the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct NextHopObject(pub Option<u32>);

impl PartialEq for NextHopObject {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for NextHopObject {}

impl Ord for NextHopObject {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl PartialOrd for NextHopObject {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for NextHopObject {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
