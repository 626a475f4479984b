//! `eniroute plan`: shows what `apply` would do, and does nothing.

use std::collections::BTreeSet;

use crate::cli::{Common, Parts, Selected};
use crate::conflicts;
use crate::error::Result;
use crate::gather::Gather;
use crate::numbering::Owner;
use crate::reconcile::files::file_report;
use crate::reconcile::{Host, How, Run, findings, rule_index, unproven};
use crate::report::{Code, Finding, Report};

/// The `ip` commands and the file diffs.
///
/// # Errors
/// The metadata service; a kernel that cannot be asked.
pub fn run(common: &Common, selected: &Selected, parts: &Parts) -> Result<Report> {
    let how = How::plan(common, selected, parts);
    let mut host = Host::open(common)?;
    host.is_strict = true;
    host.drained = Some(BTreeSet::new());
    let metadata = host.metadata(host.needs_public(selected))?;
    let mut run = Run::of(&mut host, &how, metadata)?;
    run.note(unproven::finding(&run.host.disk));
    let rival = conflicts::in_charge(&run.host.disk)?;
    run.note(rival.map(|why| {
        Finding::told(
            Code::O1,
            Owner::Host,
            format!("`eniroute apply` would refuse: {why}"),
        )
    }));
    if how.live {
        run.report.kernel = run.changes();
        let index = rule_index::Work::of(&run.assessment, &run.report.kernel);
        run.report.rule_index = index.report();
        run.report.is_wide = common.verbose > 0;
        let notes = rule_index::notes(&index.obstacles);
        run.report.notes.extend(notes);
    }
    run.report.files = run
        .plan_files()
        .files
        .iter()
        .map(|change| file_report(change, true))
        .gathered();
    let remarks = &run.assessment.desired.egress.remarks;
    run.report.notes.extend(remarks.iter().cloned());
    let index = rule_index::Work::of(&run.assessment, &[]);
    let findings = findings::all(&run.assessment, &index, None)?;
    run.report_enis(findings);
    Ok(run.report)
}
