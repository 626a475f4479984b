//! `eniroute status`: each ENI, its private and public addresses, and whether all is well.

use crate::cli::{Common, Selected};
use crate::error::Result;
use crate::numbering::Owner;
use crate::reconcile::{Host, How, Run, findings, unproven};
use crate::report::Report;

/// Asks the metadata service and the kernel; changes nothing, and needs no root.
///
/// # Errors
/// The metadata service; a kernel that cannot be asked.
pub fn run(common: &Common, selected: &Selected) -> Result<Report> {
    let how = How {
        selected: selected.clone(),
        ..How::all("status", common)
    };
    let mut host = Host::open(common)?;
    let metadata = host.metadata(true)?;
    let mut run = Run::of(&mut host, &how, metadata)?;
    run.note(unproven::finding(&run.host.disk));
    let findings = findings::all(&run.assessment, Some(&mut run.host.kernel))?;
    run.report_enis(findings);
    run.report
        .notes
        .extend(findings::notes_of_rivals(&run.assessment));
    let Run {
        assessment,
        mut report,
        ..
    } = run;
    report.enis.retain(|eni| assessment.is_meant(eni.mac));
    report.findings.retain(|finding| match finding.owner {
        Owner::Eni(mac) => assessment.is_meant(mac),
        Owner::Host => true,
    });
    Ok(report)
}
