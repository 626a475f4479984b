//! netplan's part of the hand-over: its generator runs over a copy, never over the host, where it would rewrite
//! every link's unit.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::read::FOLDERS;
use crate::command;
use crate::error::{Error, Result};
use crate::files::{Disk, File, FileChange, TEMPORARY_FOLDER, name};
use crate::gather::Gather;
use crate::stacks::marker;

const YAML: &str = "/etc/netplan";
const UNITS: &str = "/run/systemd/network";

/// netplan since 1.0 has systemd reload all units after `generate`, with `--root-dir` too. Its generator would rewrite
/// every unit of networkd's then, so for netplan's `systemctl` there is no systemd. For netplan alone:
/// networkctl since 254 goes by it, too, does nothing then, and calls it success.
const OFFLINE: (&str, &str) = ("SYSTEMD_OFFLINE", "1");

/// netplan's generator, which makes the units: since 1.2, before it, and on an older distribution. Its command line is a
/// Python program, which takes ten times as long, and since 1.2 it is a package of its own, which may be absent.
pub const GENERATORS: [&str; 4] = [
    "/usr/libexec/netplan/configure",
    "/usr/libexec/netplan/generate",
    "/usr/lib/netplan/generate",
    "/lib/netplan/generate",
];

/// What netplan makes of everybody's YAML with `changes` in place; `None` when they change no YAML.
///
/// # Errors
/// What netplan says to it, the folder of the copy left out.
pub fn generate(disk: &Disk, changes: &[FileChange], wait: Duration) -> Result<Option<TempDir>> {
    let yaml: Vec<_> = changes
        .iter()
        .filter(|change| change.path().starts_with(YAML))
        .gathered();
    if yaml.is_empty() {
        return Ok(None);
    }
    let root = copy(disk, &yaml)?;
    let folder = root.path().display().to_string();
    let (program, words) = generator(disk);
    let words = [words, &["--root-dir", &folder]].concat();
    command::run_in(&[OFFLINE], program, &words, wait)
        .map_err(|error| Error::Failed(error.to_string().replace(&folder, "")))?;
    Ok(Some(root))
}

/// All of netplan's YAML, with `changes`. Other people's may hold passwords: in memory, and for root alone.
fn copy(disk: &Disk, changes: &[&FileChange]) -> Result<TempDir> {
    let root = tempfile::Builder::new()
        .prefix(TEMPORARY_FOLDER)
        .tempdir_in("/run")
        .map_err(|e| Error::file("/run", e))?;
    let scratch = Disk::new(root.path())?;
    for path in yaml_files(disk)? {
        disk.copy_to(&scratch, &path, 0o600)?;
    }
    changes
        .iter()
        .try_for_each(|change| scratch.commit(change))?;
    Ok(root)
}

/// The program that makes the units, and its first words.
fn generator(disk: &Disk) -> (&'static str, &'static [&'static str]) {
    let found = GENERATORS.into_iter().find(|path| disk.exists(path));
    found.map_or(("netplan", &["generate"]), |path| (path, &[]))
}

/// Every YAML file that netplan would read.
fn yaml_files(disk: &Disk) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for folder in FOLDERS {
        paths.extend(disk.list_ending(folder, "yaml")?);
    }
    Ok(paths)
}

/// Whether netplan has made units since the boot: its generator runs long before networkd starts.
pub fn has_generated(disk: &Disk) -> bool {
    disk.list(UNITS)
        .is_ok_and(|units| units.iter().any(|path| is_unit(name(path))))
}

/// Whether a file of networkd's with this name is one that netplan makes.
pub fn is_unit(name: &str) -> bool {
    name.starts_with("10-netplan-")
}

/// Puts those units in place that are `meant` and differ, and takes away those that netplan does not make any more.
/// Returns what it changed.
pub fn install(
    disk: &Disk,
    generated: &Path,
    meant: impl Fn(&str) -> bool,
) -> Result<Vec<PathBuf>> {
    let scratch = Disk::new(generated)?;
    let units = |disk: &Disk| disk.list_ending(UNITS, "network");
    let is_meant = |path: &PathBuf| meant(name(path));
    let made = units(&scratch)?.into_iter().filter(is_meant);
    let mut changed = made
        .filter_map(|path| put(disk, &scratch, path).transpose())
        .gathered::<Result<Vec<_>>>()?;
    let mut gone = units(disk)?;
    gone.retain(|path| is_meant(path) && !scratch.exists(path));
    for path in gone {
        // Not netplan's, but our own.
        if !marker::is_own_file(disk, &path)? {
            disk.commit(&removal(&path))?;
            changed.push(path);
        }
    }
    Ok(changed)
}

/// Puts one unit in place; `None` where it is there already.
fn put(disk: &Disk, scratch: &Disk, path: PathBuf) -> Result<Option<PathBuf>> {
    let text = scratch.read(&path)?.unwrap_or_default();
    if disk.read(&path)?.as_ref() == Some(&text) {
        return Ok(None);
    }
    // networkd reads it as a user of its own.
    disk.commit(&FileChange::Create(File::readable(&path, text)))?;
    Ok(Some(path))
}

fn removal(path: &Path) -> FileChange {
    let (path, old) = (path.to_owned(), String::new());
    FileChange::Delete { path, old }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::scratch::scratch;
    use crate::stacks::networkd::reload;
    use std::fs;

    #[test]
    fn the_newest_generator_is_called_and_the_command_line_only_where_there_is_none() {
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::new(root.path()).unwrap();
        assert_eq!(generator(&disk), ("netplan", &["generate"][..]));
        for path in GENERATORS.into_iter().rev() {
            let real = root.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(real.parent().unwrap()).unwrap();
            fs::write(real, "").unwrap();
            assert_eq!(generator(&disk), (path, &[][..]));
        }
    }

    #[test]
    fn only_the_secondaries_units_are_taken_from_the_scratch_root() {
        let folder = "/run/systemd/network";
        let file = |name: &str| format!("{folder}/10-netplan-{name}.network");
        let (eth0, ens6, eth2, eth3) = (
            file("eth0"),
            file("ens6"),
            file("eniroute-eth2"),
            file("eniroute-eth3"),
        );
        let (folder, _) = scratch(&[(&eth0, "new"), (&ens6, "new"), (&eth2, "same")]);
        let (_root, disk) = scratch(&[
            (&eth0, "old"),
            (&ens6, "old"),
            (&eth2, "same"),
            (&eth3, "detached"),
        ]);
        let before = disk.stamp(&eth2);
        // eth1 is cloud-init's; a complete unit is known by its name.
        let units = [("eth1".into(), "10-netplan-ens6.network".to_owned())].into();
        let changed = install(&disk, folder.path(), |unit| {
            reload::is_secondary(unit, &units)
        })
        .unwrap();
        assert_eq!(changed, [Path::new(&ens6), Path::new(&eth3)]);
        let texts = [eth0, ens6, eth2.clone(), eth3].map(|path| disk.read(path).unwrap());
        assert_eq!(
            texts.each_ref().map(Option::as_deref),
            [Some("old"), Some("new"), Some("same"), None]
        );
        assert_eq!(disk.stamp(&eth2), before);
    }
}
