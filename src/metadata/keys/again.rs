//! What is asked of an ENI that is known, to learn whether it is as it was.

use std::fmt::Display;
use std::str::FromStr;

use super::{ASSIGNED, DEVICE, Reader, lines};
use crate::eni::Eni;
use crate::error::{Lack, Result};
use crate::gather::Gather;
use crate::metadata::Incomplete;

/// What is asked of an ENI that is known, two keys at most: its addresses each time, and in turns its listing, which tells
/// of anything new, and the other values.
pub fn asked_again(known: &Eni, turn: u64) -> impl Iterator<Item = &'static str> {
    let first = ASSIGNED[usize::from(known.ipv4.is_empty())];
    let is_other = |key: &&str| *key != first && known.has(key);
    let others = ASSIGNED.into_iter().filter(is_other);
    let others: Vec<&str> = std::iter::once("").chain(others).gathered();
    let in_turn = others[usize::try_from(turn).unwrap_or_default() % others.len()];
    let first = Some(first).filter(|first| known.has(first));
    first.into_iter().chain([in_turn])
}

impl Reader<'_> {
    /// Whether the service still says of this ENI what it said when `known` was read; see [`asked_again`].
    pub fn still_says(mut self, known: &Eni, turn: u64) -> Result<bool> {
        for key in asked_again(known, turn) {
            if !self.says(key, known)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the ENI still lacks what it lacked.
    pub fn still_lacks(&mut self, lack: &Incomplete) -> Result<bool> {
        let text = self.get(lack.asked())?;
        let has_address = |text: &str| {
            let mut keys = lines(text).map(|key| key.trim_end_matches('/'));
            keys.any(|key| ASSIGNED.contains(&key))
        };
        Ok(match (lack.lack, text) {
            (Lack::Addresses, Some(text)) => !has_address(&text),
            (Lack::Addresses, None) => false,
            (_, text) => text.is_none_or(|text| lack.key == DEVICE && text.trim() == "0"),
        })
    }

    /// Whether one key still has the value that was read. Of what is never asked again, the answer is no.
    pub fn says(&mut self, key: &str, known: &Eni) -> Result<bool> {
        let Some(text) = self.get(key)? else {
            return Ok(false);
        };
        let listed = |key: &&str| lines(&text).any(|line| line.trim_end_matches('/') == *key);
        Ok(match key {
            "" => {
                let mut read = ASSIGNED.iter().filter(|key| self.depth.reads(key));
                read.all(|key| listed(key) == known.has(key))
            }
            "local-ipv4s" => self.is_list(key, &text, &known.ipv4),
            "ipv6s" => self.is_list(key, &text, &known.ipv6),
            "ipv4-prefix" => self.is_list(key, &text, &known.ipv4_prefixes),
            "ipv6-prefix" => self.is_list(key, &text, &known.ipv6_prefixes),
            "subnet-ipv4-cidr-block" => self.is_list(key, &text, known.subnet_ipv4.as_slice()),
            "subnet-ipv6-cidr-blocks" => self.is_list(key, &text, &known.subnet_ipv6),
            _ => false,
        })
    }

    fn is_list<T: FromStr<Err: Display> + PartialEq>(
        &self,
        key: &str,
        text: &str,
        known: &[T],
    ) -> bool {
        self.parse::<T>(key, text)
            .is_ok_and(|values| values == known)
    }
}

impl Eni {
    /// Whether one of [`ASSIGNED`] tells something.
    fn has(&self, key: &str) -> bool {
        !match key {
            "local-ipv4s" => self.ipv4.is_empty(),
            "ipv6s" => self.ipv6.is_empty(),
            "ipv4-prefix" => self.ipv4_prefixes.is_empty(),
            _ => self.ipv6_prefixes.is_empty(),
        }
    }
}
