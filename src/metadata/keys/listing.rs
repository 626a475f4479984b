//! Which keys an ENI has, by its listing or without one.

use super::{ASSOCIATIONS, Reader, key_of, lines};
use crate::error::Result;
use crate::gather::Gather;
use crate::net::Mac;

/// All that is read of an ENI.
pub const KEYS: [&str; 11] = [
    "interface-id",
    "device-number",
    "network-card",
    "network-card-index",
    "local-ipv4s",
    "ipv6s",
    "ipv4-prefix",
    "ipv6-prefix",
    "subnet-ipv4-cidr-block",
    "subnet-ipv6-cidr-blocks",
    ASSOCIATIONS,
];

impl Reader<'_> {
    /// Which keys the ENI has: its listing says so. An emulator that lists the keys of no ENI, the `primary` one neither, is
    /// asked for each by its name; EC2 lists the primary's long before it has published all of another one.
    pub(super) fn learn_keys(&mut self, primary: Mac) -> Result<()> {
        let depth = self.depth;
        if let Some(listing) = self.get("")? {
            self.keys = lines(&listing)
                .map(|key| key.trim_end_matches('/'))
                .filter(|key| depth.reads(key))
                .map(str::to_owned)
                .into_set();
            return Ok(());
        }
        let lists_others =
            self.mac != primary && Reader::new(self.source, primary).get("")?.is_some();
        if lists_others || self.get("interface-id")?.is_none() {
            return Err(self.late(""));
        }
        for key in KEYS.into_iter().filter(|key| depth.reads(key)) {
            let slash = if key == ASSOCIATIONS { "/" } else { "" };
            // One that says nothing is there all the same, and late.
            let path = key_of(self.mac, &format!("{key}{slash}"));
            if self.source.get(&path)?.is_some() {
                self.keys.insert(key.to_owned());
            }
        }
        Ok(())
    }
}
