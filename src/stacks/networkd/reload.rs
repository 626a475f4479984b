//! The hand-over of new files to a running systemd-networkd, such that the primary ENI never flaps: the secondary
//! ENIs' units are put in place and loaded, and nothing else is. Decides and acts; what the files say is not its
//! business, and where networkd does not run it only has netplan check the YAML and make its units.
//!
//! networkd takes a unit as changed by the file's inode and times, and configures its links anew: a DHCP lease is
//! lost by it. `netplan generate` rewrites every unit. So netplan renders into a scratch root, only the secondary
//! ENIs' units are taken from there, and the primary's own additions are put in place after the reload.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use log::info;
use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::files::{Disk, FileChange};
use crate::net::Dev;
use crate::stacks::command;
use crate::stacks::netplan::generate as netplan;
use crate::stacks::networkd::daemon::{self, Progress};
use crate::stacks::networkd::unit::unit_of_path;

/// A program has so many times `--wait`: a small instance that boots is busy.
pub const PATIENCE: u32 = 6;

/// How often networkd's record of a link is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// `networkctl reload` takes hundredths of a second, and some on a small instance that boots.
const RELOAD: Duration = Duration::from_secs(10);

/// networkd begins with its links before `networkctl` ends, or at once after that.
const BEGIN: Duration = Duration::from_secs(2);

/// Its work on a link is mostly the kernel's probe for the link-local address: 2 s at most (`accept_dad`: a delay of up
/// to one second, and one probe of a second). A DHCP client of the owner's is to have an answer in the rest.
const WORK: Duration = Duration::from_secs(5);

/// How telling networkd went.
#[derive(Debug, Default)]
pub struct Told {
    /// It has been told, so it may have dropped something.
    pub told: bool,
    /// What it has not come to an end with.
    pub notes: Vec<String>,
    pub errors: Vec<Error>,
}

/// The files of one run, and the units that networkd is to load.
#[derive(Debug, Default)]
pub struct Changes {
    pub files: Vec<FileChange>,
    /// The .network unit that holds each secondary ENI's part; empty for other stacks.
    pub units: BTreeMap<Dev, String>,
    /// See [`crate::stacks::Rendering::complete`].
    pub complete: BTreeSet<Dev>,
}

/// A hand-over that has been prepared: what netplan had to say, it has said.
pub struct Handover<'a> {
    disk: &'a Disk,
    units: &'a BTreeMap<Dev, String>,
    wait: Duration,
    /// netplan's units for our YAML beside everybody's, below a root of their own.
    generated: Option<TempDir>,
    /// The units of secondary ENIs that the files change.
    changed: BTreeSet<String>,
}

impl<'a> Handover<'a> {
    /// Has netplan check the YAML, in a copy. `live`: a running networkd may be told; else the files are for the
    /// boot. `wait` bounds networkd's work, and six times that netplan's. Changes nothing.
    ///
    /// # Errors
    /// netplan refuses our YAML or somebody else's, or does not end in time. The files must not be put in place.
    pub fn prepare(disk: &'a Disk, changes: &'a Changes, live: bool, wait: Duration) -> Result<Option<Self>> {
        if !disk.is_host() || changes.files.is_empty() {
            return Ok(None);
        }
        let generated = netplan::generate(disk, &changes.files, wait.saturating_mul(PATIENCE))?;
        let units = &changes.units;
        let touched = changes.files.iter().filter_map(|change| unit_of_path(change.path()));
        let changed = touched.filter(|unit| is_secondary(unit, units)).map(str::to_owned).collect();
        Ok(live.then_some(Self { disk, units, wait, generated, changed }))
    }

    /// Whether a file must wait until networkd has loaded the others: it adds to a unit that is not a secondary
    /// ENI's, which the reload would configure anew.
    pub fn comes_last(&self, change: &FileChange) -> bool {
        unit_of_path(change.path()).is_some_and(|unit| !is_secondary(unit, self.units))
    }

    /// Puts the secondary ENIs' units in place and has networkd load them, unless it would configure another link
    /// anew by that. One that does not run yet has read nothing: all of the units that netplan has made for its start are
    /// brought up to date.
    ///
    /// The lock is held meanwhile, so each wait has a bound of its own below `--wait`.
    ///
    /// # Errors
    /// A unit that cannot be written. That `networkctl` failed, is in what it returns.
    pub fn load(mut self) -> Result<Told> {
        let Some(started) = daemon::started()? else {
            if let Some(generated) = self.generated.as_ref().filter(|_| netplan::has_generated(self.disk)) {
                netplan::install(self.disk, generated.path(), netplan::is_unit)?;
            }
            return Ok(Told::default());
        };
        if let Some(generated) = &self.generated {
            let is_ours = |unit: &str| is_secondary(unit, self.units);
            self.changed.extend(netplan::install(self.disk, generated.path(), is_ours)?);
        }
        if self.changed.is_empty() {
            return Ok(Told::default());
        }
        if let Some(why) = self.obstacle(started)? {
            info!("systemd-networkd was not told to reload, because {why}: the files are for the next boot");
            return Ok(Told::default());
        }
        let before = self.records();
        let told = command::run("networkctl", &["reload"], self.wait.min(RELOAD));
        let notes = if told.is_ok() { self.settle(&before) } else { Vec::new() };
        Ok(Told { told: true, notes, errors: told.err().into_iter().collect() })
    }

    /// What networkd would load besides: a file that is newer than the daemon may be unknown to it. When it last
    /// loaded its files cannot be asked, so its start has to do: we rather leave one reload out than flap a link.
    fn obstacle(&self, started: SystemTime) -> Result<Option<String>> {
        let others = daemon::configuration(self.disk)?.into_iter();
        let mut others =
            others.filter(|path| !daemon::unit_of(path).is_some_and(|unit| is_secondary(unit, self.units)));
        let newer = others.find(|path| self.disk.stamp(path).is_some_and(|stamp| stamp.changed > started));
        if let Some(path) = newer {
            return Ok(Some(format!("{} is newer than it and may touch other links", path.display())));
        }
        let gone = daemon::units_in_use(self.disk)?.into_iter().find(|path| {
            let is_other = daemon::unit_of(path).is_some_and(|unit| !is_secondary(unit, self.units));
            is_other && !self.disk.exists(path)
        });
        Ok(gone.map(|path| format!("{}, which it runs a link by, is gone", path.display())))
    }

    /// networkd's records of the links whose units are to be loaded, as they are now.
    fn records(&self) -> Vec<daemon::Record> {
        let concerned = self.units.iter().filter(|(_, unit)| self.changed.contains(*unit));
        concerned.filter_map(|(dev, unit)| daemon::Record::read(self.disk, dev, unit)).collect()
    }

    /// The reload only begins the work. Waits until each link is configured by its unit, which its record tells; says
    /// of which it has waited for in vain.
    fn settle(&self, before: &[daemon::Record]) -> Vec<String> {
        let began = Instant::now();
        let is_in_time = |bound: Duration| began.elapsed() < bound.min(self.wait);
        let is_awaited = |record: &&daemon::Record| match record.progress(self.disk) {
            Progress::None => is_in_time(BEGIN),
            Progress::Begun => is_in_time(WORK),
            Progress::Done => false,
        };
        while before.iter().any(|record| is_awaited(&record)) {
            std::thread::sleep(INTERVAL);
        }
        before.iter().filter_map(|record| record.complaint(self.disk)).collect()
    }
}

/// A unit of a secondary ENI: one that holds a part of ours, or a complete one of ours of an ENI that is gone.
fn is_secondary(unit: &str, units: &BTreeMap<Dev, String>) -> bool {
    unit.contains("eniroute-") || units.values().any(|other| other == unit)
}

#[cfg(test)]
#[path = "reload_tests.rs"]
mod tests;
