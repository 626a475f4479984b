//! What eniroute made, ENI by ENI, and for the host: addresses, routes of any table, rules, links brought up. What is not written here
//! is not ours, whatever number it has, and never taken away. Kept over reboots, because the files bring the same
//! objects up again.

mod entry;
mod host;
mod rules;
mod settings;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::gather::Gather;
use crate::net::{Dev, Link, Mac, link_of_mac};
use crate::numbering::{Number, Owner};
use crate::object::{Change, Index, Object, Observed};
use crate::select::Selector;
pub use entry::Entry;
pub use host::HostEntry;

/// Where the ledger lies, below `--root`.
pub const PATH: &str = "/var/lib/eniroute/ledger.json";

/// Since then rules and the routes of all tables are listed. Before, all that had an ENI's number counted as ours.
const LISTS_ALL: u32 = 1;

/// What eniroute made on this host.
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
    #[serde(default, skip_serializing_if = "HostEntry::is_empty")]
    pub host: HostEntry,
}

/// What is wanted for one ENI.
pub struct Wanted<'a> {
    pub mac: Mac,
    /// `eni-...`
    pub id: &'a str,
    pub dev: &'a Dev,
    pub number: Number,
    /// What files can bring up as well: all but the settings of the link.
    pub objects: Vec<Object>,
}

/// What earlier runs made for one ENI, or for the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub owner: Owner,
    pub objects: BTreeSet<Object>,
}

impl Default for Ledger {
    /// As nothing was made yet.
    fn default() -> Self {
        Self {
            version: LISTS_ALL,
            instance: None,
            primary: None,
            enis: BTreeMap::new(),
            host: HostEntry::default(),
        }
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

    /// Nothing was made, and no ENI is known.
    pub fn is_empty(&self) -> bool {
        self.enis.is_empty() && self.host.is_empty()
    }

    /// The ledger's text.
    pub fn text(&self) -> String {
        // Strings, numbers and maps with string keys: this cannot fail.
        serde_json::to_string(self)
            .map(|text| text + "\n")
            .unwrap_or_default()
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
        let mut nics = links
            .iter()
            .filter(|link| link.is_nic() && link.kind.is_none())
            .peekable();
        let has = |mac: &Mac| link_of_mac(*mac, links).is_some();
        let is_another = nics.peek().is_some() && !has(&primary) && !self.enis.keys().any(has);
        is_another
            .then(|| format!("this disk was another instance's, whose primary ENI was {primary}"))
    }

    /// Takes over what a ledger of an earlier version did not list: what stands in an ENI's table and has the form of
    /// one of ours. Names are those of `observed` from now on.
    pub fn bring_up_to_date(&mut self, observed: &Observed) {
        self.rename(&observed.links);
        self.enis
            .values_mut()
            .for_each(|entry| entry.complete(observed));
        if self.version < LISTS_ALL {
            self.enis
                .values_mut()
                .for_each(|entry| entry.take_by_form(observed));
            self.version = LISTS_ALL;
        }
    }

    /// Takes what is there, exactly as it is wanted, of ENIs that were `configured` and have no entry: the ledger was
    /// lost.
    pub fn restore(&mut self, all: &[Wanted], observed: &Observed, configured: &BTreeSet<Mac>) {
        let is_lost =
            |eni: &&Wanted| !self.enis.contains_key(&eni.mac) && configured.contains(&eni.mac);
        let lost: Vec<&Wanted> = all.iter().filter(is_lost).gathered();
        if lost.is_empty() {
            return;
        }
        let there = Index::new(observed);
        for eni in lost {
            let mut entry = Entry::of(eni);
            eni.objects
                .iter()
                .filter(|object| there.has(object))
                .for_each(|object| entry.note(object));
            self.enis.insert(eni.mac, entry);
        }
    }

    /// Gives each of these ENIs its entry, with what it will have: what is wanted and not there yet is ours once it
    /// comes, whether by netlink or by files of ours. An interface name or a number belongs to one ENI at a time, and
    /// so does an object.
    pub fn adopt(&mut self, all: &[Wanted], observed: &Observed) {
        self.rename(&observed.links);
        let is_one = |mac: &Mac| all.iter().any(|eni| eni.mac == *mac);
        for (_, entry) in self.enis.iter_mut().filter(|(mac, _)| !is_one(mac)) {
            entry.make_way(all);
        }
        let there = Index::new(observed);
        for eni in all {
            let others = self.enis.iter_mut().filter(|(mac, _)| **mac != eni.mac);
            let inherited: Vec<Object> = others
                .flat_map(|(_, entry)| entry.hand_over(eni))
                .gathered();
            let entry = self.enis.entry(eni.mac).or_default();
            entry.name(eni);
            let lacking = eni.objects.iter().filter(|object| !there.has(object));
            lacking
                .chain(&inherited)
                .for_each(|object| entry.note(object));
            entry.pack();
        }
    }

    /// Forgets what is gone of the ENIs that EC2 no longer lists. An entry goes with the last of its objects.
    pub fn let_go(&mut self, is_listed: impl Fn(&Mac) -> bool, observed: &Observed) {
        let there = Index::new(observed);
        for (mac, entry) in self.enis.iter_mut().filter(|(mac, _)| !is_listed(mac)) {
            entry.gone = true;
            let link = link_of_mac(*mac, &observed.links).map(|link| &link.name);
            let left = entry.objects(link).filter(|object| there.has(object));
            *entry = entry.with_only(left);
        }
        self.drop_done();
    }

    fn drop_done(&mut self) {
        self.enis
            .retain(|_, entry| !entry.gone || !entry.is_empty());
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
                self.enis
                    .values_mut()
                    .for_each(|entry| entry.forget(object));
                self.host.forget(object);
                self.drop_done();
            }
            Change::Replace { old, new } => {
                self.record(&Change::Remove(Object::from((**old).clone())));
                self.note(&Object::from((**new).clone()));
            }
        }
    }

    /// Remembers that `object` was made, or is about to be.
    pub fn note(&mut self, object: &Object) {
        let number = entry::number(object);
        let mut entries = self.enis.values_mut();
        match entries.find(|entry| entry.is_its(object, number)) {
            Some(entry) => entry.note(object),
            None => self.host.note(object),
        }
    }

    /// The ENIs that `selector` means, on a host that has these links.
    pub fn meant_by(&self, selector: &Selector, links: &[Link]) -> Vec<Mac> {
        let is_meant =
            |mac: Mac, entry: &Entry| entry.is_meant(selector, mac, link_of_mac(mac, links));
        let enis = self.enis.iter().map(|(mac, entry)| (*mac, entry));
        let meant = enis.filter(|(mac, entry)| is_meant(*mac, entry));
        meant.map(|(mac, _)| mac).gathered()
    }

    /// The ENIs that have no interface here, and whose number no other one has that does.
    pub fn detached(&self, links: &[Link]) -> Vec<Mac> {
        let is_there = |mac: &Mac| link_of_mac(*mac, links).is_some();
        let (there, gone): (Vec<_>, Vec<_>) = self.enis.iter().partition(|(mac, _)| is_there(mac));
        let is_free = |entry: &Entry| !there.iter().any(|(_, other)| other.number == entry.number);
        let free = gone.into_iter().filter(|(_, entry)| is_free(entry));
        free.map(|(mac, _)| *mac).gathered()
    }

    /// What earlier runs made, for [`crate::diff`]: on the interface that carries the ENI's MAC now, because names
    /// are dealt anew at every boot, and another instance started from this disk has other ENIs. What an interface
    /// held that is gone is gone with it; rules and throw routes are on none, and stay. The primary ENI comes last: its
    /// rules keep it in touch with the other ENIs' neighbours until those ENIs' routes are gone. Of all objects,
    /// those that `is_meant` takes.
    pub fn made(&self, links: &[Link], is_meant: &dyn Fn(&Object) -> bool) -> Vec<Made> {
        let made = |(mac, entry): (&Mac, &Entry)| {
            let link = link_of_mac(*mac, links).map(|link| &link.name);
            let objects = entry.objects(link).filter(|object| is_meant(object));
            let (owner, objects) = (Owner::Eni(*mac), objects.into_dense_set());
            Made { owner, objects }
        };
        let host = Made {
            owner: Owner::Host,
            objects: self.host.objects().filter(is_meant).into_set(),
        };
        let enis = self.enis.iter();
        let (primary, others): (Vec<_>, Vec<_>) =
            enis.partition(|(mac, _)| Some(**mac) == self.primary);
        std::iter::once(host)
            .chain(others.into_iter().chain(primary).map(made))
            .gathered()
    }
}

#[cfg(test)]
mod tests;
