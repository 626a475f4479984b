//! What eniroute made outside of its own tables: addresses, main-table routes and links brought up. What is not
//! written here is never taken away. Kept over reboots, because the files bring the same objects up again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::diff::Made;
use crate::net::{Address, Change, Dev, Link, MAIN, Mac, Object, Route, RouteKind};
use crate::plan::{Planned, link_of_mac};

/// Where the ledger lies, below `--root`.
pub const PATH: &str = "/var/lib/eniroute/ledger.json";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The instance that it was written on (`i-...`), where the firmware tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The primary ENI, which no instance ever changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<Mac>,
    /// By MAC, which an ENI keeps for life.
    pub enis: BTreeMap<Mac, Entry>,
}

/// One ENI's entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub id: String,
    pub dev: String,
    pub table: u32,
    /// We switched the kernel's router advertisements off.
    #[serde(default)]
    pub no_router_advertisements: bool,
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

    /// How we know that it was written on another instance than this one, whose firmware says `instance` and whose
    /// interfaces are `links`; `None` where it was not, or where that cannot be told.
    ///
    /// Without an id to compare, another instance has other NICs: some are there, and none is the primary ENI or
    /// another one of the ledger. A NIC that is only late must not cost the host its files.
    pub fn of_another(&self, instance: Option<&str>, links: &[Link]) -> Option<String> {
        if let (Some(then), Some(now)) = (self.instance.as_deref(), instance) {
            return (then != now).then(|| format!("this disk was {then}'s, and this is {now}"));
        }
        let primary = self.primary?;
        let mut nics = links.iter().filter(|link| link.is_nic() && link.kind.is_none()).peekable();
        let has = |mac: &Mac| link_of_mac(*mac, links).is_some();
        let is_another = nics.peek().is_some() && !has(&primary) && !self.enis.keys().any(has);
        is_another.then(|| format!("this disk was another instance's, whose primary ENI was {primary}"))
    }

    /// Gives every planned ENI its entry. An entry of another ENI for the same interface name is dropped: that
    /// interface is gone, and all it held with it.
    pub fn adopt(&mut self, all: &[Planned]) {
        let is_one = |mac: &Mac| all.iter().any(|planned| planned.eni.mac == *mac);
        let is_taken = |entry: &Entry| all.iter().any(|planned| *planned.dev == *entry.dev);
        self.enis.retain(|mac, entry| is_one(mac) || !is_taken(entry));
        for planned in all {
            let entry = self.enis.entry(planned.eni.mac).or_default();
            entry.id.clone_from(&planned.eni.id);
            entry.dev = planned.dev.to_string();
            entry.table = planned.eni.table();
        }
    }

    /// Remembers a change that was made.
    pub fn record(&mut self, change: &Change) {
        match change {
            Change::Add(object) => self.note(object),
            Change::Remove(object) => self.entry_of(object).into_iter().for_each(|entry| entry.forget(object)),
            Change::Replace { old, new } => {
                self.record(&Change::Remove(Object::Route(old.clone())));
                self.note(&Object::Route(new.clone()));
            }
        }
    }

    /// Remembers that `object` was made, or is about to be.
    pub fn note(&mut self, object: &Object) {
        self.entry_of(object).into_iter().for_each(|entry| entry.note(object));
    }

    fn entry_of(&mut self, object: &Object) -> Option<&mut Entry> {
        let dev = object.dev()?;
        self.enis.values_mut().find(|entry| *entry.dev == **dev)
    }

    /// What earlier runs made, for [`crate::diff`]: on the interface that carries the ENI's MAC now, because names
    /// are dealt anew at every boot, and another instance started from this disk has other ENIs. What an interface
    /// held that is gone is gone with it.
    pub fn made(&self, links: &[Link]) -> Vec<Made> {
        let made = |(mac, entry): (&Mac, &Entry)| {
            let link = link_of_mac(*mac, links)?;
            Some(Made { table: entry.table, objects: entry.objects(&link.name) })
        };
        self.enis.iter().filter_map(made).collect()
    }
}

impl Entry {
    fn objects(&self, dev: &Dev) -> BTreeSet<Object> {
        let address = |net: &IpNet| Object::Address(Address { dev: dev.clone(), net: *net });
        let route = |route: &MainRoute| Object::Route(route.on(dev));
        let deaf = self.no_router_advertisements.then(|| Object::NoRouterAdvertisements(dev.clone()));
        let up = self.link_up.then(|| Object::LinkUp(dev.clone()));
        let addresses = self.addresses.iter().map(address);
        addresses.chain(self.main_routes.iter().map(route)).chain(up).chain(deaf).collect()
    }

    /// Only what our tables' numbers do not tell is written down.
    fn note(&mut self, object: &Object) {
        match object {
            Object::NoRouterAdvertisements(_) => self.no_router_advertisements = true,
            Object::LinkUp(_) => self.link_up = true,
            Object::Address(address) => drop(self.addresses.insert(address.net)),
            Object::Route(route) if route.table == MAIN => drop(self.main_routes.insert(route.into())),
            Object::Route(_) | Object::Rule(_) => {}
        }
    }

    fn forget(&mut self, object: &Object) {
        match object {
            Object::NoRouterAdvertisements(_) => self.no_router_advertisements = false,
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
            next_hops: Vec::new(),
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

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: &str = "i-0000000000000000a";

    fn ledger(instance: Option<&str>, primary: Option<u8>) -> Ledger {
        let enis = [0, 1].map(|number| (Mac([2, 0, 0, 0, 0, number]), Entry::default())).into();
        Ledger { instance: instance.map(str::to_owned), primary: primary.map(|n| Mac([2, 0, 0, 0, 0, n])), enis }
    }

    fn link(number: u8, kind: Option<&str>) -> Link {
        let mac = Some(Mac([2, 0, 0, 0, 0, number]));
        Link {
            index: 2,
            name: "eth0".into(),
            altnames: Vec::new(),
            mac,
            permanent_mac: None,
            kind: kind.map(str::to_owned),
            master: None,
            ipv6: true,
            accept_ra: true,
            up: false,
        }
    }

    #[test]
    fn the_instance_s_id_decides_where_there_is_one() {
        let ledger = ledger(Some(THEN), Some(0));
        assert_eq!(ledger.of_another(Some(THEN), &[link(9, None)]), None);
        let why = ledger.of_another(Some("i-0000000000000000b"), &[link(0, None)]).unwrap();
        assert!(why.contains(THEN) && why.contains("i-0000000000000000b"), "{why}");
    }

    #[test]
    fn without_an_id_another_instance_has_other_nics() {
        let of_xen = ledger(None, Some(0));
        for id in [None, Some("i-0000000000000000b")] {
            let why = of_xen.of_another(id, &[link(9, None)]).unwrap();
            assert!(why.contains("02:00:00:00:00:00"), "{why}");
        }
        assert!(ledger(Some(THEN), Some(0)).of_another(None, &[link(9, None)]).is_some());
    }

    #[test]
    fn in_doubt_it_is_this_instance_s() {
        let ours = ledger(None, Some(0));
        for links in [
            &[][..],
            &[link(0, None), link(9, None)],
            // The primary's driver is late, and a secondary one of ours is there.
            &[link(1, None), link(9, None)],
            &[link(9, Some("veth"))],
            &[link(9, Some("bridge"))],
        ] {
            assert_eq!(ours.of_another(None, links), None, "{links:?}");
        }
        let old = Ledger::parse(r#"{"enis": {}}"#).unwrap();
        assert_eq!(old.of_another(Some(THEN), &[link(9, None)]), None, "written by a version that noted neither");
    }
}
