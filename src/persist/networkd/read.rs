//! Other people's .network files: which one wins for an interface. Reads networkd's
//! folders, leaves files of ours out, writes nothing.
//!
//! Rules: systemd.network(5). One base name in /etc shadows /run, which shadows /usr/lib; among the names, the
//! first in their order whose [Match] holds configures the interface; its drop-ins of all folders count too.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::files::Disk;
use crate::net::Mac;
use crate::persist::nic::{Nic, fnmatch, is_glob};
use crate::persist::own;

/// networkd's folders, the one that shadows all others last.
const FOLDERS: [&str; 4] =
    ["/usr/lib/systemd/network", "/usr/local/lib/systemd/network", "/run/systemd/network", "/etc/systemd/network"];

/// One .network file of somebody else's, its drop-ins included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// `20-dhcp.network`
    pub name: String,
    /// `KEY=VALUE` of [Match], in their order.
    pub conditions: Vec<(String, String)>,
}

/// Every .network file that networkd would read, by name, ours left out.
pub fn units(disk: &Disk) -> Result<BTreeMap<String, Unit>> {
    let mut paths = BTreeMap::new();
    for folder in FOLDERS {
        let files = disk.list(folder)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "network"));
        paths.extend(files.filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path))));
    }
    let mut units = BTreeMap::new();
    for (name, path) in paths {
        // A mask (a link to /dev/null) has no first line, or an empty one.
        let ours_or_masked = disk.first_line(&path)?.is_none_or(|line| own::is_own(&line));
        if !ours_or_masked {
            let mut unit = Unit { name: name.clone(), ..Unit::default() };
            unit.merge(&disk.read(&path)?.unwrap_or_default());
            for text in drop_ins(disk, &name)? {
                unit.merge(&text);
            }
            units.insert(name, unit);
        }
    }
    Ok(units)
}

/// The texts of a unit's drop-ins, in the order in which networkd reads them, ours left out.
fn drop_ins(disk: &Disk, unit: &str) -> Result<Vec<String>> {
    let mut paths = BTreeMap::new();
    for folder in FOLDERS {
        let files = disk.list(format!("{folder}/{unit}.d"))?;
        let files = files.into_iter().filter(|path| path.extension().is_some_and(|e| e == "conf"));
        paths.extend(files.filter_map(|path| Some((path.file_name()?.to_owned(), path))));
    }
    let mut texts = Vec::new();
    for path in paths.values() {
        if disk.first_line(path)?.is_some_and(|line| !own::is_own(&line)) {
            texts.extend(disk.read(path)?);
        }
    }
    Ok(texts)
}

impl Unit {
    /// Adds one file's conditions.
    pub fn merge(&mut self, text: &str) {
        let mut section = "";
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                section = line.trim_matches(['[', ']']);
            } else if section == "Match"
                && let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with(['#', ';']))
            {
                self.conditions.push((key.trim().to_owned(), value.trim().to_owned()));
            }
        }
    }

    /// Whether its [Match] holds, as far as that can be told from here; networkd takes no file without one. A
    /// condition of another kind (a path, a kernel argument) counts as not met: only networkd's own choice tells.
    pub fn matches(&self, nic: &Nic, mac: Mac) -> bool {
        let holds = |(key, value): &(String, String)| match key.as_str() {
            "Name" => any(value, |glob| nic.is_called(glob)),
            "MACAddress" => value.split_whitespace().any(|wanted| wanted.parse() == Ok(mac)),
            "PermanentMACAddress" => {
                nic.is_permanent && value.split_whitespace().any(|wanted| wanted.parse() == Ok(mac))
            }
            "Driver" => any(value, |glob| nic.driver.as_ref().is_some_and(|driver| fnmatch(glob, driver))),
            "Kind" => any(value, |glob| nic.kind.as_ref().is_some_and(|kind| fnmatch(glob, kind))),
            "Type" => any(value, |glob| fnmatch(glob, "ether")),
            _ => false,
        };
        !self.conditions.is_empty() && self.conditions.iter().all(holds)
    }

    /// It is for one interface, by name, MAC or path, so additions for that one hit no other.
    pub fn is_specific(&self) -> bool {
        self.conditions.iter().any(|(key, value)| {
            let alone = value.split_whitespace().count() == 1 && !value.starts_with('!') && !is_glob(value);
            alone && ["Name", "MACAddress", "PermanentMACAddress", "Path"].contains(&key.as_str())
        })
    }
}

/// A list of globs; a `!` before the list turns it round.
fn any(list: &str, matches: impl Fn(&str) -> bool) -> bool {
    match list.strip_prefix('!') {
        Some(list) => !list.split_whitespace().any(matches),
        None => list.split_whitespace().any(matches),
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
