//! `eniroute apply`: makes the host what EC2 says it is, now and for the next boot.

use std::collections::BTreeSet;

use crate::cli::{Apply, Common};
use crate::conflicts;
use crate::error::{Error, Result};
use crate::files::Disk;
use crate::reconcile::assess::Assessment;
use crate::reconcile::seen::Seen;
use crate::reconcile::{Host, How, Run, demand_root, drained, lock, tidy};
use crate::report::Report;

/// Configures every ENI, or those that are selected.
///
/// # Errors
/// Not root, or another tool is in charge; the metadata service; as [`Run::converge`].
pub fn run(common: &Common, options: &Apply) -> Result<Report> {
    demand_root("apply")?;
    let how = How::apply(common, options);
    let disk = Disk::new(&common.root)?;
    let _lock = lock(&disk, how.wait)?;
    let rival = if how.force {
        None
    } else {
        conflicts::in_charge(&disk)?
    };
    if let Some(why) = rival {
        return Err(Error::Usage(format!("{why}; nothing was changed")));
    }
    let mut host = Host::open(common)?;
    host.is_strict = true;
    host.drained = Some(BTreeSet::new());
    let public = host.needs_public(&how.selected);
    let look = |host: &mut Host| {
        tidy(&host.disk);
        Seen::of(host)
    };
    let (metadata, seen) = host.metadata_and(public, look)?;
    drained::end(&disk)?;
    let assessment = Assessment::by(&mut host, seen?, metadata, &how.selected)?;
    Run::assessed(&mut host, &how, assessment).converge()
}
