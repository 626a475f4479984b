//! What is about to be read, asked for together: the time of a reading goes into waiting for one answer after the other.
//! Decides nothing: what is not there yet when it is wanted is asked for then.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::bounds::Depth;
use super::keys::{ASSOCIATIONS, KEYS, MACS, key_of, lines};
use super::{Also, Source};
use crate::error::Result;
use crate::gather::Gather;
use crate::net::Mac;

/// The answers to some paths; `None`: no such key.
pub type Answers = BTreeMap<String, Option<String>>;

/// So many ENIs are asked for together: what is kept of answers is bounded.
pub(super) const TOGETHER: usize = 16;

/// Alternatives, of which a reader asks for the second only where there is no first.
const CARDS: [&str; 2] = ["network-card", "network-card-index"];

/// What only addresses make worth asking.
const SUBNET_IPV6: &str = "subnet-ipv6-cidr-blocks";

/// What is read of ENIs.
pub(super) struct Read<'a> {
    pub(super) primary: Mac,
    pub(super) also: Also,
    /// Those that have an interface here; see [`super::Reading`].
    pub(super) present: Option<&'a BTreeSet<Mac>>,
}

/// A service, of which some answers are here already.
pub(super) struct Ahead<'a> {
    source: &'a mut dyn Source,
    known: Answers,
}

impl Source for Ahead<'_> {
    fn get(&mut self, path: &str) -> Result<Option<String>> {
        match self.known.get(path) {
            Some(known) => Ok(known.clone()),
            None => self.source.get(path),
        }
    }
}

impl<'a> Ahead<'a> {
    pub(super) fn new(source: &'a mut dyn Source) -> Self {
        Self::knowing(source, Answers::new())
    }

    /// With what is `known` already.
    pub(super) fn knowing(source: &'a mut dyn Source, known: Answers) -> Self {
        Self { source, known }
    }

    /// What the service has said by now. Where it has said that there is nothing, it is asked again: what it told of the
    /// ENIs meanwhile may be newer.
    pub(super) fn into_known(mut self) -> Answers {
        self.known.retain(|_, text| text.is_some());
        self.known
    }

    /// Asks for what every reading begins with, and for the listings of the ENIs that are here, which it is going to have.
    pub(super) fn ask_first(&mut self, present: Option<&BTreeSet<Mac>>) {
        let here = present.filter(|present| present.len() <= TOGETHER);
        let listings = here.into_iter().flatten().map(|mac| key_of(*mac, ""));
        let first = ["mac", MACS].map(str::to_owned);
        self.ask(first.into_iter().chain(listings).gathered());
    }

    /// With what is said at once of `paths`.
    pub(super) fn of(source: &'a mut dyn Source, paths: Vec<String>) -> Self {
        let mut ahead = Self::new(source);
        ahead.ask(paths);
        ahead
    }

    /// The service has said this of `path` before, if anything.
    pub(super) fn know(&mut self, path: String, text: Option<&String>) {
        let text = text.map(|text| (path, Some(text.clone())));
        self.known.extend(text);
    }

    pub(super) fn ask(&mut self, mut paths: Vec<String>) {
        paths.retain(|path| !self.known.contains_key(path));
        let mut known = self.source.ahead(paths);
        self.known.append(&mut known);
    }

    /// Asks for what is read of each of these ENIs: their listings, then what these have.
    pub(super) fn ask_of_enis(&mut self, macs: &[Mac], read: &Read) {
        let depth = |mac: &Mac| Depth::of(*mac, read.present);
        self.ask(macs.iter().map(|mac| key_of(*mac, "")).gathered());
        let mut keys = Vec::new();
        for mac in macs {
            let listed = self.listed(*mac, depth(mac));
            let paths = paths_of(&listed, *mac == read.primary, read.also);
            keys.extend(paths.map(|key| key_of(*mac, key)));
        }
        self.ask(keys);
        if read.also.public {
            let of_addresses = |mac: &Mac| self.public_of(*mac, depth(mac));
            let keys = macs.iter().filter_map(of_addresses).gathered();
            self.ask(keys);
            let associations = macs.iter().flat_map(|mac| self.associations(*mac));
            self.ask(associations.gathered());
        }
    }

    /// The keys that the ENI has, where that is known.
    fn listed(&self, mac: Mac, depth: Depth) -> Vec<String> {
        let listing = key_of(mac, "");
        let keys = self.lines(&listing);
        let keys = keys.map(|key| key.trim_end_matches('/'));
        keys.filter(|key| depth.reads(key))
            .map(str::to_owned)
            .gathered()
    }

    fn lines(&self, path: &str) -> impl Iterator<Item = &str> {
        let text = self.known.get(path).and_then(Option::as_deref);
        lines(text.unwrap_or_default())
    }

    /// Where the ENI's public addresses stand.
    fn public_of(&self, mac: Mac, depth: Depth) -> Option<String> {
        let listed = self.listed(mac, depth);
        let has = |key: &str| listed.iter().any(|listed| listed == key);
        let is_single = self.lines(&key_of(mac, "local-ipv4s")).count() == 1;
        if is_single && has("public-ipv4s") {
            return Some(key_of(mac, "public-ipv4s"));
        }
        has(ASSOCIATIONS).then(|| key_of(mac, &format!("{ASSOCIATIONS}/")))
    }

    fn associations(&self, mac: Mac) -> Vec<String> {
        let folder = key_of(mac, &format!("{ASSOCIATIONS}/"));
        let public = self.lines(&folder).filter_map(|line| line.parse().ok());
        public
            .map(|public: Ipv4Addr| format!("{folder}{public}"))
            .gathered()
    }
}

/// What is read in any case of an ENI that has the keys `listed`.
fn paths_of(listed: &[String], is_primary: bool, also: Also) -> impl Iterator<Item = &str> {
    let has = |key: &str| listed.iter().any(|listed| listed == key);
    let has_ipv6 = has("ipv6s") || has("ipv6-prefix");
    let is_read = move |key: &&str| match *key {
        ASSOCIATIONS => false,
        "device-number" => !is_primary,
        key if key == CARDS[0] => !is_primary,
        key if key == CARDS[1] => !is_primary && !has(CARDS[0]),
        SUBNET_IPV6 => has_ipv6,
        "vpc-ipv4-cidr-blocks" | "vpc-ipv6-cidr-blocks" => also.ranges,
        key => KEYS.contains(&key),
    };
    listed.iter().map(String::as_str).filter(is_read)
}
