//! Ordered sets and maps of what an iterator gives, and lists in order. `collect` and `sort` have code of their own for each
//! type: 4 KB a type in the binary, for what is seldom more than some hundred values.

use std::cmp::Ordering;
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

    /// As `collect`, for types of which there can be thousands: what comes in order leaves the nodes of [`Gather::into_set`]
    /// half empty.
    fn into_dense_set(self) -> BTreeSet<Self::Item>
    where
        Self::Item: Ord,
    {
        self.collect()
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

/// Brings a list in order, equal ones as they were.
pub trait Order<T> {
    /// As `sort_by`.
    fn order_by(&mut self, compare: impl Fn(&T, &T) -> Ordering);

    /// As `sort`.
    fn order(&mut self)
    where
        T: Ord,
    {
        self.order_by(T::cmp);
    }

    /// As `sort_by_key`.
    fn order_by_key<K: Ord>(&mut self, key: impl Fn(&T) -> K) {
        self.order_by(|a, b| key(a).cmp(&key(b)));
    }
}

impl<T> Order<T> for [T] {
    fn order_by(&mut self, compare: impl Fn(&T, &T) -> Ordering) {
        let mut from = positions(self.len(), &|a, b| compare(&self[a], &self[b]));
        for start in 0..from.len() {
            let mut to = start;
            while from[to] != start {
                self.swap(to, from[to]);
                to = std::mem::replace(&mut from[to], to);
            }
            from[to] = to;
        }
    }
}

/// Where each of so many stands now, in order.
fn positions(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..count).collect();
    positions.sort_by(|a, b| compare(*a, *b));
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_in_the_order_that_sort_gives_it() {
        let mut seed = 1_u32;
        for length in 0..200 {
            let mut next = || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                seed >> 27
            };
            let mut list: Vec<(u32, usize)> = (0..length).map(|at| (next(), at)).collect();
            let mut sorted = list.clone();
            list.order_by_key(|(value, _)| *value);
            sorted.sort_by_key(|(value, _)| *value);
            assert_eq!(list, sorted);
            list.reverse();
            list.order();
            assert!(list.is_sorted());
        }
    }
}
