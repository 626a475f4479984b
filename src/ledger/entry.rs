//! One ENI's entry in the ledger: names without the interface's, which may be another one at the next boot.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Wanted;
use super::settings::Settings;
use super::written::Written;
use crate::eni::IPV6_ROUTER;
use crate::gather::Gather;
use crate::net::{Dev, Family, Link, Mac, Route, RouteKind};
use crate::numbering::{self, Number};
use crate::object::{Object, Observed};
use crate::select::Selector;

/// The lengths of the prefixes that EC2 delegates (Amazon EC2 user guide, prefix delegation).
const DELEGATED: [u8; 2] = [28, 80];

/// One ENI's entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Entry {
    /// `eni-...`
    pub id: String,
    /// Empty where another ENI's interface has that name now.
    pub dev: String,
    /// `None` where another ENI has its number now.
    pub(super) number: Option<Number>,
    /// EC2 does not list it any more.
    pub gone: bool,
    pub(super) settings: Settings,
    /// All else, as [`nameless`] has it.
    pub(super) objects: BTreeSet<Object>,
}

impl Entry {
    /// That of an ENI of which nothing was made yet.
    pub(super) fn of(eni: &Wanted) -> Self {
        let mut entry = Self::default();
        entry.name(eni);
        entry
    }

    pub(super) fn name(&mut self, eni: &Wanted) {
        eni.id.clone_into(&mut self.id);
        (self.dev, self.number, self.gone) = (eni.dev.to_string(), Some(eni.number), false);
    }

    /// Another ENI may have this one's name or number now.
    pub(super) fn make_way(&mut self, all: &[Wanted]) {
        if all.iter().any(|eni| **eni.dev == *self.dev) {
            self.dev.clear();
        }
        let is_taken = |number: &Number| all.iter().any(|eni| eni.number == *number);
        self.number = self.number.filter(|number| !is_taken(number));
    }

    /// What another ENI wants of what this one has: that one has its number now.
    pub(super) fn hand_over(&mut self, eni: &Wanted) -> Vec<Object> {
        let is_its =
            |object: &&Object| number(object) == Some(eni.number) && eni.objects.contains(object);
        let handed: Vec<Object> = self.objects.iter().filter(is_its).cloned().gathered();
        handed.iter().for_each(|object| self.forget(object));
        handed
    }

    /// What is listed, on an interface that is now called `dev`; without one only what needs none.
    pub(super) fn objects<'a>(&'a self, dev: Option<&'a Dev>) -> impl Iterator<Item = Object> + 'a {
        let named = move |object: &Object| match (object.dev(), dev) {
            (None, _) => Some(object.clone()),
            (Some(_), dev) => dev.map(|dev| object.on(dev)),
        };
        let settings = dev.into_iter().flat_map(|dev| self.settings.all(Some(dev)));
        let objects = self.objects.iter().filter_map(named);
        objects.chain(settings.map(Object::from))
    }

    /// Whether `object` is this ENI's, by its interface or by its [`number`].
    pub(super) fn is_its(&self, object: &Object, number: Option<Number>) -> bool {
        match object.dev() {
            Some(dev) => *self.dev == **dev,
            None => number.is_some() && number == self.number,
        }
    }

    /// Whether `selector` means this ENI, which is `mac` and carried by `link`.
    pub(super) fn is_meant(&self, selector: &Selector, mac: Mac, link: Option<&Link>) -> bool {
        selector.names(link)
            || (link.is_none() && selector.is(&self.dev))
            || selector.is(&self.id)
            || selector.is_mac(mac)
            || self.number.is_some_and(|number| selector.is_number(number))
            || selector.is_among(self.addresses())
    }

    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let addresses = self.objects.iter().filter_map(Object::address);
        addresses.map(|address| address.net.addr())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.settings.is_empty() && self.objects.is_empty()
    }

    /// The same ENI's, with these objects alone.
    pub(super) fn with_only(&self, objects: impl Iterator<Item = Object>) -> Self {
        let Self {
            id,
            dev,
            number,
            gone,
            ..
        } = self.clone();
        let mut entry = Self {
            id,
            dev,
            number,
            gone,
            ..Self::default()
        };
        objects.for_each(|object| entry.note(&object));
        entry
    }

    pub(super) fn note(&mut self, object: &Object) {
        match object.sysctl() {
            Some(sysctl) => self.settings.note(sysctl),
            None => self.list(nameless(object)),
        }
    }

    /// Takes no more room than it needs.
    pub(super) fn pack(&mut self) {
        let objects = std::mem::take(&mut self.objects);
        self.objects = objects.into_iter().into_dense_set();
    }

    /// A route takes the place of the one with another MTU.
    fn list(&mut self, object: Object) {
        if object.route().is_some() {
            self.unlist(&object);
        }
        self.objects.insert(object);
    }

    /// A route with whatever MTU.
    fn unlist(&mut self, object: &Object) {
        self.objects.remove(object);
        if let Some(route) = object.route() {
            let is_it = |listed: &Route| listed.is_same_but_mtu(route);
            self.objects
                .retain(|listed| !listed.route().is_some_and(is_it));
        }
    }

    pub(super) fn forget(&mut self, object: &Object) {
        if object.dev().is_some_and(|dev| *self.dev != **dev) {
            return;
        }
        match object.sysctl() {
            Some(sysctl) => self.settings.forget(sysctl),
            None => self.unlist(&nameless(object)),
        }
    }

    /// Settings of which an earlier version did not write what they were before.
    pub(super) fn complete(&mut self, observed: &Observed) {
        self.settings.complete(&self.dev.as_str().into(), observed);
    }

    /// What stands in this ENI's table in the form of ours.
    pub(super) fn take_by_form(&mut self, observed: &Observed) {
        let Some(its) = self.number else { return };
        let has_form = |object: &Object| match object.route() {
            Some(route) => route.table == its.table() && has_our_form(route, &self.dev),
            None => number(object) == Some(its),
        };
        let found: Vec<Object> = observed.objects().filter(has_form).gathered();
        found.iter().for_each(|object| self.note(object));
    }
}

/// Without the interface's name.
fn nameless(object: &Object) -> Object {
    object.on(&Dev::default())
}

/// The ENI's number, where an object that is on no interface tells it.
pub(super) fn number(object: &Object) -> Option<Number> {
    let of_rule = object.rule().and_then(numbering::owner);
    let of_rule = of_rule.map(|(number, _)| number);
    let route = object.route().filter(|route| route.dev.is_none());
    of_rule.or_else(|| Number::of_table(route?.table))
}

/// Subnets on the link, with a source where they are IPv4; what lies behind the router; delegated prefixes.
fn has_our_form(route: &Route, dev: &str) -> bool {
    let v4 = route.family() == Family::Ipv4;
    match (route.kind, route.via) {
        (RouteKind::Throw, _) => DELEGATED.contains(&route.dst.prefix_len()),
        (RouteKind::Unicast, _) if route.dev.as_deref() != Some(dev) => false,
        (RouteKind::Unicast, None) => route.src.is_some() == v4,
        (RouteKind::Unicast, Some(via)) => {
            let by_router = if v4 {
                route.src.is_some()
            } else {
                via == IpAddr::from(IPV6_ROUTER)
            };
            by_router || (v4 && route.dst.prefix_len() == 0)
        }
        (RouteKind::Other(_), _) => false,
    }
}
