//! Our values as rtnetlink requests. Nothing is sent here. Constants that neli lacks, cuts to eight bits or
//! leaves out on musl are written as the numbers of the kernel's headers.

use std::net::IpAddr;

use ipnet::IpNet;
use neli::consts::rtnl::*;
use neli::rtnl::*;
use neli::types::{Buffer, RtBuffer};

use super::nexthop;
use super::socket::Refusal;
use crate::net::{Address, Family, IPV6_METRIC, Route, RouteKind, Rule};

/// `RTNH_F_ONLINK`: take the gateway as reachable on the link though no route covers it.
const ONLINK: u32 = 4;
/// `RTNH_F_DEAD` and `RTNH_F_LINKDOWN`: told by the kernel, and refused when they are told to it.
const DEAD: u32 = 1;
const LINKDOWN: u32 = 16;
/// `RTM_F_LOOKUP_TABLE`: answer with the table that decided.
pub const LOOKUP_TABLE: u32 = 0x1000;
/// `RTM_F_FIB_MATCH`: answer with the whole route that matches, not with the way of one flow.
pub const FIB_MATCH: u32 = 0x2000;
/// `IFA_F_NODAD | IFA_F_NOPREFIXROUTE`; the second does not fit the header's eight bits.
const IPV6_ADDRESS_FLAGS: u32 = 0x02 | 0x200;

/// Whether a request makes its object or names the one to delete, where fewer fields have to agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Make,
    Delete,
}

fn number(value: u32) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

fn bytes(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn attributes<T: RtaType>(
    list: impl IntoIterator<Item = (T, Option<Vec<u8>>)>,
) -> Result<RtBuffer<T, Buffer>, Refusal> {
    let present = list.into_iter().filter_map(|(kind, value)| Some((kind, value?)));
    present
        .map(|(kind, value)| RtattrBuilder::default().rta_type(kind).rta_payload(value).build())
        .collect::<Result<_, _>>()
        .map_err(Refusal::because)
}

fn af(family: Family) -> RtAddrFamily {
    match family {
        Family::Ipv4 => RtAddrFamily::Inet,
        Family::Ipv6 => RtAddrFamily::Inet6,
    }
}

/// The link `index`, or every link (0).
pub fn link(index: u32) -> Result<Ifinfomsg, Refusal> {
    let index = i32::try_from(index).map_err(Refusal::because)?;
    let message = IfinfomsgBuilder::default().ifi_family(RtAddrFamily::Unspecified).ifi_index(index);
    message.build().map_err(Refusal::because)
}

/// The link `index` administratively up or down, and nothing else of it.
pub fn link_state(index: u32, up: bool) -> Result<Ifinfomsg, Refusal> {
    let index = i32::try_from(index).map_err(Refusal::because)?;
    let message = IfinfomsgBuilder::default().ifi_family(RtAddrFamily::Unspecified).ifi_index(index);
    let message = if up { message.up() } else { message.down() };
    message.build().map_err(Refusal::because)
}

/// Every address of both families.
pub fn addresses() -> Result<Ifaddrmsg, Refusal> {
    ifaddrmsg(RtAddrFamily::Unspecified, 0, 0).build().map_err(Refusal::because)
}

/// IPv6: without duplicate address detection, and without the kernel's own prefix route. An IPv4 /32 has
/// neither.
pub fn address(address: &Address, index: u32) -> Result<Ifaddrmsg, Refusal> {
    let (family, ip) = (Family::of(address.net.addr()), bytes(address.net.addr()));
    let flags = (family == Family::Ipv6).then_some(IPV6_ADDRESS_FLAGS);
    let message = ifaddrmsg(af(family), address.net.prefix_len(), index)
        // Linux before 3.14 reads the header's flags only.
        .ifa_flags(flags.map_or(IfaF::empty(), |_| IfaF::NODAD))
        .rtattrs(attributes([
            (Ifa::Local, Some(ip.clone())),
            (Ifa::Address, Some(ip)),
            (Ifa::Flags, flags.map(number)),
        ])?);
    message.build().map_err(Refusal::because)
}

fn ifaddrmsg(family: RtAddrFamily, length: u8, index: u32) -> IfaddrmsgBuilder {
    IfaddrmsgBuilder::default().ifa_family(family).ifa_prefixlen(length).ifa_scope(RtScope::Universe).ifa_index(index)
}

/// Every route of a family.
pub fn routes(family: Family) -> Result<Rtmsg, Refusal> {
    rtmsg(family).build().map_err(Refusal::because)
}

/// `indexes` are those of the interfaces that it leaves by, in the order of [`Route::ways`]. To make it: protocol static, and `onlink` with a gateway, because our
/// addresses cover no subnet. To delete it: any protocol, any scope, any flags, any preferred source.
pub fn route(route: &Route, indexes: &[u32], verb: Verb) -> Result<Rtmsg, Refusal> {
    let make = verb == Verb::Make;
    let has_many = !route.next_hops.is_empty();
    let oif = indexes.first().filter(|_| !has_many).copied();
    let message = rtmsg(route.family())
        .rtm_dst_len(route.dst.prefix_len())
        .rtm_type(match route.kind {
            RouteKind::Unicast => Rtn::Unicast,
            RouteKind::Throw => Rtn::Throw,
            RouteKind::Other(kind) => Rtn::from(kind),
        })
        .rtm_protocol(if make { Rtprot::Static } else { Rtprot::Unspec })
        .rtm_scope(scope(route, verb))
        .rtm_flags(RtmF::from_bits_retain(if make && route.via.is_some() { ONLINK } else { 0 }))
        .rtattrs(attributes([
            (Rta::Dst, Some(bytes(route.dst.addr()))),
            (Rta::Oif, oif.map(number)),
            (Rta::Multipath, has_many.then(|| nexthop::multipath(&route.next_hops, indexes))),
            (Rta::Gateway, route.via.map(bytes)),
            (Rta::Prefsrc, route.src.filter(|_| make).map(bytes)),
            (Rta::Priority, Some(number(metric(route)))),
            (Rta::Table, Some(number(route.table))),
        ])?);
    message.build().map_err(Refusal::because)
}

/// A route that was listed, to be made again as it was; with `on_link`, its gateway need not be covered by a route.
pub fn again(listed: &Rtmsg, on_link: bool) -> Result<Rtmsg, Refusal> {
    let flags = listed.rtm_flags().bits() & !(DEAD | LINKDOWN) | if on_link { ONLINK } else { 0 };
    let message = RtmsgBuilder::default()
        .rtm_family(*listed.rtm_family())
        .rtm_dst_len(*listed.rtm_dst_len())
        .rtm_src_len(*listed.rtm_src_len())
        .rtm_tos(*listed.rtm_tos())
        .rtm_table(*listed.rtm_table())
        .rtm_protocol(*listed.rtm_protocol())
        .rtm_scope(*listed.rtm_scope())
        .rtm_type(*listed.rtm_type())
        .rtm_flags(RtmF::from_bits_retain(flags))
        .rtattrs(listed.rtattrs().clone());
    message.build().map_err(Refusal::because)
}

/// The metric that the route has once it stands: an IPv6 route cannot have 0.
pub fn metric(route: &Route) -> u32 {
    match (route.family(), route.metric) {
        (Family::Ipv6, 0) => IPV6_METRIC,
        (_, metric) => metric,
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

/// The way of a packet to `to`, from `from` or unbound; `flags` say what to answer.
pub fn lookup(to: IpAddr, from: Option<IpAddr>, flags: u32) -> Result<Rtmsg, Refusal> {
    let message = rtmsg(Family::of(to))
        .rtm_dst_len(IpNet::from(to).prefix_len())
        .rtm_src_len(from.map_or(0, |ip| IpNet::from(ip).prefix_len()))
        .rtm_flags(RtmF::from_bits_retain(flags))
        .rtattrs(attributes([(Rta::Dst, Some(bytes(to))), (Rta::Src, from.map(bytes))])?);
    message.build().map_err(Refusal::because)
}

fn rtmsg(family: Family) -> RtmsgBuilder {
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

/// Every rule of a family.
pub fn rules(family: Family) -> Result<Fibmsg, Refusal> {
    fibmsg(family).fib_action(FrAct::Unspec).build().map_err(Refusal::because)
}

/// To make it: protocol static. To delete it: any protocol.
pub fn rule(rule: &Rule, verb: Verb) -> Result<Fibmsg, Refusal> {
    let protocol = (verb == Verb::Make).then(|| vec![u8::from(Rtprot::Static)]);
    let message = fibmsg(rule.family)
        .fib_src_len(rule.from.map_or(0, |net| net.prefix_len()))
        .fib_action(FrAct::FrActToTbl)
        .rtattrs(attributes([
            (Frattr::Src, rule.from.map(|net| bytes(net.addr()))),
            (Frattr::Priority, Some(number(rule.priority))),
            (Frattr::Table, Some(number(rule.table))),
            (Frattr::SuppressPrefixlen, rule.suppress_prefixlength.map(number)),
            (Frattr::Protocol, protocol),
        ])?);
    message.build().map_err(Refusal::because)
}

fn fibmsg(family: Family) -> FibmsgBuilder {
    FibmsgBuilder::default().fib_family(af(family)).fib_dst_len(0).fib_src_len(0).fib_tos(0).fib_table(RtTable::Unspec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default_route(dst: &str, via: Option<&str>, metric: u32) -> Route {
        Route {
            table: 10001,
            kind: RouteKind::Unicast,
            dst: dst.parse().unwrap(),
            via: via.map(|ip| ip.parse().unwrap()),
            dev: Some("eth1".into()),
            next_hops: Vec::new(),
            src: None,
            metric,
        }
    }

    #[test]
    fn onlink_survives_because_it_is_no_flag_that_neli_knows() {
        let made = route(&default_route("0.0.0.0/0", Some("10.0.0.1"), 0), &[2], Verb::Make).unwrap();
        assert_eq!(made.rtm_flags().bits(), 4);
        let deleted = route(&default_route("0.0.0.0/0", Some("10.0.0.1"), 0), &[2], Verb::Delete).unwrap();
        assert_eq!(deleted.rtm_flags().bits(), 0);
    }

    #[test]
    fn an_ipv6_route_without_a_metric_gets_the_kernels_own() {
        assert_eq!(metric(&default_route("::/0", None, 0)), 1024);
        assert_eq!(metric(&default_route("::/0", None, 256)), 256);
        assert_eq!(metric(&default_route("0.0.0.0/0", None, 0)), 0);
    }

    #[test]
    fn an_index_beyond_the_kernels_is_refused() {
        assert!(link(u32::MAX).is_err());
    }
}
