//! Ordered sets and maps of what an iterator gives. `collect` sorts first, by code of its own for each type: 4 KB a type
//! in the binary, for what is seldom more than some hundred values.

use std::collections::{BTreeMap, BTreeSet};

/// Gathers what an iterator gives.
pub trait Gather: Iterator + Sized {
    /// As `collect` into a set.
    fn into_set(self) -> BTreeSet<Self::Item>
    where
        Self::Item: Ord,
    {
        let mut set = BTreeSet::new();
        set.extend(self);
        set
    }

    /// As `collect` into a map: of several values of one key, the last.
    fn into_map<K: Ord, V>(self) -> BTreeMap<K, V>
    where
        Self: Iterator<Item = (K, V)>,
    {
        let mut map = BTreeMap::new();
        map.extend(self);
        map
    }
}

impl<I: Iterator> Gather for I {}
