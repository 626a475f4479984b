//! Which NICs NetworkManager configures. Reads the disk only.

use super::record::Record;
use super::{RUNNING, STACK};
use crate::error::Result;
use crate::plan::Planned;
use crate::stacks::stack::{Claim, Host, Sure, Witness};

/// NetworkManager may be there: it runs, or is installed.
const THERE: [&str; 2] = [RUNNING, "/usr/sbin/NetworkManager"];

/// Its record of each NIC, and our keyfiles from earlier runs.
pub struct Records<'a>(pub Host<'a>);

impl Witness for Records<'_> {
    /// The record names a profile that NetworkManager has made up, also where it only looks on.
    fn claims(&self, planned: &Planned) -> Result<Vec<Claim>> {
        let Host { disk, .. } = self.0;
        let record = self
            .0
            .link(planned)
            .map(|link| Record::read(disk, link.index))
            .transpose()?
            .unwrap_or_default();
        let profile = record
            .connection
            .map(|uuid| format!("NetworkManager runs it by the profile {uuid}"));
        let managed = profile.or_else(|| {
            record
                .managed
                .then(|| "NetworkManager manages it".to_owned())
        });
        let is_there = THERE.iter().any(|path| disk.exists(path));
        let own = self
            .0
            .own_file(planned, |name| is_there && name.ends_with(".nmconnection"));
        let own = own.map(|own| {
            (
                Sure::Before,
                format!("{} is there from an earlier run", own.path.display()),
            )
        });
        let found = managed
            .map(|why| (Sure::Managed, why))
            .into_iter()
            .chain(own);
        Ok(found
            .map(|(sure, why)| Claim {
                sure,
                stack: &STACK,
                why,
            })
            .collect())
    }
}
