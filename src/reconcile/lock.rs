//! Who may change anything: root, one run at a time. Whoever has its turn first sets aside what eniroute has written
//! down and a damaged disk, or somebody else, has made unreadable: it is reported, and written anew. Nothing else is lost by
//! it, and no later run meets it again.

use std::path::Path;
use std::time::Duration;

use log::warn;

use super::kept::SPARE;
use crate::error::{Error, Result};
use crate::files::{Disk, Lock};
use crate::ledger::{self, Ledger};
use crate::metadata::cache::{self, Memory};
use crate::metadata::record::{self, Record};
use crate::stacks;

/// Held while a run changes anything; below `--root`.
pub const LOCK: &str = "/run/eniroute.lock";

/// Waits, at most so long, until no other run changes anything, and keeps others from it. Whoever has it begins by
/// [`tidy`].
///
/// # Errors
/// [`Error::Failed`]: another run is at work still.
pub fn lock(disk: &Disk, wait: Duration) -> Result<Lock> {
    disk.lock(Path::new(LOCK), wait)
}

/// The same where no other run is at work; `None` where one is.
///
/// # Errors
/// [`Error::File`]: the lock cannot be made.
pub fn try_lock(disk: &Disk) -> Result<Option<Lock>> {
    disk.try_lock(Path::new(LOCK))
}

/// # Errors
/// [`Error::Usage`], where `command` is not run by root.
pub fn demand_root(command: &str) -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "`eniroute {command}` changes routes and files, so it must run as root: sudo eniroute {command} (`status` needs no root)"
    )))
}

/// Takes away what earlier runs have left, and sets aside what cannot be read: before anything of it is. Needs the lock.
pub fn tidy(disk: &Disk) {
    let own = ["/run/eniroute", "/var/lib/eniroute"];
    disk.sweep_files(stacks::folders().into_iter().chain(own));
    disk.sweep_folders("/run");
    set_aside_unreadable(disk);
}

fn set_aside_unreadable(disk: &Disk) {
    let ledgers = [ledger::PATH, SPARE].map(|path| is_sound(disk, path, Ledger::parse));
    if ledgers.contains(&false) {
        warn!("what eniroute made before and does not make now, it no longer knows for its own");
    }
    is_sound(disk, record::PATH, Record::parse);
    // While it is absent, the units start nothing.
    if !is_sound(disk, cache::PATH, Memory::parse)
        && let Err(error) = Memory::default().save(disk)
    {
        warn!("{error}");
    }
}

fn is_sound<T>(disk: &Disk, path: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> bool {
    let Err(error) = disk.read_own(path, parse) else {
        return true;
    };
    match disk.set_aside(path) {
        Ok(bad) => warn!(
            "{error}; it was set aside as {}, and is written anew",
            bad.display()
        ),
        Err(other) => warn!("{error}; and it cannot be set aside: {other}"),
    }
    false
}
