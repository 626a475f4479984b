//! Addresses that get no new flows: until a person applies again, or until the next boot, which has no flows. Every other
//! run keeps them so.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::error::Result;
use crate::files::Disk;

/// Where they stand, in memory-backed /run.
pub const PATH: &str = "/run/eniroute/drained.json";

/// Those that are drained now.
pub fn load(disk: &Disk) -> BTreeSet<Ipv4Addr> {
    disk.own_or_default(PATH)
}

/// These are, from now on.
///
/// # Errors
/// [`crate::error::Error::File`].
pub fn save(disk: &Disk, all: &BTreeSet<Ipv4Addr>) -> Result<()> {
    disk.write_own(PATH, all)
}

/// None any more.
///
/// # Errors
/// [`crate::error::Error::File`].
pub fn end(disk: &Disk) -> Result<()> {
    disk.delete_own(&[PATH])
}
