//! What can be known of a running systemd-networkd without D-Bus: which files it may read, and what it records of a link
//! in /run/systemd/netif/links (private to systemd, but the same since version 221).

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::Result;
use crate::files::{Disk, Stamp, name};
use crate::stacks::networkd::nic::{is_in_state, network_file};

const FOLDERS: [&str; 4] = [
    "/usr/lib/systemd/network",
    "/usr/local/lib/systemd/network",
    "/run/systemd/network",
    "/etc/systemd/network",
];
const LINKS: &str = "/run/systemd/netif/links";

/// Every .network and .netdev file with its drop-ins, and the drop-ins' folders: one of those changes when a file
/// in it is added or removed.
pub fn configuration(disk: &Disk) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for folder in FOLDERS {
        for path in disk.list(folder)?.into_iter().filter(|path| is_unit(path)) {
            if path.extension().is_some_and(|e| e == "d") {
                paths.extend(disk.list(&path)?);
            }
            paths.push(path);
        }
    }
    Ok(paths)
}

fn is_unit(path: &Path) -> bool {
    let name = name(path).trim_end_matches(".d");
    name.ends_with(".network") || name.ends_with(".netdev")
}

/// The unit that a file is, or adds to, whatever its folder.
pub fn unit_of(path: &Path) -> Option<&str> {
    let folder = path.parent().map(name);
    let folder = folder.filter(|name| name.ends_with(".network.d"));
    let name = folder.unwrap_or_else(|| name(path)).trim_end_matches(".d");
    name.ends_with(".network").then_some(name)
}

/// When networkd has written its record of this link last.
pub fn recorded(disk: &Disk, index: u32) -> Option<SystemTime> {
    let stamp = disk.stamp(Path::new(LINKS).join(index.to_string()));
    stamp.map(|stamp| stamp.changed)
}

/// The units that networkd runs the host's links by.
pub fn units_in_use(disk: &Disk) -> Result<Vec<PathBuf>> {
    let mut units = Vec::new();
    for path in disk.list(LINKS)? {
        let record = disk.read(&path)?.unwrap_or_default();
        units.extend(network_file(&record).map(PathBuf::from));
    }
    Ok(units)
}

/// networkd's record of a link at one time, and the unit that the link is to be configured by.
pub struct Record {
    path: PathBuf,
    dev: String,
    unit: String,
    stamp: Option<Stamp>,
}

/// How far networkd has come with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The record is as it was.
    None,
    /// It has been written again, and says that the link is run by the unit.
    Begun,
    /// The link is configured by it, too.
    Done,
}

impl Record {
    /// `None` when there is no such interface.
    pub fn read(disk: &Disk, dev: &str, unit: &str) -> Option<Self> {
        let index = disk
            .read(format!("/sys/class/net/{dev}/ifindex"))
            .ok()
            .flatten()?;
        let path = Path::new(LINKS).join(index.trim());
        let stamp = disk.stamp(&path);
        Some(Self {
            path,
            dev: dev.to_owned(),
            unit: unit.to_owned(),
            stamp,
        })
    }

    /// How far networkd has come with the link since then.
    pub fn progress(&self, disk: &Disk) -> Progress {
        let record = self.text(disk);
        match disk.stamp(&self.path) != self.stamp && self.is_by_unit(&record) {
            false => Progress::None,
            true if is_in_state(&record, "configured") => Progress::Done,
            true => Progress::Begun,
        }
    }

    /// What a person should know when networkd has had its time; nothing where the link has long been run by the unit,
    /// as whoever reloaded before us had it loaded, too.
    pub fn complaint(&self, disk: &Disk) -> Option<String> {
        let (record, dev, unit) = (self.text(disk), &self.dev, &self.unit);
        let by = network_file(&record).unwrap_or("no file");
        let why = match (self.is_by_unit(&record), is_in_state(&record, "configured")) {
            (true, true) => return None,
            (true, false) => format!("has begun to configure {dev} by {unit}, and is not done yet"),
            (false, _) => {
                format!(
                    "was asked to reload, but does not run {dev} by {unit} (it runs it by {by})"
                )
            }
        };
        let remedy =
            format!("`networkctl status {dev}` and `journalctl -u systemd-networkd` tell why");
        Some(format!(
            "systemd-networkd {why}; the kernel is right meanwhile, and the files are there for its next start. {remedy}"
        ))
    }

    fn text(&self, disk: &Disk) -> String {
        disk.read(&self.path).ok().flatten().unwrap_or_default()
    }

    fn is_by_unit(&self, record: &str) -> bool {
        network_file(record).is_some_and(|path| name(Path::new(path)) == self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networkd_has_begun_when_it_writes_its_record_anew_and_is_done_when_that_says_configured() {
        use crate::files::{File, FileChange};
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::new(root.path()).unwrap();
        let write = |path: &str, text: &str| {
            let file = File {
                path: path.into(),
                mode: 0o644,
                text: text.to_owned(),
            };
            disk.commit(&FileChange::Create(file)).unwrap();
        };
        let record = |unit: &str, state: &str| {
            write(
                "/run/systemd/netif/links/3",
                &format!("ADMIN_STATE={state}\nNETWORK_FILE=/etc/systemd/network/{unit}\n"),
            );
        };
        write("/sys/class/net/eth1/ifindex", "3\n");
        record("20-all.network", "configured");
        let before = Record::read(&disk, "eth1", "10-ours.network").unwrap();
        for (unit, state, progress, complaint) in [
            (
                "20-all.network",
                "configured",
                Progress::None,
                Some("runs it by /etc/systemd/network/20-all.network"),
            ),
            (
                "10-ours.network",
                "configuring",
                Progress::Begun,
                Some("has begun to configure eth1"),
            ),
            ("10-ours.network", "configured", Progress::Done, None),
        ] {
            record(unit, state);
            assert_eq!(before.progress(&disk), progress, "{unit} {state}");
            let said = before.complaint(&disk);
            assert_eq!(said.is_some(), complaint.is_some(), "{said:?}");
            assert!(
                complaint.is_none_or(|words| said.is_some_and(|said| said.contains(words))),
                "{unit} {state}"
            );
        }
        // Somebody else had it loaded before us: it is not written anew, and there is nothing to tell.
        let later = Record::read(&disk, "eth1", "10-ours.network").unwrap();
        assert_eq!(
            (later.progress(&disk), later.complaint(&disk)),
            (Progress::None, None)
        );
    }

    #[test]
    fn a_drop_in_belongs_to_its_unit_in_every_folder() {
        for (path, unit) in [
            ("/run/systemd/network/10-a.network", Some("10-a.network")),
            ("/etc/systemd/network/10-a.network.d", Some("10-a.network")),
            (
                "/usr/lib/systemd/network/10-a.network.d/x.conf",
                Some("10-a.network"),
            ),
            ("/etc/systemd/network/10-a.netdev", None),
        ] {
            assert_eq!(unit_of(Path::new(path)), unit, "{path}");
        }
    }
}
