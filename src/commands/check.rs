//! `eniroute check`: what is wrong, why, and what to do, with the proof of each statement.

use std::path::Path;

use crate::check;
use crate::cli::{Check, Common};
use crate::error::{Error, Result};
use crate::files::plain;
use crate::reconcile::inspect::probes;
use crate::reconcile::{Host, How, Inspection, Run, enis};
use crate::report::{Baseline, Form, Report};

/// Looks at all that can be known from inside; changes nothing. Where the metadata service does not answer, the ENIs are
/// judged by what EC2 said last.
///
/// # Errors
/// A baseline that cannot be read; a kernel that cannot be asked.
pub fn run(common: &Common, options: &Check) -> Result<Report> {
    let baseline = options.baseline.as_deref().map(baseline).transpose()?;
    let how = How::all("check", common);
    let mut host = Host::open(common)?;
    host.is_judging = true;
    let said = host.said(true)?;
    let run = Run::of(&mut host, &how, said.metadata)?;
    let Run {
        host,
        assessment,
        mut report,
        ..
    } = run;
    let probes = if options.probe {
        probes::send(host, &assessment, options.probe_url.as_ref())
    } else {
        Vec::new()
    };
    let mut inspection = Inspection::of(host, assessment, said.refusal)?;
    inspection.basis = said.basis;
    inspection.probes = probes;
    let findings = check::findings(&inspection);
    report.verdict = Some(check::verdict(&inspection));
    report.enis = enis::all(&inspection.assessment, &findings);
    enis::detail(&mut report.enis, &inspection.details);
    let is_new = |finding: &_| {
        let known = baseline.as_ref().is_some_and(|known| known.has(finding));
        !known
    };
    let (new, known): (Vec<_>, Vec<_>) = findings.into_iter().partition(is_new);
    report.form = Some(Form {
        brief: options.brief,
        strict: options.strict,
        without_metadata: inspection.refusal.is_some(),
        known: known.len(),
    });
    report.findings = new;
    Ok(report)
}

fn baseline(path: &Path) -> Result<Baseline> {
    let refused = |why: String| Error::Usage(format!("--baseline {}: {why}", path.display()));
    let text = plain::text(path).map_err(|error| refused(error.to_string()))?;
    Baseline::parse(&text).map_err(refused)
}
