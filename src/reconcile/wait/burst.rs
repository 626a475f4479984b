//! Many interfaces that appear at once are dealt with by a few runs.

use std::time::{Duration, Instant};

use crate::files::Disk;
use crate::gather::Gather;
use crate::metadata::cache::{self, Memory};
use crate::net::{self, Link};

/// While a run was so short ago, more interfaces may be on their way, and are waited for: at most as long again, and
/// until none has come for a while.
const BURST: Duration = Duration::from_secs(1);
const QUIET: Duration = Duration::from_millis(150);

/// What a run has seen of the interfaces that appear.
pub struct Burst {
    end: Option<Instant>,
    nics: Vec<u32>,
    grown: Instant,
}

impl Burst {
    /// There is one only where a run of this boot was just now.
    pub fn new(disk: &Disk, known: &Memory) -> Self {
        let stamp = disk.stamp(cache::PATH).filter(|_| !known.enis.is_empty());
        let was_just_now = stamp
            .and_then(|stamp| stamp.changed.elapsed().ok())
            .is_some_and(|age| age < BURST);
        let now = Instant::now();
        Self {
            end: was_just_now.then(|| now + BURST),
            nics: Vec::new(),
            grown: now,
        }
    }

    /// Whether there was a run just now, and more interfaces may follow those that have come since.
    pub fn is_on(&mut self, links: &[Link]) -> bool {
        let nics: Vec<u32> = net::nics(links).map(|link| link.index).gathered();
        if nics != self.nics {
            (self.nics, self.grown) = (nics, Instant::now());
        }
        self.grown.elapsed() < QUIET && self.end.is_some_and(|end| Instant::now() < end)
    }
}
