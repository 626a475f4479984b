//! What networkd matches an interface by. Shared by both backends that end in systemd-networkd. Pure, but for what [`Nic::read`] takes from the disk.

use std::path::Path;

use crate::error::Result;
use crate::files::Disk;
use crate::net::Link;

/// What networkd matches an interface by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nic {
    /// Its name, then its alternative names.
    pub names: Vec<String>,
    pub driver: Option<String>,
    pub kind: Option<String>,
    /// It has a permanent address. Devices above it that copy its MAC (VLAN, bridge, macvlan) have none.
    pub is_permanent: bool,
    /// The base name of the .network file that networkd last chose for it; absent when it has none or runs not.
    pub unit: Option<String>,
    /// networkd has configured it, or is about to.
    pub is_configured: bool,
}

impl Nic {
    /// Reads networkd's own record, which needs no D-Bus, and the driver from sysfs.
    pub fn read(disk: &Disk, link: &Link) -> Result<Self> {
        let state = disk.read(format!("/run/systemd/netif/links/{}", link.index))?.unwrap_or_default();
        let unit = network_file(&state).map(Path::new);
        // A unit that has been deleted since says nothing about the next boot.
        let unit = unit.filter(|path| disk.exists(path)).and_then(Path::file_name).and_then(|name| name.to_str());
        let names = [link.name.to_string()].into_iter().chain(link.altnames.iter().cloned());
        Ok(Self {
            names: names.collect(),
            driver: disk.link_target_name(format!("/sys/class/net/{}/device/driver", link.name)),
            kind: link.kind.clone(),
            is_permanent: link.permanent_mac.is_some(),
            unit: unit.map(str::to_owned),
            is_configured: ["configured", "configuring"].into_iter().any(|admin| is_in_state(&state, admin)),
        })
    }

    pub fn is_called(&self, glob: &str) -> bool {
        self.names.iter().any(|name| fnmatch(glob, name))
    }
}

/// Whether networkd's record of a link says that it is in this administrative state.
pub fn is_in_state(state: &str, admin: &str) -> bool {
    state.lines().any(|line| line.strip_prefix("ADMIN_STATE=") == Some(admin))
}

/// The path of the .network file in networkd's record of a link (`/run/systemd/netif/links/INDEX`).
pub fn network_file(state: &str) -> Option<&str> {
    state.lines().find_map(|line| line.strip_prefix("NETWORK_FILE="))
}

/// Whether it names more than one thing: it has a character that [`fnmatch`] takes for a wildcard.
pub fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
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
