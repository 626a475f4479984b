//! The text of our nftables table: which ENI a forwarded packet leaves by and what it leaves as, its answers' way back,
//! and what is not let through. Pure: what is to be done comes as a [`Filter`], and nothing else matters.
//!
//! Routes are chosen by mark: a chain for each ENI sets the packet's mark (`fwmark SLOT<<24/0xff000000 lookup T` then
//! finds its table), and maps lead to that chain, by client, by the address that a flow was given, or by the ENI that it
//! came in by. One bit more of a flow's mark says that it is decided (`decided.rs`). nft cannot put a variable into a part of
//! a mark, hence chains of constants.

mod astray;
mod clients;
mod counts;
mod decided;
mod draft;
mod guard;
mod known;
mod maps;
mod pool;
mod ways;

use std::net::Ipv4Addr;

use ipnet::IpNet;

use super::egress::Range;
use crate::config::Wishes;
use crate::net::nft::Nft;
use crate::net::{Dev, Family};
use crate::numbering::Slot;
use draft::Draft;

/// What the table has to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Every ENI that packets are forwarded by.
    pub ports: Vec<Port>,
    /// What the rules of those ENIs send by them, and by nothing else.
    pub leads: Vec<Lead>,
    /// Clients that leave by an address of this host. Without any, the table only sends answers back the way that the
    /// first packet came.
    pub entries: Vec<Entry>,
    /// Destinations that are reached without NAT and by main: the VPC's own ranges, and what is link-local or multicast.
    pub exempt: Vec<IpNet>,
    /// What comes in by an ENI and is nobody's is forwarded all the same: this host is a router.
    pub is_router: bool,
}

/// An ENI that packets are forwarded by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    pub dev: Dev,
    /// What stands for it in marks.
    pub slot: Slot,
    /// Its IPv4 addresses.
    pub addresses: Vec<Ipv4Addr>,
}

/// A rule that leads to the table of an ENI that has a default route there: what goes by that rule leaves by that ENI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    pub family: Family,
    /// It is for what came in by this interface; `None`: for what has the ENI's mark.
    pub dev: Option<Dev>,
    /// The ENI's.
    pub slot: Slot,
}

/// Some clients, and what they leave as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Names its counters: letters, digits and underscores.
    pub key: String,
    /// The file and the line where it stands.
    pub place: String,
    /// No two entries have an address in common.
    pub clients: Vec<Range>,
    /// The addresses that its IPv4 clients leave as, each with its ENI's slot; none: nothing is let through.
    pub pool: Vec<(Ipv4Addr, Slot)>,
    /// Addresses that it had, and that get no new flows: those that they have go on, and are counted.
    pub drained: Vec<(Ipv4Addr, Slot)>,
    /// Words of its `as` that mean nothing here yet.
    pub absent: Vec<String>,
    /// The slot of the ENI that its IPv6 clients leave by.
    pub ipv6: Option<Slot>,
    /// Destinations beside [`Filter::exempt`] that are reached without NAT.
    pub not_to: Vec<IpNet>,
    pub wishes: Wishes,
}

impl Filter {
    /// The table.
    pub fn table(&self) -> Nft {
        let mut draft = Draft::default();
        ways::add(&mut draft, self);
        draft.base_chain("forward", "filter hook forward priority -5");
        astray::add(&mut draft, self);
        if self.is_router {
            counts::passed(&mut draft, self);
        }
        if !self.entries.is_empty() {
            clients::add(&mut draft, self);
            guard::add(&mut draft, self);
        }
        Nft::new(&draft.text())
    }
}

pub use counts::{PARTS, of_address, of_eni, of_entry};
pub use guard::guard_of;
pub use known::Known;
pub use pool::{address_of, client_bucket};

#[cfg(test)]
mod tests;
