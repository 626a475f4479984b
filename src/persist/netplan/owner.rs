//! Who configures an interface under netplan and networkd: networkd takes the first .network file, in the order
//! of their names, whose [Match] holds. Pure, but for what [`Nic::read`] takes from the disk.

use std::path::Path;

use crate::error::Result;
use crate::files::Disk;
use crate::net::{Link, Mac};
use crate::persist::netplan::read::{Definition, Foreign};
use crate::plan::Planned;

/// What networkd matches an interface by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nic {
    /// Its name, then its alternative names.
    pub names: Vec<String>,
    pub driver: Option<String>,
    /// The base name of the .network file that networkd last chose for it; absent when it has none or runs not.
    pub unit: Option<String>,
}

/// Whose an interface is, ours left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    Nobody,
    Definition(&'a Definition),
    /// A networkd file that no netplan definition can come before.
    Unit(String),
}

impl Nic {
    /// Reads networkd's own record, which needs no D-Bus, and the driver from sysfs.
    pub fn read(disk: &Disk, link: &Link) -> Result<Self> {
        let state = disk.read(format!("/run/systemd/netif/links/{}", link.index))?.unwrap_or_default();
        let unit = state.lines().find_map(|line| line.strip_prefix("NETWORK_FILE=")).map(Path::new);
        // A unit that has been deleted since says nothing about the next boot.
        let unit = unit.filter(|path| disk.exists(path)).and_then(Path::file_name).and_then(|name| name.to_str());
        let names = [link.name.to_string()].into_iter().chain(link.altnames.iter().cloned());
        Ok(Self {
            names: names.collect(),
            driver: disk.link_target_name(format!("/sys/class/net/{}/device/driver", link.name)),
            unit: unit.map(str::to_owned),
        })
    }

    fn is_matched_by(&self, definition: &Definition, mac: Mac) -> bool {
        let name = definition.interface_name().is_none_or(|glob| self.names.iter().any(|name| fnmatch(glob, name)));
        let driver = self.driver.as_deref().unwrap_or_default();
        let driven = definition.drivers.is_empty() || definition.drivers.iter().any(|glob| fnmatch(glob, driver));
        name && driven && definition.mac.is_none_or(|wanted| wanted == mac)
    }
}

/// The file that netplan writes for an ID.
pub fn unit_of(id: &str) -> String {
    format!("10-netplan-{id}.network")
}

/// The IDs that a complete definition of ours may have, the plain one first; each sorts before the one above it.
pub fn own_ids(planned: &Planned) -> [String; 3] {
    ["", "a-", "0-"].map(|prefix| format!("{prefix}eniroute-{}", planned.dev))
}

impl Foreign {
    /// Finds the definition that wins for an ENI's interface. networkd's own choice counts, where it made one;
    /// else the order of the names decides.
    pub fn owner(&self, planned: &Planned, nic: &Nic) -> Owner<'_> {
        let mac = planned.eni.mac;
        let matching = || self.definitions.values().filter(|d| nic.is_matched_by(d, mac));
        let unit = nic.unit.as_deref().filter(|unit| !own_ids(planned).iter().any(|id| unit_of(id) == **unit));
        if let Some(winner) = matching().find(|d| Some(unit_of(&d.id).as_str()) == unit) {
            return Owner::Definition(winner);
        }
        let [ours, ..] = own_ids(planned);
        let first = matching().map(|d| unit_of(&d.id)).min().unwrap_or_else(|| unit_of(&ours));
        if let Some(unit) = unit.filter(|unit| !unit.starts_with("10-netplan-") && **unit < *first) {
            return Owner::Unit(unit.to_owned());
        }
        matching().min_by_key(|d| unit_of(&d.id)).map_or(Owner::Nobody, Owner::Definition)
    }
}

/// The renderer that a definition ends up with.
pub fn renderer<'a>(foreign: &'a Foreign, definition: Option<&'a Definition>) -> Option<&'a str> {
    definition.and_then(|d| d.renderer.as_deref()).or(foreign.renderer.as_deref())
}

/// Shell globs as fnmatch(3) reads them: `*`, `?`, `[a-z]`, `[!0-9]`; everything else stands for itself.
pub fn fnmatch(glob: &str, text: &str) -> bool {
    let (mut glob_chars, mut text_chars) = (glob.chars(), text.chars());
    match (glob_chars.next(), text_chars.next()) {
        (None, first) => first.is_none(),
        (Some('*'), None) => fnmatch(glob_chars.as_str(), ""),
        (Some('*'), Some(_)) => fnmatch(glob_chars.as_str(), text) || fnmatch(glob, text_chars.as_str()),
        (Some('?'), Some(_)) => fnmatch(glob_chars.as_str(), text_chars.as_str()),
        (Some('['), Some(c)) => match glob_chars.as_str().split_once(']') {
            Some((set, rest)) => in_set(set, c) && fnmatch(rest, text_chars.as_str()),
            None => c == '[' && fnmatch(glob_chars.as_str(), text_chars.as_str()),
        },
        (Some(a), Some(b)) => a == b && fnmatch(glob_chars.as_str(), text_chars.as_str()),
        (Some(_), None) => false,
    }
}

/// Whether a bracket expression, without its brackets, holds `c`.
fn in_set(set: &str, c: char) -> bool {
    let (negated, set) = match set.strip_prefix(['!', '^']) {
        Some(rest) => (true, rest),
        None => (false, set),
    };
    let chars: Vec<char> = set.chars().collect();
    let range = |w: &[char]| w[1] == '-' && (w[0]..=w[2]).contains(&c);
    (chars.contains(&c) || chars.windows(3).any(range)) != negated
}
