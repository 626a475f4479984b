//! Other people's NetworkManager profiles: keyfiles in its three folders, and ifcfg files, which its ifcfg-rh plugin
//! reads. Read and never written.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::Disk;
use crate::net::Mac;
use crate::plan::Planned;
use crate::stacks::marker;
use crate::stacks::network_scripts::ifcfg::{Ifcfg, is_ifcfg};

const FOLDERS: [&str; 3] = [
    "/etc/NetworkManager/system-connections",
    "/run/NetworkManager/system-connections",
    "/usr/lib/NetworkManager/system-connections",
];
const SCRIPTS: &str = "/etc/sysconfig/network-scripts";

/// The priority that NetworkManager gives the profile which it makes up for an interface without one.
const MADE_UP: &str = "-999";

/// One profile that is not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub path: PathBuf,
    which: Which,
}

/// What a profile is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Which {
    /// Ethernet, with what restricts it.
    Ethernet {
        name: Option<String>,
        mac: Option<Mac>,
    },
    Ifcfg(Ifcfg),
    /// Wireless, a bridge, or NetworkManager's own invention, which goes with the boot.
    Other,
}

impl Profile {
    /// Whether it is for this ENI's interface, by MAC or by name, and not for any that comes.
    pub fn names(&self, planned: &Planned) -> bool {
        match &self.which {
            Which::Ethernet {
                name: None,
                mac: None,
            }
            | Which::Other => false,
            Which::Ethernet { name, mac } => {
                name.as_deref().is_none_or(|name| name == &*planned.dev)
                    && mac.is_none_or(|mac| mac == planned.eni.mac)
            }
            Which::Ifcfg(ifcfg) => ifcfg.configures(planned),
        }
    }

    fn parse(path: &Path, text: &str) -> Self {
        let get = |sections: &[&str], key: &str| value(text, sections, key);
        let ethernet = ["ethernet", "802-3-ethernet"];
        let made_up = path.starts_with("/run")
            && (get(&["connection"], "autoconnect-priority") == Some(MADE_UP)
                || get(&[".nmmeta"], "nm-generated") == Some("true"));
        let is_ethernet = get(&["connection"], "type").is_none_or(|kind| ethernet.contains(&kind));
        let which = if made_up || !is_ethernet {
            Which::Other
        } else {
            let name = get(&["connection"], "interface-name").map(str::to_owned);
            Which::Ethernet {
                name,
                mac: get(&ethernet, "mac-address").and_then(|mac| mac.parse().ok()),
            }
        };
        Self {
            path: path.to_owned(),
            which,
        }
    }
}

/// Every profile that NetworkManager has read, or will at its next start. Errors: one that cannot be read.
pub fn read_all(disk: &Disk) -> Result<Vec<Profile>> {
    let mut profiles = Vec::new();
    for folder in FOLDERS {
        for path in disk
            .list(folder)?
            .into_iter()
            .filter(|path| is_keyfile(path))
        {
            if let Some(text) = foreign(disk, &path)? {
                profiles.push(Profile::parse(&path, &text));
            }
        }
    }
    for path in disk
        .list(SCRIPTS)?
        .into_iter()
        .filter(|path| is_ifcfg(path))
    {
        if let Some(text) = foreign(disk, &path)? {
            let which = Which::Ifcfg(Ifcfg::parse(&path, &text));
            profiles.push(Profile { path, which });
        }
    }
    Ok(profiles)
}

fn foreign(disk: &Disk, path: &Path) -> Result<Option<String>> {
    match disk.first_line(path)? {
        Some(line) if !marker::is_own(&line) => disk.read(path),
        _ => Ok(None),
    }
}

/// NetworkManager passes over hidden files and editors' leftovers; in /etc a name needs no ending.
fn is_keyfile(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let leftovers = [
        "~", ".bak", ".orig", ".rpmnew", ".rpmorig", ".rpmsave", ".nmmeta",
    ];
    !name.starts_with('.') && !leftovers.iter().any(|end| name.ends_with(end))
}

/// The last value of a key in one of `sections`, as GLib reads it.
fn value<'a>(text: &'a str, sections: &[&str], key: &str) -> Option<&'a str> {
    let mut inside = false;
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            inside = sections.contains(&section);
        } else if let Some((k, v)) = line.split_once('=').filter(|_| inside)
            && k.trim_end() == key
        {
            found = Some(v.trim_start());
        }
    }
    found
}
