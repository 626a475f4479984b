//! Who the clients of a table are, and which addresses are the host's, read from its text: what an earlier run has made is
//! known by nothing else.

use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::gather::Gather;
use crate::net::nft::TABLE;
use crate::plan::egress::{Range, merged};

/// Of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// In their order, none of which has an address of another.
    clients: Vec<Range>,
    own: Vec<Ipv4Addr>,
    /// Where clients get without NAT, all or some; in their order, too.
    plain: Vec<Range>,
}

impl Known {
    /// What the text of a table tells.
    pub fn of(text: &str) -> Self {
        Self {
            clients: merged(keys(text, "fwd4").gathered()),
            own: keys(text, "owner4 ").gathered(),
            plain: merged(keys(text, "exempt4 ").chain(keys(text, "not4_")).gathered()),
        }
    }

    /// This is a client's.
    pub fn has_client(&self, ip: Ipv4Addr) -> bool {
        is_in(&self.clients, ip)
    }

    /// Clients' flows to there are given an address.
    pub fn translates(&self, to: Ipv4Addr) -> bool {
        !is_in(&self.plain, to)
    }

    /// This is an address of the host's.
    pub fn is_own(&self, ip: Ipv4Addr) -> bool {
        self.own.contains(&ip)
    }
}

/// `ranges` are in their order.
fn is_in(ranges: &[Range], ip: Ipv4Addr) -> bool {
    let ip = ip.into();
    let after = ranges.partition_point(|range| range.begins_by(ip));
    let mut last = ranges[..after].iter().rev();
    last.next().is_some_and(|range| range.contains(ip))
}

/// The elements of the sets, and the keys of the maps (what stands before each colon), whose names begin so.
fn keys<T: FromStr>(text: &str, name: &str) -> impl Iterator<Item = T> {
    let head = format!("add element {TABLE} {name}");
    let lines = text.lines().filter_map(|line| line.strip_prefix(&head));
    let elements = lines.filter_map(|line| line.split_once("{ ")?.1.strip_suffix(" }"));
    let keys = elements
        .flat_map(|elements| elements.split(", "))
        .filter_map(|element| element.split(" : ").next());
    keys.filter_map(|key| key.parse().ok())
        .gathered::<Vec<_>>()
        .into_iter()
}
