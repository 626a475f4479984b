//! How a person names an ENI: on the command line (`--eni`) and in the configuration (`exclude`).

use std::fmt;
use std::net::IpAddr;

use crate::eni::{BASE, Eni};
use crate::ledger::Entry;
use crate::net::{Link, Mac};

/// An interface name, an altname, a MAC, an eni-id, a device number, or a private or public address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(String);

impl Selector {
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// Whether it may be a public address, for which the metadata must be asked expressly.
    pub fn is_address(&self) -> bool {
        self.0.parse::<IpAddr>().is_ok()
    }

    /// Whether `eni`, carried by `link`, is meant.
    pub fn matches(&self, eni: &Eni, link: Option<&Link>) -> bool {
        self.names(link) || self.0 == eni.id || self.is_mac(eni.mac) || self.is_number(eni) || self.is_address_of(eni)
    }

    fn names(&self, link: Option<&Link>) -> bool {
        link.is_some_and(|link| *link.name == *self.0 || link.altnames.contains(&self.0))
    }

    /// Whether `mac` is meant, in either case of letters.
    pub fn is_mac(&self, mac: Mac) -> bool {
        self.0.parse() == Ok(mac)
    }

    /// A device number; with several network cards, device number + 100 * card, as in the table's number.
    fn is_number(&self, eni: &Eni) -> bool {
        self.0.parse() == Ok(eni.number())
    }

    fn is_address_of(&self, eni: &Eni) -> bool {
        let Ok(wanted) = self.0.parse::<IpAddr>() else { return false };
        eni.addresses().any(|ip| ip == wanted) || eni.public.values().flatten().any(|ip| IpAddr::from(*ip) == wanted)
    }

    /// As [`Selector::matches`], for an ENI of which only the ledger tells.
    pub fn matches_entry(&self, mac: Mac, entry: &Entry, link: Option<&Link>) -> bool {
        let number = entry.table.checked_sub(BASE);
        self.names(link)
            || (link.is_none() && entry.dev == self.0)
            || entry.id == self.0
            || self.is_mac(mac)
            || self.0.parse().ok() == number
            || entry.addresses.iter().any(|net| self.0.parse() == Ok(net.addr()))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}
