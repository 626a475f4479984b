//! The route tables, for looking up: the longest prefix first, then the lowest metric.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ipnet::IpNet;

use super::Packet;
use crate::gather::Order;
use crate::net::RouteKind;
use crate::net::fib::FibRoute;
use crate::net::{Dev, Family};

/// The kernel's numbers of kinds (`RTN_...`): what is for this host, and what refuses.
const LOCAL: [u8; 2] = [2, 4];
const REFUSALS: [u8; 3] = [6, 7, 8];

/// A packet to such a route is for this host: `local`, `anycast`.
pub fn is_local(kind: RouteKind) -> bool {
    matches!(kind, RouteKind::Other(number) if LOCAL.contains(&number))
}

/// A packet to such a route does not leave: `blackhole`, `unreachable`, `prohibit`.
pub fn is_refusal(kind: RouteKind) -> bool {
    matches!(kind, RouteKind::Other(number) if REFUSALS.contains(&number))
}

/// A table's routes by the length of their prefix, the longest first, and by prefix: an instance has thousands.
type Table<'a> = BTreeMap<Reverse<u8>, BTreeMap<IpNet, Vec<&'a FibRoute>>>;

/// Every table, each in the order in which the kernel looks.
#[derive(Debug)]
pub struct Tables<'a>(BTreeMap<(Family, u32), Table<'a>>);

impl<'a> Tables<'a> {
    /// Of the routes that the kernel lists.
    pub fn new(routes: &'a [FibRoute]) -> Self {
        let mut tables: BTreeMap<_, Table> = BTreeMap::new();
        for listed in routes {
            let (table, dst) = (listed.route.table, listed.route.dst);
            let table = tables.entry((listed.route.family(), table)).or_default();
            let of_length = table.entry(Reverse(dst.prefix_len())).or_default();
            of_length.entry(dst).or_default().push(listed);
        }
        let prefixes = tables.values_mut().flat_map(BTreeMap::values_mut);
        for alike in prefixes.flat_map(BTreeMap::values_mut) {
            alike.order_by_key(|listed| listed.route.metric);
        }
        Self(tables)
    }

    /// The route of `table` that the packet takes; one that is for some packets only, or whose interface is down, is
    /// passed over.
    pub fn look_up(&self, table: u32, packet: &Packet) -> Option<&'a FibRoute> {
        let table = self.0.get(&(packet.family(), table))?;
        let is_taken =
            |listed: &&&FibRoute| !listed.is_partial && !listed.is_dead && is_by(listed, packet);
        table.iter().find_map(|(Reverse(length), prefixes)| {
            let net = IpNet::new(packet.to, *length).ok()?.trunc();
            prefixes.get(&net)?.iter().find(is_taken).copied()
        })
    }
}

/// A socket that is bound to an interface takes no route by another one; a `local` one is by any.
fn is_by(listed: &FibRoute, packet: &Packet) -> bool {
    let is_it = |dev: &Dev| listed.route.leaves_by(dev);
    is_local(listed.route.kind) || packet.oif.as_ref().is_none_or(is_it)
}
