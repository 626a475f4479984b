//! Whether systemd-networkd deletes rules and routes that are in none of its files: `ManageForeignRoutingPolicyRules=` and
//! `ManageForeignRoutes=` of networkd.conf(5), both on by default, and no matter to systemd before 248. Reads the disk
//! only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::nic::Nic;
use super::syntax::assignments;
use crate::error::Result;
use crate::files::{Disk, name};
use crate::gather::Gather;
use crate::net::{Dev, Link};

const FOLDERS: [&str; 4] = [
    "/usr/lib/systemd",
    "/usr/local/lib/systemd",
    "/run/systemd",
    "/etc/systemd",
];

/// Where systemd's own library lies, which has its version in its name.
const LIBRARIES: [&str; 4] = [
    "/usr/lib/systemd",
    "/lib/systemd",
    "/usr/lib/x86_64-linux-gnu/systemd",
    "/usr/lib/aarch64-linux-gnu/systemd",
];

/// systemd 245 left foreign rules alone; 248 removes them.
const FIRST: u32 = 248;

/// What networkd deletes at its next start, or when an interface appears.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deletes {
    /// Rules that are not its own.
    pub rules: bool,
    /// Routes that are not its own.
    pub routes: bool,
    /// The interfaces that it runs.
    pub devs: BTreeSet<Dev>,
}

impl Deletes {
    /// Nothing where networkd runs no interface.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(disk: &Disk, links: &[Link]) -> Result<Self> {
        let nics = Nic::read_all(disk, links)?.into_iter();
        let run = nics.filter(|(_, nic)| nic.is_configured && nic.unit.is_some());
        let devs: BTreeSet<Dev> = run.map(|(dev, _)| dev).into_set();
        if devs.is_empty() || version(disk)?.is_some_and(|version| version < FIRST) {
            return Ok(Self::default());
        }
        let settings = settings(disk)?;
        let is_on = |key: &str| settings.get(key).is_none_or(|value| !is_no(value));
        Ok(Self {
            rules: is_on("ManageForeignRoutingPolicyRules"),
            routes: is_on("ManageForeignRoutes"),
            devs,
        })
    }
}

fn is_no(value: &str) -> bool {
    ["no", "false", "off", "0", "n", "f"].contains(&value.to_lowercase().as_str())
}

/// What `[Network]` of networkd.conf says, and its drop-ins, which come after it in the order of their names.
fn settings(disk: &Disk) -> Result<BTreeMap<String, String>> {
    let mut drop_ins: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut main = None;
    for folder in FOLDERS {
        let path = PathBuf::from(format!("{folder}/networkd.conf"));
        main = Some(path).filter(|path| disk.exists(path)).or(main);
        let files = disk.list(format!("{folder}/networkd.conf.d"))?;
        let files = files
            .into_iter()
            .filter(|path| name(path).ends_with(".conf"));
        drop_ins.extend(files.map(|path| (name(&path).to_owned(), path)));
    }
    let mut settings = BTreeMap::new();
    for path in main.iter().chain(drop_ins.values()) {
        let all = assignments(&disk.read(path)?.unwrap_or_default());
        let all = all.unwrap_or_default().into_iter();
        let network = all.filter(|line| line.section == "Network");
        settings.extend(network.map(|line| (line.key, line.value)));
    }
    Ok(settings)
}

/// By the name of systemd's library: `libsystemd-shared-252.so`, `libsystemd-shared-255.4-1.so`.
fn version(disk: &Disk) -> Result<Option<u32>> {
    let files = LIBRARIES.map(|folder| disk.list(folder));
    let files = files.into_iter().gathered::<Result<Vec<_>>>()?.concat();
    Ok(files.iter().find_map(|path| number(name(path))))
}

fn number(name: &str) -> Option<u32> {
    let rest = name.strip_prefix("libsystemd-shared-")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit());
    digits.map(str::parse).next()?.ok()
}
