//! The kernel's links, addresses, routes and rules, by rtnetlink: what is there, one change at a time, and
//! which way a packet would leave. It decides nothing, touches no file, and deletes nothing but what it is told.

mod decode;
mod encode;
mod socket;

use std::net::IpAddr;

use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;
use neli::rtnl::{Fibmsg, Ifaddrmsg, Ifinfomsg, Rtmsg};
use nix::errno::Errno;

use crate::eni::BASE;
use crate::error::Result;
use crate::net::{Address, Change, Dev, Family, Link, MAIN, Object, Observed, Route, Rule};

use encode::Verb;
use socket::{Refusal, Socket};

/// The last table of ours: device number 99 of network card 31.
const LAST: u32 = BASE + 3199;

/// What the kernel answers when there is nothing to delete: no such rule, route, address or link.
const ABSENT: [Errno; 4] = [Errno::ENOENT, Errno::ESRCH, Errno::EADDRNOTAVAIL, Errno::ENODEV];

/// What the kernel answers for a packet that would not leave: no route, `unreachable`, `prohibit`.
const NO_WAY: [Errno; 3] = [Errno::ENETUNREACH, Errno::EHOSTUNREACH, Errno::EACCES];

/// The way of a packet, as the kernel's own lookup decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// `lo` for an address of this host.
    pub dev: Dev,
    pub via: Option<IpAddr>,
    /// The source address that an unbound packet gets. For a bound one the kernel repeats it or leaves it out.
    pub src: Option<IpAddr>,
    /// The table that decided.
    pub table: u32,
}

/// The routing tables of one network namespace. Changes need `CAP_NET_ADMIN`; one request is under way at a time.
pub struct Kernel {
    socket: Socket,
}

impl Kernel {
    /// The kernel as the calling thread's network namespace has it.
    ///
    /// # Errors
    /// No netlink socket: the process has too many files open, or is forbidden `AF_NETLINK` (`RestrictAddressFamilies=`).
    pub fn open() -> Result<Self> {
        let socket = Socket::open().map_err(|error| Refusal::from(error).of("open an rtnetlink socket"))?;
        Ok(Self { socket })
    }

    /// Every link, address and rule, and the routes of the main table and of ours (10000 to 13199).
    /// A kernel without IPv6 has none of that family.
    ///
    /// # Errors
    /// [`crate::error::Error::Kernel`], which names the list, when a dump fails, takes longer than five seconds, or was
    /// interrupted ten times.
    pub fn observe(&mut self) -> Result<Observed> {
        let links = self.links().map_err(|refusal| refusal.of("list links"))?;
        let addresses = self.addresses(&links).map_err(|refusal| refusal.of("list addresses"))?;
        let mut observed = Observed { links, addresses, ..Observed::default() };
        for family in [Family::Ipv4, Family::Ipv6] {
            let what = |list: &str| format!("list {list} ({})", family.flag());
            let routes = self.routes(family, &observed.links).map_err(|refusal| refusal.of(what("routes")))?;
            observed.routes.extend(routes);
            observed.rules.extend(self.rules(family).map_err(|refusal| refusal.of(what("rules")))?);
        }
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
        let done = match change {
            Change::Add(object) => self.add(object, links),
            Change::Remove(object) => self.remove(object, links),
            Change::Replace { old, new } => self.replace(old, new, links),
        };
        done.map_err(|refusal| refusal.of(change))
    }

    /// Which way a packet to `to` would leave; `from` `None` is a socket that is not bound to an address.
    /// `None` when it would not: no route, `unreachable`, `prohibit`, `blackhole`, or an IPv4 `from` that this host
    /// does not have (the kernel lets any IPv6 `from` through).
    ///
    /// # Errors
    /// [`crate::error::Error::Kernel`] for any other answer.
    pub fn route_get(&mut self, to: IpAddr, from: Option<IpAddr>) -> Result<Option<Lookup>> {
        let what = || format!("ip route get {to}{}", from.map(|ip| format!(" from {ip}")).unwrap_or_default());
        self.lookup(to, from).map_err(|refusal| refusal.of(what()))
    }

    fn lookup(&mut self, to: IpAddr, from: Option<IpAddr>) -> Result<Option<Lookup>, Refusal> {
        let reply: Rtmsg = match self.socket.get(Rtm::Getroute, encode::lookup(to, from)?) {
            Err(refusal) if refusal.is(&NO_WAY) => return Ok(None),
            // `blackhole`, or an IPv4 source that is no address of this host; with words, it is a wrong request.
            Err(refusal) if refusal.is(&[Errno::EINVAL]) && !refusal.has_words() => return Ok(None),
            reply => reply?,
        };
        let Some(index) = decode::way(&reply) else { return Ok(None) };
        let link = self.link(index)?.ok_or_else(|| Refusal::because(format!("interface {index} went away")))?;
        Ok(Some(decode::lookup(&reply, link.name)))
    }

    fn links(&mut self) -> Result<Vec<Link>, Refusal> {
        let rows: Vec<Ifinfomsg> = self.socket.dump(Rtm::Getlink, encode::link(0)?)?;
        Ok(rows.iter().filter_map(decode::link).collect())
    }

    fn link(&mut self, index: u32) -> Result<Option<Link>, Refusal> {
        let reply: Ifinfomsg = self.socket.get(Rtm::Getlink, encode::link(index)?)?;
        Ok(decode::link(&reply))
    }

    fn addresses(&mut self, links: &[Link]) -> Result<Vec<Address>, Refusal> {
        let rows: Vec<Ifaddrmsg> = self.socket.dump(Rtm::Getaddr, encode::addresses()?)?;
        Ok(rows.iter().filter_map(|row| decode::address(row, links)).collect())
    }

    /// A kernel without IPv6 answers with another family's routes (`rtnl_dump_all`): they are left out.
    fn routes(&mut self, family: Family, links: &[Link]) -> Result<Vec<Route>, Refusal> {
        let rows: Vec<Rtmsg> = self.socket.dump(Rtm::Getroute, encode::routes(family)?)?;
        let routes = rows.iter().filter_map(|row| decode::route(row, links));
        Ok(routes.filter(|r| r.family() == family && (r.table == MAIN || (BASE..=LAST).contains(&r.table))).collect())
    }

    /// In the kernel's order. A kernel without IPv6 says that it has no such rules at all.
    fn rules(&mut self, family: Family) -> Result<Vec<Rule>, Refusal> {
        let rows: Vec<Fibmsg> = match self.socket.dump(Rtm::Getrule, encode::rules(family)?) {
            Err(refusal) if refusal.is(&[Errno::EAFNOSUPPORT, Errno::EOPNOTSUPP]) => Vec::new(),
            rows => rows?,
        };
        Ok(rows.iter().filter_map(decode::rule).filter(|rule| rule.family == family).collect())
    }

    fn add(&mut self, object: &Object, links: &[Link]) -> Result<bool, Refusal> {
        let new = NlmF::CREATE | NlmF::EXCL;
        let added = match object {
            Object::LinkUp(dev) => return self.set_link(index(links, dev)?, true),
            Object::Address(address) => {
                let message = encode::address(address, index(links, &address.dev)?)?;
                self.socket.change(Rtm::Newaddr, new, message)
            }
            Object::Route(route) => return self.add_route(route, links),
            Object::Rule(rule) => {
                ours_to_write(rule)?;
                self.socket.change(Rtm::Newrule, new, encode::rule(rule, Verb::Make)?)
            }
        };
        needless(added.map(|()| true), &[Errno::EEXIST])
    }

    /// `EEXIST` tells of any route with the same destination and metric, so what stands is compared.
    fn add_route(&mut self, route: &Route, links: &[Link]) -> Result<bool, Refusal> {
        let message = encode::route(route, device(links, route)?, Verb::Make)?;
        match self.socket.change(Rtm::Newroute, NlmF::CREATE | NlmF::EXCL, message) {
            Err(refusal) if refusal.is(&[Errno::EEXIST]) => {
                let stands = self.standing(route, links)?.contains(route);
                if stands { Ok(false) } else { Err(refusal) }
            }
            added => added.map(|()| true),
        }
    }

    fn remove(&mut self, object: &Object, links: &[Link]) -> Result<bool, Refusal> {
        match object {
            Object::LinkUp(dev) => match index(links, dev) {
                Ok(index) => needless(self.set_link(index, false), &ABSENT),
                Err(_) => Ok(false),
            },
            Object::Address(address) => self.remove_address(address, links),
            Object::Route(route) => self.remove_route(route, links),
            Object::Rule(rule) => self.remove_rule(rule),
        }
    }

    fn remove_address(&mut self, address: &Address, links: &[Link]) -> Result<bool, Refusal> {
        let Ok(index) = index(links, &address.dev) else { return Ok(false) };
        let message = encode::address(address, index)?;
        let removed = self.socket.change(Rtm::Deladdr, NlmF::empty(), message);
        needless(removed.map(|()| true), &ABSENT)
    }

    fn remove_route(&mut self, route: &Route, links: &[Link]) -> Result<bool, Refusal> {
        if !self.standing(route, links)?.iter().any(|present| same_way(present, route)) {
            return Ok(false);
        }
        let message = encode::route(route, device(links, route)?, Verb::Delete)?;
        let removed = self.socket.change(Rtm::Delroute, NlmF::empty(), message);
        needless(removed.map(|()| true), &ABSENT)
    }

    fn remove_rule(&mut self, rule: &Rule) -> Result<bool, Refusal> {
        ours_to_write(rule)?;
        let rules = self.rules(rule.family)?;
        if !rules.contains(rule) {
            return Ok(false);
        }
        if let Some(first) = rules.iter().find(|present| would_delete(rule, present)).filter(|first| *first != rule) {
            let more = if first.foreign { ", with more selectors" } else { "" };
            return Err(Refusal::because(format!(
                "the kernel would delete another rule of the same priority and table (`{first}`{more}); delete this one by hand"
            )));
        }
        let removed = self.socket.change(Rtm::Delrule, NlmF::empty(), encode::rule(rule, Verb::Delete)?);
        needless(removed.map(|()| true), &ABSENT)
    }

    /// Refuses to push out a route that is not `old`: it was changed after it was looked at.
    fn replace(&mut self, old: &Route, new: &Route, links: &[Link]) -> Result<bool, Refusal> {
        let standing = self.standing(new, links)?;
        if standing == [new.clone()] {
            return Ok(false);
        }
        if let Some(other) = standing.first().filter(|_| !standing.contains(old)) {
            return Err(Refusal::because(format!("expected `{old}` in its place, found `{other}`; run again")));
        }
        let message = encode::route(new, device(links, new)?, Verb::Make)?;
        self.socket.change(Rtm::Newroute, NlmF::CREATE | NlmF::REPLACE, message)?;
        Ok(true)
    }

    /// The routes with `route`'s table, destination and metric: one, unless somebody appended more.
    fn standing(&mut self, route: &Route, links: &[Link]) -> Result<Vec<Route>, Refusal> {
        let key = (route.table, route.dst, encode::metric(route));
        let routes = self.routes(route.family(), links)?;
        Ok(routes.into_iter().filter(|present| present.key() == key).collect())
    }

    /// Asks first: the kernel acknowledges a link's state whether it changes or not.
    fn set_link(&mut self, index: u32, up: bool) -> Result<bool, Refusal> {
        if self.link(index)?.is_some_and(|link| link.up == up) {
            return Ok(false);
        }
        self.socket.change(Rtm::Newlink, NlmF::empty(), encode::link_state(index, up)?)?;
        Ok(true)
    }
}

/// False also when the kernel's answer is one of `errnos`: there was no need.
fn needless(done: Result<bool, Refusal>, errnos: &[Errno]) -> Result<bool, Refusal> {
    match done {
        Err(refusal) if refusal.is(errnos) => Ok(false),
        done => done,
    }
}

fn index(links: &[Link], dev: &Dev) -> Result<u32, Refusal> {
    let link = links.iter().find(|link| link.name == *dev);
    link.map(|link| link.index).ok_or_else(|| Refusal::because(format!("no interface is named `{dev}`")))
}

/// A throw route has no device; a unicast one that has none was read from one with several next hops.
fn device(links: &[Link], route: &Route) -> Result<Option<u32>, Refusal> {
    use crate::net::RouteKind::Unicast;
    match &route.dev {
        Some(dev) => index(links, dev).map(Some),
        None if route.kind == Unicast => Err(Refusal::because("it has no single device; it has to be made by hand")),
        None => Ok(None),
    }
}

fn ours_to_write(rule: &Rule) -> Result<(), Refusal> {
    if rule.foreign {
        return Err(Refusal::because("the rule has selectors that eniroute cannot write; change it by hand"));
    }
    Ok(())
}

/// The same route but for its preferred source.
fn same_way(a: &Route, b: &Route) -> bool {
    (a.kind, a.via, &a.dev) == (b.kind, b.via, &b.dev)
}

/// Whether the kernel, asked to delete `asked`, may take `present` for it: what is not asked for is not compared
/// (`rule_find` in net/core/fib_rules.c).
fn would_delete(asked: &Rule, present: &Rule) -> bool {
    (asked.priority, asked.table) == (present.priority, present.table)
        && (asked.from.is_none() || asked.from == present.from)
        && (asked.suppress_prefixlength.is_none() || asked.suppress_prefixlength == present.suppress_prefixlength)
}
