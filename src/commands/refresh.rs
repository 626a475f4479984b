//! `eniroute refresh`: follows what EC2 has changed, each minute; cheap and silent where nothing has.

use std::path::Path;
use std::time::SystemTime;

use log::debug;

use super::hotplug::QUEUE;
use crate::cli::{Common, Selected};
use crate::error::{Error, Result};
use crate::files::Disk;
use crate::metadata::cache::{self, Memory};
use crate::metadata::{Incomplete, Known, Metadata, still_holds};
use crate::reconcile::{Host, How, converge, demand_root, try_lock};
use crate::report::Report;

/// Follows what EC2 has changed. Does nothing while another run is at work.
///
/// # Errors
/// Not root; the metadata service; as [`converge()`].
pub fn run(common: &Common) -> Result<Report> {
    demand_root("refresh")?;
    let disk = Disk::new(&common.root)?;
    let Some(_lock) = try_lock(&disk)? else {
        debug!("another eniroute is at work");
        return Ok(Report::silent("refresh"));
    };
    let mut host = Host::open(common)?;
    let metadata = match current(&mut host) {
        Ok(metadata) => metadata,
        Err(error @ Error::Refused { .. }) => return told_once(&disk, error),
        Err(error) => return Err(error),
    };
    let late: Vec<String> = metadata
        .incomplete
        .iter()
        .map(Incomplete::to_string)
        .collect();
    let mut report = converge(&mut host, &How::repeated("refresh", common), metadata)?;
    if !late.is_empty() && disk.try_lock(Path::new(QUEUE))?.is_none() {
        debug!("another run waits for {}", late.join("; "));
        report.errors.retain(|error| !late.contains(error));
    }
    Ok(report.silent_unless_changed())
}

/// A service that is turned off for good is an error once, not every minute.
fn told_once(disk: &Disk, error: Error) -> Result<Report> {
    let (mut memory, text) = (Memory::load(disk), error.to_string());
    if memory.told.contains(&text) {
        debug!("still: {text}");
        return Ok(Report::silent("refresh"));
    }
    if disk.exists(cache::PATH) {
        memory.told.push(text);
        memory.save(disk)?;
    }
    Err(error)
}

/// The metadata: what is remembered where the service still says so, which is cheaper, else all of it.
fn current(host: &mut Host) -> Result<Metadata> {
    let memory = Memory::load(&host.disk);
    let links = host.kernel.links()?;
    let public = host.needs_public(&Selected::default());
    let present = host.present()?;
    let known = Known {
        enis: &memory.read(),
        apart: &memory.apart,
        present: Some(&present),
    };
    if !public && memory.is_of(&links) && still_holds(host.imds()?, known, minute())? {
        return Ok(memory.metadata());
    }
    host.metadata(public)
}

/// Differs from one refresh to the next.
fn minute() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
        / 60
}
