//! Whether a rule is for a packet (`fib_rule_match` in net/core/fib_rules.c, `fib4_rule_match`, `fib6_rule_match`).

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Packet;
use crate::net::fib::{PolicyRule, Selector, is_from};
use crate::net::rule::LOOPBACK;
use crate::net::{Dev, Mark};

/// Why a rule is not for a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The packet is from elsewhere, or from no address yet.
    From(Option<IpAddr>),
    To(IpAddr),
    Mark(u32),
    /// It came in by another interface; `None`: this host sends it.
    Iif(Option<Dev>),
    Oif(Option<Dev>),
    Tos,
    Uid(u32),
    /// The rule is for one kind of traffic only.
    Traffic,
    /// The rule has `not`, and all else of it matches.
    Not,
    /// The rule has a selector that is not followed.
    Unknown,
}

impl fmt::Display for Reason {
    /// What the packet has that the rule does not want.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::From(Some(ip)) => write!(f, "the packet is from {ip}"),
            Self::From(None) => f.write_str("the packet has no source address yet"),
            Self::To(ip) => write!(f, "the packet is to {ip}"),
            Self::Mark(mark) => write!(f, "the packet's mark is {mark:#x}"),
            Self::Iif(Some(dev)) => write!(f, "the packet came in by {dev}"),
            Self::Iif(None) => f.write_str("this host sends the packet"),
            Self::Oif(Some(dev)) => write!(f, "the socket is bound to {dev}"),
            Self::Oif(None) => f.write_str("the socket is bound to no interface"),
            Self::Tos => f.write_str("the packet has no type of service"),
            Self::Uid(uid) => write!(f, "the socket is user {uid}'s"),
            Self::Traffic => f.write_str("it is for one kind of traffic only"),
            Self::Not => f.write_str("it is for all packets but such ones"),
            Self::Unknown => f.write_str("it has a selector that is not followed here"),
        }
    }
}

/// Why `rule` is not for `packet`; `None`: it is.
pub fn reason_against(rule: &PolicyRule, packet: &Packet) -> Option<Reason> {
    match (mismatch(rule, packet), rule.is_inverted) {
        // Whatever it is, it cannot be turned round.
        (Some(Reason::Unknown), _) => Some(Reason::Unknown),
        (None, true) => Some(Reason::Not),
        (Some(_), true) => None,
        (reason, false) => reason,
    }
}

fn mismatch(rule: &PolicyRule, packet: &Packet) -> Option<Reason> {
    let selectors = || rule.selectors.iter();
    if !is_from(rule.rule.from, packet.from) {
        return Some(Reason::From(packet.from));
    }
    if !is_within(rule.rule.extra().to, Some(packet.to)) {
        return Some(Reason::To(packet.to));
    }
    if !rule.mark().is_none_or(|mark| has_mark(packet, mark)) {
        return Some(Reason::Mark(packet.mark));
    }
    selectors().find_map(|selector| deviation(selector, packet))
}

fn is_within(net: Option<IpNet>, ip: Option<IpAddr>) -> bool {
    net.is_none_or(|net| ip.is_some_and(|ip| net.contains(&ip)))
}

fn has_mark(packet: &Packet, mark: Mark) -> bool {
    (packet.mark ^ mark.value) & mark.mask == 0
}

fn deviation(selector: &Selector, packet: &Packet) -> Option<Reason> {
    let iif = packet.iif.as_deref().unwrap_or(LOOPBACK);
    match selector {
        Selector::Iif(dev) => (**dev != *iif).then(|| Reason::Iif(packet.iif.clone())),
        Selector::Oif(dev) => {
            (packet.oif.as_ref() != Some(dev)).then(|| Reason::Oif(packet.oif.clone()))
        }
        Selector::Tos(_) => Some(Reason::Tos),
        Selector::Uid(first, last) => {
            (!(first..=last).contains(&&packet.uid)).then_some(Reason::Uid(packet.uid))
        }
        Selector::IpProtocol(_) | Selector::Ports => Some(Reason::Traffic),
        Selector::Other => Some(Reason::Unknown),
    }
}
