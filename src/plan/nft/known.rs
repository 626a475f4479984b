//! Who the clients of a table are, and which addresses are the host's, read from its text: what an earlier run has made is
//! known by nothing else.

use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::net::nft::TABLE;
use crate::plan::egress::{Range, merged};

/// Of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// In their order, none of which has an address of another.
    clients: Vec<Range>,
    own: Vec<Ipv4Addr>,
}

impl Known {
    /// What the text of a table tells.
    pub fn of(text: &str) -> Self {
        Self {
            clients: merged(keys(text, "fwd4").collect()),
            own: keys(text, "owner4").collect(),
        }
    }

    /// This is a client's.
    pub fn has_client(&self, ip: Ipv4Addr) -> bool {
        let ip = ip.into();
        let after = self.clients.partition_point(|range| range.begins_by(ip));
        let mut last = self.clients[..after].iter().rev();
        last.next().is_some_and(|range| range.contains(ip))
    }

    /// This is an address of the host's.
    pub fn is_own(&self, ip: Ipv4Addr) -> bool {
        self.own.contains(&ip)
    }
}

/// The keys of a map: what stands before each colon.
fn keys<T: FromStr>(text: &str, map: &str) -> impl Iterator<Item = T> {
    let head = format!("add element {TABLE} {map} {{ ");
    let mut lines = text.lines();
    let elements = lines
        .find_map(|line| line.strip_prefix(&head))
        .unwrap_or_default();
    let keys = elements
        .split(", ")
        .filter_map(|element| element.split(" : ").next());
    keys.filter_map(|key| key.parse().ok())
        .collect::<Vec<_>>()
        .into_iter()
}
