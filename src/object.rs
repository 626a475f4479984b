//! What eniroute makes in the kernel, kind by kind, and what the kernel holds as a whole. All that depends on the kind of
//! an object, but for the netlink of it, is asked here: each method matches the kinds in full, and nothing else in
//! eniroute does, so that the compiler names here what a new kind has to answer.

mod change;
mod from;
mod index;
mod leases;
mod observed;
mod stage;
mod subject;

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};

use crate::code::Code;
use crate::gather::Gather;
use crate::net::nft::{Nft, TABLE};
use crate::net::sysctl::{Key, Sysctl};
use crate::net::{Address, Dev, Family, MAIN, Route, Rule, link};
pub use change::Change;
pub use index::{Index, in_order};
pub use leases::NOT_RENEWED;
pub use observed::Observed;
pub use stage::Stage;

/// What eniroute makes or takes away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Object {
    /// A setting has this value. Earlier versions had one only, which they wrote as the interface's name.
    #[serde(alias = "NoRouterAdvertisements", deserialize_with = "sysctl")]
    Sysctl(Box<Sysctl>),
    /// The link is administratively up.
    LinkUp(Dev),
    /// An address is on its link.
    Address(Address),
    /// A route is in its table.
    Route(Box<Route>),
    /// A rule is there.
    Rule(Rule),
    /// Our table of nftables stands, as its text makes it.
    Nft(Box<Nft>),
}

/// A kind of object: its place among the others, its name, and the name of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind(u8, &'static str, &'static str);

/// What in the kernel serves as well as an object that is wanted.
#[derive(Clone, Copy, Debug)]
pub enum Equal<'a> {
    /// The very same one alone.
    Itself,
    /// The same IP address on the same link, with whatever prefix length.
    Ip(&'a Address),
    /// Whatever route has its place: in main, somebody else's does.
    Place(&'a Route),
    /// The value, where the kernel has such a setting.
    Value(&'a Sysctl),
}

/// Of what the kernel holds one only: what comes there takes the place of what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place<'a> {
    /// A setting.
    Setting(&'a Key),
    /// [`Route::key`].
    Route((u32, IpNet, u32)),
    /// Our table of nftables.
    Nft,
    /// The object's own, which no other one can take.
    Own(&'a Object),
}

impl Object {
    /// The interface that it is on; a rule is on none, nor is a setting of the host.
    pub fn dev(&self) -> Option<&Dev> {
        match self {
            Self::Sysctl(sysctl) => sysctl.key.dev.as_ref(),
            Self::LinkUp(dev) => Some(dev),
            Self::Address(address) => Some(&address.dev),
            Self::Route(route) => route.dev.as_ref(),
            Self::Rule(_) | Self::Nft(_) => None,
        }
    }

    /// The same on the interface `dev`; what is on none stays so.
    pub fn on(&self, dev: &Dev) -> Self {
        let mut moved = self.clone();
        let place = match &mut moved {
            Self::Sysctl(sysctl) => sysctl.key.dev.as_mut(),
            Self::LinkUp(dev) => Some(dev),
            Self::Address(address) => Some(&mut address.dev),
            Self::Route(route) => route.dev.as_mut(),
            Self::Rule(_) | Self::Nft(_) => None,
        };
        if let Some(place) = place {
            place.clone_from(dev);
        }
        moved
    }

    /// What people call one and several of its kind, in the order in which they are made.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sysctl(_) => Kind(0, "setting", "settings"),
            Self::LinkUp(_) => Kind(1, "link", "links"),
            Self::Address(_) => Kind(2, "address", "addresses"),
            Self::Route(_) => Kind::ROUTE,
            Self::Rule(_) => Kind(4, "rule", "rules"),
            Self::Nft(_) => Kind(5, "nftables table", "nftables tables"),
        }
    }

    /// Of which family it is; the state and the settings of a link, and of the host, are of none.
    pub fn family(&self) -> Option<Family> {
        match self {
            Self::Sysctl(_) | Self::LinkUp(_) | Self::Nft(_) => None,
            Self::Address(address) => Some(Family::of(address.net.addr())),
            Self::Route(route) => Some(route.family()),
            Self::Rule(rule) => Some(rule.family),
        }
    }

    /// A network stack's own files can bring it up: it is none of the settings and the state of a link.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Sysctl(_) | Self::LinkUp(_) | Self::Nft(_) => false,
            Self::Address(_) | Self::Route(_) | Self::Rule(_) => true,
        }
    }

    /// It belongs to no ENI, whoever made it.
    pub fn is_of_host(&self) -> bool {
        match self {
            Self::Sysctl(sysctl) => sysctl.key.dev.is_none(),
            Self::Nft(_) => true,
            Self::LinkUp(_) | Self::Address(_) | Self::Route(_) | Self::Rule(_) => false,
        }
    }

    /// What serves as well as it.
    pub fn equal(&self) -> Equal<'_> {
        match self {
            Self::Sysctl(sysctl) => Equal::Value(sysctl),
            Self::Address(address) => Equal::Ip(address),
            Self::Route(route) if route.table == MAIN => Equal::Place(route),
            Self::LinkUp(_) | Self::Route(_) | Self::Rule(_) | Self::Nft(_) => Equal::Itself,
        }
    }

    /// The place that it has, or would take.
    pub fn place(&self) -> Place<'_> {
        match self {
            Self::Sysctl(sysctl) => Place::Setting(&sysctl.key),
            Self::Route(route) => Place::Route(route.key()),
            Self::Nft(_) => Place::Nft,
            Self::LinkUp(_) | Self::Address(_) | Self::Rule(_) => Place::Own(self),
        }
    }

    /// The `ip` or `sysctl` command that makes it, ready to paste.
    pub(crate) fn add_command(&self) -> String {
        match self {
            Self::Sysctl(sysctl) => sysctl.add_command(),
            Self::LinkUp(dev) => link::command(dev, "up"),
            Self::Address(address) => address.add_command(),
            Self::Route(route) => route.add_command(),
            Self::Rule(rule) => rule.add_command(),
            Self::Nft(nft) => nft.add_command(),
        }
    }

    /// The command that takes it away.
    pub(crate) fn remove_command(&self) -> String {
        match self {
            Self::Sysctl(sysctl) => sysctl.remove_command(),
            Self::LinkUp(dev) => link::command(dev, "down"),
            Self::Address(address) => address.remove_command(),
            Self::Route(route) => route.remove_command(),
            Self::Rule(rule) => rule.remove_command(),
            Self::Nft(nft) => nft.remove_command(),
        }
    }

    /// What is found where the ENI on the interface `dev` lacks it.
    pub fn absence(&self, dev: &Dev) -> (Code, String) {
        match self {
            Self::Sysctl(sysctl) => {
                let Sysctl { key, value, .. } = &**sysctl;
                let code = if key.is_forwarding() {
                    Code::O4
                } else {
                    Code::R9
                };
                (code, format!("the setting {key} is not {value}"))
            }
            Self::LinkUp(_) => (Code::L3, format!("{dev} is down")),
            Self::Address(Address { net, .. }) => (
                Code::A1,
                format!("{dev} lacks {}, which EC2 has assigned", net.addr()),
            ),
            Self::Route(route) => (Code::R4, format!("{dev} lacks the route `{route}`")),
            Self::Rule(rule) => (Code::R2, format!("{dev} lacks the rule `{rule}`")),
            Self::Nft(_) => (
                Code::N8,
                format!("the table {TABLE} is not as it should be"),
            ),
        }
    }

    /// The same, knowing what it takes the place of: a setting is put back when it goes.
    pub fn over(self, observed: &Observed) -> Self {
        match self {
            Self::Sysctl(sysctl) => {
                let before = observed.sysctls.get(&sysctl.key).cloned();
                Self::from(Sysctl { before, ..*sysctl })
            }
            Self::Nft(nft) => {
                let mut standing = observed.nft.iter().map(|nft| nft.text.clone());
                let before = standing.find(|text| !text.is_empty());
                Self::from(Nft { before, ..*nft })
            }
            Self::LinkUp(_) | Self::Address(_) | Self::Route(_) | Self::Rule(_) => self,
        }
    }

    /// The address that it is.
    pub fn address(&self) -> Option<&Address> {
        match self {
            Self::Address(address) => Some(address),
            Self::Sysctl(_) | Self::LinkUp(_) | Self::Route(_) | Self::Rule(_) | Self::Nft(_) => {
                None
            }
        }
    }

    /// The route that it is.
    pub fn route(&self) -> Option<&Route> {
        match self {
            Self::Route(route) => Some(route),
            Self::Sysctl(_) | Self::LinkUp(_) | Self::Address(_) | Self::Rule(_) | Self::Nft(_) => {
                None
            }
        }
    }

    /// The rule that it is.
    pub fn rule(&self) -> Option<&Rule> {
        match self {
            Self::Rule(rule) => Some(rule),
            Self::Sysctl(_)
            | Self::LinkUp(_)
            | Self::Address(_)
            | Self::Route(_)
            | Self::Nft(_) => None,
        }
    }

    /// The setting that it is.
    pub fn sysctl(&self) -> Option<&Sysctl> {
        match self {
            Self::Sysctl(sysctl) => Some(sysctl),
            Self::Address(_) | Self::LinkUp(_) | Self::Route(_) | Self::Rule(_) | Self::Nft(_) => {
                None
            }
        }
    }

    /// The table of nftables that it is.
    pub fn nft(&self) -> Option<&Nft> {
        match self {
            Self::Nft(nft) => Some(nft),
            Self::Sysctl(_)
            | Self::Address(_)
            | Self::LinkUp(_)
            | Self::Route(_)
            | Self::Rule(_) => None,
        }
    }
}

fn sysctl<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<Sysctl>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        NoRouterAdvertisements(Dev),
        Sysctl(Sysctl),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::NoRouterAdvertisements(dev) => Sysctl::new(Key::accept_ra(&dev), "0").into(),
        Written::Sysctl(sysctl) => sysctl.into(),
    })
}

impl Kind {
    const ROUTE: Self = Self(3, "route", "routes");

    /// `1 link, 3 addresses, 7 routes`
    pub fn tally(kinds: impl Iterator<Item = Self>) -> String {
        let mut counts: BTreeMap<Self, usize> = BTreeMap::new();
        kinds.for_each(|kind| *counts.entry(kind).or_default() += 1);
        let parts = counts.into_iter().map(|(kind, count)| kind.counted(count));
        parts.gathered::<Vec<_>>().join(", ")
    }

    /// `1 route`, `2 routes`.
    fn counted(self, count: usize) -> String {
        format!("{count} {}", if count == 1 { self.1 } else { self.2 })
    }
}
