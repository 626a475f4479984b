//! `eniroute apply --service`: the run of the boot, which waits for the ENIs that are there.

use std::time::Instant;

use log::warn;

use crate::cli::{Apply, Common};
use crate::error::Result;
use crate::metadata::cache::{self, Memory};
use crate::reconcile::wait::{Wait, client};
use crate::reconcile::{Host, How, converge, demand_root, lock, tidy};
use crate::report::Report;

/// Configures every ENI as EC2 publishes it, for at most `--wait`.
///
/// # Errors
/// Not root; the metadata service, where nothing was done; as [`converge()`].
pub fn run(common: &Common, options: &Apply) -> Result<Report> {
    demand_root("apply")?;
    let deadline = Instant::now() + common.wait;
    let how = How::apply(common, options);
    let mut host = Host::open(common)?;
    // From now on an interface that appears is a matter for `hotplug add`; this run may have looked already.
    if !host.disk.exists(cache::PATH)
        && let Err(error) = Memory::default().save(&host.disk)
    {
        warn!("{error}; hot-plugged interfaces are not seen");
    }
    host.is_starting = true;
    let report = Wait::new(&mut host, &how, Memory::default(), deadline).until_served(|_| true)?;
    let Some(metadata) = client::in_vain(&mut host, &report, deadline) else {
        return Ok(report);
    };
    host.is_starting = false;
    let ended = lock(&host.disk, how.wait).and_then(|_lock| {
        tidy(&host.disk);
        converge(&mut host, &how, metadata)
    });
    match ended {
        Ok(next) => Ok(report.followed_by(next)),
        Err(error) => report.ended_by(error),
    }
}
