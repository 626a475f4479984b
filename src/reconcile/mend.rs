//! What eniroute has written down and a damaged disk, or another hand, has made unreadable: it is set aside, told, and
//! written anew. Nothing else is lost by it, and no later run meets it again.

use log::warn;

use crate::files::Disk;
use crate::ledger::{self, Ledger};
use crate::metadata::cache::{self, Memory};
use crate::metadata::record::{self, Record};

/// Sets aside what cannot be read. Needs the lock.
pub fn mend(disk: &Disk) {
    if !is_sound(disk, ledger::PATH, Ledger::parse) {
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
    let Err(error) = disk.read_own(path, parse) else { return true };
    match disk.set_aside(path) {
        Ok(bad) => warn!("{error}; it was set aside as {}, and is written anew", bad.display()),
        Err(other) => warn!("{error}; and it cannot be set aside: {other}"),
    }
    false
}
