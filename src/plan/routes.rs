//! Single routes, as an ENI has them, and what they have in common.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::eni::{Eni, IPV6_ROUTER};
use crate::net::{Dev, Family, Route, RouteKind};

/// The VPC router in an IPv4 subnet: base + 1, in the 32-bit value, since a base may end in .16 or .240
/// (Amazon VPC user guide, subnet sizing).
pub(super) fn router(subnet: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from_bits(subnet.network().to_bits().wrapping_add(1))
}

/// The default route of an ENI's own table, if it has this family.
pub(super) fn default(eni: &Eni, dev: &Dev, family: Family) -> Option<Route> {
    let via = match family {
        Family::Ipv4 => eni.subnet_ipv4.map(|subnet| router(subnet).into()),
        Family::Ipv6 => Some(IPV6_ROUTER.into()),
    };
    let direct = || route(eni.number().table(), family.everything(), dev);
    has(eni, family).then(|| Route { via, ..direct() })
}

/// An on-link unicast route, to be completed by the caller.
pub(super) fn route(table: u32, dst: IpNet, dev: &Dev) -> Route {
    Route {
        table,
        kind: RouteKind::Unicast,
        dst,
        via: None,
        dev: Some(dev.clone()),
        next_hops: Vec::new(),
        object: Default::default(),
        src: None,
        metric: family(&dst).metric(),
        mtu: None,
    }
}

/// Ends the lookup in a table, so that the next rule goes on.
pub(super) fn throw(table: u32, dst: IpNet) -> Route {
    Route {
        table,
        kind: RouteKind::Throw,
        dst,
        via: None,
        dev: None,
        next_hops: Vec::new(),
        object: Default::default(),
        src: None,
        metric: family(&dst).metric(),
        mtu: None,
    }
}

pub(super) fn family(net: &IpNet) -> Family {
    Family::of(net.addr())
}

/// Whether `eni` has an address or prefix of this family.
pub(super) fn has(eni: &Eni, family: Family) -> bool {
    match family {
        Family::Ipv4 => !eni.ipv4.is_empty(),
        Family::Ipv6 => eni.has_ipv6(),
    }
}

/// Every IPv4 subnet route names the ENI's primary address, so that source selection does not depend on the order
/// of addresses.
pub(super) fn source(eni: &Eni, subnet: &IpNet) -> Option<IpAddr> {
    eni.ipv4
        .first()
        .filter(|_| family(subnet) == Family::Ipv4)
        .map(|ip| (*ip).into())
}
