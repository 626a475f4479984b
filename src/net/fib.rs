//! The kernel's route lookup as data: policy rules and routes with all that decides a lookup, and who made them.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::index_rule::{self, Step};
use super::{Dev, Family, Mark, Route, Rule};

/// Who made a rule or route, as the kernel keeps it (`FRA_PROTOCOL`, `rtm_protocol`): `boot`, `static`, `dhcp`, ...
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Protocol(pub u8);

/// What one network namespace's lookups go by, of both families.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fib {
    /// In the order in which the kernel asks them.
    pub rules: Vec<PolicyRule>,
    /// Of every table, in the kernel's order.
    pub routes: Vec<FibRoute>,
}

/// A policy rule in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRule {
    /// Priority, family, `from`, `to`, `fwmark`, table; its Display is all that it says.
    pub rule: Rule,
    /// `not`: it is for the packets that its selectors do not match.
    pub is_inverted: bool,
    /// What else it selects by.
    pub selectors: Vec<Selector>,
    pub action: Action,
    /// `suppress_ifgroup`.
    pub suppress_group: Option<u32>,
    /// 0 on Linux before 4.17.
    pub protocol: Protocol,
}

/// What a rule selects by, beside its addresses and its mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The packet came in by this interface; `lo` is what the host itself sends.
    Iif(Dev),
    /// The socket is bound to this interface.
    Oif(Dev),
    /// The packet's type of service, all bits.
    Tos(u8),
    /// The user whose socket it is.
    Uid(u32, u32),
    /// TCP, UDP, ...
    IpProtocol(u8),
    /// Source or destination ports.
    Ports,
    /// One that is not followed: a tunnel's number, a VRF, a flow label, and what is newer than this program.
    Other,
}

/// What a rule does with a packet that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Looks up the rule's table.
    Lookup,
    /// Goes on with the first rule of this priority.
    Goto(u32),
    /// Goes on with the next rule.
    Nop,
    Blackhole,
    Unreachable,
    Prohibit,
    /// One that is newer than this program, by its number.
    Other(u8),
}

/// A route in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FibRoute {
    pub route: Route,
    pub protocol: Protocol,
    /// It applies to some packets only: to those of a type of service, or (IPv6) from a prefix.
    pub is_partial: bool,
    /// The kernel passes it over: its interface is down (`RTNH_F_DEAD`), or without a carrier where that counts.
    pub is_dead: bool,
}

impl PolicyRule {
    /// It is for packets that others are not: beside its addresses, mark and `not`.
    pub fn is_selective(&self) -> bool {
        !self.selectors.is_empty()
    }

    /// It has the place, the form and the maker of a rule of the rule index.
    pub fn is_of_index(&self) -> bool {
        let is_its = self.protocol.0 == index_rule::PROTOCOL;
        let step = self.step().filter(|_| is_its);
        step.is_some_and(|step| index_rule::is_form(self.rule.priority, step))
    }

    /// What it does, where the rule index has rules that do such a thing.
    fn step(&self) -> Option<Step> {
        match self.action {
            Action::Lookup => Some(Step::of(&self.rule)),
            Action::Goto(target) => Some(Step::Goto(target)),
            Action::Nop => Some(Step::Nop),
            _ => None,
        }
    }

    /// Its family.
    pub fn family(&self) -> Family {
        self.rule.family
    }

    /// It may be for packets from there; `None`: from no address yet.
    pub fn may_be_from(&self, ip: Option<IpAddr>) -> bool {
        self.is_inverted || is_from(self.rule.from, ip)
    }

    /// The mark that it selects by.
    pub fn mark(&self) -> Option<Mark> {
        self.rule.extra().mark
    }
}

/// Whether a rule's `from` takes a packet from there. One of IPv4 from no address yet is from 0.0.0.0 (`fib4_rule_match`);
/// one of IPv6 is from nowhere.
pub fn is_from(from: Option<IpNet>, ip: Option<IpAddr>) -> bool {
    let unbound = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    from.is_none_or(|net| net.contains(&ip.unwrap_or(unbound)))
}

/// The kernel's names for protocols (/etc/iproute2/rt_protos).
const PROTOCOLS: [(u8, &str); 17] = [
    (1, "redirect"),
    (2, "kernel"),
    (3, "boot"),
    (4, "static"),
    (8, "gated"),
    (9, "ra"),
    (11, "zebra"),
    (12, "bird"),
    (15, "ntk"),
    (16, "dhcp"),
    (18, "keepalived"),
    (42, "babel"),
    (186, "bgp"),
    (187, "isis"),
    (188, "ospf"),
    (189, "rip"),
    (192, "eigrp"),
];

impl std::fmt::Display for Protocol {
    /// As `ip` says it.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match PROTOCOLS.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}
