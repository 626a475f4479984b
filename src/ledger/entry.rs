//! One ENI's entry in the ledger: names without the interface's, which may be another one at the next boot.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::rules::Rules;
use crate::diff::table_of;
use crate::net::{Address, Dev, Family, MAIN, Route, RouteKind};
use crate::object::{Object, Observed};
use crate::plan::{IPV6_ROUTER, Planned};

/// The lengths of the prefixes that EC2 delegates (Amazon EC2 user guide, prefix delegation).
const DELEGATED: [u8; 2] = [28, 80];

/// One ENI's entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub id: String,
    /// Empty where another ENI's interface has that name now.
    pub dev: String,
    /// 0 where another ENI has that table now.
    pub table: u32,
    /// EC2 does not list it any more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub gone: bool,
    /// We switched the kernel's router advertisements off.
    #[serde(default)]
    no_router_advertisements: bool,
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
    pub(super) fn of(planned: &Planned) -> Self {
        let mut entry = Self::default();
        entry.name(planned);
        entry
    }

    pub(super) fn name(&mut self, planned: &Planned) {
        self.id.clone_from(&planned.eni.id);
        (self.dev, self.table, self.gone) = (planned.dev.to_string(), planned.eni.table(), false);
    }

    /// Another ENI may have this one's name or table now.
    pub(super) fn make_way(&mut self, all: &[Planned]) {
        if all.iter().any(|planned| *planned.dev == *self.dev) {
            self.dev.clear();
        }
        if all.iter().any(|planned| planned.eni.table() == self.table) {
            self.table = 0;
        }
    }

    /// What `planned`, another ENI, wants of what this one has: it has its table now.
    pub(super) fn hand_over(&mut self, planned: &Planned) -> Vec<Object> {
        let table = Some(planned.eni.table());
        let rules = self.rules.iter().filter(|rule| table_of(rule) == table && planned.rules.contains(rule));
        let rules = rules.cloned().map(Object::Rule);
        let throws = self.routes.iter().filter(|route| route.throw && Some(route.table) == table);
        let throws = throws.map(|route| route.on(None)).filter(|route| planned.routes.contains(route));
        let handed: Vec<Object> = rules.chain(throws.map(Object::Route)).collect();
        handed.iter().for_each(|object| self.forget(object));
        handed
    }

    /// What is listed, on an interface that is now called `dev`; without one only what needs none.
    pub(super) fn objects(&self, dev: Option<&Dev>) -> BTreeSet<Object> {
        let rules = self.rules.iter().cloned().map(Object::Rule);
        let throws = self.routes.iter().filter(|route| route.throw).map(|route| Object::Route(route.on(None)));
        let mut objects: BTreeSet<Object> = rules.chain(throws).collect();
        if let Some(dev) = dev {
            let on_link = self.routes.iter().filter(|route| !route.throw);
            objects.extend(on_link.map(|route| Object::Route(route.on(Some(dev)))));
            objects.extend(self.addresses.iter().map(|net| Object::Address(Address { dev: dev.clone(), net: *net })));
            objects.extend(self.link_up.then(|| Object::LinkUp(dev.clone())));
            objects.extend(self.no_router_advertisements.then(|| Object::NoRouterAdvertisements(dev.clone())));
        }
        objects
    }

    pub(super) fn is_empty(&self) -> bool {
        let has_settings = self.link_up || self.no_router_advertisements;
        !has_settings && self.addresses.is_empty() && self.routes.is_empty() && self.rules.is_empty()
    }

    /// The same ENI's, with these objects alone.
    pub(super) fn with_only(&self, objects: impl Iterator<Item = Object>) -> Self {
        let Self { id, dev, table, gone, .. } = self.clone();
        let mut entry = Self { id, dev, table, gone, ..Self::default() };
        objects.for_each(|object| entry.note(&object));
        entry
    }

    pub(super) fn note(&mut self, object: &Object) {
        match object {
            Object::NoRouterAdvertisements(_) => self.no_router_advertisements = true,
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
            Object::NoRouterAdvertisements(_) => self.no_router_advertisements = false,
            Object::LinkUp(_) => self.link_up = false,
            Object::Address(address) => drop(self.addresses.remove(&address.net)),
            Object::Route(route) => drop(self.routes.remove(&MadeRoute::from(route))),
            Object::Rule(rule) => self.rules.remove(rule),
        }
    }

    /// What stands in this ENI's table in the form of ours.
    pub(super) fn take_by_form(&mut self, observed: &Observed) {
        let rules = observed.rules.iter().filter(|rule| table_of(rule) == Some(self.table)).cloned().map(Object::Rule);
        let is_its = |route: &&Route| route.table == self.table && has_our_form(route, &self.dev);
        let routes = observed.routes.iter().filter(is_its).cloned().map(Object::Route);
        rules.chain(routes).collect::<Vec<_>>().iter().for_each(|object| self.note(object));
    }
}

/// Subnets on the link, with a source where they are IPv4; what lies behind the router; delegated prefixes.
fn has_our_form(route: &Route, dev: &str) -> bool {
    let v4 = route.family() == Family::Ipv4;
    match (route.kind, route.via) {
        (RouteKind::Throw, _) => DELEGATED.contains(&route.dst.prefix_len()),
        (RouteKind::Unicast, _) if route.dev.as_deref() != Some(dev) => false,
        (RouteKind::Unicast, None) => route.src.is_some() == v4,
        (RouteKind::Unicast, Some(via)) => {
            let by_router = if v4 { route.src.is_some() } else { via == IpAddr::from(IPV6_ROUTER) };
            by_router || (v4 && route.dst.prefix_len() == 0)
        }
        (RouteKind::Other(_), _) => false,
    }
}

impl MadeRoute {
    fn on(&self, dev: Option<&Dev>) -> Route {
        Route {
            table: self.table,
            kind: if self.throw { RouteKind::Throw } else { RouteKind::Unicast },
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
        Self { table: route.table, throw, dst: route.dst, via: route.via, src: route.src, metric: route.metric }
    }
}
