//! How many flows go from one address of this host to one destination and port: a port of that address each.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::forwarding::Conntrack;
use crate::error::Result;
use crate::gather::Gather;
use crate::kernel::Kernel;
use crate::net::{Flow, Target};
use crate::plan::Desired;

/// From so many on it is told: of the 64,512 ports from 1024 on.
pub const MANY: u64 = 50_000;

/// Flows that differ by nothing but the port of the address that they were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Crowd {
    pub from: IpAddr,
    pub to: Target,
}

/// How many there are of each. One count for what is reported of an entry, and for what is found.
#[derive(Clone, Default)]
pub(in crate::reconcile) struct Crowds(BTreeMap<Crowd, u64>);

impl Crowds {
    pub(in crate::reconcile) fn note(&mut self, flow: &Flow) {
        let (from, to) = (flow.answered_at, flow.to);
        *self.0.entry(Crowd { from, to }).or_default() += 1;
    }

    /// The largest; of protocols that have ports.
    pub(in crate::reconcile) fn largest(&self) -> Option<(&Crowd, &u64)> {
        let with_ports = self.0.iter().filter(|(crowd, _)| crowd.to.port > 0);
        with_ports.max_by_key(|(_, count)| **count)
    }
}

/// Those of the addresses that clients leave as, of more than [`MANY`] flows. A table with fewer in all is not listed, and only root may.
pub(super) fn read(
    kernel: &mut Kernel,
    desired: &Desired,
    (table, is_root): (Option<&Conntrack>, bool),
) -> Result<Vec<(Crowd, u64)>> {
    let pools = desired.egress.entries.iter().flat_map(|entry| &entry.pool);
    let own: Vec<IpAddr> = pools.map(|(ip, _)| IpAddr::V4(*ip)).gathered();
    if !is_root || own.is_empty() || table.is_some_and(|table| table.count <= MANY) {
        return Ok(Vec::new());
    }
    let mut crowds = Crowds::default();
    kernel.flows(&mut |flow: &Flow| {
        if own.contains(&flow.answered_at) {
            crowds.note(flow);
        }
    })?;
    let crowds = crowds.0.into_iter();
    Ok(crowds.filter(|(_, count)| *count > MANY).gathered())
}
