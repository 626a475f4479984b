//! `eniroute status`: each ENI, its private and public addresses, and whether all is well.

use crate::cli::{Common, Status};
use crate::error::{Error, Result};
use crate::net::Mac;
use crate::numbering::Owner;
use crate::reconcile::{Host, How, Run, enis, findings, gauges, unproven};
use crate::report::{Report, Voice, metrics};

/// Asks the metadata service and the kernel; changes nothing, and needs no root.
///
/// # Errors
/// The metadata service; a kernel that cannot be asked; an address that no ENI has.
pub fn run(common: &Common, options: &Status) -> Result<Report> {
    if options.metrics && common.json {
        return Err(Error::Usage(
            "--metrics prints OpenMetrics text, and --json JSON: one of the two".to_owned(),
        ));
    }
    let how = How {
        selected: options.selected.clone(),
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
        host,
        assessment,
        mut report,
        ..
    } = run;
    report.enis.retain(|eni| assessment.is_meant(eni.mac));
    report.findings.retain(|finding| match finding.owner {
        Owner::Eni(mac) => assessment.is_meant(mac),
        Owner::Host => true,
    });
    if common.verbose > 0 {
        let macs: Vec<Mac> = report.enis.iter().map(|eni| eni.mac).collect();
        report.is_wide = true;
        enis::detail(&mut report.enis, &host.details(&macs));
    }
    if options.metrics {
        let text = metrics(&report, &gauges::read(&host.disk));
        report.voice = Voice::Text(text);
    }
    match options.address {
        Some(address) => report.about(address),
        None => Ok(report),
    }
}
