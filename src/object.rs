//! What the kernel holds as a whole, and what changes it: in `ip` notation.

mod index;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Deserializer, Serialize};

use crate::net::sysctl::{Key, Sysctl};
use crate::net::{Address, Dev, Family, Link, Route, Rule};
pub use index::Index;

/// What eniroute makes or takes away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Object {
    /// A setting has this value. Earlier versions had one only, which they wrote as the interface's name.
    #[serde(alias = "NoRouterAdvertisements", deserialize_with = "sysctl")]
    Sysctl(Sysctl),
    /// The link is administratively up.
    LinkUp(Dev),
    Address(Address),
    Route(Route),
    Rule(Rule),
}

impl Object {
    /// The interface that it is on; a rule is on none, nor is a setting of the host.
    pub fn dev(&self) -> Option<&Dev> {
        match self {
            Self::Sysctl(sysctl) => sysctl.key.dev.as_ref(),
            Self::LinkUp(dev) => Some(dev),
            Self::Address(address) => Some(&address.dev),
            Self::Route(route) => route.dev.as_ref(),
            Self::Rule(_) => None,
        }
    }

    /// What people call one and several of its kind, in the order in which they are made.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sysctl(_) => Kind(0, "setting", "settings"),
            Self::LinkUp(_) => Kind(1, "link", "links"),
            Self::Address(_) => Kind(2, "address", "addresses"),
            Self::Route(_) => Kind::ROUTE,
            Self::Rule(_) => Kind(4, "rule", "rules"),
        }
    }

    /// Of which family it is; the state and the settings of a link, and of the host, are of none.
    pub fn family(&self) -> Option<Family> {
        match self {
            Self::Sysctl(_) | Self::LinkUp(_) => None,
            Self::Address(address) => Some(Family::of(address.net.addr())),
            Self::Route(route) => Some(route.family()),
            Self::Rule(rule) => Some(rule.family),
        }
    }

    /// A network stack's own files can bring it up: it is none of the settings and the state of a link.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Sysctl(_) | Self::LinkUp(_) => false,
            Self::Address(_) | Self::Route(_) | Self::Rule(_) => true,
        }
    }

    /// The address that it is.
    pub fn address(&self) -> Option<&Address> {
        match self {
            Self::Address(address) => Some(address),
            Self::Sysctl(_) | Self::LinkUp(_) | Self::Route(_) | Self::Rule(_) => None,
        }
    }

    /// The setting that it is.
    pub fn sysctl(&self) -> Option<&Sysctl> {
        match self {
            Self::Sysctl(sysctl) => Some(sysctl),
            Self::Address(_) | Self::LinkUp(_) | Self::Route(_) | Self::Rule(_) => None,
        }
    }
}

fn sysctl<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sysctl, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        NoRouterAdvertisements(Dev),
        Sysctl(Sysctl),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::NoRouterAdvertisements(dev) => Sysctl::new(Key::accept_ra(&dev), "0"),
        Written::Sysctl(sysctl) => sysctl,
    })
}

/// A kind of object: its place among the others, its name, and the name of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind(u8, &'static str, &'static str);

impl Kind {
    const ROUTE: Self = Self(3, "route", "routes");

    /// `1 link, 3 addresses, 7 routes`
    pub fn tally(kinds: impl Iterator<Item = Self>) -> String {
        let mut counts: BTreeMap<Self, usize> = BTreeMap::new();
        kinds.for_each(|kind| *counts.entry(kind).or_default() += 1);
        let parts = counts.into_iter().map(|(kind, count)| kind.counted(count));
        parts.collect::<Vec<_>>().join(", ")
    }

    /// `1 route`, `2 routes`.
    fn counted(self, count: usize) -> String {
        format!("{count} {}", if count == 1 { self.1 } else { self.2 })
    }
}

/// What the kernel holds, in its own order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    pub links: Vec<Link>,
    pub addresses: Vec<Address>,
    /// Those of the addresses that have an end, with the seconds until then: whoever brought them has to renew them.
    pub expiring: BTreeMap<Address, u32>,
    /// Where sockets on the port of DHCPv6 clients (546) are bound; `::` is everywhere.
    pub dhcpv6_clients: BTreeSet<Ipv6Addr>,
    /// The host is starting: a DHCPv6 client may still come.
    pub is_starting: bool,
    /// The main table and every table in eniroute's range, both families.
    pub routes: Vec<Route>,
    pub rules: Vec<Rule>,
    /// Those that eniroute may change or has changed, and what new links get, as far as they are there.
    pub sysctls: BTreeMap<Key, String>,
}

impl Observed {
    /// A DHCPv6 client runs on this interface: it is bound to the link-local address there, or to none.
    pub fn has_dhcpv6_client(&self, dev: &Dev) -> bool {
        let is_on_dev = |ip: IpAddr| {
            self.addresses
                .iter()
                .any(|up| up.dev == *dev && up.net.addr() == ip)
        };
        self.dhcpv6_clients
            .iter()
            .any(|ip| ip.is_unspecified() || is_on_dev((*ip).into()))
    }

    /// This address is there, with an end.
    pub fn is_expiring(&self, dev: &Dev, ip: IpAddr) -> bool {
        self.expiring
            .keys()
            .any(|address| address.dev == *dev && address.net.addr() == ip)
    }
}

/// One change of the kernel's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// The setting that it is about.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Add(object) | Self::Remove(object) => object.sysctl().map(|sysctl| &sysctl.key),
            Self::Replace { .. } => None,
        }
    }

    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Add(object) | Self::Remove(object) => object.kind(),
            Self::Replace { .. } => Kind::ROUTE,
        }
    }

    /// The change that takes this one back.
    pub fn inverse(&self) -> Self {
        match self {
            Self::Add(object) => Self::Remove(object.clone()),
            Self::Remove(object) => Self::Add(object.clone()),
            Self::Replace { old, new } => Self::Replace {
                old: new.clone(),
                new: old.clone(),
            },
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
                return write!(f, "ip {} route replace {new:#}", new.family().flag());
            }
        };
        let adding = verb == "add";
        match object {
            Object::Sysctl(Sysctl { key, value, .. }) if adding => {
                write!(f, "sysctl -qw {key}={}", quoted(value))
            }
            Object::Sysctl(Sysctl {
                key,
                before: Some(before),
                ..
            }) => {
                write!(f, "sysctl -qw {key}={}", quoted(before))
            }
            Object::Sysctl(Sysctl {
                key, before: None, ..
            }) => {
                write!(
                    f,
                    "sysctl -qw {key}=\"$(sysctl -n {})\"",
                    key.of_new_links()
                )
            }
            Object::LinkUp(dev) => {
                write!(
                    f,
                    "ip link set dev {dev} {}",
                    if adding { "up" } else { "down" }
                )
            }
            Object::Address(address) => {
                let v6 = address.net.addr().is_ipv6();
                let flags = if adding && v6 {
                    " nodad noprefixroute"
                } else {
                    ""
                };
                let family = Family::of(address.net.addr()).flag();
                // One that is there may have an end, which goes by that.
                let verb = if adding { "replace" } else { verb };
                write!(f, "ip {family} address {verb} {address}{flags}")
            }
            Object::Route(route) if adding => {
                write!(f, "ip {} route add {route:#}", route.family().flag())
            }
            Object::Route(route) => write!(f, "ip {} route del {route}", route.family().flag()),
            Object::Rule(rule) => {
                let proto = if adding { " protocol static" } else { "" };
                write!(f, "ip {} rule {verb} {rule}{proto}", rule.family.flag())
            }
        }
    }
}

/// As a shell takes it for one word.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.,:/@%+".contains(c);
    if value.chars().all(is_plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}
