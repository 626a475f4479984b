//! A packet that passes this host, as far as it is known, and whether a rule is for it: yes, no, or nobody knows.

use std::net::IpAddr;

use crate::gather::Gather;
use crate::net::Family;
use crate::numbering::MARKS;
use crate::plan::egress::Range;
use crate::reconcile::inspect::rulesets::{Field, FilterRule, Want};

/// Two addresses of the Internet for each family: what holds of both holds of all but a few.
const OUTSIDE: [[&str; 2]; 2] = [
    ["8.8.8.8", "198.41.0.4"],
    ["2001:4860:4860::8888", "2400:cb00:2048::1"],
];

/// Where packets come from, or go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Any of these addresses.
    These(Vec<Range>),
    /// The Internet.
    Outside,
}

/// A packet on its way.
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    pub family: Family,
    /// Empty: this host itself sends it.
    pub iif: &'a str,
    pub oif: &'a str,
    pub from: &'a End,
    pub to: &'a End,
    /// `tcp`, `udp`.
    pub protocol: &'static str,
    pub state: &'static str,
    pub is_reply: bool,
    /// Its flow has come in by an ENI, and has eniroute's bits in its mark.
    pub is_marked: bool,
}

impl Packet<'_> {
    /// Whether `rule` is for it.
    pub fn is_for(&self, rule: &FilterRule) -> Option<bool> {
        all(rule.wants.iter().map(|want| self.has(want)))
    }

    fn has(&self, want: &Want) -> Option<bool> {
        let among = want.among.iter().map(String::as_str);
        let has = match want.field {
            Field::Iif => Some(is_named(self.iif, among)),
            Field::Oif => Some(is_named(self.oif, among)),
            Field::Source => self.from.is_in(among, self.family),
            Field::Destination => self.to.is_in(among, self.family),
            Field::Family => Some(is_one(among, self.family_name())),
            Field::Protocol => Some(is_one(among, self.protocol)),
            Field::State => Some(is_one(among, self.state)),
            Field::Status => not_all(!is_one(among, "dnat")),
            Field::Direction => Some(is_one(among, self.direction())),
            Field::Connmark => self.has_mark(among),
            Field::Other => None,
        };
        has.map(|has| has != want.is_not)
    }

    fn family_name(&self) -> &'static str {
        match self.family {
            Family::Ipv4 => "ipv4",
            Family::Ipv6 => "ipv6",
        }
    }

    fn direction(&self) -> &'static str {
        if self.is_reply { "reply" } else { "original" }
    }

    /// Of the bits of marks only eniroute's are known, and only whether there are any.
    fn has_mark<'a>(&self, mut among: impl Iterator<Item = &'a str>) -> Option<bool> {
        let none = format!("0x0/{MARKS:#x}");
        among.all(|mark| mark == none).then_some(!self.is_marked)
    }
}

impl End {
    /// Whether all of it, or nothing, is within these prefixes, ranges and addresses.
    fn is_in<'a>(&self, among: impl Iterator<Item = &'a str>, family: Family) -> Option<bool> {
        let wanted: Option<Vec<Range>> = among.map(|word| word.parse().ok()).gathered();
        let wanted = wanted?;
        match self {
            Self::These(own) => all(own
                .iter()
                .map(|own| any(wanted.iter().map(|net| net.has(own))))),
            Self::Outside => {
                let has = |ip| wanted.iter().any(|net| net.contains(ip));
                Some(outside(family).all(has))
            }
        }
    }
}

fn outside(family: Family) -> impl Iterator<Item = IpAddr> {
    let ends = OUTSIDE[usize::from(family == Family::Ipv6)].iter();
    ends.filter_map(|ip| ip.parse().ok())
}

/// What is known not to be so; all else may be.
fn not_all(is_unknown: bool) -> Option<bool> {
    if is_unknown { None } else { Some(false) }
}

fn is_one<'a>(mut among: impl Iterator<Item = &'a str>, word: &str) -> bool {
    among.any(|one| one == word)
}

fn is_named<'a>(dev: &str, mut among: impl Iterator<Item = &'a str>) -> bool {
    among.any(|name| match name.strip_suffix('*') {
        Some(begin) => dev.starts_with(begin),
        None => dev == name,
    })
}

/// `None`: some hold, or nobody knows of one, and none is known not to hold.
fn all(holds: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    holds.fold(Some(true), both)
}

fn both(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        _ => one.and(other),
    }
}

fn any(holds: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    all(holds.map(|one| one.map(|one| !one))).map(|none| !none)
}
