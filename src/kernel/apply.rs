//! One change of the kernel's state, and never of anything else: what the kernel would match too loosely is
//! looked up first. It decides nothing; what to change is `diff`'s.

use std::collections::BTreeMap;
use std::net::IpAddr;

use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;
use neli::rtnl::Rtmsg;
use nix::errno::Errno;

use super::Kernel;
use super::decode;
use super::encode::{self, Verb};
use super::socket::Refusal;
use super::sysctl;
use crate::error::Result;
use crate::net::{Address, Dev, Family, Link, Route, RouteKind, Rule};
use crate::object::{Change, Object};

/// What the kernel answers when there is nothing to delete: no such rule, route, address or link.
const ABSENT: [Errno; 4] = [Errno::ENOENT, Errno::ESRCH, Errno::EADDRNOTAVAIL, Errno::ENODEV];

impl Kernel {
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

    /// Does `changes` in their order, each as [`Kernel::apply`] does it, but looks the kernel's rules and routes up
    /// once for all of them: an instance can have thousands. Tells of each how it ended; none stops the others.
    pub fn apply_all(&mut self, changes: Vec<Change>, links: &[Link]) -> Vec<(Change, Result<bool>)> {
        self.listed = Listed::default();
        let mut ended = Vec::with_capacity(changes.len());
        for change in changes {
            let done = self.one(&change, links);
            if matches!(done, Ok(true)) {
                self.listed.follow(&change);
            }
            ended.push((change, done));
        }
        ended
    }

    fn one(&mut self, change: &Change, links: &[Link]) -> Result<bool> {
        let done = match change {
            Change::Add(object) => self.add(object, links),
            Change::Remove(object) => self.remove(object, links),
            Change::Replace { old, new } => self.replace(old, new, links),
        };
        done.map_err(|refusal| refusal.of(change))
    }

    fn add(&mut self, object: &Object, links: &[Link]) -> Result<bool, Refusal> {
        let new = NlmF::CREATE | NlmF::EXCL;
        let added = match object {
            Object::NoRouterAdvertisements(dev) => return sysctl::set_accept_ra(dev, Some(0)),
            Object::LinkUp(dev) => return self.set_link(index(links, dev)?, true),
            Object::Address(address) => return self.add_address(address, links),
            Object::Route(route) => return self.add_route(route, links),
            Object::Rule(rule) => {
                ours_to_write(rule)?;
                self.socket.change(Rtm::Newrule, new, encode::rule(rule, Verb::Make)?)
            }
        };
        needless(added.map(|()| true), &[Errno::EEXIST])
    }

    /// One that is there and has an end is there for good from then on.
    fn add_address(&mut self, address: &Address, links: &[Link]) -> Result<bool, Refusal> {
        let index = index(links, &address.dev)?;
        match self.socket.change(Rtm::Newaddr, NlmF::CREATE | NlmF::EXCL, encode::address(address, index)?) {
            Err(refusal) if refusal.is(&[Errno::EEXIST]) => {
                let ends = self.addresses(links)?.iter().any(|(one, end)| one.is_same_ip(address) && end.is_some());
                if !ends {
                    return Ok(false);
                }
                self.socket.change(Rtm::Newaddr, NlmF::REPLACE, encode::address(address, index)?)?;
                Ok(true)
            }
            added => added.map(|()| true),
        }
    }

    /// `EEXIST` tells of any route with the same destination and metric, so what stands is compared.
    fn add_route(&mut self, route: &Route, links: &[Link]) -> Result<bool, Refusal> {
        let message = encode::route(route, &devices(links, route)?, Verb::Make)?;
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
            Object::NoRouterAdvertisements(dev) => sysctl::set_accept_ra(dev, None),
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
        let routes = self.routes_that_go_with(address, index, links)?;
        let removed = self.socket.change(Rtm::Deladdr, NlmF::empty(), message);
        let removed = needless(removed.map(|()| true), &ABSENT)?;
        routes.iter().try_for_each(|route| self.put_back(route))?;
        Ok(removed)
    }

    /// With the last IPv4 address of a link the kernel drops all IPv4 routes of the link (`fib_disable_ip`). Whoever
    /// made them did not ask for that.
    fn routes_that_go_with(&mut self, address: &Address, index: u32, links: &[Link]) -> Result<Vec<Rtmsg>, Refusal> {
        let is_v4 = |address: &Address| address.net.addr().is_ipv4();
        let on_link = self.addresses(links)?.into_iter().filter(|(one, _)| one.dev == address.dev && is_v4(one));
        if !is_v4(address) || on_link.count() != 1 {
            return Ok(Vec::new());
        }
        let rows: Vec<Rtmsg> = self.socket.dump(Rtm::Getroute, encode::routes(Family::Ipv4)?)?;
        Ok(rows.into_iter().filter(|row| decode::outlives(row, address, index)).collect())
    }

    /// A gateway that only our routes led to is on the link all the same. What cannot stand any more is no loss to us.
    fn put_back(&mut self, route: &Rtmsg) -> Result<(), Refusal> {
        let new = NlmF::CREATE | NlmF::EXCL;
        let same = self.socket.change(Rtm::Newroute, new, encode::again(route, false)?);
        if same.is_err() && self.socket.change(Rtm::Newroute, new, encode::again(route, true)?).is_err() {
            log::warn!("the kernel dropped a route of another hand with the last address of its interface: {route:?}");
        }
        Ok(())
    }

    fn remove_route(&mut self, route: &Route, links: &[Link]) -> Result<bool, Refusal> {
        let standing = self.standing(route, links)?;
        if !standing.iter().any(|present| same_way(route, present)) {
            return Ok(false);
        }
        let mut taken = standing.iter().filter(|present| would_delete_route(route, present));
        if let Some(other) = taken.find(|present| !same_way(route, present)) {
            return Err(instead(other));
        }
        let message = encode::route(route, &devices(links, route)?, Verb::Delete)?;
        let removed = self.socket.change(Rtm::Delroute, NlmF::empty(), message);
        needless(removed.map(|()| true), &ABSENT)
    }

    fn remove_rule(&mut self, rule: &Rule) -> Result<bool, Refusal> {
        ours_to_write(rule)?;
        let rules = self.standing_rules(rule.family)?;
        if !rules.contains(rule) {
            return Ok(false);
        }
        if let Some(first) =
            rules.iter().find(|present| would_delete_rule(rule, present)).filter(|first| *first != rule)
        {
            return Err(instead(first));
        }
        let removed = self.socket.change(Rtm::Delrule, NlmF::empty(), encode::rule(rule, Verb::Delete)?);
        needless(removed.map(|()| true), &ABSENT)
    }

    /// Refuses to push out what is not `old`: it was changed after it was looked at.
    fn replace(&mut self, old: &Route, new: &Route, links: &[Link]) -> Result<bool, Refusal> {
        let standing = self.standing(new, links)?;
        if standing == std::slice::from_ref(new) {
            return Ok(false);
        }
        if let Some(other) = standing.iter().find(|present| *present != old) {
            return Err(Refusal::because(format!("expected `{old}` alone in its place, found `{other}`; run again")));
        }
        let message = encode::route(new, &devices(links, new)?, Verb::Make)?;
        self.socket.change(Rtm::Newroute, NlmF::CREATE | NlmF::REPLACE, message)?;
        Ok(true)
    }

    /// The routes with `route`'s table, destination and metric: one, unless somebody appended more.
    fn standing(&mut self, route: &Route, links: &[Link]) -> Result<Vec<Route>, Refusal> {
        let key = (route.table, route.dst, encode::metric(route));
        let family = route.family();
        if !self.listed.routes.contains_key(&family) {
            let routes = self.routes(family, links)?;
            self.listed.routes.insert(family, routes);
        }
        let routes = self.listed.routes.get(&family).into_iter().flatten();
        Ok(routes.filter(|present| present.key() == key).cloned().collect())
    }

    fn standing_rules(&mut self, family: Family) -> Result<&[Rule], Refusal> {
        if !self.listed.rules.contains_key(&family) {
            let rules = self.rules(family)?;
            self.listed.rules.insert(family, rules);
        }
        Ok(self.listed.rules.get(&family).map_or(&[], Vec::as_slice))
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

/// What stood when a batch of changes first asked, kept true to what the batch did since.
#[derive(Default)]
pub(super) struct Listed {
    rules: BTreeMap<Family, Vec<Rule>>,
    routes: BTreeMap<Family, Vec<Route>>,
}

impl Listed {
    fn follow(&mut self, change: &Change) {
        match change {
            Change::Add(Object::Rule(_)) => self.rules.clear(),
            Change::Remove(Object::Rule(rule)) => forget(self.rules.get_mut(&rule.family), rule),
            Change::Remove(Object::Route(route)) => forget(self.routes.get_mut(&route.family()), route),
            // What else the kernel does with such a change (routes go with an address or a link) is asked again.
            _ => self.routes.clear(),
        }
    }
}

/// Rules may stand twice, with different protocols: one of them went.
fn forget<T: PartialEq>(list: Option<&mut Vec<T>>, gone: &T) {
    let Some(list) = list else { return };
    if let Some(position) = list.iter().position(|one| one == gone) {
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

fn index(links: &[Link], dev: &Dev) -> Result<u32, Refusal> {
    let link = links.iter().find(|link| link.name == *dev);
    link.map(|link| link.index).ok_or_else(|| Refusal::because(format!("no interface is named `{dev}`")))
}

/// A throw route has no device; a unicast one that has none applies to some packets only.
fn devices(links: &[Link], route: &Route) -> Result<Vec<u32>, Refusal> {
    let indexes = route.ways().map(|(_, dev)| index(links, dev)).collect::<Result<Vec<u32>, Refusal>>()?;
    if indexes.is_empty() && route.kind == RouteKind::Unicast {
        return Err(Refusal::because("it has selectors that eniroute cannot write; it has to be made by hand"));
    }
    Ok(indexes)
}

fn ours_to_write(rule: &Rule) -> Result<(), Refusal> {
    if rule.foreign.is_some() {
        return Err(Refusal::because("the rule has selectors that eniroute cannot write; change it by hand"));
    }
    Ok(())
}

/// Two routes of one key are the same but for their preferred source.
fn same_way(a: &Route, b: &Route) -> bool {
    a.kind == b.kind && a.ways().eq(b.ways())
}

/// Whether the kernel, asked to delete `asked`, may take `present`, which has the same key, for it, or a way of it:
/// what is not asked for is not compared, and for IPv6 not even the kind (`fib_nh_match`, `ip6_route_del`).
fn would_delete_route(asked: &Route, present: &Route) -> bool {
    let is_asked = |(via, dev): (Option<IpAddr>, &Dev)| {
        present.ways().any(|(other, way)| way == dev && (via.is_none() || via == other))
    };
    asked.ways().next().is_none() || asked.ways().any(is_asked)
}

/// The same of rules (`rule_find` in net/core/fib_rules.c).
fn would_delete_rule(asked: &Rule, present: &Rule) -> bool {
    (asked.priority, asked.table) == (present.priority, present.table)
        && (asked.from.is_none() || asked.from == present.from)
        && (asked.suppress_prefixlength.is_none() || asked.suppress_prefixlength == present.suppress_prefixlength)
}

fn instead(other: impl std::fmt::Display) -> Refusal {
    Refusal::because(format!(
        "the kernel could delete `{other}` instead, which is not the same in all that it has; remove either by hand"
    ))
}
