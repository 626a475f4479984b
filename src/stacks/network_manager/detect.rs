//! Which NICs NetworkManager configures. Reads the disk only.

use super::record::Record;
use super::{RUNNING, STACK};
use crate::error::Result;
use crate::gather::Gather;
use crate::plan::Planned;
use crate::stacks::stack::{Claim, Host, Sure, Witness};

/// NetworkManager may be there: it runs, or is installed.
const THERE: [&str; 2] = [RUNNING, "/usr/sbin/NetworkManager"];

/// By the profile that runs the NIC, or that NetworkManager manages it at all.
fn managed(record: Record) -> Option<Claim> {
    let profile = record.connection;
    let by_profile = profile.map(|uuid| format!("NetworkManager runs it by the profile {uuid}"));
    let managed = record.managed.then_some("NetworkManager manages it");
    let why = by_profile.or(managed.map(str::to_owned));
    why.map(|why| Claim::new(&STACK, Sure::Managed, why))
}

/// Its record of each NIC, and our keyfiles from earlier runs.
pub struct Records<'a>(pub Host<'a>);

impl Witness for Records<'_> {
    /// The record names a profile that NetworkManager has made up, also where it only looks on.
    fn claims(&self, planned: &Planned) -> Result<Vec<Claim>> {
        let Self(host) = self;
        let record = host
            .link(planned)
            .map(|link| Record::read(host.disk, link.index));
        let managed = record.transpose()?.and_then(managed);
        let is_there = THERE.iter().any(|path| host.disk.exists(path));
        let own = host.own_file(planned, |name| is_there && name.ends_with(".nmconnection"));
        let own = own.map(|own| Claim::by_own_file(&STACK, own));
        Ok(managed.into_iter().chain(own).gathered())
    }
}
