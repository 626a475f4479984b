//! `eniroute plan`: shows what `apply` would do, and does nothing.

use crate::cli::{Common, Parts, Selected};
use crate::conflicts;
use crate::error::Result;
use crate::reconcile::{Host, How, Run, state, unproven};
use crate::report::Report;

/// The `ip` commands and the file diffs.
///
/// # Errors
/// The metadata service; a kernel that cannot be asked.
pub fn run(common: &Common, selected: &Selected, parts: &Parts) -> Result<Report> {
    let how = How::plan(common, selected, parts);
    let mut host = Host::open(common)?;
    let metadata = host.metadata(host.needs_public(selected))?;
    let mut run = Run::of(&mut host, &how, metadata)?;
    run.report.notes.extend(unproven::note(&run.host.disk));
    let rival = conflicts::in_charge(&run.host.disk)?;
    run.report.notes.extend(rival.map(|why| format!("`eniroute apply` would refuse: {why}")));
    if how.live {
        run.report.kernel = run.changes();
    }
    run.report.files = run.plan_files().files.iter().map(|change| state::file(change, true)).collect();
    run.report.enis = state::all(&run.assessment, None)?;
    Ok(run.report)
}
