//! What eniroute made outside of its own tables: addresses, main-table routes and links brought up. What is not
//! written here is never taken away. Kept over reboots, because the files bring the same objects up again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::diff::Made;
use crate::net::{Address, Dev, MAIN, Mac, Object, Route, RouteKind};

/// Where the ledger lies, below `--root`.
pub const PATH: &str = "/var/lib/eniroute/ledger.json";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// By MAC, which an ENI keeps for life.
    pub enis: BTreeMap<Mac, Entry>,
}

/// One ENI's entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub id: String,
    pub dev: String,
    pub table: u32,
    /// The link was down, and we brought it up.
    pub link_up: bool,
    pub addresses: BTreeSet<IpNet>,
    pub main_routes: BTreeSet<MainRoute>,
}

/// A route of ours in the main table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MainRoute {
    pub dst: IpNet,
    pub via: Option<IpAddr>,
    pub src: Option<IpAddr>,
    pub metric: u32,
}

impl Ledger {
    /// Reads a ledger's text.
    ///
    /// # Errors
    /// Says what is wrong with it; the caller names the file.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// The ledger's text.
    pub fn text(&self) -> String {
        // Strings, numbers and maps with string keys: this cannot fail.
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// What earlier runs made, for [`crate::diff`].
    pub fn made(&self) -> Vec<Made> {
        self.enis.values().map(|entry| Made { table: entry.table, objects: entry.objects() }).collect()
    }
}

impl Entry {
    fn objects(&self) -> BTreeSet<Object> {
        let dev: Dev = self.dev.as_str().into();
        let address = |net: &IpNet| Object::Address(Address { dev: dev.clone(), net: *net });
        let route = |route: &MainRoute| Object::Route(route.on(&dev));
        let up = self.link_up.then(|| Object::LinkUp(dev.clone()));
        let addresses = self.addresses.iter().map(address);
        addresses.chain(self.main_routes.iter().map(route)).chain(up).collect()
    }

    /// Remembers that `object` was made; only what our tables' numbers do not tell is written down.
    pub fn note(&mut self, object: &Object) {
        match object {
            Object::LinkUp(_) => self.link_up = true,
            Object::Address(address) => drop(self.addresses.insert(address.net)),
            Object::Route(route) if route.table == MAIN => drop(self.main_routes.insert(route.into())),
            Object::Route(_) | Object::Rule(_) => {}
        }
    }

    /// Forgets `object`, which is gone.
    pub fn forget(&mut self, object: &Object) {
        match object {
            Object::LinkUp(_) => self.link_up = false,
            Object::Address(address) => drop(self.addresses.remove(&address.net)),
            Object::Route(route) if route.table == MAIN => drop(self.main_routes.remove(&MainRoute::from(route))),
            Object::Route(_) | Object::Rule(_) => {}
        }
    }
}

impl MainRoute {
    fn on(&self, dev: &Dev) -> Route {
        Route {
            table: MAIN,
            kind: RouteKind::Unicast,
            dst: self.dst,
            via: self.via,
            dev: Some(dev.clone()),
            src: self.src,
            metric: self.metric,
        }
    }
}

impl From<&Route> for MainRoute {
    fn from(route: &Route) -> Self {
        Self { dst: route.dst, via: route.via, src: route.src, metric: route.metric }
    }
}
