//! Which clients of an entry get which address of its pool, by the configuration alone.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::flows::Seen;
use crate::gather::Gather;
use crate::plan::egress::Range;
use crate::plan::nft::{Entry, address_of};

/// So many clients of a pool are dealt one by one: two prefixes of 16 bits.
const MOST: u64 = 1 << 17;

/// So many are named.
const FEW: usize = 8;

/// The clients of an entry.
pub(super) struct Dealt {
    /// How many there are, and the first ones; `None`: too many.
    of: Option<BTreeMap<Ipv4Addr, (u64, Vec<Ipv4Addr>)>>,
}

impl Dealt {
    pub(super) fn of(entry: &Entry) -> Self {
        let all = count(&entry.clients);
        let of = match &entry.pool[..] {
            [(only, _)] => {
                let few = addresses(&entry.clients).take(FEW + 1);
                Some([(*only, (all, few.gathered()))].into())
            }
            [] => Some(BTreeMap::new()),
            _ if all > MOST => None,
            _ => Some(dealt(entry)),
        };
        Self { of }
    }

    /// How many clients get this address.
    pub(super) fn count(&self, ip: Ipv4Addr) -> Option<u64> {
        let of = self.of.as_ref()?;
        Some(of.get(&ip).map_or(0, |(count, _)| *count))
    }

    /// Those that get it, where they are few; else those of them that have flows `now`, where these are few.
    pub(super) fn listed(&self, ip: Ipv4Addr, now: Option<&Seen>) -> Vec<Ipv4Addr> {
        let dealt = self.of.as_ref().and_then(|of| of.get(&ip));
        let few = dealt.filter(|(count, _)| (1..=FEW as u64).contains(count));
        if let Some((_, few)) = few {
            return few.clone();
        }
        let now = now.map(|now| &now.clients).filter(|now| now.len() <= FEW);
        now.into_iter()
            .flatten()
            .filter_map(|ip| v4(*ip))
            .gathered()
    }
}

fn dealt(entry: &Entry) -> BTreeMap<Ipv4Addr, (u64, Vec<Ipv4Addr>)> {
    let mut all: BTreeMap<Ipv4Addr, (u64, Vec<Ipv4Addr>)> = BTreeMap::new();
    for client in addresses(&entry.clients) {
        let Some((ip, _)) = address_of(&entry.pool, client) else {
            break;
        };
        let (count, few) = all.entry(*ip).or_default();
        *count += 1;
        few.extend(Some(client).filter(|_| few.len() <= FEW));
    }
    all
}

/// How many IPv4 addresses they are.
pub(super) fn count(clients: &[Range]) -> u64 {
    let v4 = clients.iter().filter_map(Range::ipv4);
    v4.map(|(first, last)| u64::from(last - first) + 1).sum()
}

fn addresses(clients: &[Range]) -> impl Iterator<Item = Ipv4Addr> {
    let v4 = clients.iter().filter_map(Range::ipv4);
    v4.flat_map(|(first, last)| (first..=last).map(Ipv4Addr::from))
}

fn v4(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    }
}
