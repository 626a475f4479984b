//! All that a lookup goes by, listed at once: the rules and routes of both families in full, with who made them.

use neli::consts::rtnl::{FrAct, Frattr, Frf};
use neli::rtnl::{Fibmsg, Rtmsg};

use super::attributes::{Attributes, number, text_of, value};
use super::nexthop::Objects;
use super::refusal::Refusal;
use super::rule::suppressed;
use super::{Kernel, route, rule};
use crate::error::Result;
use crate::gather::Gather;
use crate::net::fib::{Action, Fib, FibRoute, PolicyRule, Protocol, Selector};
use crate::net::{Family, Link};

/// `RTNH_F_DEAD`: its interface is down. `RTNH_F_LINKDOWN` alone counts where `ignore_routes_with_linkdown` is set,
/// and then the kernel says `RTNH_F_DEAD` as well.
const DEAD: u32 = 1;

impl Kernel {
    /// Every rule, and the routes of every table, of both families; `links` give the interfaces their names.
    ///
    /// # Errors
    /// As [`Kernel::observe`].
    pub fn fib(&mut self, links: &[Link]) -> Result<Fib> {
        let mut fib = Fib::default();
        for family in [Family::Ipv4, Family::Ipv6] {
            let rules = self.policy_rules(family);
            fib.rules
                .extend(rules.map_err(|refusal| refusal.of("list rules"))?);
            let routes = self.all_routes(family, links);
            fib.routes
                .extend(routes.map_err(|refusal| refusal.of("list routes"))?);
        }
        Ok(fib)
    }

    fn policy_rules(&mut self, family: Family) -> Result<Vec<PolicyRule>, Refusal> {
        let is_its = |rule: &PolicyRule| rule.family() == family;
        self.list_rules(family, &|all: &mut Vec<_>, row| {
            all.extend(policy_rule(&row).filter(is_its));
        })
    }

    fn all_routes(&mut self, family: Family, links: &[Link]) -> Result<Vec<FibRoute>, Refusal> {
        let rows = self.route_messages(family, &|_| true)?;
        let objects = self.next_hop_objects(&rows)?;
        let routes = rows
            .iter()
            .filter_map(|row| fib_route(row, links, &objects));
        Ok(routes
            .filter(|listed| listed.route.family() == family)
            .gathered())
    }
}

/// `None` for a cached route, and for one whose link came after `links` were listed.
fn fib_route(message: &Rtmsg, links: &[Link], objects: &Objects) -> Option<FibRoute> {
    if route::is_cached(message) {
        return None;
    }
    Some(FibRoute {
        route: route::decode(message, links, objects)?,
        protocol: Protocol((*message.rtm_protocol()).into()),
        is_partial: route::is_partial(message),
        is_dead: message.rtm_flags().bits() & DEAD != 0,
    })
}

fn policy_rule(message: &Fibmsg) -> Option<PolicyRule> {
    let attributes = message.rtattrs();
    Some(PolicyRule {
        rule: rule::decode(message)?,
        is_inverted: message.fib_flags().contains(Frf::INVERT),
        selectors: selectors(message),
        action: action(message),
        suppress_group: suppressed(attributes, Frattr::SuppressIfgroup),
        protocol: Protocol(byte(attributes, Frattr::Protocol).unwrap_or(0)),
    })
}

fn selectors(message: &Fibmsg) -> Vec<Selector> {
    let attributes = message.rtattrs();
    let tos = Some(*message.fib_tos()).filter(|tos| *tos > 0);
    let of = |kind: Frattr| selector(attributes, kind);
    let kinds = attributes.iter().map(|attribute| *attribute.rta_type());
    tos.map(Selector::Tos)
        .into_iter()
        .chain(kinds.filter_map(of))
        .gathered()
}

/// `None` for what is no selector, or stands in the rule itself.
fn selector(attributes: &Attributes<Frattr>, kind: Frattr) -> Option<Selector> {
    Some(match kind {
        Frattr::Iifname => Selector::Iif(text_of(value(attributes, kind)?).into()),
        Frattr::Oifname => Selector::Oif(text_of(value(attributes, kind)?).into()),
        Frattr::UidRange => uid_range(value(attributes, kind)?),
        Frattr::IpProto => Selector::IpProtocol(byte(attributes, kind)?),
        Frattr::SportRange | Frattr::DportRange => Selector::Ports,
        // A shift by the bits that belong to congestion (RFC 3168).
        Frattr::Dscp => Selector::Tos(byte(attributes, kind)? << 2),
        kind if is_no_selector(kind) => return None,
        _ => Selector::Other,
    })
}

/// What says no more of the packets that a rule is for.
fn is_no_selector(kind: Frattr) -> bool {
    rule::PLAIN.contains(&kind)
        || matches!(
            kind,
            Frattr::Dst
                | Frattr::Goto
                | Frattr::Flow
                | Frattr::SuppressIfgroup
                | Frattr::SportMask
                | Frattr::DportMask
                | Frattr::DscpMask
                | Frattr::FlowlabelMask
        )
}

/// `struct fib_rule_uid_range`: the first and the last one.
fn uid_range(bytes: &[u8]) -> Selector {
    let [low, high] = match bytes.as_chunks::<4>() {
        ([low, high], []) => [low, high].map(|bytes| u32::from_ne_bytes(*bytes)),
        _ => return Selector::Other,
    };
    Selector::Uid(low, high)
}

fn action(message: &Fibmsg) -> Action {
    match *message.fib_action() {
        FrAct::FrActToTbl => Action::Lookup,
        FrAct::FrActGoto => Action::Goto(number(message.rtattrs(), Frattr::Goto).unwrap_or(0)),
        FrAct::FrActNop => Action::Nop,
        FrAct::FrActBlackhole => Action::Blackhole,
        FrAct::FrActUnreachable => Action::Unreachable,
        FrAct::FrActProhibit => Action::Prohibit,
        other => Action::Other(other.into()),
    }
}

fn byte(attributes: &Attributes<Frattr>, kind: Frattr) -> Option<u8> {
    value(attributes, kind)?.first().copied()
}
