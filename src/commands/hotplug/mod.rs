//! `eniroute hotplug`: an ENI is attached while EC2 still publishes it, changed, detached, moved, and its link goes down
//! and up. udev and systemd call it.

mod add;
mod change;
mod remove;

use std::time::Duration;

use log::warn;

use super::stand_down::serve_silently;
use crate::cli::{Common, Hotplug};
use crate::error::Result;
use crate::metadata::Metadata;
use crate::reconcile::{Host, How, converge, demand_root};
use crate::report::Report;

/// Held by the one run that waits for the metadata of all the interfaces that have appeared; the runs behind it find
/// theirs done.
pub const QUEUE: &str = "/run/eniroute/hotplug.lock";

/// On a detachment, and where a link was down, the metadata service is asked only to prove that it still answers.
const SHORT: Duration = Duration::from_millis(300);

/// What udev and systemd call.
///
/// # Errors
/// Not root; as [`converge()`].
pub fn run(common: &Common, what: &Hotplug) -> Result<Report> {
    match what {
        Hotplug::Add { interface } => serve(common, || add::run(common, interface)),
        Hotplug::Remove { .. } => serve(common, || remove::run(common)),
        Hotplug::Change => change::run(common),
    }
}

fn serve(common: &Common, work: impl FnOnce() -> Result<Report>) -> Result<Report> {
    let work = || demand_root("hotplug").and_then(|()| work());
    serve_silently("hotplug", common, work).map(Report::notes_unless_changed)
}

/// Nothing was to do, and nobody needs to know.
fn nothing() -> Result<Report> {
    Ok(Report::silent("hotplug"))
}

/// Does what needs no metadata that is new. Where the service answers at once, it will have to answer at the end, too.
fn from_memory(host: &mut Host, how: &How, metadata: Metadata) -> Result<Report> {
    host.service.wait = SHORT;
    if let Err(error) = host.imds() {
        warn!("{error}; going by what it said last");
    }
    converge(host, how, metadata)
}
