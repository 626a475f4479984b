//! `eniroute hotplug add`: an interface has appeared. Waits until EC2 has published its ENI, and configures it.

use std::path::Path;
use std::time::{Duration, Instant};

use log::{debug, warn};

use super::{QUEUE, nothing};
use crate::cli::Common;
use crate::error::Result;
use crate::metadata::cache::Memory;
use crate::net::Link;
use crate::reconcile::wait::Wait;
use crate::reconcile::{Host, How};
use crate::report::Report;

/// How much longer than it would wait itself a run stays in the queue.
const PATIENCE: Duration = Duration::from_secs(10);

/// Configures the ENI whose interface is called `name`, and whatever else is news.
///
/// # Errors
/// The metadata service, where nothing was done; another run does not end; as [`crate::reconcile::converge()`]. None of
/// it where the interface has gone again.
pub fn run(common: &Common, name: &str) -> Result<Report> {
    let deadline = Instant::now() + common.wait;
    let how = How::repeated("hotplug", common);
    let mut host = Host::open_at_once(common)?;
    let _turn = host.disk.lock(Path::new(QUEUE), common.wait + PATIENCE)?;
    let known = Memory::load(&host.disk);
    let is_meant = |nic: &Link| *nic.name == *name;
    if host
        .kernel
        .links()?
        .iter()
        .filter(|link| is_meant(link))
        .all(|nic| known.has_served(nic))
    {
        debug!("{name} is gone, or another run has dealt with it");
        return nothing();
    }
    let ended = Wait::new(&mut host, &how, known, deadline).until_served(is_meant);
    if host.kernel.links()?.iter().any(is_meant) {
        ended
    } else {
        Ok(without(name, ended))
    }
}

/// It has vanished half way, so whatever went wrong is over; its removal is the next event.
fn without(name: &str, ended: Result<Report>) -> Report {
    let mut report = ended.unwrap_or_else(|error| Report {
        errors: vec![error.to_string()],
        ..Report::silent("hotplug")
    });
    report
        .errors
        .drain(..)
        .for_each(|error| warn!("{name} is gone: {error}"));
    report
}
