//! What the flat rules of one family say: which source looks up what, and what else they are for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use ipnet::IpNet;

use crate::gather::{Gather, Order};
use crate::net::index_rule::Step;
use crate::net::rule::LOOPBACK;
use crate::net::{Family, Rule};

/// The bits of an IPv4 address are the upper ones.
const IPV4_SHIFT: u32 = 96;

/// A prefix of either family. Ordered by its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Net {
    pub bits: u128,
    pub length: u8,
    pub family: Family,
}

/// A source, with what its packets look up, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    pub net: Net,
    pub lookups: Rc<[Step]>,
}

/// What the rules say.
pub struct Flat {
    pub family: Family,
    /// Those that no other one overlaps.
    pub sources: Vec<Source>,
    /// All sources are within these.
    pub covers: Vec<Net>,
    /// The bits of marks that rules select by.
    pub marks: Option<u32>,
    /// The priority of the first rule for packets that came in by an interface.
    pub first_received: Option<u32>,
}

impl Flat {
    /// Of rules in the kernel's order.
    ///
    /// # Errors
    /// A rule that is for other packets than an index may lead past it.
    pub fn of<'a>(rules: &[&'a Rule]) -> Result<Self, &'a Rule> {
        let mut lookups: Vec<(Net, Step)> = Vec::with_capacity(rules.len());
        let (mut marks, mut first_received) = (None, None);
        for rule in rules {
            let extra = rule.extra();
            match (rule.from, extra.mark, &extra.iif) {
                _ if extra.to.is_some() || extra.foreign.is_some() => return Err(rule),
                (Some(from), None, None) => {
                    lookups.push((from.into(), Step::of(rule)));
                }
                (None, Some(mark), None) if mark.value & mark.mask != 0 => {
                    marks = Some(marks.unwrap_or(0) | mark.mask);
                }
                (None, None, Some(dev)) if **dev != *LOOPBACK => {
                    first_received = first_received.or(Some(rule.priority));
                }
                _ => return Err(rule),
            }
        }
        let sources = sources(lookups);
        Ok(Self {
            family: rules.first().map_or(Family::Ipv4, |rule| rule.family),
            covers: covers(&sources),
            sources: disjoint(sources),
            marks,
            first_received,
        })
    }
}

/// Of what each source looks up, in its order. Those of one ENI have one list.
fn sources(mut lookups: Vec<(Net, Step)>) -> Vec<Source> {
    lookups.order_by_key(|(net, _)| *net);
    let mut sources: Vec<Source> = Vec::with_capacity(lookups.len());
    for of_one in lookups.chunk_by(|a, b| a.0 == b.0) {
        let steps = of_one.iter().map(|(_, step)| *step);
        let last = sources.last().map(|last| Rc::clone(&last.lookups));
        let same = last.filter(|last| steps.clone().eq(last.iter().copied()));
        sources.extend(of_one.first().map(|(net, _)| Source {
            net: *net,
            lookups: same.unwrap_or_else(|| steps.collect()),
        }));
    }
    sources
}

/// One prefix around all sources, or one around each half of them: everything is no prefix that a packet can be outside of.
fn covers(sources: &[Source]) -> Vec<Net> {
    let around = |sources: &[Source]| {
        let (first, last) = (sources.first()?, sources.last()?);
        Some(first.net.cover(last.net))
    };
    let upper = sources.partition_point(|source| !source.net.is_upper());
    match around(sources) {
        Some(all) if all.length == 0 => {
            let (low, high) = sources.split_at(upper);
            [low, high].into_iter().filter_map(around).gathered()
        }
        all => all.into_iter().gathered(),
    }
}

/// Those that overlap no other one: of a packet from two of them, both have a say.
fn disjoint(sources: Vec<Source>) -> Vec<Source> {
    let overlaps = |at: usize, other: Option<&Source>| {
        let one = sources.get(at).map(|source| source.net);
        one.zip(other)
            .is_some_and(|(net, other)| net.overlaps(other.net))
    };
    let mut widest: Option<&Source> = None;
    let mut alone = Vec::with_capacity(sources.len());
    for (at, source) in sources.iter().enumerate() {
        alone.push(!overlaps(at, widest) && !overlaps(at, sources.get(at + 1)));
        if !overlaps(at, widest) {
            widest = Some(source);
        }
    }
    let alone = sources.into_iter().zip(alone).filter(|(_, alone)| *alone);
    alone.map(|(source, _)| source).gathered()
}

impl Net {
    /// The first bits of it.
    pub fn up_to(self, length: u8) -> Self {
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        let bits = self.bits & mask;
        Self {
            bits,
            length,
            ..self
        }
    }

    /// The longest prefix around both.
    pub fn cover(self, other: Self) -> Self {
        let common = (self.bits ^ other.bits).leading_zeros();
        let length = self.length.min(other.length);
        self.up_to(u8::try_from(common).unwrap_or(u8::MAX).min(length))
    }

    fn overlaps(self, other: Self) -> bool {
        let length = self.length.min(other.length);
        self.up_to(length) == other.up_to(length)
    }

    fn is_upper(self) -> bool {
        self.bits.leading_ones() > 0
    }
}

impl From<IpNet> for Net {
    fn from(net: IpNet) -> Self {
        let bits = match net.network() {
            IpAddr::V4(ip) => u128::from(ip.to_bits()) << IPV4_SHIFT,
            IpAddr::V6(ip) => ip.to_bits(),
        };
        Self {
            bits,
            length: net.prefix_len(),
            family: Family::of(net.addr()),
        }
    }
}

impl From<Net> for IpNet {
    fn from(net: Net) -> Self {
        let ip: IpAddr = match net.family {
            Family::Ipv4 => Ipv4Addr::from_bits((net.bits >> IPV4_SHIFT) as u32).into(),
            Family::Ipv6 => Ipv6Addr::from_bits(net.bits).into(),
        };
        // Its length is one of the family's.
        Self::new(ip, net.length).unwrap_or_else(|_| ip.into())
    }
}
