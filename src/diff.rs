//! The changes that lead from what the kernel holds to what is desired: a pure set difference, in an order that
//! never leaves a working address without its route.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::eni::TABLES;
use crate::net::{Address, Change, Dev, MAIN, Object, Observed, Route, Rule};
use crate::plan::{DEFAULT_BAND, Desired, MAIN_BAND, Planned};

/// How far a run may go.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Change only ENIs with these tables; `None`: all.
    pub only: Option<BTreeSet<u32>>,
    /// Take nothing away from these tables: their ENIs could not be read, or are left alone.
    pub keep: BTreeSet<u32>,
    /// Every ENI that the VPC lists could be read. Without that, routes may stand for an ENI that could not, and so
    /// may tables that no known ENI claims: they are kept.
    pub complete: bool,
    /// Addresses, main-table routes and link states that earlier runs made; no other may be taken away.
    pub made: Vec<Made>,
}

/// What earlier runs made for one ENI outside of the tables that are ours by their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub table: u32,
    pub objects: BTreeSet<Object>,
}

impl Scope {
    fn adds(&self, table: u32) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&table))
    }

    fn has_made(&self, route: &Route) -> bool {
        let object = Object::Route(route.clone());
        self.made.iter().any(|made| made.objects.contains(&object))
    }

    fn removes(&self, desired: &Desired, table: u32) -> bool {
        // The primary ENI's rules stand for the others: it has none when it is alone.
        let known = desired.enis.iter().any(|planned| planned.eni.table() == table && !planned.eni.primary);
        self.adds(table) && !self.keep.contains(&table) && (known || self.complete)
    }
}

/// What has to change. First everything that is added, ENI by ENI, addresses before routes before rules; then what
/// is taken away, the other way round. Applying the result and asking again gives nothing.
pub fn diff(desired: &Desired, observed: &Observed, scope: &Scope) -> Vec<Change> {
    let there = There::new(observed);
    let in_scope = desired.enis.iter().filter(|planned| scope.adds(planned.eni.table()));
    let in_scope = in_scope.filter(|planned| planned.awaited(observed).is_none());
    let added = in_scope.flat_map(|planned| planned.objects()).filter_map(|object| there.addition(object, scope));
    added.chain(removals(desired, &there, scope).into_iter().map(Change::Remove)).collect()
}

/// How many objects of each ENI are not in the kernel, by table.
pub fn missing(desired: &Desired, observed: &Observed) -> BTreeMap<u32, usize> {
    let there = There::new(observed);
    let scope = Scope::default();
    let count = |planned: &Planned| planned.objects().filter_map(|object| there.addition(object, &scope)).count();
    desired.enis.iter().map(|planned| (planned.eni.table(), count(planned))).collect()
}

/// What the primary ENI's interface had before and has no more, though nobody wanted it away: an address, its link,
/// its default route in main. Whoever is logged in over it would be cut off.
pub fn severed(primary: &Dev, before: &Observed, after: &Observed, done: &[Change]) -> Option<Object> {
    let there = There::new(after);
    let link = Object::LinkUp(primary.clone());
    let had = There::new(before).has(&link).then_some(link).into_iter();
    let is_default = |route: &&Route| route.table == MAIN && route.dst.prefix_len() == 0 && route.leaves_by(primary);
    let lost = |route: &&Route| !after.routes.iter().any(|now| keeps_ways(now, route, primary));
    let had = had.chain(before.routes.iter().filter(is_default).filter(lost).cloned().map(Object::Route));
    let addresses = before.addresses.iter().filter(|address| address.dev == *primary);
    let mut had = had.chain(addresses.cloned().map(Object::Address));
    had.find(|object| !there.has(object) && !done.contains(&Change::Remove(object.clone())))
}

/// `now` takes the place of `before`, and has its ways by `dev`: other ways may have come or gone.
fn keeps_ways(now: &Route, before: &Route, dev: &Dev) -> bool {
    let mut ways = before.ways().filter(|(_, way)| *way == dev);
    now.key() == before.key() && now.kind == before.kind && ways.all(|way| now.ways().any(|other| other == way))
}

/// What the kernel holds, for looking things up: an instance can have thousands of rules.
struct There<'a> {
    observed: &'a Observed,
    up: BTreeSet<&'a Dev>,
    ips: BTreeSet<(&'a Dev, IpAddr)>,
    addresses: BTreeSet<&'a Address>,
    routes: BTreeSet<&'a Route>,
    keys: BTreeMap<(u32, IpNet, u32), &'a Route>,
    rules: BTreeSet<&'a Rule>,
}

impl<'a> There<'a> {
    fn new(observed: &'a Observed) -> Self {
        Self {
            observed,
            up: observed.links.iter().filter(|link| link.up).map(|link| &link.name).collect(),
            ips: observed.addresses.iter().map(|address| (&address.dev, address.net.addr())).collect(),
            addresses: observed.addresses.iter().collect(),
            routes: observed.routes.iter().collect(),
            keys: observed.routes.iter().map(|route| (route.key(), route)).collect(),
            rules: observed.rules.iter().collect(),
        }
    }

    /// The link has an address that stays, so somebody else uses it too. Link-local ones come with the link.
    fn is_shared(&self, dev: &Dev, unwanted: &[Object]) -> bool {
        let is_link_local = |ip: IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let on_dev = self.addresses.iter().filter(|address| address.dev == *dev && !is_link_local(address.net.addr()));
        on_dev.copied().any(|address| !unwanted.contains(&Object::Address(address.clone())))
    }

    fn listens_and_is_down(&self, dev: &Dev) -> bool {
        self.observed.links.iter().any(|link| link.name == *dev && link.ipv6 && link.accept_ra && !link.up)
    }

    /// Exactly this object is there.
    fn has(&self, object: &Object) -> bool {
        match object {
            // A link that is up has an owner, whose choice it is; where it is deaf by our doing, it is still that.
            Object::NoRouterAdvertisements(dev) => !self.listens_and_is_down(dev),
            Object::LinkUp(dev) => self.up.contains(dev),
            Object::Address(address) => self.addresses.contains(address),
            Object::Route(route) => self.routes.contains(route),
            Object::Rule(rule) => self.rules.contains(rule),
        }
    }

    /// The change that makes `object` so, if any is needed.
    fn addition(&self, object: Object, scope: &Scope) -> Option<Change> {
        let rival = match &object {
            // An address that is there with another prefix length (a DHCP lease's /20) is there.
            Object::Address(address) if self.ips.contains(&(&address.dev, address.net.addr())) => return None,
            Object::Route(route) => self.keys.get(&route.key()).copied(),
            _ => None,
        };
        match (object, rival) {
            (object, _) if self.has(&object) => None,
            // In main, a route by another hand stands, even at a metric of ours.
            (Object::Route(_), Some(old)) if old.table == MAIN && !scope.has_made(old) => None,
            (Object::Route(new), Some(old)) => Some(Change::Replace { old: old.clone(), new }),
            (object, _) => Some(Change::Add(object)),
        }
    }
}

fn removals(desired: &Desired, there: &There, scope: &Scope) -> Vec<Object> {
    let wanted: BTreeSet<Object> = desired.objects().collect();
    // A rival of a wanted route has been replaced already.
    let replaced: BTreeSet<_> = desired.enis.iter().flat_map(|planned| &planned.routes).map(Route::key).collect();

    let rules = there.observed.rules.iter().filter_map(|rule| Some((table_of(rule)?, Object::Rule(rule.clone()))));
    let routes = there.observed.routes.iter().rev();
    let routes = routes.filter(|route| scope.complete && TABLES.contains(&route.table));
    let routes = routes.filter(|route| !replaced.contains(&route.key()));
    let routes = routes.map(|route| (route.table, Object::Route(route.clone())));
    let made = scope.made.iter().flat_map(|made| made.objects.iter().rev().map(|object| (made.table, object.clone())));
    let made = made.filter(|(_, object)| there.has(object));

    let all = rules.chain(routes).chain(made);
    let unwanted = all.filter(|(table, object)| scope.removes(desired, *table) && !wanted.contains(object));
    let unwanted: Vec<Object> =
        unwanted.map(|(_, object)| object).filter(|object| !is_in_use(object, desired)).collect();
    let free = |object: &Object| !matches!(object, Object::LinkUp(dev) if there.is_shared(dev, &unwanted));
    unwanted.iter().filter(|object| free(object)).cloned().collect()
}

/// Whatever the ledger says: the primary ENI's link stays up, and an address that EC2 assigns to an ENI stays. That
/// ENI may have been a secondary one of another instance, which this disk or ENI comes from.
fn is_in_use(object: &Object, desired: &Desired) -> bool {
    desired.enis.iter().any(|planned| match object {
        Object::LinkUp(dev) | Object::NoRouterAdvertisements(dev) => planned.eni.primary && planned.dev == *dev,
        Object::Address(address) => {
            planned.dev == address.dev && planned.eni.addresses().any(|ip| ip == address.net.addr())
        }
        Object::Route(_) | Object::Rule(_) => false,
    })
}

/// The table of the ENI that this rule is of, if it has the form of one of ours. A rule by another hand at such a
/// priority is not taken for one.
pub fn table_of(rule: &Rule) -> Option<u32> {
    let above = rule.priority.checked_sub(rule.table);
    let table = match (rule.table, rule.suppress_prefixlength) {
        _ if rule.foreign || rule.from.is_none() => return None,
        (MAIN, Some(0)) => rule.priority.checked_sub(MAIN_BAND)?,
        (table, Some(0)) if above == Some(0) => table,
        (table, None) if above == Some(0) || above == Some(DEFAULT_BAND) => table,
        _ => return None,
    };
    TABLES.contains(&table).then_some(table)
}

#[cfg(test)]
mod tests;
