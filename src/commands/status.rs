//! `eniroute status`: each ENI, its private and public addresses, and whether all is well.

use crate::cli::{Common, Selected};
use crate::error::Result;
use crate::reconcile::assess::Survey;
use crate::reconcile::{Host, state, unproven};
use crate::report::Report;

/// Asks the metadata service and the kernel; changes nothing, and needs no root.
///
/// # Errors
/// The metadata service; a kernel that cannot be asked.
pub fn run(common: &Common, selected: &Selected) -> Result<Report> {
    let mut host = Host::open(common)?;
    let survey = Survey::take_with_public(&mut host, selected)?;
    let mut report = survey.report("status");
    report.notes.extend(unproven::note(&host.disk));
    report.enis = state::all(&survey, Some(&mut host.kernel))?;
    report.enis.retain(|eni| survey.is_meant(eni.mac));
    report.notes.extend(state::rivals(&survey));
    Ok(report)
}
