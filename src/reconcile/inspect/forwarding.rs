//! Whether the host forwards, who wants it to, and how it tracks connections. Reads /proc and sysctl.d.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::SplitWhitespace;

use crate::error::Result;
use crate::files::{Disk, name, plain};
use crate::gather::Gather;
use crate::net::sysctl;
use crate::net::{Dev, Family};
use crate::plan::Planned;

/// systemd-sysctl reads them by name; the folder that shadows all others last (sysctl.d(5)).
const FOLDERS: [&str; 5] = [
    "/lib/sysctl.d",
    "/usr/lib/sysctl.d",
    "/usr/local/lib/sysctl.d",
    "/run/sysctl.d",
    "/etc/sysctl.d",
];

/// The settings that switch forwarding on.
pub const SWITCHES: [(Family, &str); 2] = [
    (Family::Ipv4, sysctl::ROUTER),
    (Family::Ipv6, sysctl::ROUTER_IPV6),
];

/// The settings that do so for one interface.
const OF_LINK: [&str; 2] = [sysctl::FORWARDING, sysctl::FORCE_FORWARDING];

/// What Nitro names the instance's type by.
const TYPE: &str = "/sys/class/dmi/id/product_name";

const CONNTRACK: &str = "/proc/sys/net/netfilter/nf_conntrack_";
const STATISTICS: &str = "/proc/net/stat/nf_conntrack";

/// What is known of forwarding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarding {
    pub switches: Vec<Switch>,
    /// ENIs' interfaces that pass packets on by a setting of their own, whatever the switches say.
    pub passing: Vec<Dev>,
    /// Interfaces that send redirects, by the greater of `all` and their own.
    pub redirects: Vec<Dev>,
    pub conntrack: Option<Conntrack>,
    /// `m8i.large`; `None` where the firmware does not say.
    pub instance_type: Option<String>,
}

/// A setting that switches forwarding on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    pub family: Family,
    /// Its path below /proc/sys.
    pub key: &'static str,
    pub is_on: bool,
    /// The line of sysctl.d that decides it at a boot: the file, the line's number, and the value.
    pub winner: Option<(PathBuf, usize, String)>,
}

/// The connection table, and what has happened to it since the boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conntrack {
    pub count: u64,
    pub most: u64,
    /// Seconds without a packet after which an established TCP connection is forgotten.
    pub established: u64,
    /// Packets that found no room, connections that gave way, and those that could not be entered.
    pub counters: [(&'static str, u64); 3],
}

impl Forwarding {
    /// Reads it, of these ENIs' interfaces.
    ///
    /// # Errors
    /// A file of sysctl.d that cannot be read.
    pub fn read(disk: &Disk, enis: &[Planned]) -> Result<Self> {
        let files = sysctl_files(disk)?;
        let switches = SWITCHES.map(|(family, key)| Switch {
            family,
            key,
            is_on: is_set(key),
            winner: winner(&files, key),
        });
        let sends = |dev: &str| {
            number(&format!(
                "/proc/sys/{}",
                sysctl::SEND_REDIRECTS.replace('*', dev)
            ))
        };
        let redirects = enis
            .iter()
            .map(|planned| &planned.dev)
            .filter(|dev| sends("all").max(sends(dev)) > Some(0));
        let passes = |dev: &&Dev| OF_LINK.iter().any(|key| is_set(&key.replace('*', dev)));
        let has_switch = switches.iter().any(|switch| switch.is_on);
        let devs = enis.iter().map(|planned| &planned.dev);
        let passing = devs.filter(|dev| !has_switch && passes(dev));
        let product = disk.read(TYPE)?.unwrap_or_default();
        Ok(Self {
            passing: passing.cloned().gathered(),
            switches: switches.into(),
            redirects: redirects.cloned().gathered(),
            conntrack: Conntrack::read(disk)?,
            instance_type: Some(product.trim().to_owned()).filter(|name| name.contains('.')),
        })
    }

    /// The host forwards packets of a family.
    pub fn is_on(&self) -> bool {
        !self.passing.is_empty() || self.switches.iter().any(|switch| switch.is_on)
    }

    /// Somebody's file asks for it, or interfaces were chosen for it.
    pub fn is_meant(&self) -> bool {
        let mut winners = self
            .switches
            .iter()
            .filter_map(|switch| switch.winner.as_ref());
        !self.passing.is_empty() || winners.any(|(_, _, value)| value != "0")
    }
}

impl Conntrack {
    /// Reads it; `None`: the host tracks no connections.
    ///
    /// # Errors
    /// A file that is there cannot be read.
    pub fn read(disk: &Disk) -> Result<Option<Self>> {
        let value = |key: &str| {
            let text = disk.read(format!("{CONNTRACK}{key}"))?;
            Ok(text.and_then(|text| text.trim().parse().ok()))
        };
        let (Some(count), Some(most)) = (value("count")?, value("max")?) else {
            return Ok(None);
        };
        let statistics = disk.read(STATISTICS)?.unwrap_or_default();
        Ok(Some(Self {
            count,
            most,
            established: value("tcp_timeout_established")?.unwrap_or_default(),
            counters: ["drop", "early_drop", "insert_failed"]
                .map(|name| (name, total(&statistics, name))),
        }))
    }
}

/// The sum of a column over all CPUs; the numbers are hexadecimal.
fn total(statistics: &str, column: &str) -> u64 {
    let mut lines = statistics.lines().map(str::split_whitespace);
    let head = lines.next();
    let place = head.and_then(|mut head| head.position(|name| name == column));
    let value = |mut line: SplitWhitespace| u64::from_str_radix(line.nth(place?)?, 16).ok();
    lines.filter_map(value).sum()
}

fn is_set(key: &str) -> bool {
    number(&format!("/proc/sys/{key}")).is_some_and(|value| value > 0)
}

fn number(path: &str) -> Option<u64> {
    plain::text(path).ok()?.trim().parse().ok()
}

/// The texts that count, in the order in which they are read.
pub(super) fn sysctl_files(disk: &Disk) -> Result<Vec<(PathBuf, String)>> {
    let mut paths = BTreeMap::new();
    for folder in FOLDERS {
        let files = disk.list(folder)?.into_iter();
        let files = files.filter(|path| name(path).ends_with(".conf"));
        paths.extend(files.map(|path| (name(&path).to_owned(), path)));
    }
    let paths = paths.into_values();
    let text = |path: PathBuf| Some((disk.read(&path).ok()??, path));
    Ok(paths
        .filter_map(text)
        .map(|(text, path)| (path, text))
        .gathered())
}

/// The last line that sets `key`, with dots or slashes.
fn winner(files: &[(PathBuf, String)], key: &str) -> Option<(PathBuf, usize, String)> {
    let set = files.iter().flat_map(|(path, text)| {
        let lines = (1..).zip(text.lines());
        lines.filter_map(move |(number, line)| Some((path.clone(), number, value(line, key)?)))
    });
    set.last()
}

/// What a line sets `key` to.
pub(super) fn value(line: &str, key: &str) -> Option<String> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim().trim_start_matches('-').replace('.', "/");
    (name == key).then(|| value.trim().to_owned())
}
