//! `eniroute apply`: makes the host what EC2 says it is, now and for the next boot.

use crate::cli::{Apply, Common};
use crate::conflicts;
use crate::error::{Error, Result};
use crate::files::Disk;
use crate::metadata::Reading;
use crate::reconcile::{Host, converge, demand_root, lock};
use crate::report::Report;

/// Configures every ENI, or those that are selected.
///
/// # Errors
/// Not root, or another tool is in charge; the metadata service; as [`crate::reconcile::executor::Executor::execute`].
pub fn run(common: &Common, options: &Apply) -> Result<Report> {
    demand_root("apply")?;
    let _lock = lock(common)?;
    let rival = if options.force { None } else { conflicts::in_charge(&Disk::new(&common.root)?)? };
    if let Some(why) = rival {
        return Err(Error::Usage(format!("{why}; nothing was changed")));
    }
    let mut host = Host::open(common)?;
    let public = host.needs_public(&options.selected);
    let metadata = Reading::start(host.imds()?, public)?.metadata();
    converge(&mut host, metadata, common, options, "apply")
}
