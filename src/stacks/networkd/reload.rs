//! The hand-over of new files to a running systemd-networkd, such that the primary ENI never flaps: the secondary
//! ENIs' units are loaded, and nothing else is.
//!
//! networkd takes a unit as changed by the file's inode and times, and configures its links anew: a DHCP lease is
//! lost by it. So the primary's own additions are put in place after the reload.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use log::info;

use crate::command;
use crate::error::Result;
use crate::files::{Disk, FileChange};
use crate::gather::Gather;
use crate::net::Dev;
use crate::stacks::networkd::daemon::{self, Progress};
use crate::stacks::networkd::process;
use crate::stacks::networkd::unit::unit_of_path;
use crate::stacks::stack::{HandOver, Loaded, Prepared};

/// How often networkd's record of a link is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// `networkctl reload` takes hundredths of a second, and some on a small instance that boots.
const RELOAD: Duration = Duration::from_secs(10);

/// networkd begins with its links before `networkctl` ends, or at once after that.
const BEGIN: Duration = Duration::from_secs(2);

/// Its work on a link is mostly the kernel's probe for the link-local address: 2 s at most (`accept_dad`: a delay of up
/// to one second, and one probe of a second). A DHCP client of the owner's is to have an answer in the rest.
const WORK: Duration = Duration::from_secs(5);

/// The units of one run that networkd is to load.
pub struct Reload<'a> {
    disk: &'a Disk,
    /// The .network unit that holds each secondary ENI's part.
    units: &'a BTreeMap<Dev, String>,
    wait: Duration,
    /// The units of secondary ENIs that the files change.
    changed: BTreeSet<String>,
}

impl<'a> Reload<'a> {
    /// Those that the files are, or add to.
    pub fn of(about: &HandOver<'a>) -> Self {
        let HandOver {
            disk,
            changes,
            wait,
            ..
        } = *about;
        let changed = secondary_units(
            changes.files.iter().map(FileChange::path),
            &changes.definitions,
        );
        Self {
            disk,
            units: &changes.definitions,
            wait,
            changed,
        }
    }

    /// What networkd would load besides: a file that is newer than the daemon may be unknown to it. When it last
    /// loaded its files cannot be asked, so its start has to do: we rather leave one reload out than flap a link.
    fn obstacle(&self, started: SystemTime) -> Result<Option<String>> {
        let is_ours = |path: &Path| Some(is_secondary(daemon::unit_of(path)?, self.units));
        let stamp = |path: &Path| self.disk.stamp(path);
        let is_newer = |path: &Path| stamp(path).is_some_and(|stamp| stamp.changed > started);
        let mut all = daemon::configuration(self.disk)?.into_iter();
        if let Some(path) = all.find(|path| is_ours(path) != Some(true) && is_newer(path)) {
            return Ok(Some(format!(
                "{} is newer than it and may touch other links",
                path.display()
            )));
        }
        let mut used = daemon::units_in_use(self.disk)?.into_iter();
        let gone = used.find(|path| is_ours(path) == Some(false) && !self.disk.exists(path));
        Ok(gone.map(|path| format!("{}, which it runs a link by, is gone", path.display())))
    }

    /// Has networkd load the units that have `changed`, and waits for their links.
    fn reload(&self, changed: &BTreeSet<String>) -> Loaded {
        let before = self.records(changed);
        let ended = command::run("networkctl", &["reload"], self.wait.min(RELOAD));
        Loaded {
            asked: true,
            notes: ended
                .as_ref()
                .map_or_else(|_| Vec::new(), |()| self.settle(&before)),
            errors: ended.err().into_iter().gathered(),
        }
    }

    /// networkd's records of the links whose units have `changed`, as they are now.
    fn records(&self, changed: &BTreeSet<String>) -> Vec<daemon::Record> {
        let units = self.units.iter();
        let concerned = units.filter(|(_, unit)| changed.contains(*unit));
        let record = |(dev, unit): (&Dev, &String)| daemon::Record::read(self.disk, dev, unit);
        concerned.filter_map(record).gathered()
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
        before
            .iter()
            .filter_map(|record| record.complaint(self.disk))
            .gathered()
    }
}

impl Prepared for Reload<'_> {
    /// It adds to a unit that is not a secondary ENI's, which the reload would configure anew.
    fn comes_last(&self, change: &FileChange) -> bool {
        unit_of_path(change.path()).is_some_and(|unit| !is_secondary(unit, self.units))
    }

    /// Has networkd load the units, unless it would configure another link anew by that. One that does not run yet has
    /// read nothing.
    ///
    /// The lock is held meanwhile, so each wait has a bound of its own below `--wait`.
    fn load(&self, installed: &[PathBuf]) -> Result<Loaded> {
        let mut changed = secondary_units(installed.iter().map(PathBuf::as_path), self.units);
        changed.extend(self.changed.iter().cloned());
        let Some(started) = process::started()?.filter(|_| !changed.is_empty()) else {
            return Ok(Loaded::default());
        };
        if let Some(why) = self.obstacle(started)? {
            info!(
                "systemd-networkd was not asked to reload, because {why}: the files are for the next boot"
            );
            return Ok(Loaded::default());
        }
        Ok(self.reload(&changed))
    }
}

/// The units of secondary ENIs that these files are, or add to.
fn secondary_units<'a>(
    paths: impl Iterator<Item = &'a Path>,
    units: &BTreeMap<Dev, String>,
) -> BTreeSet<String> {
    paths
        .filter_map(unit_of_path)
        .filter(|unit| is_secondary(unit, units))
        .map(str::to_owned)
        .into_set()
}

/// A unit of a secondary ENI: one that holds a part of ours, or a complete one of ours of an ENI that is gone.
pub fn is_secondary(unit: &str, units: &BTreeMap<Dev, String>) -> bool {
    unit.contains("eniroute-") || units.values().any(|other| other == unit)
}

#[cfg(test)]
#[path = "reload_tests.rs"]
mod tests;
