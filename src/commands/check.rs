//! `eniroute check`: what is wrong, why, and what to do, with the proof of each statement.

use crate::check;
use crate::cli::{Check, Common};
use crate::error::Result;
use crate::reconcile::{Host, How, Inspection, Run, enis, unproven};
use crate::report::{Form, Report};

/// Looks at all that can be known from inside; changes nothing. Without metadata what needs none is looked at.
///
/// # Errors
/// A kernel that cannot be asked.
pub fn run(common: &Common, options: &Check) -> Result<Report> {
    let how = How::all("check", common);
    let mut host = Host::open(common)?;
    let (metadata, refusal) = host.metadata_if_any(true);
    let mut run = Run::of(&mut host, &how, metadata)?;
    run.note(unproven::finding(&run.host.disk));
    let Run {
        host,
        assessment,
        mut report,
        ..
    } = run;
    let inspection = Inspection::of(host, assessment, refusal)?;
    let findings = check::findings(&inspection);
    report.form = Some(Form {
        brief: options.brief,
        strict: options.strict,
        without_metadata: inspection.refusal.is_some(),
    });
    report.verdict = Some(check::verdict(&inspection));
    report.enis = enis::all(&inspection.assessment, &findings);
    report.findings.extend(findings);
    Ok(report)
}
