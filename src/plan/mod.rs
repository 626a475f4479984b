//! What the host should look like. Pure and total: no disk, no kernel, no clock.

mod beside;
mod cni;
pub mod egress;
mod forwarding;
mod main_table;
mod mtu;
pub mod nft;
mod rename;
mod routes;
pub mod rule_index;
mod rules;
mod tables;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

pub use beside::holders;
pub use forwarding::{End, end};
pub use mtu::{IPV6_LEAST, chosen};

use crate::config::Config;
use crate::eni::Eni;
use crate::gather::Gather;
use crate::net::sysctl::{Key, Sysctl};
use crate::net::{Address, Declared, Dev, Link, Route, Rule, Word, link_of_mac};
use crate::numbering::Slot;
use crate::object::{Object, Observed, Stage};
use crate::select::Selector;
use beside::Beside;
use tables::Host;

/// What the host should hold for its ENIs: both the kernel's changes and the files come from this, and
/// from nothing else, so what is applied and what is persisted cannot differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// What belongs to no ENI, in the order in which it must be made.
    pub host: Vec<Object>,
    /// The primary ENI first, then by table.
    pub enis: Vec<Planned>,
    /// ENIs that are left as they are, and why.
    pub skipped: Vec<Skipped>,
    /// What `[[egress]]` means here.
    pub egress: egress::Meaning,
}

impl Desired {
    /// While not all is known of the ENIs, a table that stands is not made a lesser one.
    pub fn keep_table(&mut self, observed: &Observed) {
        if observed.nft.is_some() && !self.egress.mistakes.is_empty() {
            self.host.retain(|object| object.nft().is_none());
        }
    }

    /// The same for a boot that cannot load the table of nftables: then nothing is passed on, lest packets leave with private
    /// addresses. `None`: no table is wanted.
    pub fn without_table(&self) -> Option<Self> {
        self.host.iter().find_map(Object::nft)?;
        let mut closed = self.clone();
        closed
            .host
            .retain(|object| object.stage() != Stage::Forwarding);
        for planned in &mut closed.enis {
            planned
                .settings
                .retain(|setting| !setting.key.is_forwarding());
        }
        Some(closed)
    }

    /// Every object, in the order in which it must be made.
    pub fn objects(&self) -> impl Iterator<Item = Object> {
        self.host
            .iter()
            .cloned()
            .chain(self.enis.iter().flat_map(Planned::objects))
    }
}

/// One ENI's part. `addresses`, `routes` and `rules` are in the order in which they must be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Without its IPv6 addresses where the link has IPv6 switched off.
    pub eni: Eni,
    /// The interface that carries the ENI's MAC.
    pub dev: Dev,
    /// Host addresses. A secondary ENI: all of its addresses, IPv4 first, the primary one first of all. The
    /// primary ENI: its secondary IPv4 addresses, and its IPv6 addresses where no DHCPv6 client brings them.
    pub addresses: Vec<Address>,
    /// A subnet's route before the default that needs it.
    pub routes: Vec<Route>,
    /// Routes in main that the interface's owner, a DHCP client, keeps itself at present.
    pub left_to_owner: Vec<Route>,
    pub rules: Vec<Rule>,
    /// Settings of the link beside [`Planned::link`]: those of a host that forwards.
    pub settings: Vec<Sysctl>,
    /// Its owner alone brings the link up: neither we nor our files do.
    pub manual: Option<Declared>,
}

impl Planned {
    /// What stands for it in marks; `None` for a device number that has no room there.
    pub fn slot(&self) -> Option<Slot> {
        Slot::of(self.eni.number())
    }

    /// Every object of this ENI, in the order in which it must be made.
    pub fn objects(&self) -> impl Iterator<Item = Object> {
        let settings = self.settings.iter().cloned().map(Object::from);
        let addresses = self.addresses.iter().cloned().map(Object::Address);
        let routes = self.routes.iter().cloned().map(Object::from);
        settings
            .chain(self.link())
            .chain(addresses)
            .chain(routes)
            .chain(self.rules.iter().cloned().map(Object::Rule))
    }

    /// Those that are neither addresses nor rules.
    pub fn other_objects(&self) -> impl Iterator<Item = Object> {
        let settings = self.settings.iter().cloned().map(Object::from);
        let routes = self.routes.iter().cloned().map(Object::from);
        settings.chain(self.link()).chain(routes)
    }

    /// The state and the setting of the link that make it a secondary ENI's, whatever else the host is for. A definition of
    /// the link that is ours has them.
    pub fn link(&self) -> impl Iterator<Item = Object> {
        // Before it is up: a default route of this ENI in main would carry what the primary one sends.
        let accept_ra = Sysctl::new(Key::accept_ra(&self.dev), "0");
        let has_other = self.settings.iter().any(|one| one.key == accept_ra.key);
        let accept_ra = Some(accept_ra).filter(|_| !has_other);
        let up = Object::LinkUp(self.dev.clone());
        let up = Some(up).filter(|_| self.manual.is_none());
        let link = accept_ra.map(Object::from).into_iter().chain(up);
        link.filter(|_| !self.eni.primary)
    }

    /// The same where no owner is left that would keep any route: as a whole definition of ours has it.
    pub fn without_owner(&self) -> Self {
        let routes = self
            .routes
            .iter()
            .chain(&self.left_to_owner)
            .cloned()
            .gathered();
        Self {
            routes,
            left_to_owner: Vec::new(),
            ..self.clone()
        }
    }

    /// The link is down, and stays so until its owner brings it up: its addresses and routes come after that.
    pub fn waits_for_owner(&self, observed: &Observed) -> bool {
        let is_down = |link: &Link| link.name == self.dev && !link.up;
        self.manual.is_some() && observed.links.iter().any(is_down)
    }

    /// What EC2 assigned to the ENI, and is neither up nor for us to bring: a DHCP client has to.
    pub fn lacking(&self, observed: &Observed) -> Vec<IpAddr> {
        let up = observed.addresses.iter().chain(&self.addresses);
        let here = up.filter(|up| up.dev == self.dev);
        let up = here.map(|up| up.net.addr()).into_set();
        self.eni
            .addresses()
            .filter(|ip| !up.contains(ip))
            .gathered()
    }

    /// The primary ENI's own IPv4 address, while its DHCP client has not brought it up. A /32 that came before it
    /// would become the interface's primary address (amazon-linux-2023 #998), and a route cannot have it as source.
    pub fn missing_lease(&self, observed: &Observed) -> Option<Ipv4Addr> {
        let own = *self.eni.ipv4.first().filter(|_| self.eni.primary)?;
        let wanted = Address::host(&self.dev, own.into());
        (!observed.addresses.iter().any(|up| up.is_same_ip(&wanted))).then_some(own)
    }
}

/// An ENI that the plan leaves alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub eni: Eni,
    /// Its interface, where it has one.
    pub dev: Option<Dev>,
    pub why: Why,
}

/// Why an ENI is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// No interface carries its MAC (an EFA-only ENI, or one in another network namespace).
    NoLink,
    /// The same, and EC2 gives it no address: an EFA-only device has neither.
    NoAddress,
    /// The configuration says so.
    Excluded,
    /// Its interface is a port of this bridge, bond, team or VRF, which then owns the addresses.
    Enslaved(Dev),
    /// The interface's owner says so.
    Declared(Declared),
    /// A Kubernetes CNI runs it; how we know.
    Cni(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::NoLink => f.write_str("no interface carries its MAC"),
            Self::NoAddress => {
                f.write_str("EC2 gives it no address, and no interface carries its MAC, as of an EFA-only device")
            }
            Self::Excluded => f.write_str("the configuration says so"),
            Self::Enslaved(holder) => write!(f, "its interface is a port of {holder}"),
            Self::Declared(declared) => declared.fmt(f),
            Self::Cni(evidence) => f.write_str(evidence),
        }
    }
}

/// The plan for `enis`, given what the kernel holds.
///
/// Of `observed` matter: which link carries which MAC (and whether IPv6 is on there), what the link's owner says of it,
/// the routes of others in main, a DHCP client's subnets and defaults first of all, and a Kubernetes CNI's rules.
pub fn plan(enis: &[Eni], observed: &Observed, config: &Config) -> Desired {
    let mut desired = Desired::default();
    let exclude = config.exclude.iter().map(|text| Selector::new(text));
    let exclude: Vec<Selector> = exclude.gathered();
    let mut present = Vec::new();
    for (eni, cni) in enis.iter().zip(cni::evidence(enis, &observed.rules)) {
        let link = link_of(eni, &observed.links);
        let is_excluded = exclude.iter().any(|selector| selector.matches(eni, link));
        let why = match link {
            _ if is_excluded => Some(Why::Excluded),
            None if eni.addresses().next().is_none() => Some(Why::NoAddress),
            None => Some(Why::NoLink),
            Some(link) => port(link, &observed.links)
                .or_else(|| declared(link, observed))
                .or(cni.map(Why::Cni)),
        };
        match (link, why) {
            (Some(link), None) => present.push((usable(eni, link), &link.name)),
            (link, why) => desired.skipped.push(Skipped {
                eni: eni.clone(),
                dev: link.map(|link| link.name.clone()),
                why: why.unwrap_or(Why::NoLink),
            }),
        }
    }
    let host = Host {
        present: &present,
        beside: Beside::of(enis, &desired.skipped, observed),
        observed,
        config,
    };
    let planned = present.iter().map(|(eni, dev)| host.planned(eni, dev));
    desired.enis = planned
        .map(|planned| planned.with_mtu(enis, observed, config))
        .gathered();
    desired.host = host.settings().map(Object::from).gathered();
    desired.egress = egress::meaning(config, &desired, observed);
    let filter = egress::filter(&desired, config);
    desired
        .host
        .extend(filter.map(|filter| Object::from(filter.table())));
    desired
}

/// It is a port, as the kernel has it now.
fn port(link: &Link, links: &[Link]) -> Option<Why> {
    let index = link.master?;
    let holder = links.iter().find(|upper| upper.index == index);
    let unknown = || format!("link {index}").into();
    Some(Why::Enslaved(
        holder.map_or_else(unknown, |holder| holder.name.clone()),
    ))
}

/// Its owner wants it to be a port, or left alone.
fn declared(link: &Link, observed: &Observed) -> Option<Why> {
    let declared = observed.declared.get(&link.name)?;
    (declared.word != Word::Manual).then(|| Why::Declared(declared.clone()))
}

/// What of `eni` can be had on its link: where IPv6 is switched off, nothing of it, neither now nor in a file, which
/// would switch it on.
fn usable(eni: &Eni, link: &Link) -> Eni {
    let mut eni = eni.clone();
    if !link.ipv6 {
        (eni.ipv6, eni.ipv6_prefixes, eni.subnet_ipv6) = (Vec::new(), Vec::new(), Vec::new());
    }
    eni
}

/// The link that carries `eni`.
pub fn link_of<'a>(eni: &Eni, links: &'a [Link]) -> Option<&'a Link> {
    link_of_mac(eni.mac, links)
}

#[cfg(test)]
mod forwarding_tests;
#[cfg(test)]
mod primary_tests;
#[cfg(test)]
pub(crate) mod tests;
