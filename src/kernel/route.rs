//! Routes: listed, made, replaced and deleted. What the kernel would match too loosely is looked up first.

use ipnet::IpNet;
use neli::consts::nl::NlmF;
use neli::consts::rtnl::{RtScope, RtTable, Rta, Rtm, RtmF, Rtn, Rtprot};
use neli::rtnl::{Rtmsg, RtmsgBuilder};
use nix::errno::Errno;

use super::attributes::{
    af, attribute, attributes, family, index, ip, ip_value, nested, number, number_value, value,
};
use super::nexthop::{self, Objects, RTA_NH_ID, is_multipath, ways};
use super::refusal::Refusal;
use super::removal::Standing;
use super::route_kind::{kind, kind_value};
use super::route_row::Row;
use super::{Kernel, Verb};
use crate::gather::Gather;
use crate::net::{Family, Link, MAIN, NextHopObject, Route, RouteKind};
use crate::numbering::Number;

/// `RTNH_F_ONLINK`: take the gateway as reachable on the link though no route covers it.
pub(super) const ONLINK: u32 = 4;
/// `RTAX_MTU`, in the nest of [`Rta::Metrics`].
const MTU: u16 = 2;

impl Kernel {
    /// Those of the main table and of ours. A kernel without IPv6 answers with another family's routes
    /// (`rtnl_dump_all`): they are left out.
    pub(super) fn routes(&mut self, family: Family, links: &[Link]) -> Result<Vec<Route>, Refusal> {
        let all = self.list_routes(family, links)?.into_iter();
        Ok(all.map(|standing| standing.route).gathered())
    }

    fn list_routes(&mut self, family: Family, links: &[Link]) -> Result<Vec<Standing>, Refusal> {
        let every = builder(family).build().map_err(Refusal::because)?;
        let keep = |all: &mut Vec<_>, row| match row {
            Row::Local => {}
            Row::Other(row) => all.extend(Some(row).filter(is_listed)),
        };
        let rows = self.socket.dump(Rtm::Getroute, every, &keep)?;
        let objects = self.next_hop_objects(&rows)?;
        let standing = |row| {
            let (route, object) = (decode(row, links, &objects)?, nexthop::object_of(row));
            (route.family() == family).then_some(Standing { route, object })
        };
        Ok(rows.iter().filter_map(standing).gathered())
    }

    /// Those of any table that `is_meant` takes.
    pub(super) fn route_messages(
        &mut self,
        family: Family,
        is_meant: &dyn Fn(&Rtmsg) -> bool,
    ) -> Result<Vec<Rtmsg>, Refusal> {
        let every = builder(family).build().map_err(Refusal::because)?;
        let keep = |all: &mut Vec<_>, row| all.extend(Some(row).filter(is_meant));
        self.socket.dump(Rtm::Getroute, every, &keep)
    }

    /// `EEXIST` tells of any route with the same destination and metric, so what stands is compared.
    pub(super) fn add_route(&mut self, route: &Route, links: &[Link]) -> Result<bool, Refusal> {
        let message = new(route, links)?;
        match self
            .socket
            .change(Rtm::Newroute, NlmF::CREATE | NlmF::EXCL, message)
        {
            Err(refusal) if refusal.is(&[Errno::EEXIST]) => {
                let mut standing = self.standing_routes(route, links)?.into_iter();
                let stands = standing.any(|present| present.route == *route);
                if stands { Ok(false) } else { Err(refusal) }
            }
            added => added.map(|()| true),
        }
    }

    /// Refuses to push out what is not `old`: it was changed after it was looked at. Where both stand, and differ in their
    /// MTU, the old one goes.
    pub(super) fn replace_route(
        &mut self,
        old: &Route,
        new: &Route,
        links: &[Link],
    ) -> Result<bool, Refusal> {
        let standing = self.standing_routes(new, links)?;
        if let [present] = &standing[..]
            && present.route == *new
        {
            return Ok(false);
        }
        let is_other = |present: &&Standing| !present.route.is_same_but_mtu(old);
        if let Some(other) = standing.iter().find(is_other) {
            let other = &other.route;
            return Err(Refusal::because(format!(
                "expected `{old}` alone in its place, found `{other}`; run again"
            )));
        }
        if standing.iter().any(|present| present.route == *new) {
            let old = standing.iter().find(|present| present.route == *old);
            return old.map_or(Ok(false), |old| self.delete_route(old, links));
        }
        let message = self::new(new, links)?;
        self.socket
            .change(Rtm::Newroute, NlmF::CREATE | NlmF::REPLACE, message)?;
        Ok(true)
    }

    /// The routes with `route`'s table, destination and metric: one, unless somebody appended more.
    pub(super) fn standing_routes(
        &mut self,
        route: &Route,
        links: &[Link],
    ) -> Result<Vec<Standing>, Refusal> {
        let key = (route.table, route.dst, metric(route));
        let family = route.family();
        if !self.listed.routes.contains_key(&family) {
            let routes = self.list_routes(family, links)?;
            self.listed.routes.insert(family, routes);
        }
        let routes = self.listed.routes.get(&family).into_iter().flatten();
        let of_key = routes.filter(|present| present.route.key() == key);
        Ok(of_key.cloned().gathered())
    }
}

/// The message that makes it.
pub(super) fn new(route: &Route, links: &[Link]) -> Result<Rtmsg, Refusal> {
    encode(route, Way::Links(&devices(links, route)?), Verb::Make)
}

/// A throw route has no device; a unicast one that has none applies to some packets only.
pub(super) fn devices(links: &[Link], route: &Route) -> Result<Vec<u32>, Refusal> {
    let indexes = route.ways().map(|(_, dev)| index(links, dev));
    let indexes = indexes.gathered::<Result<Vec<u32>, Refusal>>()?;
    if indexes.is_empty() && route.kind == RouteKind::Unicast {
        return Err(Refusal::because(
            "it has selectors that eniroute cannot write; it has to be made by hand",
        ));
    }
    Ok(indexes)
}

/// What tells where a route leads.
#[derive(Clone, Copy)]
pub(super) enum Way<'a> {
    /// The indexes of the interfaces that it leaves by, in the order of [`Route::ways`].
    Links(&'a [u32]),
    /// A next hop object: with it, the kernel takes neither interfaces nor gateways.
    Object(u32),
}

/// To make it: protocol static, and `onlink` with a gateway, because our addresses cover no subnet. To delete it: any
/// protocol, any scope, any flags, any preferred source.
pub(super) fn encode(route: &Route, way: Way, verb: Verb) -> Result<Rtmsg, Refusal> {
    let make = verb == Verb::Make;
    let flags = if make && route.via.is_some() {
        ONLINK
    } else {
        0
    };
    let rest = [
        (Rta::Dst, Some(ip_value(route.dst.addr()))),
        (Rta::Prefsrc, route.src.filter(|_| make).map(ip_value)),
        (Rta::Priority, Some(number_value(metric(route)))),
        (Rta::Table, Some(number_value(route.table))),
        (Rta::Metrics, metrics(route, verb)),
    ];
    let message = builder(route.family())
        .rtm_dst_len(route.dst.prefix_len())
        .rtm_type(kind_value(route.kind))
        .rtm_protocol(if make { Rtprot::Static } else { Rtprot::Unspec })
        .rtm_scope(scope(route, verb))
        .rtm_flags(RtmF::from_bits_retain(flags))
        .rtattrs(attributes(rest.into_iter().chain(leads_to(route, way)))?);
    message.build().map_err(Refusal::because)
}

fn leads_to(route: &Route, way: Way) -> [(Rta, Option<Vec<u8>>); 3] {
    let indexes = match way {
        Way::Object(id) => {
            let object = (Rta::from(RTA_NH_ID), Some(number_value(id)));
            return [object, (Rta::Multipath, None), (Rta::Gateway, None)];
        }
        Way::Links(indexes) => indexes,
    };
    let has_many = !route.next_hops.is_empty();
    let oif = indexes.first().filter(|_| !has_many).copied();
    let hops = has_many.then(|| nexthop::multipath(&route.next_hops, indexes));
    [
        (Rta::Oif, oif.map(number_value)),
        (Rta::Multipath, hops),
        (Rta::Gateway, route.via.map(ip_value)),
    ]
}

/// The metric that the route has once it stands: an IPv6 route cannot have 0.
fn metric(route: &Route) -> u32 {
    match route.metric {
        0 => route.family().metric(),
        metric => metric,
    }
}

/// The scope that `ip` gives: IPv4 on-link routes have their own, and IPv6 knows none. A deletion with `nowhere`
/// takes any scope (`fib_table_delete`).
fn scope(route: &Route, verb: Verb) -> RtScope {
    let via = route.ways().find_map(|(via, _)| via);
    match (verb, route.family(), route.kind, via) {
        (Verb::Delete, Family::Ipv4, _, _) => RtScope::Nowhere,
        (Verb::Make, Family::Ipv4, RouteKind::Unicast, None) => RtScope::Link,
        _ => RtScope::Universe,
    }
}

/// A route of a family, of which nothing else is said.
pub(super) fn builder(family: Family) -> RtmsgBuilder {
    RtmsgBuilder::default()
        .rtm_family(af(family))
        .rtm_dst_len(0)
        .rtm_src_len(0)
        .rtm_tos(0)
        .rtm_table(RtTable::Unspec)
        .rtm_protocol(Rtprot::Unspec)
        .rtm_scope(RtScope::Universe)
        .rtm_type(Rtn::Unspec)
}

/// It applies to any packet, and is in the main table or in one of ours.
fn is_listed(message: &Rtmsg) -> bool {
    let table = table(message);
    let is_ours = || Number::of_table(table).is_some();
    !is_cached(message) && !is_partial(message) && (table == MAIN || is_ours())
}

/// A route that the kernel keeps for one destination, as a copy of another.
pub(super) fn is_cached(message: &Rtmsg) -> bool {
    message.rtm_flags().contains(RtmF::CLONED)
}

/// It applies to some packets only (type of service, IPv6 source prefix): the kernel keeps those apart from all that
/// apply to any.
pub(super) fn is_partial(message: &Rtmsg) -> bool {
    *message.rtm_tos() != 0 || *message.rtm_src_len() != 0
}

/// `None` for one whose link came after `links` were listed. `objects` are the next hops that the route names by
/// number only.
pub(super) fn decode(message: &Rtmsg, links: &[Link], objects: &Objects) -> Option<Route> {
    let attributes = message.rtattrs();
    let kind = kind(message);
    let mut ways = match kind {
        RouteKind::Throw => Vec::new(),
        RouteKind::Unicast | RouteKind::Other(_) => ways(message, links, objects)?,
    };
    let is_single = !is_multipath(message, objects);
    let only = is_single.then(|| ways.pop()).flatten();
    Some(Route {
        table: table(message),
        kind,
        dst: destination(message)?,
        via: only.as_ref().and_then(|way| way.via),
        dev: only.map(|way| way.dev),
        next_hops: ways,
        src: ip(attributes, Rta::Prefsrc),
        metric: number(attributes, Rta::Priority).unwrap_or(0),
        mtu: mtu(message),
        object: NextHopObject(nexthop::object_of(message)),
    })
}

/// The MTU alone. IPv4 keeps routes apart that differ in it, and deletes the one that has it: 0 is none
/// (`fib_metrics_match`).
fn metrics(route: &Route, verb: Verb) -> Option<Vec<u8>> {
    let mtu = match (verb, route.family()) {
        (Verb::Make, _) => route.mtu,
        (Verb::Delete, Family::Ipv4) => Some(route.mtu.unwrap_or(0)),
        (Verb::Delete, Family::Ipv6) => None,
    };
    Some(attribute(MTU, &number_value(mtu?)))
}

/// A lock, and all other metrics, are left out: managers differ in them while the route is the same.
fn mtu(message: &Rtmsg) -> Option<u32> {
    let bytes = nested(value(message.rtattrs(), Rta::Metrics)?, MTU)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

fn destination(message: &Rtmsg) -> Option<IpNet> {
    let everything = family(*message.rtm_family())?.everything().addr();
    let ip = ip(message.rtattrs(), Rta::Dst).unwrap_or(everything);
    Some(IpNet::new(ip, *message.rtm_dst_len()).ok()?.trunc())
}

/// The header holds eight bits of the table only.
pub(super) fn table(message: &Rtmsg) -> u32 {
    number(message.rtattrs(), Rta::Table).unwrap_or_else(|| u8::from(*message.rtm_table()).into())
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
