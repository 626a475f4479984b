//! The changes that lead from what the kernel holds to what is desired: a pure set difference, in an order that
//! never leaves a working address without its route.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::ledger::Made;
use crate::net::sysctl::{Key, Sysctl};
use crate::net::{Address, Dev, Link, MAIN, Mac, Route};
use crate::numbering::{Number, Owner};
use crate::object::{Change, Index, Object, Observed};
use crate::plan::{Desired, Planned};

/// Nobody renews an IPv6 address that has so many seconds left: EC2's leases last for 450, and are renewed every 70.
const NOT_RENEWED: u32 = 120;

/// How far a run may go.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Change only these ENIs, and take nothing away that belongs to none; `None`: all.
    pub only: Option<BTreeSet<Mac>>,
    /// Take nothing away from these ENIs, which are left alone.
    pub keep: BTreeSet<Mac>,
    /// Every ENI that the VPC lists could be read. Without that, the routes of an ENI's table may stand for one that
    /// could not, and all of an ENI that is not known is kept.
    pub complete: bool,
    /// What earlier runs made; nothing else may be changed or taken away.
    pub made: Vec<Made>,
}

impl Scope {
    fn adds(&self, mac: Mac) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&mac))
    }

    /// It is ours.
    pub fn has_made(&self, object: &Object) -> bool {
        self.made.iter().any(|made| made.objects.contains(object))
    }

    fn removes(&self, desired: &Desired, owner: Owner, object: &Object) -> bool {
        match owner {
            Owner::Eni(mac) => self.removes_of(mac, desired, object),
            Owner::Host => self.only.is_none() && self.complete,
        }
    }

    fn removes_of(&self, mac: Mac, desired: &Desired, object: &Object) -> bool {
        // The primary ENI's rules stand for the others: it has none when it is alone.
        let is_known = desired
            .enis
            .iter()
            .any(|planned| planned.eni.mac == mac && !planned.eni.primary);
        let is_of_others = matches!(object, Object::Route(route) if route.table != MAIN);
        let is_told = self.complete || (is_known && !is_of_others);
        self.adds(mac) && !self.keep.contains(&mac) && is_told
    }
}

/// What has to change. First everything that is added, the host's and then ENI by ENI, addresses before routes before rules; then what
/// is taken away, the other way round. Applying the result and asking again gives nothing.
pub fn diff(desired: &Desired, observed: &Observed, scope: &Scope) -> Vec<Change> {
    let present = Present::new(observed);
    let in_scope = desired
        .enis
        .iter()
        .filter(|planned| scope.adds(planned.eni.mac));
    let in_scope = in_scope.filter(|planned| planned.missing_lease(observed).is_none());
    let objects = desired
        .host
        .iter()
        .cloned()
        .chain(in_scope.flat_map(|planned| planned.objects()));
    let added = objects.filter_map(|object| present.addition(object, scope));
    added
        .chain(
            removals(desired, &present, scope)
                .into_iter()
                .map(Change::Remove),
        )
        .collect()
}

/// What of each ENI is not in the kernel.
pub fn missing(desired: &Desired, observed: &Observed) -> BTreeMap<Number, Vec<Object>> {
    let present = Present::new(observed);
    let lacking = |planned: &Planned| {
        planned
            .objects()
            .filter(|object| present.lacks(object))
            .collect()
    };
    desired
        .enis
        .iter()
        .map(|planned| (planned.eni.number(), lacking(planned)))
        .collect()
}

/// A wanted route whose place another one has that is not ours: the kernel has room for one of each destination and
/// metric in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The ENI that the wanted one is for.
    pub owner: Mac,
    pub wanted: Route,
    pub standing: Route,
}

/// What cannot be made without taking away what is not ours.
pub fn conflicts(desired: &Desired, observed: &Observed, scope: &Scope) -> Vec<Conflict> {
    let present = Present::new(observed);
    let enis = desired
        .enis
        .iter()
        .filter(|planned| scope.adds(planned.eni.mac));
    let routes =
        enis.flat_map(|planned| planned.routes.iter().map(|route| (planned.eni.mac, route)));
    let lacking = routes.filter(|(_, route)| !present.index.has_route(route));
    let standing = lacking
        .filter_map(|(owner, wanted)| Some((owner, wanted, present.foreign_rival(wanted, scope)?)));
    standing
        .map(|(owner, wanted, standing)| conflict(owner, wanted, standing))
        .collect()
}

fn conflict(owner: Mac, wanted: &Route, standing: &Route) -> Conflict {
    Conflict {
        owner,
        wanted: wanted.clone(),
        standing: standing.clone(),
    }
}

/// What the interface `dev` has, and whoever is logged in over it would be cut off without: that it is up, its default
/// routes in main, its addresses.
pub fn lifelines(dev: &Dev, observed: &Observed) -> Vec<Object> {
    let up = observed
        .links
        .iter()
        .any(|link| link.name == *dev && link.up)
        .then(|| Object::LinkUp(dev.clone()));
    let is_default =
        |route: &&Route| route.table == MAIN && route.dst.prefix_len() == 0 && route.leaves_by(dev);
    let defaults = observed
        .routes
        .iter()
        .filter(is_default)
        .cloned()
        .map(Object::Route);
    let addresses = observed
        .addresses
        .iter()
        .filter(|address| address.dev == *dev)
        .cloned()
        .map(Object::Address);
    up.into_iter().chain(defaults).chain(addresses).collect()
}

/// Which of the `lifelines` of `dev` is not there any more, though nobody wanted it away.
pub fn lost_lifeline<'a>(
    dev: &Dev,
    lifelines: &'a [Object],
    after: &Observed,
    done: &[Change],
) -> Option<&'a Object> {
    let present = Index::new(after);
    let stands = |object: &Object| match object {
        Object::Route(route) => after.routes.iter().any(|now| keeps_ways(now, route, dev)),
        Object::Sysctl(_) | Object::LinkUp(_) | Object::Address(_) | Object::Rule(_) => {
            present.has(object)
        }
    };
    lifelines
        .iter()
        .find(|object| !stands(object) && !done.contains(&Change::Remove((*object).clone())))
}

/// Those of `changes` that are so in the kernel: made, or needless.
pub fn standing(changes: &[Change], observed: &Observed) -> Vec<Change> {
    let present = Index::new(observed);
    let stands = |change: &&Change| match change {
        Change::Add(object) => present.has(object),
        Change::Remove(object) => !present.has(object),
        Change::Replace { new, .. } => present.has_route(new),
    };
    changes.iter().filter(stands).cloned().collect()
}

/// `now` takes the place of `before`, and has its ways by `dev`: other ways may have come or gone.
fn keeps_ways(now: &Route, before: &Route, dev: &Dev) -> bool {
    let mut ways = before.ways().filter(|(_, way)| *way == dev);
    now.key() == before.key()
        && now.kind == before.kind
        && ways.all(|way| now.ways().any(|other| other == way))
}

/// What the kernel holds, by what a wanted object has to be compared with.
struct Present<'a> {
    observed: &'a Observed,
    index: Index<'a>,
    /// Addresses that stay.
    ips: BTreeSet<(&'a Dev, IpAddr)>,
    /// Several where somebody appended one.
    keys: BTreeMap<(u32, IpNet, u32), Vec<&'a Route>>,
}

impl<'a> Present<'a> {
    fn new(observed: &'a Observed) -> Self {
        let mut keys: BTreeMap<_, Vec<&Route>> = BTreeMap::new();
        observed
            .routes
            .iter()
            .for_each(|route| keys.entry(route.key()).or_default().push(route));
        Self {
            observed,
            keys,
            index: Index::new(observed),
            ips: observed
                .addresses
                .iter()
                .filter(|address| stays(address, observed))
                .map(ip)
                .collect(),
        }
    }

    /// The link has an address or a route that stays, so somebody else uses it too. Link-local ones come with the link.
    fn is_shared(&self, dev: &Dev, unwanted: &[Object]) -> bool {
        let is_link_local = |ip: IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let Observed {
            addresses, routes, ..
        } = self.observed;
        let addresses = addresses
            .iter()
            .filter(|address| address.dev == *dev && !is_link_local(address.net.addr()));
        let routes = routes
            .iter()
            .filter(|route| route.dev.as_ref() == Some(dev) && !is_link_local(route.dst.addr()));
        let mut objects = addresses
            .cloned()
            .map(Object::Address)
            .chain(routes.cloned().map(Object::Route));
        objects.any(|object| !unwanted.contains(&object))
    }

    fn rivals(&self, wanted: &Route) -> &[&'a Route] {
        self.keys.get(&wanted.key()).map_or(&[], Vec::as_slice)
    }

    /// The route in the place of a wanted one that nobody but its maker may take away.
    fn foreign_rival(&self, wanted: &Route, scope: &Scope) -> Option<&'a Route> {
        self.rivals(wanted)
            .iter()
            .copied()
            .find(|rival| !scope.has_made(&Object::Route((*rival).clone())))
    }

    /// It has to be made. In main, a route that is somebody else's does as well, even at a metric of ours.
    fn lacks(&self, object: &Object) -> bool {
        match object {
            // An address that is there with another prefix length is present.
            Object::Address(address) => !self.ips.contains(&ip(address)),
            Object::Route(route) if route.table == MAIN => self.rivals(route).is_empty(),
            Object::Sysctl(sysctl) => {
                let is_there = self.observed.sysctls.contains_key(&sysctl.key);
                is_there && !self.index.has(object) && !self.is_owners_choice(&sysctl.key)
            }
            Object::Route(_) | Object::LinkUp(_) | Object::Rule(_) => !self.index.has(object),
        }
    }

    /// A link that is up has an owner, which may want router advertisements; where IPv6 is off, there are none.
    fn is_owners_choice(&self, key: &Key) -> bool {
        let is_ours = |link: &Link| key.dev.as_ref() == Some(&link.name) && link.ipv6 && !link.up;
        key.is_accept_ra() && !self.observed.links.iter().any(is_ours)
    }

    /// An address that has an end by now is a DHCP client's: what we add has none.
    fn is_leased(&self, object: &Object) -> bool {
        matches!(object, Object::Address(address) if self.observed.expiring.contains_key(address))
    }

    /// The change that makes `object` so, if any is needed.
    fn addition(&self, object: Object, scope: &Scope) -> Option<Change> {
        match object {
            Object::Route(new)
                if self.index.has_route(&new) || self.foreign_rival(&new, scope).is_some() =>
            {
                None
            }
            Object::Route(new) => Some(match self.rivals(&new).first() {
                Some(old) => Change::Replace {
                    old: (*old).clone(),
                    new,
                },
                None => Change::Add(Object::Route(new)),
            }),
            object if !self.lacks(&object) => None,
            Object::Sysctl(new) => {
                let before = self.observed.sysctls.get(&new.key).cloned();
                Some(Change::Add(Object::Sysctl(Sysctl { before, ..new })))
            }
            Object::Address(_) | Object::LinkUp(_) | Object::Rule(_) => Some(Change::Add(object)),
        }
    }
}

fn ip(address: &Address) -> (&Dev, IpAddr) {
    (&address.dev, address.net.addr())
}

/// An address with an end does not stand for ours: who has made it may be gone (cloud-init's dhcpcd exits). For IPv4 ours
/// is another one beside it, and harms no client. For IPv6 it is the same one, which a client renews long before its end.
fn stays(address: &Address, observed: &Observed) -> bool {
    let left = observed.expiring.get(address).copied();
    left.is_none_or(|left| address.net.addr().is_ipv6() && left > NOT_RENEWED)
}

fn removals(desired: &Desired, present: &Present, scope: &Scope) -> Vec<Object> {
    let wanted: BTreeSet<Object> = desired.objects().collect();
    let set: BTreeSet<&Key> = wanted
        .iter()
        .filter_map(Object::sysctl)
        .map(|sysctl| &sysctl.key)
        .collect();
    // A rival of a wanted route has been replaced already.
    let replaced: BTreeSet<_> = desired
        .enis
        .iter()
        .flat_map(|planned| &planned.routes)
        .map(Route::key)
        .collect();

    let made = scope
        .made
        .iter()
        .flat_map(|made| made.objects.iter().rev().map(|object| (made.owner, object)));
    let made = made.filter(|(owner, object)| {
        present.index.has(object)
            && !present.is_leased(object)
            && scope.removes(desired, *owner, object)
    });
    let unwanted = made.filter(|(_, object)| match object {
        Object::Route(route) => !replaced.contains(&route.key()),
        Object::Sysctl(sysctl) => !set.contains(&sysctl.key),
        Object::Address(_) | Object::LinkUp(_) | Object::Rule(_) => !wanted.contains(*object),
    });
    let unwanted: Vec<Object> = unwanted
        .map(|(_, object)| object.clone())
        .filter(|object| !is_in_use(object, desired))
        .collect();
    let free = |object: &Object| !matches!(object, Object::LinkUp(dev) if present.is_shared(dev, &unwanted));
    unwanted
        .iter()
        .filter(|object| free(object))
        .cloned()
        .collect()
}

/// Whatever the ledger says: the primary ENI's link stays up, and an address that EC2 assigns to an ENI stays. That
/// ENI may have been a secondary one of another instance, which this disk or ENI comes from.
fn is_in_use(object: &Object, desired: &Desired) -> bool {
    desired.enis.iter().any(|planned| match object {
        Object::LinkUp(_) | Object::Sysctl(_) => {
            planned.eni.primary && object.dev() == Some(&planned.dev)
        }
        Object::Address(address) => {
            planned.dev == address.dev && planned.eni.addresses().any(|ip| ip == address.net.addr())
        }
        Object::Route(_) | Object::Rule(_) => false,
    })
}

#[cfg(test)]
mod tests;
