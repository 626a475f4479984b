//! The kernel's links, addresses, routes, rules and settings, one file a kind: what is there, one change at a time, and
//! never of anything else; and which way a packet would leave. It decides nothing and touches no file but those below
//! /proc; the sockets and messages stay in here.

mod address;
mod attributes;
mod batch;
mod changes;
mod conntrack;
#[cfg(any(test, fuzzing))]
pub mod datagram;
mod dhcp;
mod dhcp_idle;
mod dropped;
mod ethtool;
mod events;
mod fib;
mod frame;
mod grace;
mod index_rule;
mod link;
mod lookup;
mod neighbour;
mod nexthop;
pub mod nft;
mod refusal;
mod removal;
mod reply;
mod request;
mod route;
mod route_kind;
mod route_row;
mod rule;
mod rule_row;
mod rule_words;
mod socket;
mod states;
mod sysctl;
pub mod word;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use nix::errno::Errno;

use crate::error::Result;
use crate::gather::Gather;
use crate::net::rule::STATIC;
use crate::net::sysctl::Key;
use crate::net::{Address, Family, Link};
use crate::object::{Change, Object, Observed};

pub use dhcp::clients_v4;
pub use dhcp_idle::idle_clients;
pub use ethtool::{Nic, nic};
pub use events::changed_links;
pub use grace::let_packets_end;
pub use lookup::Lookup;

use refusal::Refusal;
use socket::Socket;

/// What the kernel answers when there is nothing to delete: no such rule, route, address or link. A look shows whether
/// that is so.
const ABSENT: [Errno; 4] = [
    Errno::ENOENT,
    Errno::ESRCH,
    Errno::EADDRNOTAVAIL,
    Errno::ENODEV,
];

/// One network namespace's view: use it in the namespace in which it was opened. Changes need `CAP_NET_ADMIN`; one
/// request is under way at a time.
pub struct Kernel {
    socket: Socket,
    listed: Listed,
    /// What is observed beside the settings of links.
    keys: BTreeSet<Key>,
    /// Our table of nftables is observed, which takes a program.
    sees_nft: bool,
}

impl Kernel {
    /// The kernel as the calling thread's network namespace has it.
    ///
    /// # Errors
    /// No netlink socket: the process has too many files open, or is forbidden `AF_NETLINK` (`RestrictAddressFamilies=`).
    pub fn open() -> Result<Self> {
        let refused = |error| Refusal::from(error).of("open an rtnetlink socket");
        Ok(Self {
            socket: Socket::open().map_err(refused)?,
            listed: Listed::default(),
            keys: BTreeSet::new(),
            sees_nft: false,
        })
    }

    /// Every link, address, rule and DHCPv6 client, and the routes of the main table and of ours (10000 to 13199).
    /// A kernel without IPv6 has none of that family.
    ///
    /// # Errors
    /// [`crate::error::Error::Kernel`], which names the list, when a dump fails, takes longer than five seconds, or was
    /// interrupted ten times.
    pub fn observe(&mut self) -> Result<Observed> {
        let links = self.links()?;
        let also = self.keys.clone();
        // There are hundreds of settings, each a file of its own.
        let read = || sysctl::sysctls(&links, &also);
        let (listed, sysctls) = thread::scope(|scope| {
            // A bound of tasks may leave no further thread.
            let reading = thread::Builder::new().spawn_scoped(scope, read).ok();
            let listed = self.lists(&links);
            let sysctls = reading.and_then(|reading| reading.join().ok());
            (listed, sysctls.unwrap_or_else(read))
        });
        Ok(Observed {
            dhcpv6_clients: dhcp::clients_v6(),
            sysctls,
            nft: self.nft(),
            links,
            ..listed?
        })
    }

    /// What rtnetlink lists, beside the links.
    fn lists(&mut self, links: &[Link]) -> Result<Observed> {
        let addresses = self.addresses(links);
        let addresses = addresses.map_err(|refusal| refusal.of("list addresses"))?;
        let expiring = |(address, end): &(Address, _)| Some((address.clone(), (*end)?));
        let expiring = addresses.iter().filter_map(expiring).into_map();
        let addresses = addresses.into_iter().map(|(address, _)| address);
        let mut addresses: Vec<Address> = addresses.gathered();
        addresses.shrink_to_fit();
        let mut observed = Observed {
            expiring,
            addresses,
            ..Observed::default()
        };
        let mut all_index = Vec::new();
        for family in [Family::Ipv4, Family::Ipv6] {
            let of = |list| {
                move |refusal: Refusal| refusal.of(format!("list {list} ({})", family.flag()))
            };
            let routes = self.routes(family, links);
            observed.routes.extend(routes.map_err(of("routes"))?);
            let (index, rules) = self.rules(family).map_err(of("rules"))?;
            all_index.extend(index);
            for standing in rules {
                let protocol = standing.protocol.filter(|protocol| *protocol != STATIC);
                let protocol = protocol.map(|protocol| (standing.rule.clone(), protocol));
                observed.protocols.extend(protocol);
                observed.rules.push(standing.rule);
            }
        }
        observed.index = all_index.into_iter().into_dense_set();
        Ok(observed)
    }

    /// Does one change. `links` gives the interfaces their indexes. False when the kernel was so already.
    ///
    /// - A rule or route goes only if exactly it stands. The kernel's own deletion is looser: it takes the first rule
    ///   that has *at least* the named selectors (`fib_nl_delrule`), a route of any metric where 0 is asked
    ///   (IPv4), and of any kind (IPv6). Protocol, scope, `onlink` and a route's `src` need not agree.
    /// - A route that is replaced has to be the one that stands; an IPv6 route with several next hops goes as a whole.
    /// - Deleting an IPv4 address that is not a /32 deletes its subnet's secondary addresses too, unless
    ///   `promote_secondaries` is on.
    ///
    /// # Errors
    /// [`crate::error::Error::Kernel`] naming the `ip` command that does the same, with the kernel's words.
    pub fn apply(&mut self, change: &Change, links: &[Link]) -> Result<bool> {
        self.listed = Listed::default();
        self.one(change, links)
    }

    fn one(&mut self, change: &Change, links: &[Link]) -> Result<bool> {
        let done = match change {
            Change::Add(object) => self.add(object, links),
            Change::Remove(object) => {
                let removed = self.remove(object, links);
                self.unless_gone(removed, object, links)
            }
            Change::Replace { old, new } => self.replace_route(old, new, links),
        };
        done.map_err(|refusal| refusal.of(change))
    }

    fn add(&mut self, object: &Object, links: &[Link]) -> Result<bool, Refusal> {
        match object {
            Object::Sysctl(sysctl) => sysctl::set(sysctl),
            Object::LinkUp(dev) => self.bring_up(dev, links),
            Object::Address(address) => self.add_address(address, links),
            Object::Route(route) => self.add_route(route, links),
            Object::Rule(rule) => self.add_rule(rule),
            Object::Nft(nft) => nft::load(nft),
        }
    }

    fn remove(&mut self, object: &Object, links: &[Link]) -> Result<bool, Refusal> {
        match object {
            Object::Sysctl(sysctl) => sysctl::put_back(sysctl),
            Object::LinkUp(dev) => self.take_down(dev, links),
            Object::Address(address) => self.remove_address(address, links),
            Object::Route(route) => self.remove_route(route, links),
            Object::Rule(rule) => self.remove_rule(rule),
            Object::Nft(nft) => nft::put_back(self, nft),
        }
    }
}

/// Whether a request makes its object or names the one to delete, where fewer fields have to agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Make,
    Delete,
}

/// What stood when a batch of changes first asked, kept true to what the batch did since.
#[derive(Default)]
struct Listed {
    rules: BTreeMap<Family, Vec<rule::Standing>>,
    routes: BTreeMap<Family, Vec<removal::Standing>>,
    /// Those that have not gone since; where it is not known, they are listed again.
    addresses: Option<Vec<Address>>,
}

impl Listed {
    fn follow(&mut self, change: &Change) {
        match change {
            Change::Add(Object::Rule(_)) => self.rules.clear(),
            // Which of two that differ in protocol only has gone is known where it goes.
            Change::Remove(Object::Rule(_)) => {}
            Change::Add(Object::Nft(_)) | Change::Remove(Object::Nft(_)) => {}
            Change::Remove(Object::Route(route)) => {
                let is_it = |one: &removal::Standing| one.route == **route;
                forget(self.routes.get_mut(&route.family()), is_it)
            }
            Change::Add(Object::Route(_)) | Change::Replace { .. } => self.routes.clear(),
            // Routes go with an address or a link, and what comes with one is the kernel's to say.
            Change::Remove(Object::Address(address)) if address.is_host() => {
                self.routes.clear();
                forget(self.addresses.as_mut(), |one| one == address);
            }
            // Others may go with one that has a subnet.
            Change::Add(Object::Address(_) | Object::LinkUp(_) | Object::Sysctl(_))
            | Change::Remove(Object::Address(_) | Object::LinkUp(_) | Object::Sysctl(_)) => {
                self.routes.clear();
                self.addresses = None;
            }
        }
    }
}

fn forget<T>(list: Option<&mut Vec<T>>, is_gone: impl Fn(&T) -> bool) {
    let Some(list) = list else { return };
    if let Some(position) = list.iter().position(is_gone) {
        list.remove(position);
    }
}

/// False also when the kernel's answer is one of `errnos`: there was no need.
fn needless(done: Result<bool, Refusal>, errnos: &[Errno]) -> Result<bool, Refusal> {
    match done {
        Err(refusal) if refusal.is(errnos) => Ok(false),
        done => done,
    }
}

fn instead(other: impl std::fmt::Display) -> Refusal {
    Refusal::because(format!(
        "the kernel could delete `{other}` instead, which is not the same in all that it has; remove either by hand"
    ))
}
