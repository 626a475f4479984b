//! `eniroute refresh`: follows what EC2 has changed, each minute; cheap and silent where nothing has.

use std::path::Path;

use log::debug;

use super::hotplug::QUEUE;
use crate::cli::{Common, Selected};
use crate::error::{Error, Result};
use crate::files::Disk;
use crate::gather::Gather;
use crate::metadata::cache::{self, Memory};
use crate::metadata::{Incomplete, Metadata};
use crate::reconcile::assess::Assessment;
use crate::reconcile::{Host, How, Run, demand_root, tidy, try_lock};
use crate::report::Report;

/// Follows what EC2 has changed. Does nothing while another run is at work.
///
/// # Errors
/// Not root; the metadata service; as [`Run::converge`].
pub fn run(common: &Common) -> Result<Report> {
    demand_root("refresh")?;
    let disk = Disk::new(&common.root)?;
    let Some(_lock) = try_lock(&disk)? else {
        debug!("another eniroute is at work");
        return Ok(Report::silent("refresh"));
    };
    let mut host = Host::open(common)?;
    let how = How::repeated("refresh", common);
    let run = match current(&mut host) {
        Ok(Current::AsBefore(assessment)) => Run::assessed(&mut host, &how, (*assessment)?),
        Ok(Current::Anew(metadata)) => Run::of(&mut host, &how, *metadata)?,
        Err(error @ Error::Refused { .. }) => return told_once(&disk, error),
        Err(error) => return Err(error),
    };
    let late = run.assessment.metadata.incomplete.iter();
    let late: Vec<String> = late.map(Incomplete::to_string).gathered();
    let mut report = run.converge()?;
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

/// What the service says.
enum Current {
    /// What it said before: the host has been looked at meanwhile.
    AsBefore(Box<Result<Assessment>>),
    Anew(Box<Metadata>),
}

/// The metadata: what is remembered where the service still says so, which is cheaper, else all of it.
fn current(host: &mut Host) -> Result<Current> {
    let memory = Memory::load(&host.disk);
    let links = host.kernel.links()?;
    let selected = Selected::default();
    let public = host.needs_public(&selected);
    if !public && memory.is_of(&links) {
        let look = |host: &mut Host| {
            tidy(&host.disk);
            let mut assessment = Assessment::of(host, memory.clone().metadata(), &selected)?;
            assessment.look_ahead(host);
            Ok(assessment)
        };
        if let Some(assessment) = host.look_while_asking(&memory, &links, look)? {
            return Ok(Current::AsBefore(Box::new(assessment)));
        }
    }
    tidy(&host.disk);
    host.metadata(public).map(Box::new).map(Current::Anew)
}
