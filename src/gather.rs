//! Lists, ordered sets, maps and texts of what an iterator gives, and lists in order. `collect` has code of its own for each
//! iterator, and asks it for a hint of its size, whose code is as much again; `sort` has 4 KB for each type. Here is one
//! loop for each type of item.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Gathers what an iterator gives.
pub trait Gather: Iterator + Sized {
    /// As `collect`, for a twentieth of the whole binary less, and as fast.
    fn gathered<C: Gathered<Self::Item>>(mut self) -> C {
        C::of(&mut || self.next())
    }

    /// As `collect` into a set.
    fn into_set(self) -> BTreeSet<Self::Item>
    where
        Self::Item: Ord,
    {
        self.gathered()
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
        self.gathered()
    }
}

impl<I: Iterator> Gather for I {}

/// What is gathered from items of one type.
pub trait Gathered<T>: Sized {
    /// All that comes, in one loop for all the iterators that give such items.
    fn of(next: &mut dyn FnMut() -> Option<T>) -> Self;
}

fn filled<C: Default, T>(next: &mut dyn FnMut() -> Option<T>, add: fn(&mut C, T)) -> C {
    let mut all = C::default();
    while let Some(item) = next() {
        add(&mut all, item);
    }
    all
}

impl<T> Gathered<T> for Vec<T> {
    fn of(next: &mut dyn FnMut() -> Option<T>) -> Self {
        filled(next, Vec::push)
    }
}

impl<T: Ord> Gathered<T> for BTreeSet<T> {
    fn of(next: &mut dyn FnMut() -> Option<T>) -> Self {
        filled(next, |set: &mut Self, item| _ = set.insert(item))
    }
}

impl<K: Ord, V> Gathered<(K, V)> for BTreeMap<K, V> {
    fn of(next: &mut dyn FnMut() -> Option<(K, V)>) -> Self {
        filled(next, |map: &mut Self, (key, value)| {
            _ = map.insert(key, value)
        })
    }
}

impl Gathered<char> for String {
    fn of(next: &mut dyn FnMut() -> Option<char>) -> Self {
        filled(next, String::push)
    }
}

impl Gathered<String> for String {
    fn of(next: &mut dyn FnMut() -> Option<String>) -> Self {
        filled(next, |text: &mut Self, more| text.push_str(&more))
    }
}

impl<'a> Gathered<&'a str> for String {
    fn of(next: &mut dyn FnMut() -> Option<&'a str>) -> Self {
        filled(next, Self::push_str)
    }
}

/// Up to the first error.
impl<T, E, C: Gathered<T>> Gathered<Result<T, E>> for Result<C, E> {
    fn of(next: &mut dyn FnMut() -> Option<Result<T, E>>) -> Self {
        let mut failed = None;
        let all = C::of(&mut || match next()? {
            Ok(item) => Some(item),
            Err(error) => {
                failed = Some(error);
                None
            }
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(all),
        }
    }
}

/// `None` as soon as one is.
impl<T, C: Gathered<T>> Gathered<Option<T>> for Option<C> {
    fn of(next: &mut dyn FnMut() -> Option<Option<T>>) -> Self {
        let mut failed = false;
        let all = C::of(&mut || {
            let item = next()?;
            failed = item.is_none();
            item
        });
        (!failed).then_some(all)
    }
}

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
    fn what_is_gathered_is_what_collect_gives() {
        let numbers = [3, 1, 2, 3, 1];
        let pairs = || numbers.into_iter().enumerate().map(|(at, key)| (key, at));
        assert_eq!(numbers.into_iter().gathered::<Vec<_>>(), numbers);
        assert_eq!(numbers.into_iter().into_set(), BTreeSet::from(numbers));
        assert_eq!(pairs().into_map(), pairs().collect());
        let texts = ["a", "", "ä"];
        assert_eq!(texts.into_iter().gathered::<String>(), "aä");
        let owned = texts.map(str::to_owned).into_iter();
        assert_eq!(owned.gathered::<String>(), "aä");
        assert_eq!("aä".chars().rev().gathered::<String>(), "äa");
    }

    #[test]
    fn nothing_is_asked_for_behind_an_error() {
        let mut items = [Ok(1), Err("two"), Err("three"), Ok(4)].into_iter();
        assert_eq!(items.by_ref().gathered::<Result<Vec<_>, _>>(), Err("two"));
        assert_eq!(items.next(), Some(Err("three")));
        let mut items = [Some(1), None, Some(3)].into_iter();
        assert_eq!(items.by_ref().gathered::<Option<Vec<_>>>(), None);
        assert_eq!(items.next(), Some(Some(3)));
        let all: Result<Vec<_>, ()> = [Ok(1), Ok(2)].into_iter().gathered();
        assert_eq!(all, Ok(vec![1, 2]));
    }

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
