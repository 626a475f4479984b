//! Whether ifup reads our files: a line of /etc/network/interfaces must lead to them. Reads the disk only.

use super::FOLDER;
use super::interfaces::Interfaces;
use crate::error::Result;
use crate::gather::Gather;
use crate::report::{Evidence, Finding, Remedy};
use crate::stacks::Audit;

const INTERFACES: &str = "/etc/network/interfaces";

/// F2 of each file that ifup does not come to.
///
/// # Errors
/// A file that cannot be read.
pub fn findings(audit: &Audit) -> Result<Vec<Finding>> {
    let interfaces = Interfaces::read(audit.disk)?;
    let unread = audit
        .files(FOLDER)
        .filter(|(own, _)| interfaces.place_of(&own.path).is_none());
    let why = "no line of /etc/network/interfaces leads to it";
    let found = unread.map(|(own, planned)| {
        audit
            .ignored(planned, &own.path, why)
            .is_not(why, format!("source {FOLDER}/*"))
            .mended_by(Remedy::review(format!(
                "echo 'source {FOLDER}/*' >>{INTERFACES}"
            )))
            .known_from(Evidence::file(INTERFACES, "no `source` for it"))
    });
    Ok(found.gathered())
}
