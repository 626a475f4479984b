//! rtnetlink messages as our values. An attribute that is absent (older kernels) or unknown (newer ones) never
//! fails a dump; what cannot be one of ours is made unequal to all of ours, not left out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use neli::consts::rtnl::*;
use neli::rtnl::*;
use neli::types::{Buffer, RtBuffer};

mod rule;

use super::Lookup;
use super::nexthop::{self, Objects};
use crate::net::{Address, Dev, Family, Link, Mac, NextHop, Route, RouteKind};
pub use rule::rule;

/// `RTA_VIA`: a gateway of another family than the destination's; neli leaves it out on musl.
const RTA_VIA: u16 = 18;
/// `IFLA_PROP_LIST`'s and other nests' types carry `NLA_F_NESTED` in their two upper bits.
const TYPE_MASK: u16 = 0x3fff;
/// The type of IPv6's part in `IFLA_AF_SPEC`.
const AF_INET6: u16 = 10;
/// The link's sysctls, an array of 32-bit numbers; `disable_ipv6` is this one (linux/ipv6.h).
const IFLA_INET6_CONF: u16 = 2;
const DEVCONF_DISABLE_IPV6: usize = 26;
const DEVCONF_ACCEPT_RA: usize = 3;

/// The lifetime of an address that has no end (`INFINITY_LIFE_TIME`).
const FOR_EVER: u32 = u32::MAX;

type Attributes<T> = RtBuffer<T, Buffer>;

fn is<T: RtaType>(attribute: &Rtattr<T, Buffer>, kind: u16) -> bool {
    let found: u16 = (*attribute.rta_type()).into();
    found & TYPE_MASK == kind
}

fn find<T: RtaType>(attributes: &Attributes<T>, kind: impl Into<u16>) -> Option<&Rtattr<T, Buffer>> {
    let kind = kind.into();
    attributes.iter().find(|attribute| is(attribute, kind))
}

fn value<T: RtaType>(attributes: &Attributes<T>, kind: impl Into<u16>) -> Option<&[u8]> {
    find(attributes, kind).map(|attribute| attribute.rta_payload().as_ref())
}

fn number<T: RtaType>(attributes: &Attributes<T>, kind: impl Into<u16>) -> Option<u32> {
    Some(u32::from_ne_bytes(value(attributes, kind)?.try_into().ok()?))
}

fn ip<T: RtaType>(attributes: &Attributes<T>, kind: impl Into<u16>) -> Option<IpAddr> {
    address_of(value(attributes, kind)?)
}

pub(super) fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|b| Ipv4Addr::from(b).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|b| Ipv6Addr::from(b).into())).ok()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}

/// `None` unless it is an Ethernet address: `lo` reports zeros, a tunnel four bytes.
fn mac(bytes: &[u8]) -> Option<Mac> {
    <[u8; 6]>::try_from(bytes).ok().filter(|bytes| *bytes != [0; 6]).map(Mac)
}

fn family(af: RtAddrFamily) -> Option<Family> {
    match af {
        RtAddrFamily::Inet => Some(Family::Ipv4),
        RtAddrFamily::Inet6 => Some(Family::Ipv6),
        _ => None,
    }
}

/// `None` for a message without index or name.
pub fn link(message: &Ifinfomsg) -> Option<Link> {
    let attributes = message.rtattrs();
    Some(Link {
        index: u32::try_from(*message.ifi_index()).ok()?,
        name: text(value(attributes, Ifla::Ifname)?).into(),
        altnames: altnames(attributes),
        mac: value(attributes, Ifla::Address).and_then(mac),
        permanent_mac: value(attributes, Ifla::PermAddress).and_then(mac),
        kind: kind(attributes),
        master: number(attributes, Ifla::Master),
        ipv6: value(attributes, Ifla::AfSpec).is_none_or(has_ipv6),
        accept_ra: value(attributes, Ifla::AfSpec).is_some_and(takes_router_advertisements),
        up: message.ifi_flags().contains(Iff::UP),
    })
}

fn altnames(attributes: &Attributes<Ifla>) -> Vec<String> {
    let Some(list) = find(attributes, Ifla::PropList) else { return Vec::new() };
    let Ok(list) = list.get_attr_handle::<Ifla>() else { return Vec::new() };
    let names = list.get_attrs().iter().filter(|a| is(a, Ifla::AltIfname.into()));
    names.map(|name| text(name.rta_payload().as_ref())).collect()
}

fn kind(attributes: &Attributes<Ifla>) -> Option<String> {
    let info = find(attributes, Ifla::Linkinfo)?.get_attr_handle::<IflaInfo>().ok()?;
    Some(text(info.get_attribute(IflaInfo::Kind)?.rta_payload().as_ref()))
}

/// What `IFLA_AF_SPEC` says: a link without IPv6 has no part for it, and one where it is off says so there.
fn has_ipv6(families: &[u8]) -> bool {
    ipv6_setting(families, DEVCONF_DISABLE_IPV6) == Some(0)
}

fn takes_router_advertisements(families: &[u8]) -> bool {
    ipv6_setting(families, DEVCONF_ACCEPT_RA).is_some_and(|value| value > 0)
}

fn ipv6_setting(families: &[u8], which: usize) -> Option<i32> {
    let conf = nested(families, AF_INET6).and_then(|inet6| nested(inet6, IFLA_INET6_CONF))?;
    let value = conf.chunks_exact(4).nth(which)?;
    Some(i32::from_ne_bytes(value.try_into().ok()?))
}

/// The value of one attribute among those that `bytes` hold (`struct rtattr`: length, type, value, padding to 4).
pub(super) fn nested(mut bytes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let (header, _) = bytes.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        if u16::from_ne_bytes([header[2], header[3]]) & TYPE_MASK == kind {
            return bytes.get(4..length);
        }
        bytes = bytes.get(length.next_multiple_of(4).max(4)..)?;
    }
}

fn name(links: &[Link], index: u32) -> Option<Dev> {
    links.iter().find(|link| link.index == index).map(|link| link.name.clone())
}

/// The link's own address (`IFA_LOCAL`; `IFA_ADDRESS` is the peer's on a point-to-point link). All states and
/// scopes are kept: a tentative or link-local address is there, and nobody adds it twice. `None` for a link that
/// came after `links` were listed.
pub fn address(message: &Ifaddrmsg, links: &[Link]) -> Option<Address> {
    family(*message.ifa_family())?;
    let attributes = message.rtattrs();
    let ip = ip(attributes, Ifa::Local).or_else(|| ip(attributes, Ifa::Address))?;
    let net = IpNet::new(ip, *message.ifa_prefixlen()).ok()?;
    Some(Address { dev: name(links, *message.ifa_index())?, net })
}

/// In how many seconds an address ends (`struct ifa_cacheinfo`: preferred, valid, two times of day); `None` for one that
/// stays.
pub fn end(message: &Ifaddrmsg) -> Option<u32> {
    let (_, rest) = value(message.rtattrs(), Ifa::Cacheinfo)?.split_first_chunk::<4>()?;
    let (valid, _) = rest.split_first_chunk::<4>()?;
    Some(u32::from_ne_bytes(*valid)).filter(|valid| *valid != FOR_EVER)
}

/// `None` for a cached route, for one whose link came after `links` were listed, and for one that applies to some
/// packets only (type of service, IPv6 source prefix): the kernel keeps those apart from all that apply to any.
/// `objects` are the next hops that the route names by number only.
pub fn route(message: &Rtmsg, links: &[Link], objects: &Objects) -> Option<Route> {
    let attributes = message.rtattrs();
    let is_for_all = *message.rtm_tos() == 0 && *message.rtm_src_len() == 0;
    if message.rtm_flags().contains(RtmF::CLONED) || !is_for_all {
        return None;
    }
    let kind = match *message.rtm_type() {
        Rtn::Unicast => RouteKind::Unicast,
        Rtn::Throw => RouteKind::Throw,
        other => RouteKind::Other(other.into()),
    };
    let mut ways = if kind == RouteKind::Throw { Vec::new() } else { ways(message, links, objects)? };
    let only = if is_multipath(message, objects) { None } else { ways.pop() };
    Some(Route {
        table: table(message),
        kind,
        dst: destination(message)?,
        via: only.as_ref().and_then(|way| way.via),
        dev: only.map(|way| way.dev),
        next_hops: ways,
        src: ip(attributes, Rta::Prefsrc),
        metric: number(attributes, Rta::Priority).unwrap_or(0),
    })
}

/// Which next hop object a route goes by, where the kernel tells nothing else of its ways (`nexthop_compat_mode` off).
pub fn object(message: &Rtmsg) -> Option<u32> {
    let attributes = message.rtattrs();
    let told = find(attributes, Rta::Oif).is_some() || find(attributes, Rta::Multipath).is_some();
    number(attributes, nexthop::RTA_NH_ID).filter(|_| !told)
}

fn is_multipath(message: &Rtmsg, objects: &Objects) -> bool {
    find(message.rtattrs(), Rta::Multipath).is_some() || object(message).is_some_and(|id| objects.is_group(id))
}

/// Every way of a route, or of the answer to a lookup; `None` where a link came after `links` were listed.
pub fn ways(message: &Rtmsg, links: &[Link], objects: &Objects) -> Option<Vec<NextHop>> {
    let attributes = message.rtattrs();
    let raw = match (value(attributes, Rta::Multipath), object(message)) {
        (Some(hops), _) => nexthop::of_multipath(hops),
        (None, Some(id)) => objects.ways(id),
        (None, None) => number(attributes, Rta::Oif).map(|index| (gateway(attributes), index, 1)).into_iter().collect(),
    };
    raw.into_iter().map(|(via, index, weight)| Some(NextHop { via, dev: name(links, index)?, weight })).collect()
}

/// A route by the link `index` that could stand without `address`: the kernel has not made it for that, and it does
/// not have it as its source.
pub fn outlives(message: &Rtmsg, address: &Address, index: u32) -> bool {
    let attributes = message.rtattrs();
    let is_by_link = number(attributes, Rta::Oif) == Some(index) && !message.rtm_flags().contains(RtmF::CLONED);
    is_by_link && *message.rtm_protocol() != Rtprot::Kernel && ip(attributes, Rta::Prefsrc) != Some(address.net.addr())
}

fn destination(message: &Rtmsg) -> Option<IpNet> {
    let everything = family(*message.rtm_family())?.everything().addr();
    let ip = ip(message.rtattrs(), Rta::Dst).unwrap_or(everything);
    Some(IpNet::new(ip, *message.rtm_dst_len()).ok()?.trunc())
}

fn gateway(attributes: &Attributes<Rta>) -> Option<IpAddr> {
    // struct rtvia: a family of two bytes, then the address
    let other_family = || value(attributes, RTA_VIA)?.get(2..).and_then(address_of);
    ip(attributes, Rta::Gateway).or_else(other_family)
}

/// The header holds eight bits of the table only.
fn table(message: &Rtmsg) -> u32 {
    number(message.rtattrs(), Rta::Table).unwrap_or_else(|| u8::from(*message.rtm_table()).into())
}

/// The index of the interface by which the packet leaves, `lo` for this host itself; `None` if it does not leave.
pub fn way(reply: &Rtmsg) -> Option<u32> {
    let leaves = matches!(*reply.rtm_type(), Rtn::Unicast | Rtn::Local);
    number(reply.rtattrs(), Rta::Oif).filter(|_| leaves)
}

pub fn lookup(reply: &Rtmsg, dev: Dev) -> Lookup {
    let attributes = reply.rtattrs();
    Lookup { dev, via: gateway(attributes), src: ip(attributes, Rta::Prefsrc), table: table(reply) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_bytes_that_are_not_zero_are_a_mac() {
        assert_eq!(mac(&[0; 6]), None);
        assert_eq!(mac(&[10, 0, 0, 1]), None);
        assert_eq!(mac(&[2, 0, 0, 0, 0, 1]).unwrap().to_string(), "02:00:00:00:00:01");
    }

    #[test]
    fn ipv6_is_on_only_where_the_link_says_so() {
        let attribute = |kind: u16, value: &[u8]| {
            let length = u16::try_from(value.len() + 4).unwrap();
            [&length.to_ne_bytes()[..], &kind.to_ne_bytes()[..], value].concat()
        };
        let inet6 = |off: u32| {
            let conf: Vec<u8> = (0..30).flat_map(|n| if n == 26 { off } else { 7 }.to_ne_bytes()).collect();
            [attribute(2, &[0; 4]), attribute(10, &[attribute(1, &[0; 4]), attribute(2, &conf)].concat())].concat()
        };
        assert!(has_ipv6(&inet6(0)) && !has_ipv6(&inet6(1)));
        assert!(!has_ipv6(&attribute(2, &[0; 4])), "IPv4 only");
        for cut in 0..inet6(0).len() {
            has_ipv6(&inet6(0)[..cut]);
        }
        assert!(!has_ipv6(&[0; 16]), "a length of zero ends too");
    }
}
