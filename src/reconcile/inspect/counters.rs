//! The counters of the NICs' limits, read twice: what rises now, and what has risen since the driver was started.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::links::LinkFacts;
use crate::gather::Gather;
use crate::kernel::{self, Nic};
use crate::net::Dev;

/// Between the two readings.
const APART: Duration = Duration::from_secs(1);

/// What the NICs' drivers count of EC2's limits.
#[derive(Clone, Debug, Default)]
pub struct CounterFacts {
    pub nics: BTreeMap<Dev, Counted>,
}

/// One NIC, read twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub before: Nic,
    /// `None`: it was read once.
    pub after: Option<Nic>,
}

impl Counted {
    /// The latest reading.
    pub fn last(&self) -> &Nic {
        self.after.as_ref().unwrap_or(&self.before)
    }
}

impl CounterFacts {
    /// Reads them anew, at least a second after `start`, where there is anything to compare.
    pub(super) fn since(start: Instant, links: &LinkFacts) -> Self {
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
        }
    }
}

fn has_limits(nic: &Nic) -> bool {
    nic.counters.keys().any(|name| name.contains("_allowance_"))
}
