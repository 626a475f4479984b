//! `eniroute plan`: shows what `apply` would do, and does nothing.

use crate::cli::{Common, Parts, Selected};
use crate::conflicts;
use crate::diff::diff;
use crate::error::Result;
use crate::reconcile::assess::Survey;
use crate::reconcile::{Host, files, state, unproven};
use crate::report::Report;

/// The `ip` commands and the file diffs.
///
/// # Errors
/// The metadata service; a kernel that cannot be asked.
pub fn run(common: &Common, selected: &Selected, parts: &Parts) -> Result<Report> {
    let mut host = Host::open(common)?;
    let survey = Survey::take(&mut host, selected)?;
    let mut report = survey.report("plan");
    report.notes.extend(unproven::note(&host.disk));
    report.notes.extend(conflicts::in_charge(&host.disk)?.map(|why| format!("`eniroute apply` would refuse: {why}")));
    if !parts.no_kernel {
        report.kernel = diff(&survey.desired, &survey.observed, &survey.scope);
    }
    let files = files::plan_files(&host.disk, &survey, parts, &mut report);
    report.files = files.files.iter().map(|change| state::file(change, true)).collect();
    report.enis = state::all(&survey, None)?;
    Ok(report)
}
