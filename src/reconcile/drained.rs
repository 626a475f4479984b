//! Addresses that get no new flows: until a person applies again, or until the next boot, which has no flows.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::error::Result;
use crate::files::{Disk, File};

/// Where they stand, in memory-backed /run.
pub const PATH: &str = "/run/eniroute/drained.json";

/// They tell no secret.
const MODE: u32 = 0o644;

/// Those that are drained now.
pub fn load(disk: &Disk) -> BTreeSet<Ipv4Addr> {
    let parse = |text: &str| serde_json::from_str(text).map_err(|error| error.to_string());
    disk.read_own(PATH, parse)
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// One more.
///
/// # Errors
/// [`crate::error::Error::File`].
pub fn add(disk: &Disk, address: Ipv4Addr) -> Result<()> {
    let mut all = load(disk);
    all.insert(address);
    let text = serde_json::to_string(&all).map(|text| text + "\n");
    let file = File {
        path: PATH.into(),
        mode: MODE,
        text: text.unwrap_or_default(),
    };
    let changes = disk.plan(&[file], &[])?;
    changes.iter().try_for_each(|change| disk.commit(change))
}

/// None any more.
///
/// # Errors
/// [`crate::error::Error::File`].
pub fn end(disk: &Disk) -> Result<()> {
    let changes = disk.plan(&[], &[PATH.into()])?;
    changes.iter().try_for_each(|change| disk.commit(change))
}
