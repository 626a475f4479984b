//! What the kernel holds as a whole, and what else is found.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Object;
use crate::net::nft::Nft;
use crate::net::sysctl::{Key, Sysctl};
use crate::net::{Address, Declared, Dev, IndexRule, Link, Route, Rule};

/// What is found: what the kernel holds, in its own order, and what the owners of its interfaces say of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    pub links: Vec<Link>,
    pub addresses: Vec<Address>,
    /// Those of the addresses that have an end, with the seconds until then: whoever brought them has to renew them.
    pub expiring: BTreeMap<Address, u32>,
    /// Where sockets on the port of DHCPv6 clients (546) are bound; `::` is everywhere.
    pub dhcpv6_clients: BTreeSet<Ipv6Addr>,
    /// The host is starting: a DHCPv6 client may still come.
    pub is_starting: bool,
    /// The main table and every table in eniroute's range, both families.
    pub routes: Vec<Route>,
    /// But for the rule index.
    pub rules: Vec<Rule>,
    /// The rule index, of both families.
    pub index: BTreeSet<IndexRule>,
    /// Who made a rule, as far as the kernel says (rtnetlink(7), `RTA_PROTOCOL`), and it is not [`crate::net::rule::STATIC`].
    pub protocols: BTreeMap<Rule, u8>,
    /// Those that eniroute may change or has changed, and what new links get, as far as they are there.
    pub sysctls: BTreeMap<Key, String>,
    /// Our table of nftables, where it was looked for: the digest of what it was made from, and the text of the one that
    /// was made last.
    pub nft: Option<Nft>,
    /// The addresses of the names that the configuration has.
    pub names: BTreeMap<String, Vec<IpAddr>>,
    /// Those of the names that do not resolve now: their addresses are their last ones.
    pub unresolved: BTreeSet<String>,
    /// Addresses that are given to no new flow.
    pub drained: BTreeSet<Ipv4Addr>,
    /// By whose word an interface is a port, left alone, or up only when its owner likes.
    pub declared: BTreeMap<Dev, Declared>,
}

impl Observed {
    /// The text of the table that was made last, should one stand.
    pub fn learn(&mut self, made: Option<&Nft>) {
        if let (Some(standing), Some(made)) = (&mut self.nft, made) {
            standing.text = made.text.clone();
        }
    }

    /// What the kernel does not tell is as it was `before`.
    pub fn knowing(mut self, before: &Self) -> Self {
        self.declared.clone_from(&before.declared);
        self.names.clone_from(&before.names);
        self.unresolved.clone_from(&before.unresolved);
        self.drained.clone_from(&before.drained);
        self.learn(before.nft.as_ref());
        self
    }

    /// Everything that is there and that eniroute could have made.
    pub fn objects(&self) -> impl Iterator<Item = Object> {
        let up = self.links.iter().filter(|link| link.up);
        let links = up.map(|link| Object::LinkUp(link.name.clone()));
        let addresses = self.addresses.iter().cloned().map(Object::Address);
        let routes = self.routes.iter().cloned().map(Object::from);
        let rules = self.rules.iter().cloned().map(Object::Rule);
        let sysctls = self.sysctls.iter();
        let sysctls = sysctls.map(|(key, value)| Object::from(Sysctl::new(key.clone(), value)));
        let nft = self.nft.iter().map(|nft| Object::from(nft.as_seen()));
        links
            .chain(nft)
            .chain(addresses)
            .chain(routes)
            .chain(rules)
            .chain(sysctls)
    }
}
