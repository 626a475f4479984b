//! How a person names an ENI: on the command line (`--eni`) and in the configuration (`exclude`, `[eni]`).

use std::fmt;
use std::net::IpAddr;

use crate::eni::Eni;
use crate::net::{Link, Mac};
use crate::numbering::Number;

/// An interface name, an altname, a MAC, an eni-id, a device number, or a private or public address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(String);

impl Selector {
    /// What a person has written, without white space around it.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// Whether it may be a public address, for which the metadata must be asked expressly.
    pub fn is_address(&self) -> bool {
        self.0.parse::<IpAddr>().is_ok()
    }

    /// Whether `eni`, carried by `link`, is meant.
    pub fn matches(&self, eni: &Eni, link: Option<&Link>) -> bool {
        self.names(link)
            || self.is(&eni.id)
            || self.is_mac(eni.mac)
            || self.is_number(eni.number())
            || self.is_address_of(eni)
    }

    /// Whether it is this very text: an interface's name, or an eni-id.
    pub fn is(&self, text: &str) -> bool {
        self.0 == text
    }

    /// Whether it is the name or an altname of `link`.
    pub fn names(&self, link: Option<&Link>) -> bool {
        link.is_some_and(|link| self.is(&link.name) || link.altnames.contains(&self.0))
    }

    /// Whether `mac` is meant, in either case of letters.
    pub fn is_mac(&self, mac: Mac) -> bool {
        self.0.parse() == Ok(mac)
    }

    /// Whether the ENI `mac`, carried by `link`, is meant, of which no more is known.
    pub fn means(&self, mac: Mac, link: Option<&Link>) -> bool {
        self.names(link) || self.is_mac(mac)
    }

    /// A device number; with several network cards, device number + 100 * card, as in the table's number.
    pub fn is_number(&self, number: Number) -> bool {
        self.0.parse() == Ok(number)
    }

    /// Whether it is one of these addresses.
    pub fn is_among(&self, mut addresses: impl Iterator<Item = IpAddr>) -> bool {
        self.0
            .parse()
            .is_ok_and(|wanted: IpAddr| addresses.any(|ip| ip == wanted))
    }

    fn is_address_of(&self, eni: &Eni) -> bool {
        let public = eni.public.values().flatten().map(|ip| IpAddr::from(*ip));
        self.is_among(eni.addresses().chain(public))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}
