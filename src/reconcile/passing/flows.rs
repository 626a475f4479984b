//! The connections of clients, counted by entry and by the address that they were given, in one pass.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use crate::gather::{Gather, Order};
use crate::kernel::Kernel;
use crate::net::Flow;
use crate::net::nft::PORTS;
use crate::plan::egress::Range;
use crate::plan::nft::Entry;
use crate::reconcile::inspect::crowds::Crowds;
use crate::report::Busiest;

/// What is seen of some flows.
#[derive(Clone, Default)]
pub(super) struct Seen {
    pub(super) flows: usize,
    pub(super) clients: BTreeSet<IpAddr>,
    to: Crowds,
}

impl Seen {
    fn note(&mut self, flow: &Flow) {
        self.flows += 1;
        self.clients.insert(flow.source);
        self.to.note(flow);
    }

    /// And those.
    pub(super) fn with(mut self, other: &Self) -> Self {
        self.flows += other.flows;
        self.clients.extend(&other.clients);
        self
    }

    /// Where most of them go; of protocols that have ports.
    pub(super) fn busiest(&self) -> Option<Busiest> {
        let (crowd, ports) = self.to.largest()?;
        Some(Busiest {
            address: crowd.to.address,
            port: crowd.to.port,
            protocol: crowd.to.protocol,
            ports: *ports,
            limit: PORTS,
        })
    }
}

/// Of each entry, by the address that its flows were given; `None`: their own. Only root may know.
pub(super) fn flows(
    kernel: &Kernel,
    entries: &[Entry],
) -> Option<Vec<BTreeMap<Option<Ipv4Addr>, Seen>>> {
    let clients = Clients::of(entries);
    let mut seen = vec![BTreeMap::new(); entries.len()];
    let mut look = |flow: &Flow| {
        let Some(at) = clients.whose(flow.source) else {
            return;
        };
        let given = match flow.answered_at {
            IpAddr::V4(ip) if flow.source != flow.answered_at => Some(ip),
            _ => None,
        };
        let seen: &mut Seen = seen[at].entry(given).or_default();
        seen.note(flow);
    };
    kernel.flows(&mut look).ok()?;
    Some(seen)
}

/// Whose the clients are, in the order of their addresses: there may be ten thousand.
struct Clients(Vec<(Range, usize)>);

impl Clients {
    fn of(entries: &[Entry]) -> Self {
        let all = entries.iter().enumerate();
        let all = all.flat_map(|(at, entry)| entry.clients.iter().map(move |range| (*range, at)));
        let mut all: Vec<(Range, usize)> = all.gathered();
        all.order();
        Self(all)
    }

    fn whose(&self, ip: IpAddr) -> Option<usize> {
        let after = self.0.partition_point(|(range, _)| range.begins_by(ip));
        let (range, at) = self.0.get(after.checked_sub(1)?)?;
        range.contains(ip).then_some(*at)
    }
}
