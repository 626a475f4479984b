//! Whether our ifcfg file is the only one of its interface: the network service runs each one. Reads the disk only.

use super::{FOLDER, NetworkScripts, path};
use crate::error::Result;
use crate::gather::Gather;
use crate::net::quoted;
use crate::report::{Evidence, Finding, Remedy, Severity};
use crate::stacks::Audit;

/// F2 of each complete definition of ours that has another one beside it.
///
/// # Errors
/// A file that cannot be read.
pub fn findings(audit: &Audit) -> Result<Vec<Finding>> {
    let scripts = NetworkScripts::read(audit.disk, audit.links)?;
    let own = audit.files(FOLDER);
    let complete = own.filter(|(own, planned)| own.path == path(&format!("ifcfg-{}", planned.dev)));
    let doubled = complete.filter_map(|(own, planned)| {
        let rival = scripts.owner(planned)?.path.display().to_string();
        let why = format!("{rival} configures {}, too", planned.dev);
        let finding = audit
            .ignored(planned, &own.path, &why)
            .rated(Severity::Warning)
            .is_not(why, "one ifcfg file for each interface")
            .mended_by(Remedy::review(format!("cat {}", quoted(&rival))))
            .known_from(Evidence::file(rival, planned.dev.to_string()));
        Some(finding)
    });
    Ok(doubled.gathered())
}
