//! The ledger on the disk. Where that is full, read-only or broken, the ledger stands in /run until there is room: what is
//! not written down is never taken away, so a change that was made must not be forgotten with the run that made it.

use log::warn;

use crate::error::Result;
use crate::files::{Disk, File};
use crate::ledger::{self, Ledger};

/// In the ledger's place while that cannot be written. In memory-backed /run, as what it tells of is gone with the boot.
pub const SPARE: &str = "/run/eniroute/ledger.json";

/// What was made before. A ledger that cannot be read is as good as none; a run that changes anything has set it aside
/// before.
pub fn read_ledger(disk: &Disk) -> Ledger {
    let place = if disk.exists(SPARE) {
        SPARE
    } else {
        ledger::PATH
    };
    let read = disk.read_own(place, Ledger::parse);
    read.map(Option::unwrap_or_default).unwrap_or_else(|error| {
        warn!("{error}; what was made before is not known");
        Ledger::default()
    })
}

/// Writes the ledger, if it differs from what is there; an empty one is no file.
///
/// # Errors
/// [`crate::error::Error::File`]: it is not there, as [`save_meanwhile`] may be able to mend.
pub fn save(disk: &Disk, ledger: &Ledger) -> Result<()> {
    write(disk, ledger::PATH, ledger)?;
    write(disk, SPARE, &Ledger::default())
}

/// Writes it where it stands until there is room at its place. An empty one is a file there, lest the old one at its
/// place be taken for it.
///
/// # Errors
/// As [`save`].
pub fn save_meanwhile(disk: &Disk, ledger: &Ledger) -> Result<()> {
    disk.put(file(SPARE, ledger))
}

/// Moves it to where it is for this boot alone, as nobody is left to keep it true. Returns whether there is any.
///
/// # Errors
/// As [`save`]; it stays where it is.
pub fn set_apart(disk: &Disk) -> Result<bool> {
    let ledger = read_ledger(disk);
    let is_any = !ledger.is_empty();
    if is_any {
        save_meanwhile(disk, &ledger)?;
    }
    disk.delete_own(&[ledger::PATH])?;
    Ok(is_any)
}

/// `path` is to hold the ledger, or not to be.
fn write(disk: &Disk, path: &str, ledger: &Ledger) -> Result<()> {
    match ledger.is_empty() {
        true => disk.delete_own(&[path]),
        false => disk.put(file(path, ledger)),
    }
}

fn file(path: &str, ledger: &Ledger) -> File {
    File::readable(path, ledger.text())
}
