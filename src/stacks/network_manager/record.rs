//! NetworkManager's record of an interface (private to it, but the same since 1.4). Reads the disk only.

use crate::error::Result;
use crate::files::Disk;

/// One file per interface, called by its index.
const DEVICES: &str = "/run/NetworkManager/devices";

/// What NetworkManager says of one interface; nothing of one that it does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub managed: bool,
    /// The UUID of the profile that it runs by.
    pub connection: Option<String>,
}

impl Record {
    /// NetworkManager's record of the interface with this index; empty where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(disk: &Disk, index: u32) -> Result<Self> {
        let text = disk.read(format!("{DEVICES}/{index}"))?.unwrap_or_default();
        let value = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        };
        Ok(Self {
            managed: value("managed") == Some("true"),
            connection: value("connection-uuid")
                .filter(|uuid| !uuid.is_empty())
                .map(str::to_owned),
        })
    }
}
