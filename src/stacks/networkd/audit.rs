//! Whether systemd-networkd goes by our files: which .network file wins at a start from the files alone (the first, in
//! the order of the names, whose `[Match]` holds), whether it may read ours, and whether it has loaded them. Shared with
//! netplan, whose definitions end as such files. Reads the disk only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::SystemTime;

use super::daemon::{self, unit_of};
use super::nic::Nic;
use super::process;
use super::read::{Unit, units_where};
use super::unit::FOLDER;
use crate::error::Result;
use crate::files::{Disk, Rights};
use crate::gather::Gather;
use crate::net::{Dev, Link, quoted};
use crate::numbering::Owner;
use crate::report::{Code, Evidence, Finding, Remedy};
use crate::stacks::Audit;
use crate::stacks::marker;

/// It reads its files as a user of its own.
const REFUSED: &str =
    "systemd-networkd may not read it, and passes over the whole unit (mode 0644 is needed)";

/// Where units go with the boot.
const VOLATILE: &str = "/run";

/// What there is to say of the files without netplan.
///
/// # Errors
/// A file that cannot be read.
pub fn findings(audit: &Audit) -> Result<Vec<Finding>> {
    let units = at_a_start(audit.disk, &|_| true)?;
    let units_of = |path: &Path| unit_of(path).map(str::to_owned).into_iter().gathered();
    with_units(audit, &units, &units_of)
}

/// The units that are there before networkd starts; of those that go with the boot the ones that `remains` takes, and
/// none of ours.
pub fn at_a_start(disk: &Disk, remains: &dyn Fn(&Path) -> bool) -> Result<BTreeMap<String, Unit>> {
    units_where(disk, &|path, line| {
        !path.starts_with(VOLATILE) || remains(path) && !marker::is_own(line)
    })
}

/// The same where `units` are all that there will be, and `units_of` tells which of them a file of ours is, or adds to.
pub fn with_units(
    audit: &Audit,
    units: &BTreeMap<String, Unit>,
    units_of: &dyn Fn(&Path) -> Vec<String>,
) -> Result<Vec<Finding>> {
    let nics = Nic::read_all(audit.disk, audit.links)?;
    let mut found = audit.unreadable(FOLDER, is_refused, REFUSED);
    found.extend(losers(audit, &winners(units, &nics), units_of));
    if let Some(started) = process::started()?.filter(|_| audit.disk.is_host()) {
        found.extend(unloaded(audit, &nics, started)?);
    }
    Ok(found)
}

fn is_refused(rights: Rights) -> bool {
    let by_group = rights.group != 0 && rights.mode & 0o040 != 0;
    rights.mode & 0o004 == 0 && !by_group
}

/// The unit that each interface gets. Of a condition that cannot be told from here networkd's present choice tells.
fn winners<'a>(
    units: &'a BTreeMap<String, Unit>,
    nics: &BTreeMap<Dev, Nic>,
) -> BTreeMap<Dev, &'a Unit> {
    let holds = |unit: &Unit, nic: &Nic| {
        let is_chosen = nic.unit.as_ref() == Some(&unit.name);
        !unit.matching.is_empty() && unit.matching.holds(nic, nic.mac, is_chosen)
    };
    let winner = |nic: &Nic| units.values().find(|unit| holds(unit, nic));
    nics.iter()
        .filter_map(|(dev, nic)| Some((dev.clone(), winner(nic)?)))
        .into_map()
}

/// F2: files of ours whose unit no interface gets, while no other one of the same ENI counts.
fn losers(
    audit: &Audit,
    winners: &BTreeMap<Dev, &Unit>,
    units_of: &dyn Fn(&Path) -> Vec<String>,
) -> Vec<Finding> {
    let names: BTreeSet<&String> = winners.values().map(|unit| &unit.name).into_set();
    let counts = |units: &[String]| units.iter().any(|unit| names.contains(unit));
    let files = audit.files("/etc");
    let files = files.map(|(own, planned)| (own, planned, units_of(&own.path)));
    let files: Vec<_> = files.filter(|(.., units)| !units.is_empty()).gathered();
    let others_count = |planned| {
        let mut files = files.iter();
        files.any(|(_, of, units)| *of == planned && counts(units))
    };
    let lost = files.iter().filter(|(own, planned, units)| {
        !counts(units) && (is_wanted(audit, &own.path) || !others_count(*planned))
    });
    lost.map(|(own, planned, units)| {
        // The primary's rules stand in another ENI's unit.
        let mut beside = files.iter().filter(|(.., other)| other == units);
        let of_unit = beside.find(|(_, of, _)| !of.eni.primary);
        let dev = &of_unit.map_or(planned, |(_, of, _)| of).dev;
        let winner = winners.get(dev).map(|unit| unit.path.display().to_string());
        let now = format!("{dev} by {}", winner.as_deref().unwrap_or("no file"));
        let why = format!("systemd-networkd would configure {now}");
        let finding = audit
            .ignored(planned, &own.path, &why)
            .is_not(now, units.join(", "));
        winner.into_iter().fold(finding, |finding, winner| {
            finding
                .mended_by(Remedy::review(format!("cat {}", quoted(&winner))))
                .known_from(Evidence::file(winner, why.clone()))
        })
    })
    .gathered()
}

fn is_wanted(audit: &Audit, path: &Path) -> bool {
    let mut wanted = audit.rendered.wanted.iter();
    wanted.any(|file| file.path == path)
}

/// F5: interfaces of secondary ENIs that networkd runs by another unit than ours, or by an older version of it.
fn unloaded(audit: &Audit, nics: &BTreeMap<Dev, Nic>, started: SystemTime) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for (dev, unit) in &audit.rendered.definitions {
        let link = audit.links.iter().find(|link| link.name == *dev);
        let now = nics.get(dev).and_then(|nic| nic.unit.as_deref());
        let Some(link) = link else { continue };
        let is_other = now != Some(unit.as_str());
        if is_other || newest(audit.disk, unit)? > Some(last_loaded(audit.disk, link, started)) {
            let now = now.filter(|_| is_other);
            found.extend(stale(audit, link, unit, now));
        }
    }
    Ok(found)
}

fn last_loaded(disk: &Disk, link: &Link, started: SystemTime) -> SystemTime {
    daemon::recorded(disk, link.index).map_or(started, |at| at.max(started))
}

/// When a unit has changed last, by its files that are ours.
fn newest(disk: &Disk, unit: &str) -> Result<Option<SystemTime>> {
    let mut files = disk.list(Path::new(FOLDER).join(format!("{unit}.d")))?;
    files.push(Path::new(FOLDER).join(unit));
    let changed = files.iter().filter_map(|path| disk.stamp(path));
    Ok(changed.map(|stamp| stamp.changed).max())
}

fn stale(audit: &Audit, link: &Link, unit: &str, now: Option<&str>) -> Option<Finding> {
    let mut enis = audit.desired.enis.iter();
    let planned = enis.find(|planned| planned.dev == link.name)?;
    let dev = &link.name;
    let now = now.map_or_else(|| format!("an older {unit}"), str::to_owned);
    let what = format!("systemd-networkd has not loaded {unit}: it runs {dev} by {now}");
    let later = "nothing: the kernel has it, and the next start of networkd loads it";
    let finding = Finding::new(Code::F5, Owner::Eni(planned.eni.mac), what, later)
        .about(dev.to_string())
        .is_not(now.clone(), unit)
        .mended_by(Remedy::review("networkctl reload"))
        .known_from(Evidence::file(
            format!("/run/systemd/netif/links/{}", link.index),
            now,
        ));
    Some(finding)
}
