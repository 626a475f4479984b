//! `eniroute status`: each ENI, its private and public addresses, and whether all is well.

use crate::cli::{Common, Selected};
use crate::error::Result;
use crate::reconcile::{Host, How, Run, state, unproven};
use crate::report::Report;

/// Asks the metadata service and the kernel; changes nothing, and needs no root.
///
/// # Errors
/// The metadata service; a kernel that cannot be asked.
pub fn run(common: &Common, selected: &Selected) -> Result<Report> {
    let how = How { selected: selected.clone(), ..How::all("status", common) };
    let mut host = Host::open(common)?;
    let metadata = host.metadata(true)?;
    let Run { host, assessment, mut report, .. } = Run::of(&mut host, &how, metadata)?;
    report.notes.extend(unproven::note(&host.disk));
    report.enis = state::all(&assessment, Some(&mut host.kernel))?;
    report.enis.retain(|eni| assessment.is_meant(eni.mac));
    report.notes.extend(state::rivals(&assessment));
    Ok(report)
}
