//! `eniroute hotplug change`: some interface has changed. Repairs what went down and up.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use log::debug;

use super::{from_memory, nothing, serve};
use crate::cli::Common;
use crate::error::Result;
use crate::gather::Gather;
use crate::kernel;
use crate::metadata::cache::Memory;
use crate::net::Dev;
use crate::object::Change;
use crate::reconcile::{Host, How, Run, lock, tidy};
use crate::report::Report;

/// How long a look at changed links takes at least: systemd starts the next one at once where there are more of them
/// (containers come and go), and gives up the socket for good after too many starts in a row.
const REST: Duration = Duration::from_millis(500);

/// Reads which links have changed, and repairs what is missing on ours.
///
/// # Errors
/// As [`crate::reconcile::converge()`].
pub fn run(common: &Common) -> Result<Report> {
    let began = Instant::now();
    // Where eniroute stands down, too: what is not read here starts the next run at once.
    let changed = kernel::changed_links();
    let ended = serve(common, || repair(common, changed.as_ref()));
    sleep(REST.saturating_sub(began.elapsed()));
    ended
}

/// Repairs what is missing on links that are up, where one of ours has changed.
fn repair(common: &Common, changed: Option<&BTreeSet<u32>>) -> Result<Report> {
    let how = How::repeated("hotplug", common);
    let mut host = Host::open_at_once(common)?;
    let memory = Memory::load(&host.disk);
    let is_ours = |index: &u32| memory.nics.values().any(|nic| nic == index);
    if changed.is_some_and(|changed| !changed.iter().any(is_ours)) || memory.enis.is_empty() {
        return nothing();
    }
    let links = host.kernel.links()?;
    if !is_anything_missing(&Run::of(&mut host, &how, memory.of_present(&links))?) {
        return nothing();
    }
    let _lock = lock(&host.disk, common.wait)?;
    tidy(&host.disk);
    // By the very link that was down the metadata service may not be reached yet.
    let memory = Memory::load(&host.disk);
    if memory.enis.is_empty() {
        debug!("`eniroute remove` came first");
        return nothing();
    }
    from_memory(&mut host, &how, memory.metadata())
}

/// Or an address is there again that EC2 has taken away: a network manager that has an old file of ours loaded brings it.
/// A link that is down was perhaps put down by a person: the next refresh brings it up.
fn is_anything_missing(run: &Run) -> bool {
    let down: Vec<&Dev> = run
        .assessment
        .observed
        .links
        .iter()
        .filter(|link| !link.up)
        .map(|link| &link.name)
        .gathered();
    let is_missing = |change: &Change| {
        let is_kept = matches!(change, Change::Remove(object) if object.address().is_none());
        !is_kept && change.dev().is_none_or(|dev| !down.contains(&dev))
    };
    run.changes().iter().any(is_missing)
}
