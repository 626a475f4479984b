//! Ranges of addresses that have none in common: nftables' maps know no longest prefix and no first match.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

use crate::gather::Order;
use crate::net::{Family, short};

/// Addresses of one family from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    family: Family,
    first: u128,
    last: u128,
}

impl From<IpNet> for Range {
    fn from(net: IpNet) -> Self {
        Self {
            family: Family::of(net.addr()),
            first: number(net.network()),
            last: number(net.broadcast()),
        }
    }
}

impl Range {
    /// Of which family they are.
    pub fn family(&self) -> Family {
        self.family
    }

    /// It is one address.
    pub fn is_single(&self) -> bool {
        self.first == self.last
    }

    /// This address is one of them.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.family == Family::of(ip) && (self.first..=self.last).contains(&number(ip))
    }

    /// Whether all of `other` is in it, or nothing of it; `None`: a part.
    pub fn has(&self, other: &Self) -> Option<bool> {
        let is_apart =
            self.family != other.family || other.last < self.first || self.last < other.first;
        let is_whole = self.first <= other.first && other.last <= self.last;
        (is_apart || is_whole).then_some(!is_apart)
    }

    /// Its first address.
    pub fn first(&self) -> IpAddr {
        self.address(self.first)
    }

    /// Its first address is this one, or before it.
    pub fn begins_by(&self, ip: IpAddr) -> bool {
        (self.family, self.first) <= (Family::of(ip), number(ip))
    }

    /// Its first and its last address as numbers; `None` for IPv6.
    pub fn ipv4(&self) -> Option<(u32, u32)> {
        let [first, last] = [self.first, self.last].map(u32::try_from);
        (self.family == Family::Ipv4).then_some((first.ok()?, last.ok()?))
    }

    fn address(&self, number: u128) -> IpAddr {
        match self.family {
            // What came from an IPv4 address has 32 bits.
            Family::Ipv4 => Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)).into(),
            Family::Ipv6 => Ipv6Addr::from(number).into(),
        }
    }

    /// It as one prefix, where it is one.
    fn net(&self) -> Option<IpNet> {
        let bits = (self.last ^ self.first).count_ones();
        let longest: u32 = if self.family == Family::Ipv4 { 32 } else { 128 };
        let length = u8::try_from(longest.checked_sub(bits)?).ok()?;
        let net = IpNet::new(self.address(self.first), length).ok()?;
        (Self::from(net) == *self).then_some(net)
    }

    /// The two as one, where this one ends before the other begins.
    fn joined(&self, next: &Self) -> Option<Self> {
        let is_next = self.family == next.family && self.last.checked_add(1) == Some(next.first);
        is_next.then_some(Self {
            last: next.last,
            ..*self
        })
    }
}

impl FromStr for Range {
    type Err = AddrParseError;

    /// As it is shown.
    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(net.into());
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last): (IpAddr, IpAddr) = (first.parse()?, last.parse()?);
        Ok(Self {
            family: Family::of(first),
            first: number(first),
            last: number(last),
        })
    }
}

impl fmt::Display for Range {
    /// As nftables takes it: an address, a prefix, or the first and the last.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [first, last] = [self.first, self.last].map(|end| self.address(end));
        match self.net() {
            Some(net) => short(net).fmt(f),
            None => write!(f, "{first}-{last}"),
        }
    }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u32::from(ip).into(),
        IpAddr::V6(ip) => ip.into(),
    }
}

/// Which addresses are somebody's by now.
#[derive(Default)]
pub struct Taken(BTreeMap<(Family, u128), u128>);

impl Taken {
    /// Takes what of `net` is nobody's yet: the first one has it. Empty: all of it was somebody's.
    pub fn take(&mut self, net: IpNet) -> Vec<Range> {
        let free = self.free(Range::from(net));
        self.add(&free);
        free
    }

    /// These are somebody's, too.
    pub fn add(&mut self, ranges: &[Range]) {
        for range in ranges {
            self.0.insert((range.family, range.first), range.last);
        }
    }

    /// What of it is nobody's.
    pub fn free(&self, of: Range) -> Vec<Range> {
        let key = |number| (of.family, number);
        let before = self.0.range(..key(of.first)).next_back();
        let before =
            before.filter(|((family, _), last)| *family == of.family && **last >= of.first);
        let within = self.0.range(key(of.first)..=key(of.last));
        let (mut free, mut next) = (Vec::new(), Some(of.first));
        for ((_, first), last) in before.into_iter().chain(within) {
            free.extend(between(of, next, first.checked_sub(1)));
            next = last.checked_add(1);
        }
        free.extend(between(of, next, Some(of.last)));
        free
    }
}

/// Of the range `of`, what lies between the two; nothing where there is nothing.
fn between(of: Range, first: Option<u128>, last: Option<u128>) -> Option<Range> {
    let (first, last) = (first?, last?);
    (first <= last && last <= of.last).then_some(Range { first, last, ..of })
}

/// The same addresses in as few ranges as can be, in their order.
pub fn merged(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.order();
    let mut merged: Vec<Range> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if last.joined(&range).is_some() => last.last = range.last,
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
#[path = "range_tests.rs"]
mod tests;
