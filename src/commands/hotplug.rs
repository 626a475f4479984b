//! `eniroute hotplug`: an ENI is attached while EC2 still publishes it, changed, detached, moved, and its link goes down
//! and up. udev and systemd call it.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use log::{debug, warn};

use super::stand_down::serve_silently;
use crate::cli::{Apply, Common, Hotplug, Selected};
use crate::config::Config;
use crate::diff::diff;
use crate::error::Result;
use crate::files::Disk;
use crate::kernel::{self, Kernel};
use crate::metadata::Metadata;
use crate::metadata::cache::Memory;
use crate::net::{Dev, Link, Mac, link_of_mac};
use crate::object::Change;
use crate::reconcile::assess::{Survey, read_ledger};
use crate::reconcile::executor::Executor;
use crate::reconcile::follow::Follow;
use crate::reconcile::{Host, converge, demand_root, files, lock};
use crate::report::Report;
use crate::select::Selector;

/// Held by the one run that waits for the metadata of all the interfaces that have appeared; the runs behind it find
/// theirs done.
pub const QUEUE: &str = "/run/eniroute/hotplug.lock";

/// How much longer than it would wait itself a run stays in the queue.
const PATIENCE: Duration = Duration::from_secs(10);

/// On a detachment, and where a link was down, the metadata service is asked only to prove that it still answers.
const SHORT: Duration = Duration::from_millis(300);

/// How long a look at changed links takes at least: systemd starts the next one at once where there are more of them
/// (containers come and go), and gives up the socket for good after too many starts in a row.
const REST: Duration = Duration::from_millis(500);

/// What udev and systemd call.
pub fn run(common: &Common, what: &Hotplug) -> Result<Report> {
    let serve = |work: &dyn Fn() -> Result<Report>| {
        serve_silently("hotplug", common, || demand_root("hotplug").and_then(|()| work()))
    };
    match what {
        Hotplug::Add { interface } => serve(&|| add(common, interface)),
        Hotplug::Remove { .. } => serve(&|| remove(common)),
        Hotplug::Change => {
            let began = Instant::now();
            // Where eniroute stands down, too: what is not read here starts the next run at once.
            let changed = kernel::changed_links();
            let ended = serve(&|| repair(common, changed.as_ref()));
            sleep(REST.saturating_sub(began.elapsed()));
            ended
        }
    }
}

fn add(common: &Common, name: &str) -> Result<Report> {
    let deadline = Instant::now() + common.wait;
    let mut host = Host::open(common)?;
    let _turn = host.disk.lock(Path::new(QUEUE), common.wait + PATIENCE)?;
    let known = Memory::load(&host.disk);
    let is_meant = |nic: &Link| *nic.name == *name;
    if host.kernel.links()?.iter().filter(|link| is_meant(link)).all(|nic| known.has_served(nic)) {
        debug!("{name} is gone, or another run has dealt with it");
        return Ok(Report::silent("hotplug"));
    }
    let follow = Follow { common, options: &Apply::default(), command: "hotplug", deadline };
    let ended = follow.run(&mut host, known, is_meant);
    if host.kernel.links()?.iter().any(is_meant) {
        return ended;
    }
    // It has vanished half way, so whatever went wrong is over; its removal is the next event.
    let mut report =
        ended.unwrap_or_else(|error| Report { errors: vec![error.to_string()], ..Report::silent("hotplug") });
    report.errors.drain(..).for_each(|error| warn!("{name} is gone: {error}"));
    Ok(report)
}

/// Forgets every ENI of ours whose interface is gone; needs no metadata: it may still list them, or be silent.
fn remove(common: &Common) -> Result<Report> {
    let mut host = Host::open(common)?;
    let _lock = lock(common)?;
    let links = host.kernel.links()?;
    let memory = Memory::load(&host.disk);
    // Nothing goes by what is half known, or was known before this boot.
    if memory.enis.is_empty() || !memory.refused.is_empty() || memory.recalled {
        return remove_made(&host.disk, &mut host.kernel, common, &links);
    }
    if memory.enis.iter().all(|eni| link_of_mac(eni.mac, &links).is_some()) {
        debug!("no ENI's interface is gone");
        return Ok(Report::silent("hotplug"));
    }
    from_memory(&mut host, memory.of_present(&links), common)
}

/// Does what needs no metadata that is new. Where the service answers at once, it will have to answer at the end, too.
fn from_memory(host: &mut Host, metadata: Metadata, common: &Common) -> Result<Report> {
    host.service.wait = SHORT;
    if let Err(error) = host.imds() {
        warn!("{error}; going by what it said last");
    }
    converge(host, metadata, common, &Apply::default(), "hotplug")
}

/// The same where no run of this boot has read the metadata: by the ledger alone. A table that a present ENI has, too,
/// is left to the next run.
fn remove_made(disk: &Disk, kernel: &mut Kernel, common: &Common, links: &[Link]) -> Result<Report> {
    let ledger = read_ledger(disk);
    let is_there = |mac: &Mac| link_of_mac(*mac, links).is_some();
    let taken: Vec<u32> = ledger.enis.iter().filter(|(mac, _)| is_there(mac)).map(|(_, entry)| entry.table).collect();
    let gone = ledger.enis.iter().filter(|(mac, entry)| !is_there(mac) && !taken.contains(&entry.table));
    let enis: Vec<_> = gone.map(|(mac, _)| Selector::new(&mac.to_string())).collect();
    if enis.is_empty() {
        return Ok(Report::silent("hotplug"));
    }
    let mut survey = Survey::of_what_we_made(disk, kernel, &Config::default(), &Selected { enis })?;
    let mut report = survey.report("hotplug");
    let mut executor = Executor { kernel, disk, service: None, wait: common.wait };
    files::remove(&mut executor, &mut survey, true, &mut report)?;
    Ok(report)
}

/// Repairs what is missing on links that are up, where one of ours has changed. A link that is down was perhaps put
/// down by a person: the next refresh brings it up.
fn repair(common: &Common, changed: Option<&BTreeSet<u32>>) -> Result<Report> {
    let mut host = Host::open(common)?;
    let memory = Memory::load(&host.disk);
    let is_ours = |index: &u32| memory.nics.values().any(|nic| nic == index);
    if changed.is_some_and(|changed| !changed.iter().any(is_ours)) || memory.enis.is_empty() {
        return Ok(Report::silent("hotplug"));
    }
    let links = host.kernel.links()?;
    let survey = Survey::of(&mut host, memory.of_present(&links), &Selected::default())?;
    let down: Vec<&Dev> = survey.observed.links.iter().filter(|link| !link.up).map(|link| &link.name).collect();
    let is_missing =
        |change: &Change| !matches!(change, Change::Remove(_)) && change.dev().is_none_or(|dev| !down.contains(&dev));
    if !diff(&survey.desired, &survey.observed, &survey.scope).iter().any(is_missing) {
        return Ok(Report::silent("hotplug"));
    }
    let _lock = lock(common)?;
    // By the very link that was down the metadata service may not be reached yet.
    let memory = Memory::load(&host.disk);
    if memory.enis.is_empty() {
        debug!("`eniroute remove` came first");
        return Ok(Report::silent("hotplug"));
    }
    from_memory(&mut host, memory.metadata(), common)
}
