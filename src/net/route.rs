//! A route of one table.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Dev, Family, NextHopObject, quoted};

/// The main routing table (`RT_TABLE_MAIN`).
pub const MAIN: u32 = 254;

/// What a route does with a packet (`rtm_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RouteKind {
    Unicast,
    /// Ends the lookup in this table; the next rule goes on.
    Throw,
    /// A kind that eniroute never writes, by its kernel number.
    Other(u8),
}

/// One of the ways of a route that has several. Flags such as `onlink` are left out, as with [`Route`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NextHop {
    pub via: Option<IpAddr>,
    pub dev: Dev,
    /// Its part of the flows, from 1 on.
    pub weight: u16,
}

impl fmt::Display for NextHop {
    /// The words after `nexthop`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let Some(via) = self.via {
            write!(f, "via {via} ")?;
        }
        write!(f, "dev {}", quoted(&self.dev))?;
        if self.weight > 1 {
            write!(f, " weight {}", self.weight)?;
        }
        if self.via.is_some() {
            write!(f, " onlink")
        } else {
            Ok(())
        }
    }
}

/// A route. Protocol and `onlink` are left out on purpose: managers differ in them while the route
/// is the same. A unicast route without a gateway is on-link (IPv4: `scope link`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Route {
    pub table: u32,
    pub kind: RouteKind,
    /// Masked: no host bits.
    pub dst: IpNet,
    pub via: Option<IpAddr>,
    /// `None` for a throw route, whatever the kernel reports (`dev lo` for IPv6).
    pub dev: Option<Dev>,
    /// Several ways, of which each flow takes one; `via` and `dev` are `None` then. What eniroute plans has none.
    pub next_hops: Vec<NextHop>,
    /// The preferred source (`RTA_PREFSRC`).
    pub src: Option<IpAddr>,
    /// `RTA_PRIORITY`; 0 is the kernel's default for IPv4, 1024 for IPv6.
    pub metric: u32,
    /// The longest packet in bytes (`RTAX_MTU`, locked or not); `None`: the link's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// The kernel deletes it by this alone.
    #[serde(skip)]
    pub object: NextHopObject,
}

impl Route {
    /// By its destination.
    pub fn family(&self) -> Family {
        Family::of(self.dst.addr())
    }

    /// Each way that a packet may take by it: router and interface.
    pub fn ways(&self) -> impl Iterator<Item = (Option<IpAddr>, &Dev)> {
        let only = self.dev.iter().map(|dev| (self.via, dev));
        only.chain(self.next_hops.iter().map(|hop| (hop.via, &hop.dev)))
    }

    /// Some or all of its packets leave by this interface.
    pub fn leaves_by(&self, dev: &Dev) -> bool {
        self.ways().any(|(_, way)| way == dev)
    }

    /// It leads to what is on the link itself, by no router.
    pub fn is_on_link(&self) -> bool {
        let is_by_device = self.dev.is_some() && self.via.is_none();
        is_by_device && self.kind == RouteKind::Unicast && self.next_hops.is_empty()
    }

    /// An IPv4 route without a router, to which `ip` gives `scope link`.
    pub fn is_in_scope_link(&self) -> bool {
        self.family() == Family::Ipv4 && self.is_on_link()
    }

    /// Its table, unless that is the main one.
    pub fn own_table(&self) -> Option<u32> {
        Some(self.table).filter(|table| *table != MAIN)
    }

    /// Its metric, unless it is the one that a route gets which names none.
    pub fn own_metric(&self) -> Option<u32> {
        let usual = [0, self.family().metric()];
        Some(self.metric).filter(|metric| !usual.contains(metric))
    }

    /// What the kernel lets stand once per table: destination and metric.
    pub fn key(&self) -> (u32, IpNet, u32) {
        (self.table, self.dst, self.metric)
    }

    /// The same but for the MTU, which the kernel changes by itself: an IPv6 route's with the link's (`rt6_mtu_change`).
    pub fn is_same_but_mtu(&self, other: &Self) -> bool {
        let with_its = || Self {
            mtu: other.mtu,
            ..self.clone()
        };
        self.key() == other.key() && with_its() == *other
    }

    /// The `ip` command that makes it.
    pub fn add_command(&self) -> String {
        format!("ip {} route add {self:#}", self.family().flag())
    }

    /// The `ip` command that puts it in the place of the one with the same [`Route::key`].
    pub fn replace_command(&self) -> String {
        format!("ip {} route replace {self:#}", self.family().flag())
    }

    /// The `ip` command that takes it away.
    pub fn remove_command(&self) -> String {
        let flag = self.family().flag();
        let NextHopObject(Some(id)) = self.object else {
            return format!("ip {flag} route del {self}");
        };
        let without_ways = Self {
            kind: RouteKind::Unicast,
            via: None,
            dev: None,
            next_hops: Vec::new(),
            src: None,
            mtu: None,
            ..self.clone()
        };
        format!("ip {flag} route del {without_ways} nhid {id}")
    }
}

/// `ip`'s words for the kinds of routes that eniroute never writes, by the kernel's number (`RTN_...`).
const OTHER_KINDS: [(u8, &str); 9] = [
    (2, "local"),
    (3, "broadcast"),
    (4, "anycast"),
    (5, "multicast"),
    (6, "blackhole"),
    (7, "unreachable"),
    (8, "prohibit"),
    (10, "nat"),
    (11, "xresolve"),
];

impl fmt::Display for RouteKind {
    /// As it stands before the destination; nothing for a unicast route.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let word = match self {
            Self::Unicast => return Ok(()),
            Self::Throw => "throw",
            Self::Other(number) => match OTHER_KINDS.iter().find(|(known, _)| known == number) {
                Some((_, word)) => word,
                None => return write!(f, "(of kind {number}, which `ip` has no word for) "),
            },
        };
        write!(f, "{word} ")
    }
}

impl Route {
    /// `10.0.1.0/24 via 10.0.0.1 dev eth1 onlink`: where it leads.
    fn write_way(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.dst.prefix_len() {
            0 => write!(f, "{}default", self.kind)?,
            _ => write!(f, "{}{}", self.kind, self.dst)?,
        }
        if let Some(via) = self.via {
            write!(f, " via {via}")?;
        }
        if let Some(dev) = &self.dev {
            write!(f, " dev {}", quoted(dev))?;
        }
        match self.via {
            Some(_) if self.kind == RouteKind::Unicast => write!(f, " onlink"),
            _ if self.is_in_scope_link() => write!(f, " scope link"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Route {
    /// The words after `ip route add`; the alternate form (`{:#}`) has the protocol, too.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.write_way(f)?;
        if let Some(src) = self.src {
            write!(f, " src {src}")?;
        }
        if let Some(table) = self.own_table() {
            write!(f, " table {table}")?;
        }
        if self.metric != 0 {
            write!(f, " metric {}", self.metric)?;
        }
        if let Some(mtu) = self.mtu {
            write!(f, " mtu {mtu}")?;
        }
        if f.alternate() {
            write!(f, " proto static")?;
        }
        // `ip` takes nothing after them.
        self.next_hops
            .iter()
            .try_for_each(|hop| write!(f, " nexthop {hop}"))
    }
}
