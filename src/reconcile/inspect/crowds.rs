//! How many flows go from one address of this host to one destination and port: a port of that address each.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::forwarding::Conntrack;
use crate::error::Result;
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

/// Those of the addresses that clients leave as, of more than [`MANY`] flows. A table with fewer in all is not listed, and only root may.
pub(super) fn read(
    kernel: &mut Kernel,
    desired: &Desired,
    (table, is_root): (Option<&Conntrack>, bool),
) -> Result<Vec<(Crowd, u64)>> {
    let pools = desired.egress.entries.iter().flat_map(|entry| &entry.pool);
    let own: Vec<IpAddr> = pools.map(|(ip, _)| IpAddr::V4(*ip)).collect();
    let mut crowds: BTreeMap<Crowd, u64> = BTreeMap::new();
    if !is_root || own.is_empty() || table.is_some_and(|table| table.count <= MANY) {
        return Ok(Vec::new());
    }
    kernel.flows(&mut |flow: &Flow| {
        if own.contains(&flow.answered_at) {
            let crowd = Crowd {
                from: flow.answered_at,
                to: flow.to,
            };
            *crowds.entry(crowd).or_default() += 1;
        }
    })?;
    Ok(crowds
        .into_iter()
        .filter(|(_, count)| *count > MANY)
        .collect())
}
