//! Values of the network: MAC, link, address, route, rule. Ordered, comparable, and shown in `ip`
//! notation. Nothing here touches the kernel, and nothing here knows what an ENI is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// An interface's name (`eth1`, `ens6`). Shared, because every address and route carries one.
pub type Dev = Arc<str>;

/// The main routing table (`RT_TABLE_MAIN`).
pub const MAIN: u32 = 254;

/// The metric that the kernel gives an IPv6 route without one (`IP6_RT_PRIO_USER`).
pub const IPV6_METRIC: u32 = 1024;

/// An Ethernet address, written `06:ce:dd:28:5b:b8`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

impl FromStr for Mac {
    type Err = String;

    /// Six pairs of hexadecimal digits joined by `:`, in either case.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a MAC address");
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|p| p.len() == 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
        }
        if parts.next().is_some() {
            return Err(wrong());
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Mac {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// IPv4 or IPv6: the kernel keeps routes and rules apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    /// `0.0.0.0/0` or `::/0`.
    pub fn everything(self) -> IpNet {
        match self {
            Self::Ipv4 => IpNet::new_assert(Ipv4Addr::UNSPECIFIED.into(), 0),
            Self::Ipv6 => IpNet::new_assert(Ipv6Addr::UNSPECIFIED.into(), 0),
        }
    }

    /// The option that makes `ip` speak of this family: `-4` or `-6`.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Ipv4 => "-4",
            Self::Ipv6 => "-6",
        }
    }
}

/// A network interface as the kernel reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub index: u32,
    pub name: Dev,
    pub altnames: Vec<String>,
    /// The address in use; `None` for a link that has no Ethernet address (`lo` reports zeros).
    pub mac: Option<Mac>,
    /// The address burnt into the device (`IFLA_PERM_ADDRESS`); absent for virtual links.
    pub permanent_mac: Option<Mac>,
    /// `IFLA_INFO_KIND`: `bridge`, `vlan`, `veth`, ...; absent for a physical device.
    pub kind: Option<String>,
    /// The bridge, bond or VRF that this link is enslaved to (`IFLA_MASTER`), by index.
    pub master: Option<u32>,
    /// IPv6 is on here: neither the kernel nor this link's sysctl `disable_ipv6` has it off.
    pub ipv6: bool,
    /// The kernel takes routes from router advertisements on this link (sysctl `accept_ra`).
    pub accept_ra: bool,
    /// `IFF_UP`: administratively up.
    pub up: bool,
}

impl Link {
    /// A device of its own: a physical one, or a veth. Bridges, bonds, VLANs and the like copy the MAC of a device
    /// below them, and tunnels have nothing to do with the VPC.
    pub fn is_nic(&self) -> bool {
        self.mac.is_some() && matches!(self.kind.as_deref(), None | Some("veth"))
    }

    /// The MAC of the ENI that this link may be.
    pub fn eni_mac(&self) -> Option<Mac> {
        self.permanent_mac.or(self.mac)
    }
}

/// The links that may be ENIs. A veth may lead to a container: it counts only on a host without a physical interface,
/// which is a container itself.
pub fn nics(links: &[Link]) -> impl Iterator<Item = &Link> {
    let has_physical = links.iter().any(|link| link.is_nic() && link.kind.is_none());
    links.iter().filter(move |link| link.is_nic() && (link.kind.is_none() || !has_physical))
}

/// An address on a link. `net` keeps the host part: `172.31.41.29/20`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    pub dev: Dev,
    pub net: IpNet,
}

impl Address {
    /// A /32 or /128, the only kind of address that eniroute adds.
    pub fn host(dev: &Dev, ip: IpAddr) -> Self {
        Self { dev: dev.clone(), net: IpNet::from(ip) }
    }

    /// The same address on the same link, whatever the prefix length: a DHCP lease's /20 is there.
    pub fn is_same_ip(&self, other: &Self) -> bool {
        self.dev == other.dev && self.net.addr() == other.net.addr()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} dev {}", self.net, self.dev)
    }
}

/// What a route does with a packet (`rtm_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    Unicast,
    /// Ends the lookup in this table; the next rule goes on.
    Throw,
    /// A kind that eniroute never writes, by its kernel number.
    Other(u8),
}

/// A route. Protocol and `onlink` are left out on purpose: managers differ in them while the route
/// is the same. A unicast route without a gateway is on-link (IPv4: `scope link`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    pub table: u32,
    pub kind: RouteKind,
    /// Masked: no host bits.
    pub dst: IpNet,
    pub via: Option<IpAddr>,
    /// `None` for a throw route, whatever the kernel reports (`dev lo` for IPv6), and for a
    /// multipath route, which eniroute never writes.
    pub dev: Option<Dev>,
    /// The preferred source (`RTA_PREFSRC`).
    pub src: Option<IpAddr>,
    /// `RTA_PRIORITY`; 0 is the kernel's default for IPv4, 1024 for IPv6.
    pub metric: u32,
}

impl Route {
    pub fn family(&self) -> Family {
        Family::of(self.dst.addr())
    }

    /// What the kernel lets stand once per table: destination and metric.
    pub fn key(&self) -> (u32, IpNet, u32) {
        (self.table, self.dst, self.metric)
    }
}

impl fmt::Display for Route {
    /// The words after `ip route add`, without the protocol.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.kind {
            RouteKind::Unicast => {}
            RouteKind::Throw => write!(f, "throw ")?,
            RouteKind::Other(number) => write!(f, "type {number} ")?,
        }
        if self.dst.prefix_len() == 0 {
            write!(f, "default")?;
        } else {
            write!(f, "{}", self.dst)?;
        }
        if let Some(via) = self.via {
            write!(f, " via {via}")?;
        }
        if let Some(dev) = &self.dev {
            write!(f, " dev {dev}")?;
        }
        if self.kind == RouteKind::Unicast {
            match (self.via, self.family()) {
                (Some(_), _) => write!(f, " onlink")?,
                (None, Family::Ipv4) => write!(f, " scope link")?,
                (None, Family::Ipv6) => {}
            }
        }
        if let Some(src) = self.src {
            write!(f, " src {src}")?;
        }
        if self.table != MAIN {
            write!(f, " table {}", self.table)?;
        }
        if self.metric != 0 {
            write!(f, " metric {}", self.metric)?;
        }
        Ok(())
    }
}

/// A policy rule (`fib_rule`) that looks up a table. Its protocol is left out, as with [`Route`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    pub priority: u32,
    pub family: Family,
    /// `None` is `from all`. Masked.
    pub from: Option<IpNet>,
    pub table: u32,
    /// Ignore a result whose prefix is not longer than this (0: ignore the default route).
    pub suppress_prefixlength: Option<u32>,
    /// What a foreign rule is `to`; eniroute writes none. Masked.
    pub to: Option<IpNet>,
    /// It has a selector or an action that eniroute never writes (`to`, `iif`, `fwmark`, `goto`, `not`, ...).
    pub foreign: bool,
}

impl fmt::Display for Rule {
    /// The words after `ip -4 rule add` or `ip -6 rule add`, without the protocol.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.from {
            Some(net) if net.prefix_len() == net.max_prefix_len() => write!(f, "from {}", net.addr())?,
            Some(net) => write!(f, "from {net}")?,
            None => write!(f, "from all")?,
        }
        if let Some(to) = self.to {
            write!(f, " to {to}")?;
        }
        match self.table {
            MAIN => write!(f, " lookup main")?,
            table => write!(f, " lookup {table}")?,
        }
        if let Some(length) = self.suppress_prefixlength {
            write!(f, " suppress_prefixlength {length}")?;
        }
        write!(f, " priority {}", self.priority)
    }
}

/// What eniroute makes or takes away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// The link, still down, will not take routes from router advertisements: a default route of this ENI in main
    /// would carry what the primary one sends.
    NoRouterAdvertisements(Dev),
    /// The link is administratively up.
    LinkUp(Dev),
    Address(Address),
    Route(Route),
    Rule(Rule),
}

impl Object {
    /// The interface that it is on; a rule is on none.
    pub fn dev(&self) -> Option<&Dev> {
        match self {
            Self::NoRouterAdvertisements(dev) | Self::LinkUp(dev) => Some(dev),
            Self::Address(address) => Some(&address.dev),
            Self::Route(route) => route.dev.as_ref(),
            Self::Rule(_) => None,
        }
    }
}

/// What the kernel holds, in its own order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    pub links: Vec<Link>,
    pub addresses: Vec<Address>,
    /// The main table and every table in eniroute's range, both families.
    pub routes: Vec<Route>,
    pub rules: Vec<Rule>,
}

/// One change of the kernel's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Add(Object),
    /// Takes the place of the route with the same [`Route::key`], in one step.
    Replace {
        old: Route,
        new: Route,
    },
    Remove(Object),
}

impl Change {
    /// The interface that it is about.
    pub fn dev(&self) -> Option<&Dev> {
        match self {
            Self::Add(object) | Self::Remove(object) => object.dev(),
            Self::Replace { new, .. } => new.dev.as_ref(),
        }
    }

    /// The change that takes this one back.
    pub fn inverse(&self) -> Self {
        match self {
            Self::Add(object) => Self::Remove(object.clone()),
            Self::Remove(object) => Self::Add(object.clone()),
            Self::Replace { old, new } => Self::Replace { old: new.clone(), new: old.clone() },
        }
    }
}

impl fmt::Display for Change {
    /// The `ip` command that does the same, ready to paste.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (verb, object) = match self {
            Self::Add(object) => ("add", object),
            Self::Remove(object) => ("del", object),
            Self::Replace { new, .. } => {
                return write!(f, "ip {} route replace {new} proto static", new.family().flag());
            }
        };
        let adding = verb == "add";
        match object {
            Object::NoRouterAdvertisements(dev) => {
                write!(f, "sysctl -qw net/ipv6/conf/{dev}/accept_ra={}", if adding { 0 } else { 1 })
            }
            Object::LinkUp(dev) => {
                write!(f, "ip link set dev {dev} {}", if adding { "up" } else { "down" })
            }
            Object::Address(address) => {
                let v6 = address.net.addr().is_ipv6();
                let flags = if adding && v6 { " nodad noprefixroute" } else { "" };
                let family = Family::of(address.net.addr()).flag();
                write!(f, "ip {family} address {verb} {address}{flags}")
            }
            Object::Route(route) => {
                let proto = if adding { " proto static" } else { "" };
                write!(f, "ip {} route {verb} {route}{proto}", route.family().flag())
            }
            Object::Rule(rule) => {
                let proto = if adding { " protocol static" } else { "" };
                write!(f, "ip {} rule {verb} {rule}{proto}", rule.family.flag())
            }
        }
    }
}
