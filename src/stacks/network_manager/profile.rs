//! Other people's NetworkManager profiles: keyfiles in its three folders, and ifcfg files, which its ifcfg-rh plugin
//! reads. Read and never written.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::{self, Disk};
use crate::gather::Gather;
use crate::net::{Declared, Word};
use crate::plan::Planned;
use crate::stacks::marker;
use crate::stacks::network_manager::ethernet::{Ethernet, SECTIONS};
use crate::stacks::network_manager::keyfile::{is_false, value};
use crate::stacks::network_scripts::ifcfg::{Ifcfg, is_ifcfg};

/// Where keyfiles lie.
pub const FOLDERS: [&str; 3] = [
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
    /// The highest of all is taken (`connection.autoconnect-priority`).
    pub priority: i32,
    /// NetworkManager takes it by itself.
    is_automatic: bool,
    which: Which,
    /// What it says of its interface beside addresses and routes.
    pub declared: Option<Declared>,
}

/// What a profile is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Which {
    Ethernet(Ethernet),
    Ifcfg(Ifcfg),
    /// Wireless, a bridge, or NetworkManager's own invention, which goes with the boot.
    Other,
}

impl Profile {
    /// Whether it is for this ENI's interface, by MAC or by name, and not for any that comes. `next_name`: the name that
    /// the interface gets at the next boot.
    pub fn names(&self, planned: &Planned, next_name: Option<&str>) -> bool {
        let names: Vec<&str> = [&*planned.dev].into_iter().chain(next_name).gathered();
        match &self.which {
            Which::Other => false,
            Which::Ethernet(ethernet) => ethernet.names(&names, planned.eni.mac),
            Which::Ifcfg(ifcfg) => ifcfg.configures(&names, planned.eni.mac),
        }
    }

    /// Whether NetworkManager may take it for this ENI's interface before one of this priority; profiles for any
    /// interface count, too.
    pub fn may_beat(&self, priority: i32, planned: &Planned) -> bool {
        let is_for_any = matches!(&self.which, Which::Ethernet(one) if *one == Ethernet::default());
        let is_its = is_for_any || self.names(planned, None);
        self.is_automatic && self.priority >= priority && is_its
    }

    fn parse(path: &Path, text: &str) -> Self {
        let get = |sections: &[&str], key: &str| value(text, sections, &[key]);
        let made_up = path.starts_with("/run")
            && (get(&["connection"], "autoconnect-priority") == Some(MADE_UP)
                || get(&[".nmmeta"], "nm-generated") == Some("true"));
        let is_ethernet = get(&["connection"], "type").is_none_or(|kind| SECTIONS.contains(&kind));
        let which = || Which::Ethernet(Ethernet::parse(text));
        let is_meant = is_ethernet && !made_up;
        let priority = get(&["connection"], "autoconnect-priority");
        Self {
            priority: priority.map_or(0, |number| number.parse().unwrap_or(0)),
            is_automatic: get(&["connection"], "autoconnect") != Some("false"),
            path: path.to_owned(),
            which: is_meant.then(which).unwrap_or(Which::Other),
            declared: declared(path, text),
        }
    }
}

/// Whose port it makes its interface, or that somebody has to bring it up.
fn declared(path: &Path, text: &str) -> Option<Declared> {
    let get = |keys: &[&str]| value(text, &["connection"], keys).filter(|value| !value.is_empty());
    if let Some(holder) = get(&["controller", "master"]) {
        let assignment = format!("controller={holder}");
        let word = Word::Port(holder.into());
        return Some(Declared::new(word, &assignment, path.display()));
    }
    let autoconnect = get(&["autoconnect"]).filter(|value| is_false(value))?;
    let assignment = format!("autoconnect={autoconnect}");
    Some(Declared::new(Word::Manual, &assignment, path.display()))
}

/// Every profile that NetworkManager has read, or will at its next start. Errors: one that cannot be read.
pub fn read_all(disk: &Disk) -> Result<Vec<Profile>> {
    let mut profiles = Vec::new();
    for folder in FOLDERS {
        for (path, text) in foreign(disk, folder, is_keyfile)? {
            profiles.push(Profile::parse(&path, &text));
        }
    }
    for (path, text) in foreign(disk, SCRIPTS, is_ifcfg)? {
        let ifcfg = Ifcfg::parse(&path, &text);
        profiles.push(Profile {
            path,
            priority: 0,
            is_automatic: true,
            declared: ifcfg.declared(),
            which: Which::Ifcfg(ifcfg),
        });
    }
    Ok(profiles)
}

/// Other people's files in a folder, and their texts.
fn foreign(disk: &Disk, folder: &str, is_one: fn(&Path) -> bool) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for path in disk.list(folder)? {
        if is_one(&path) && marker::is_foreign_file(disk, &path)? {
            found.extend(disk.read(&path)?.map(|text| (path, text)));
        }
    }
    Ok(found)
}

/// NetworkManager passes over hidden files and editors' leftovers; in /etc a name needs no ending.
fn is_keyfile(path: &Path) -> bool {
    let name = files::name(path);
    let leftovers = [
        "~", ".bak", ".orig", ".rpmnew", ".rpmorig", ".rpmsave", ".nmmeta",
    ];
    !name.starts_with('.') && !leftovers.iter().any(|end| name.ends_with(end))
}
