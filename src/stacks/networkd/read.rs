//! Other people's .network files: which one wins for an interface. Reads networkd's
//! folders, leaves files of ours out, writes nothing.
//!
//! Rules: systemd.network(5). One base name in /etc shadows /run, which shadows /usr/lib; among the names, the
//! first in their order whose [Match] holds configures the interface; its drop-ins of all folders count too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::Disk;
use crate::gather::Gather;
use crate::net::Mac;
use crate::stacks::marker;
use crate::stacks::networkd::gateways::Gateways;
use crate::stacks::networkd::matching::Match;
use crate::stacks::networkd::nic::Nic;
use crate::stacks::networkd::syntax::assignments;
use crate::stacks::networkd::words::Words;

/// networkd's folders, the one that shadows all others last.
pub const FOLDERS: [&str; 4] = [
    "/usr/lib/systemd/network",
    "/usr/local/lib/systemd/network",
    "/run/systemd/network",
    "/etc/systemd/network",
];

/// One .network file of somebody else's, its drop-ins included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// `20-dhcp.network`
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    pub matching: Match,
    /// What it says beside addresses and routes.
    pub words: Words,
    pub gateways: Gateways,
    /// networkd refuses the whole of it.
    pub is_refused: bool,
}

/// Every .network file that networkd would read, by name, ours left out.
pub fn units(disk: &Disk) -> Result<BTreeMap<String, Unit>> {
    units_where(disk, &|_, line| !marker::is_own(line))
}

/// Those of them that `is_meant` takes, by their path and their first line.
pub fn units_where(
    disk: &Disk,
    is_meant: &dyn Fn(&Path, &str) -> bool,
) -> Result<BTreeMap<String, Unit>> {
    let mut paths = BTreeMap::new();
    for folder in FOLDERS {
        let files = disk.list_ending(folder, "network")?.into_iter();
        paths.extend(files.filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path))));
    }
    let mut units = BTreeMap::new();
    for (name, path) in paths {
        // A mask (a link to /dev/null) has no first line, or an empty one.
        let line = disk.first_line(&path)?;
        if line.is_some_and(|line| is_meant(&path, &line)) {
            let unit = unit(disk, name.clone(), &path)?;
            units.extend(Some((name, unit)).filter(|(_, unit)| !unit.is_refused));
        }
    }
    Ok(units)
}

/// One unit, with its drop-ins.
fn unit(disk: &Disk, name: String, path: &Path) -> Result<Unit> {
    let drop_ins = drop_ins(disk, &name)?;
    let mut unit = Unit {
        name,
        path: path.to_owned(),
        ..Unit::default()
    };
    unit.merge(path, &disk.read(path)?.unwrap_or_default());
    for (path, text) in &drop_ins {
        unit.merge(path, text);
    }
    Ok(unit)
}

/// The units that are for more than one of the host's interfaces: networkd runs two by them, or would without us.
pub fn shared<'a>(
    units: impl IntoIterator<Item = &'a Unit>,
    nics: &BTreeMap<impl Ord, Nic>,
) -> BTreeSet<String> {
    let is_for_many = |unit: &&Unit| nics.values().filter(|nic| unit.runs(nic)).count() > 1;
    units
        .into_iter()
        .filter(is_for_many)
        .map(|unit| unit.name.clone())
        .into_set()
}

/// A unit's drop-ins, in the order in which networkd reads them, ours left out.
fn drop_ins(disk: &Disk, unit: &str) -> Result<Vec<(PathBuf, String)>> {
    let mut paths = BTreeMap::new();
    for folder in FOLDERS {
        let files = disk.list_ending(format!("{folder}/{unit}.d"), "conf")?;
        let named = |path: PathBuf| Some((path.file_name()?.to_owned(), path));
        paths.extend(files.into_iter().filter_map(named));
    }
    let mut texts = Vec::new();
    for path in paths.values() {
        if marker::is_foreign_file(disk, path)? {
            texts.extend(disk.read(path)?.map(|text| (path.clone(), text)));
        }
    }
    Ok(texts)
}

impl Unit {
    /// Adds one file's conditions and words.
    pub fn merge(&mut self, path: &Path, text: &str) {
        let Some(all) = assignments(text) else {
            self.is_refused = true;
            return;
        };
        self.gateways.take(&all);
        for line in &all {
            if line.section == "Match" {
                self.matching.assign(&line.key, &line.value);
            }
            self.words.assign(line, path);
        }
    }

    /// Whether its [Match] holds, as far as that can be told from here.
    pub fn matches(&self, nic: &Nic, mac: Mac) -> bool {
        !self.matching.is_empty() && self.matching.holds(nic, Some(mac), false)
    }

    /// Whether an interface is the unit's, by networkd's word, or may be: one that networkd runs by no unit or by one
    /// of ours, which comes before the others.
    fn runs(&self, nic: &Nic) -> bool {
        let unit = nic.unit.as_deref();
        match unit.filter(|unit| !unit.contains("eniroute-")) {
            Some(unit) => unit == self.name,
            None => !self.matching.is_empty() && self.matching.holds(nic, nic.mac, true),
        }
    }

    /// It is for one interface, by name, MAC or path.
    pub fn is_specific(&self) -> bool {
        self.matching.is_for_one()
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
