//! The counters of the NICs' limits, read twice: what rises now, and what has risen since the driver was started.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::links::LinkFacts;
use crate::gather::Gather;
use crate::kernel::{self, Kernel, Nic};
use crate::net::Dev;
use crate::net::sysctl::Key;

/// Between the two readings.
const APART: Duration = Duration::from_secs(1);

/// How many connections the host's own tracking knows.
const TRACKED: &str = "net/netfilter/nf_conntrack_count";

/// What the NICs' drivers count of EC2's limits.
#[derive(Clone, Debug, Default)]
pub struct CounterFacts {
    pub nics: BTreeMap<Dev, Counted>,
    /// Connections that the host itself tracks; `None`: it tracks none.
    pub tracked: Option<u64>,
}

/// One NIC, read twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub before: Nic,
    /// `None`: it was read once.
    pub after: Option<Nic>,
}

impl CounterFacts {
    /// Reads them anew, at least a second after `start`, where there is anything to compare.
    pub(super) fn since(start: Instant, links: &LinkFacts, kernel: &Kernel) -> Self {
        let key = Key::of_host(TRACKED);
        let tracked = kernel.settings([key.clone()]).remove(&key);
        if links.nics.values().any(has_limits) {
            thread::sleep(APART.saturating_sub(start.elapsed()));
        }
        let counted = |(dev, before): (&Dev, &Nic)| {
            let after = has_limits(before).then(|| kernel::nic(dev).ok()).flatten();
            let before = before.clone();
            (dev.clone(), Counted { before, after })
        };
        Self {
            nics: links.nics.iter().map(counted).into_map(),
            tracked: tracked.and_then(|text| text.parse().ok()),
        }
    }
}

fn has_limits(nic: &Nic) -> bool {
    nic.counters.keys().any(|name| name.contains("_allowance_"))
}
