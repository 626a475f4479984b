//! What the kernel holds, by what a wanted object has to be compared with.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Scope;
use crate::gather::{Gather, Order};
use crate::net::sysctl::{Key, ROUTER, Sysctl};
use crate::net::{Address, Dev, Link, Route};
use crate::object::{Change, Equal, Index, NOT_RENEWED, Object, Observed};

/// What the kernel holds, by what a wanted object has to be compared with.
pub(super) struct Present<'a> {
    observed: &'a Observed,
    pub(super) index: Index<'a>,
    /// Addresses that stay.
    ips: Vec<(&'a Dev, IpAddr)>,
    /// Several where somebody appended one.
    keys: BTreeMap<(u32, IpNet, u32), Vec<&'a Route>>,
}

impl<'a> Present<'a> {
    pub(super) fn new(observed: &'a Observed) -> Self {
        let mut keys: BTreeMap<_, Vec<&Route>> = BTreeMap::new();
        observed
            .routes
            .iter()
            .for_each(|route| keys.entry(route.key()).or_default().push(route));
        let addresses = observed.addresses.iter();
        let staying = addresses.filter(|address| stays(address, observed));
        let mut ips: Vec<_> = staying.map(ip).gathered();
        ips.order();
        Self {
            observed,
            keys,
            index: Index::new(observed),
            ips,
        }
    }

    /// The link has an address or a route that stays, or is a port, so somebody else uses it too. Link-local ones come
    /// with the link.
    pub(super) fn is_shared(&self, dev: &Dev, unwanted: &[Object]) -> bool {
        let is_port = |link: &Link| link.name == *dev && link.master.is_some();
        if self.observed.links.iter().any(is_port) {
            return true;
        }
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
            .chain(routes.cloned().map(Object::from));
        objects.any(|object| !unwanted.contains(&object))
    }

    fn rivals(&self, wanted: &Route) -> &[&'a Route] {
        self.keys.get(&wanted.key()).map_or(&[], Vec::as_slice)
    }

    /// The route in the place of a wanted one that nobody but its maker may take away.
    pub(super) fn foreign_rival(&self, wanted: &Route, scope: &Scope) -> Option<&'a Route> {
        self.rivals(wanted)
            .iter()
            .copied()
            .find(|rival| !scope.has_made(&Object::from((*rival).clone())))
    }

    /// What was made, as it is there now: a route with whatever MTU, or with several.
    pub(super) fn standing(&self, made: &Object) -> Vec<Object> {
        match made.route() {
            Some(route) => {
                let rivals = self.rivals(route).iter();
                let standing = rivals.filter(|rival| rival.is_same_but_mtu(route));
                standing.copied().cloned().map(Object::from).gathered()
            }
            None if self.has_one(made) => vec![made.clone()],
            None => Vec::new(),
        }
    }

    /// It is there; of our table, whatever somebody has made of it.
    fn has_one(&self, made: &Object) -> bool {
        let is_table = made.nft().is_some() && self.observed.nft.is_some();
        is_table || self.index.has(made)
    }

    /// It has to be made: nothing that is there serves as well.
    pub(super) fn lacks(&self, object: &Object) -> bool {
        match object.equal() {
            Equal::Itself => !self.index.has(object),
            Equal::Ip(address) => self.ips.binary_search(&ip(address)).is_err(),
            Equal::Place(route) => self.rivals(route).is_empty(),
            Equal::Value(sysctl) => self.lacks_value(sysctl),
        }
    }

    fn lacks_value(&self, sysctl: &Sysctl) -> bool {
        let present = self.observed.sysctls.get(&sysctl.key);
        present.is_some_and(|value| *value != sysctl.value) && !self.is_owners_choice(sysctl)
    }

    /// A link that is up has an owner, which may want router advertisements; where IPv6 is off, there are none.
    fn is_owners_choice(&self, Sysctl { key, value, .. }: &Sysctl) -> bool {
        let is_ours = |link: &Link| key.dev.as_ref() == Some(&link.name) && link.ipv6 && !link.up;
        key.is_accept_ra() && value == "0" && !self.observed.links.iter().any(is_ours)
    }

    /// A setting that could not be made: the value that is there is ours to change, by the ledger.
    fn is_left_undone(&self, object: &Object, scope: &Scope) -> bool {
        let key = object.sysctl().map(|sysctl| &sysctl.key);
        let is_of_key = |made: &&Object| made.sysctl().map(|sysctl| &sysctl.key) == key;
        key.is_some()
            && !self.index.has(object)
            && scope.made.iter().any(|made| {
                let mut ours = made.objects.iter().filter(is_of_key);
                ours.any(|made| self.index.has(made))
            })
    }

    /// Somebody has made the whole host a router, which the ENIs' links are then, too.
    pub(super) fn is_router(&self, object: &Object) -> bool {
        let of_links = object
            .sysctl()
            .is_some_and(|sysctl| sysctl.key.is_forwarding());
        let router = self.observed.sysctls.get(&Key::of_host(ROUTER));
        of_links && object.dev().is_some() && router.is_some_and(|value| value == "1")
    }

    /// An address that has an end by now is a DHCP client's: what we add has none.
    pub(super) fn is_leased(&self, object: &Object) -> bool {
        let address = object.address();
        address.is_some_and(|address| self.observed.expiring.contains_key(address))
    }

    /// The change that makes `object` so, if any is needed.
    pub(super) fn addition(&self, object: Object, scope: &Scope) -> Option<Change> {
        if let Some(route) = object.route() {
            return self.route_addition(route, scope);
        }
        (self.lacks(&object) || self.is_left_undone(&object, scope) || self.is_unrecorded(&object))
            .then(|| Change::Add(object.over(self.observed)))
    }

    /// Our table is as it is wanted, but not what the ledger has: an nft that outlived its run has loaded it, and the flows
    /// that it contradicts are not forgotten yet.
    fn is_unrecorded(&self, object: &Object) -> bool {
        let standing = self.observed.nft.as_ref();
        let made = standing.filter(|standing| !standing.text.is_empty());
        let wanted = object.nft();
        wanted.is_some_and(|wanted| made.is_some_and(|made| made.text != wanted.text))
    }

    fn route_addition(&self, new: &Route, scope: &Scope) -> Option<Change> {
        if self.foreign_rival(new, scope).is_some() {
            return None;
        }
        let mut others = self.rivals(new).iter().filter(|rival| **rival != new);
        let old = if self.index.has_route(new) {
            // networkd appends one with another MTU to ours (IPv4, `NLM_F_APPEND`).
            Some(others.find(|rival| rival.is_same_but_mtu(new))?)
        } else {
            others.next()
        };
        let new = new.clone();
        Some(match old.copied().cloned() {
            Some(old) => Change::Replace {
                old: old.into(),
                new: new.into(),
            },
            None => Change::Add(Object::from(new)),
        })
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
