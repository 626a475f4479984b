//! `eniroute status`: each ENI, its private and public addresses, and whether all is well.

use crate::check;
use crate::cli::{Common, Status};
use crate::error::{Error, Result};
use crate::gather::Gather;
use crate::metadata::cache;
use crate::net::Mac;
use crate::numbering::Owner;
use crate::reconcile::assess::Assessment;
use crate::reconcile::rule_index::Work;
use crate::reconcile::{Host, How, Inspection, Run, enis, findings, passing, unproven};
use crate::report::{Gauges, Report, Voice, metrics};

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
    if options.metrics {
        return measured(run);
    }
    run.note(unproven::finding(&run.host.disk));
    let index = Work::of(&run.assessment, &[]);
    let findings = findings::all(&run.assessment, &index, Some(&mut run.host.kernel))?;
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
    keep_meant(&mut report, &assessment);
    if options.address.is_none() && assessment.is_about_all() {
        report.passing = passing(host, &assessment);
    }
    if common.verbose > 0 {
        let macs: Vec<Mac> = report.enis.iter().map(|eni| eni.mac).gathered();
        let members = assessment.metadata.members(&macs);
        report.is_wide = true;
        enis::detail(&mut report.enis, &host.details(members));
    }
    match options.address {
        Some(address) => report.about(address),
        None => Ok(report),
    }
}

/// The ENIs and findings that the run is about.
fn keep_meant(report: &mut Report, assessment: &Assessment) {
    report.enis.retain(|eni| assessment.is_meant(eni.mac));
    report.findings.retain(|finding| match finding.owner {
        Owner::Eni(mac) => assessment.is_meant(mac),
        Owner::Host => true,
    });
}

/// All that `check` finds, in numbers.
fn measured(run: Run) -> Result<Report> {
    let Run {
        host,
        assessment,
        mut report,
        ..
    } = run;
    report.passing = passing(host, &assessment);
    let inspection = Inspection::of(host, assessment, None)?;
    report.findings = check::findings(&inspection);
    report.enis = enis::all(&inspection.assessment, &report.findings);
    keep_meant(&mut report, &inspection.assessment);
    let nics = inspection.counters.nics.iter();
    let table = inspection.owners.forwarding.conntrack.as_ref();
    let gauges = Gauges {
        last_good_run: host.disk.modified(cache::GOOD),
        conntrack: table.map(|table| (table.count, table.most)),
        nics: nics
            .map(|(dev, counted)| (dev.to_string(), counted.last().counters.clone()))
            .gathered(),
    };
    report.voice = Voice::Text(metrics(&report, &gauges));
    Ok(report)
}
