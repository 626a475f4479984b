//! One ENI's entry in the ledger: names without the interface's, which may be another one at the next boot.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Wanted;
use super::rules::Rules;
use super::settings::Settings;
use crate::eni::IPV6_ROUTER;
use crate::net::{Address, Dev, Family, Link, MAIN, Mac, Route, RouteKind, Rule};
use crate::numbering::{self, Number};
use crate::object::{Object, Observed};
use crate::select::Selector;

/// The lengths of the prefixes that EC2 delegates (Amazon EC2 user guide, prefix delegation).
const DELEGATED: [u8; 2] = [28, 80];

/// One ENI's entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub id: String,
    /// Empty where another ENI's interface has that name now.
    pub dev: String,
    /// In the file it is the ENI's table.
    #[serde(rename = "table", with = "table")]
    pub(super) number: Option<Number>,
    /// EC2 does not list it any more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub gone: bool,
    #[serde(
        default,
        alias = "no_router_advertisements",
        skip_serializing_if = "Settings::is_empty"
    )]
    settings: Settings,
    /// The link was down, and we brought it up.
    link_up: bool,
    pub addresses: BTreeSet<IpNet>,
    #[serde(alias = "main_routes")]
    routes: BTreeSet<MadeRoute>,
    #[serde(default)]
    rules: Rules,
}

/// A route of ours on the ENI's interface, or a throw route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct MadeRoute {
    #[serde(default = "main", skip_serializing_if = "is_main")]
    table: u32,
    #[serde(default, skip_serializing_if = "is_false")]
    throw: bool,
    dst: IpNet,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    via: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    src: Option<IpAddr>,
    metric: u32,
}

/// An ENI's number as its table: 0 where another ENI has that now.
mod table {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::numbering::Number;

    pub fn serialize<S: Serializer>(number: &Option<Number>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u32(number.map_or(0, Number::table))
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Option<Number>, D::Error> {
        u32::deserialize(from).map(Number::of_table)
    }
}

fn main() -> u32 {
    MAIN
}

fn is_main(table: &u32) -> bool {
    *table == MAIN
}

fn is_false(value: &bool) -> bool {
    !value
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
        self.number = self
            .number
            .filter(|number| !all.iter().any(|eni| eni.number == *number));
    }

    /// What another ENI wants of what this one has: that one has its number now.
    pub(super) fn hand_over(&mut self, eni: &Wanted) -> Vec<Object> {
        let rules = self
            .rules
            .iter()
            .filter(|rule| is_rule_of(rule, eni.number))
            .cloned()
            .map(Object::Rule);
        let throws = self
            .routes
            .iter()
            .filter(|route| route.throw && route.table == eni.number.table());
        let objects = rules.chain(throws.map(|route| Object::Route(route.on(None))));
        let handed: Vec<Object> = objects
            .filter(|object| eni.objects.contains(object))
            .collect();
        handed.iter().for_each(|object| self.forget(object));
        handed
    }

    /// What is listed, on an interface that is now called `dev`; without one only what needs none.
    pub(super) fn objects(&self, dev: Option<&Dev>) -> BTreeSet<Object> {
        let rules = self.rules.iter().cloned().map(Object::Rule);
        let throws = self
            .routes
            .iter()
            .filter(|route| route.throw)
            .map(|route| Object::Route(route.on(None)));
        let mut objects: BTreeSet<Object> = rules.chain(throws).collect();
        if let Some(dev) = dev {
            let on_link = self.routes.iter().filter(|route| !route.throw);
            objects.extend(on_link.map(|route| Object::Route(route.on(Some(dev)))));
            objects.extend(self.addresses.iter().map(|net| {
                Object::Address(Address {
                    dev: dev.clone(),
                    net: *net,
                })
            }));
            objects.extend(self.link_up.then(|| Object::LinkUp(dev.clone())));
            objects.extend(self.settings.all(Some(dev)).map(Object::Sysctl));
        }
        objects
    }

    /// Whether `object` is this ENI's, by its interface or by its number.
    pub(super) fn is_its(&self, object: &Object) -> bool {
        match object {
            Object::Rule(rule) => self.number.is_some_and(|number| is_rule_of(rule, number)),
            Object::Route(route) if route.dev.is_none() => self
                .number
                .is_some_and(|number| route.table == number.table()),
            Object::Sysctl(_) | Object::LinkUp(_) | Object::Address(_) | Object::Route(_) => {
                object.dev().is_some_and(|dev| *self.dev == **dev)
            }
        }
    }

    /// Whether `selector` means this ENI, which is `mac` and carried by `link`.
    pub(super) fn is_meant(&self, selector: &Selector, mac: Mac, link: Option<&Link>) -> bool {
        selector.names(link)
            || (link.is_none() && selector.is(&self.dev))
            || selector.is(&self.id)
            || selector.is_mac(mac)
            || self.number.is_some_and(|number| selector.is_number(number))
            || selector.is_among(self.addresses.iter().map(IpNet::addr))
    }

    pub(super) fn is_empty(&self) -> bool {
        let is_plain = !self.link_up && self.settings.is_empty();
        is_plain && self.addresses.is_empty() && self.routes.is_empty() && self.rules.is_empty()
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
        match object {
            Object::Sysctl(sysctl) => self.settings.note(sysctl),
            Object::LinkUp(_) => self.link_up = true,
            Object::Address(address) => drop(self.addresses.insert(address.net)),
            Object::Route(route) => drop(self.routes.insert(route.into())),
            Object::Rule(rule) => self.rules.insert(rule),
        }
    }

    pub(super) fn forget(&mut self, object: &Object) {
        if object.dev().is_some_and(|dev| *self.dev != **dev) {
            return;
        }
        match object {
            Object::Sysctl(sysctl) => self.settings.forget(sysctl),
            Object::LinkUp(_) => self.link_up = false,
            Object::Address(address) => drop(self.addresses.remove(&address.net)),
            Object::Route(route) => drop(self.routes.remove(&MadeRoute::from(route))),
            Object::Rule(rule) => self.rules.remove(rule),
        }
    }

    /// Settings of which an earlier version did not write what they were before.
    pub(super) fn complete(&mut self, observed: &Observed) {
        self.settings.complete(&self.dev.as_str().into(), observed);
    }

    /// What stands in this ENI's table in the form of ours.
    pub(super) fn take_by_form(&mut self, observed: &Observed) {
        let Some(number) = self.number else { return };
        let rules = observed
            .rules
            .iter()
            .filter(|rule| is_rule_of(rule, number))
            .cloned()
            .map(Object::Rule);
        let is_its =
            |route: &&Route| route.table == number.table() && has_our_form(route, &self.dev);
        let routes = observed
            .routes
            .iter()
            .filter(is_its)
            .cloned()
            .map(Object::Route);
        rules
            .chain(routes)
            .collect::<Vec<_>>()
            .iter()
            .for_each(|object| self.note(object));
    }
}

fn is_rule_of(rule: &Rule, number: Number) -> bool {
    numbering::owner(rule).is_some_and(|(owner, _)| owner == number)
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

impl MadeRoute {
    fn on(&self, dev: Option<&Dev>) -> Route {
        Route {
            table: self.table,
            kind: if self.throw {
                RouteKind::Throw
            } else {
                RouteKind::Unicast
            },
            dst: self.dst,
            via: self.via,
            dev: dev.cloned(),
            next_hops: Vec::new(),
            src: self.src,
            metric: self.metric,
        }
    }
}

impl From<&Route> for MadeRoute {
    fn from(route: &Route) -> Self {
        let throw = route.kind == RouteKind::Throw;
        Self {
            table: route.table,
            throw,
            dst: route.dst,
            via: route.via,
            src: route.src,
            metric: route.metric,
        }
    }
}
