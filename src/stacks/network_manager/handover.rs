//! The hand-over of new keyfiles to a running NetworkManager: it reads them, and the secondary interfaces concerned
//! take them. The primary's is never touched. Says which commands; running them is its caller's.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::record::Record;
use crate::command::{self, PATIENCE};
use crate::error::Result;
use crate::files::{Disk, FileChange};
use crate::gather::Gather;
use crate::net::Link;
use crate::plan::Planned;
use crate::stacks::stack::{HandOver, Loaded, Prepared};

const PROGRAM: &str = "nmcli";
const FOLDER: &str = super::FOLDER;

/// NetworkManager takes its name on the bus before it serves the objects behind it, and refuses all until then: half
/// a second after its start, or some on a small instance that boots.
const RELOADS: u32 = 12;
const INTERVAL: Duration = Duration::from_millis(500);

/// nmcli ends when NetworkManager has taken a profile up, not when it has taken away what the profile does not hold: whoever
/// looks at once sees a route that is about to go.
const SETTLES: Duration = Duration::from_millis(100);

/// The keyfiles of one run.
pub struct Keyfiles<'a>(pub HandOver<'a>);

impl Prepared for Keyfiles<'_> {
    fn load(&self, _installed: &[PathBuf]) -> Result<Loaded> {
        let limit = self.0.wait.saturating_mul(PATIENCE);
        let run = |program: &str, args: &[&str]| command::run(program, args, limit);
        let loaded = hand_over(&self.0, run);
        if loaded.asked {
            thread::sleep(SETTLES);
        }
        Ok(loaded)
    }
}

/// Tells NetworkManager of the changes, which are on the disk already. `run` runs a program with its arguments, within
/// its own deadline. Nothing is loaded when no keyfile changed or NetworkManager does not run. A failure does not keep
/// the other interfaces from being told.
pub fn hand_over(about: &HandOver, mut run: impl FnMut(&str, &[&str]) -> Result<()>) -> Loaded {
    let HandOver {
        disk,
        changes,
        desired,
        links,
        ..
    } = *about;
    let keyfiles = || {
        let files = changes.files.iter();
        files.filter(|change| change.path().parent() == Some(Path::new(FOLDER)))
    };
    if keyfiles().next().is_none() || !disk.exists(super::RUNNING) {
        return Loaded::default();
    }
    if let Err(error) = reload(&mut run) {
        return Loaded::failed(error);
    }
    let is_written = |planned: &Planned| {
        let is_its = |change: &FileChange| change.path() == super::path(planned);
        keyfiles().any(|change| is_its(change) && !matches!(change, FileChange::Delete { .. }))
    };
    let enis = desired.enis.iter();
    let ended = enis
        .filter(|planned| !planned.eni.primary && is_written(planned))
        .map(|planned| activate(disk, planned, links, &mut run));
    Loaded {
        asked: true,
        notes: Vec::new(),
        errors: ended.filter_map(Result::err).gathered(),
    }
}

/// Not `load`: that command succeeds even where NetworkManager refuses the file.
fn reload(run: &mut impl FnMut(&str, &[&str]) -> Result<()>) -> Result<()> {
    let mut reload = || run(PROGRAM, &["connection", "reload"]);
    for _ in 1..RELOADS {
        if reload().is_ok() {
            return Ok(());
        }
        thread::sleep(INTERVAL);
    }
    reload()
}

/// An interface that runs by our profile already takes what changed without going down; any other one changes over,
/// which costs it its addresses for less than half a second.
fn activate(
    disk: &Disk,
    planned: &Planned,
    links: &[Link],
    run: &mut impl FnMut(&str, &[&str]) -> Result<()>,
) -> Result<()> {
    let (uuid, dev) = (super::uuid(planned), &*planned.dev);
    let index = links
        .iter()
        .find(|link| link.name == planned.dev)
        .map(|link| link.index)
        .unwrap_or_default();
    if Record::read(disk, index)?.connection.as_deref() == Some(&uuid) {
        run(PROGRAM, &["device", "reapply", dev])
    } else {
        run(PROGRAM, &["connection", "up", "uuid", &uuid, "ifname", dev])
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::error::Error;
    use crate::files::File;
    use crate::stacks::{Changes, guest};

    fn tell(
        disk: &Disk,
        changes: &[FileChange],
        run: impl FnMut(&str, &[&str]) -> Result<()>,
    ) -> Loaded {
        let changes = Changes {
            files: changes.to_vec(),
            ..Changes::default()
        };
        let about = HandOver {
            disk,
            changes: &changes,
            desired: &guest::desired(),
            links: &guest::links(),
            wait: Duration::ZERO,
        };
        hand_over(&about, run)
    }

    fn change(number: u32) -> FileChange {
        let path = format!("{FOLDER}/eniroute-eni-{number}.nmconnection").into();
        FileChange::Create(File {
            path,
            mode: 0o600,
            text: String::new(),
        })
    }

    /// The commands that are run for `changes`, `active` being what NetworkManager runs eth1 by. Reapplying fails.
    fn commands(changes: &[FileChange], active: &str) -> (Vec<String>, Vec<String>) {
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::new(root.path()).unwrap();
        let text = format!("[device]\nmanaged=true\nconnection-uuid={active}\n");
        disk.commit(&FileChange::Create(File {
            path: "/run/NetworkManager/devices/3".into(),
            mode: 0o644,
            text,
        }))
        .unwrap();
        let mut ran = Vec::new();
        let errors = tell(&disk, changes, |program, args| {
            ran.push(format!("{program} {}", args.join(" ")));
            if args[1] == "reapply" {
                Err(Error::Failed("no".into()))
            } else {
                Ok(())
            }
        });
        (ran, errors.errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn only_secondaries_with_a_new_file_change_over() {
        let uuids = [guest::eth1(), guest::eth2()].map(|planned| super::super::uuid(&planned));
        let up = |n: usize| format!("nmcli connection up uuid {} ifname eth{}", uuids[n - 1], n);
        let reload = "nmcli connection reload".to_owned();
        assert_eq!(
            commands(&[change(1), change(2)], "other").0,
            [reload.clone(), up(1), up(2)]
        );
        assert_eq!(
            commands(&[change(0), change(2)], "other").0,
            [reload.clone(), up(2)]
        );
        let (ran, errors) = commands(&[change(1), change(2)], &uuids[0]);
        assert_eq!(
            ran,
            [
                reload.clone(),
                "nmcli device reapply eth1".to_owned(),
                up(2)
            ]
        );
        assert_eq!(errors, ["no"]);
        let gone = FileChange::Delete {
            path: change(1).path().to_owned(),
            old: String::new(),
        };
        assert_eq!(commands(&[gone], "other").0, [reload]);
    }

    #[test]
    fn a_networkmanager_that_is_about_to_start_is_told_again() {
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::new(root.path()).unwrap();
        fs::create_dir_all(root.path().join("run/NetworkManager")).unwrap();
        let mut ran = 0;
        let gone = FileChange::Delete {
            path: change(1).path().to_owned(),
            old: String::new(),
        };
        let told = tell(&disk, &[gone], |_, _| {
            ran += 1;
            if ran < 3 {
                Err(Error::Failed("Object does not exist".into()))
            } else {
                Ok(())
            }
        });
        assert!(told.asked && told.errors.is_empty());
        assert_eq!(ran, 3);
    }

    #[test]
    fn nothing_is_told_without_a_new_keyfile_or_without_networkmanager() {
        let other = FileChange::Delete {
            path: "/etc/netplan/60-eniroute-eth1.yaml".into(),
            old: String::new(),
        };
        assert_eq!(commands(&[other], "other").0, [""; 0]);
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::new(root.path()).unwrap();
        let run = |_: &str, _: &[&str]| -> Result<()> { panic!("nothing runs") };
        assert!(tell(&disk, &[change(1)], run).errors.is_empty());
    }
}
