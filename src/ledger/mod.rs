//! What eniroute made, ENI by ENI: addresses, routes of any table, rules, links brought up. What is not written here
//! is not ours, whatever number it has, and never taken away. Kept over reboots, because the files bring the same
//! objects up again.

mod entry;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::diff::{Made, There, table_of};
use crate::net::link_of_mac;
use crate::net::{Link, Mac};
use crate::object::{Change, Object, Observed};
use crate::plan::Planned;
pub use entry::Entry;

/// Where the ledger lies, below `--root`.
pub const PATH: &str = "/var/lib/eniroute/ledger.json";

/// Since then rules and the routes of all tables are listed. Before, all that had an ENI's number counted as ours.
const LISTS_ALL: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    #[serde(default)]
    version: u32,
    /// The instance that it was written on (`i-...`), where the firmware tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The primary ENI, which no instance ever changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<Mac>,
    /// By MAC, which an ENI keeps for life.
    pub enis: BTreeMap<Mac, Entry>,
}

impl Default for Ledger {
    /// As nothing was made yet.
    fn default() -> Self {
        Self { version: LISTS_ALL, instance: None, primary: None, enis: BTreeMap::new() }
    }
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
        serde_json::to_string(self).map(|text| text + "\n").unwrap_or_default()
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

    /// Takes over what a ledger of an earlier version did not list: what stands in an ENI's table and has the form of
    /// one of ours. Names are those of `observed` from now on.
    pub fn bring_up_to_date(&mut self, observed: &Observed) {
        self.rename(&observed.links);
        if self.version < LISTS_ALL {
            self.enis.values_mut().for_each(|entry| entry.take_by_form(observed));
            self.version = LISTS_ALL;
        }
    }

    /// Takes what is there, exactly as it is wanted, of ENIs that were `configured` and have no entry: the ledger was
    /// lost.
    pub fn restore(&mut self, all: &[Planned], observed: &Observed, configured: &BTreeSet<Mac>) {
        let is_lost =
            |planned: &&Planned| !self.enis.contains_key(&planned.eni.mac) && configured.contains(&planned.eni.mac);
        let lost: Vec<&Planned> = all.iter().filter(is_lost).collect();
        let there = (!lost.is_empty()).then(|| There::new(observed));
        for planned in lost {
            let mut entry = Entry::of(planned);
            let brought = lasting(planned).filter(|object| there.as_ref().is_some_and(|there| there.has(object)));
            brought.for_each(|object| entry.note(&object));
            self.enis.insert(planned.eni.mac, entry);
        }
    }

    /// Gives every planned ENI its entry, with what it will have: what is wanted and not there yet is ours once it
    /// comes, whether by netlink or by files of ours. An interface name or a table belongs to one ENI at a time, and
    /// so does an object.
    pub fn adopt(&mut self, all: &[Planned], observed: &Observed) {
        self.rename(&observed.links);
        let is_one = |mac: &Mac| all.iter().any(|planned| planned.eni.mac == *mac);
        for (_, entry) in self.enis.iter_mut().filter(|(mac, _)| !is_one(mac)) {
            entry.make_way(all);
        }
        let there = There::new(observed);
        for planned in all {
            let others = self.enis.iter_mut().filter(|(mac, _)| **mac != planned.eni.mac);
            let inherited: Vec<Object> = others.flat_map(|(_, entry)| entry.hand_over(planned)).collect();
            let entry = self.enis.entry(planned.eni.mac).or_default();
            entry.name(planned);
            let lacking = lasting(planned).filter(|object| !there.has(object));
            lacking.chain(inherited).for_each(|object| entry.note(&object));
        }
    }

    /// Forgets what is gone of the ENIs that EC2 no longer lists. An entry goes with the last of its objects.
    pub fn let_go(&mut self, is_listed: impl Fn(&Mac) -> bool, observed: &Observed) {
        let there = There::new(observed);
        for (mac, entry) in self.enis.iter_mut().filter(|(mac, _)| !is_listed(mac)) {
            entry.gone = true;
            let link = link_of_mac(*mac, &observed.links).map(|link| &link.name);
            let left = entry.objects(link).into_iter().filter(|object| there.has(object));
            *entry = entry.with_only(left);
        }
        self.drop_done();
    }

    fn drop_done(&mut self) {
        self.enis.retain(|_, entry| !entry.gone || !entry.is_empty());
    }

    /// Interfaces by their names now.
    fn rename(&mut self, links: &[Link]) {
        for (mac, entry) in &mut self.enis {
            if let Some(link) = link_of_mac(*mac, links) {
                entry.dev = link.name.to_string();
            }
        }
    }

    /// Remembers a change that was made.
    pub fn record(&mut self, change: &Change) {
        match change {
            Change::Add(object) => self.note(object),
            Change::Remove(object) => {
                self.enis.values_mut().for_each(|entry| entry.forget(object));
                self.drop_done();
            }
            Change::Replace { old, new } => {
                self.record(&Change::Remove(Object::Route(old.clone())));
                self.note(&Object::Route(new.clone()));
            }
        }
    }

    /// Remembers that `object` was made, or is about to be.
    pub fn note(&mut self, object: &Object) {
        let is_its = |entry: &&mut Entry| match object {
            Object::Rule(rule) => table_of(rule) == Some(entry.table),
            Object::Route(route) if route.dev.is_none() => route.table == entry.table,
            object => object.dev().is_some_and(|dev| *entry.dev == **dev),
        };
        self.enis.values_mut().find(is_its).into_iter().for_each(|entry| entry.note(object));
    }

    /// What earlier runs made, for [`crate::diff`]: on the interface that carries the ENI's MAC now, because names
    /// are dealt anew at every boot, and another instance started from this disk has other ENIs. What an interface
    /// held that is gone is gone with it; rules and throw routes are on none, and stay.
    pub fn made(&self, links: &[Link]) -> Vec<Made> {
        let made = |(mac, entry): (&Mac, &Entry)| {
            let link = link_of_mac(*mac, links).map(|link| &link.name);
            Made { mac: *mac, objects: entry.objects(link) }
        };
        self.enis.iter().map(made).collect()
    }
}

/// What files can bring up: not the settings of a link, and what they have for the day when its owner lets go of it.
fn lasting(planned: &Planned) -> impl Iterator<Item = Object> {
    let is_setting = |object: &Object| matches!(object, Object::NoRouterAdvertisements(_) | Object::LinkUp(_));
    let left = planned.left_to_owner.iter().cloned().map(Object::Route);
    planned.objects().filter(move |object| !is_setting(object)).chain(left)
}

#[cfg(test)]
mod tests;
