//! What `check` reports, as text: the worst first, one screen; of a host where all is well, a line for each ENI.

use std::fmt::Write;

use serde::Serialize;

use super::{Finding, Report, Severity};
use crate::net::Mac;

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub proven: Vec<EniVerdict>,
    /// What cannot be seen from inside the instance, each in a sentence.
    pub assumed: Vec<String>,
}

/// What was proven of one ENI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EniVerdict {
    pub mac: Mac,
    /// Addresses that are up.
    pub addresses: usize,
    /// Ways out that the kernel was asked for.
    pub ways: usize,
    /// Those of them that lead out by the ENI itself.
    pub right: usize,
}

/// How `check` is to be said, and what ends it with an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// One line a finding.
    pub brief: bool,
    /// Warnings count as errors.
    pub strict: bool,
    /// The metadata service was not reached.
    pub without_metadata: bool,
}

/// The exit code of `check` where it has found errors.
const FOUND: u8 = 3;
/// Its exit code without metadata.
const NO_METADATA: u8 = 4;

impl Form {
    /// 0, 3 with errors (with `--strict`: warnings), 4 without metadata.
    pub fn exit_code(self, findings: &[Finding]) -> u8 {
        let worst = if self.strict {
            Severity::Warning
        } else {
            Severity::Error
        };
        let is_bad = findings.iter().any(|finding| finding.severity <= worst);
        match (self.without_metadata, is_bad) {
            (true, _) => NO_METADATA,
            (false, true) => FOUND,
            (false, false) => 0,
        }
    }
}

impl Report {
    /// The findings, then what is right, then what is assumed.
    pub(super) fn check_text(&self) -> String {
        let brief = self.form.is_some_and(|form| form.brief);
        let findings = self.findings.iter();
        let findings: String = findings
            .map(|finding| if brief { line(finding) } else { block(finding) })
            .collect();
        findings + &self.proven() + &self.assumptions()
    }

    fn proven(&self) -> String {
        let verdicts = self.verdict.iter().flat_map(|verdict| &verdict.proven);
        verdicts
            .map(|verdict| format!("{}: {}\n", self.name_of(verdict.mac), words(verdict)))
            .collect()
    }

    fn assumptions(&self) -> String {
        let assumed = self.verdict.iter().flat_map(|verdict| &verdict.assumed);
        assumed.map(|text| format!("assumed: {text}\n")).collect()
    }

    fn name_of(&self, mac: Mac) -> String {
        let eni = self.enis.iter().find(|eni| eni.mac == mac);
        eni.map_or_else(|| mac.to_string(), |eni| eni.name())
    }
}

fn words(verdict: &EniVerdict) -> String {
    let addresses = match verdict.addresses {
        1 => "1 address".to_owned(),
        count => format!("{count} addresses"),
    };
    let ways = verdict.ways;
    if verdict.right == ways {
        format!("{addresses}, {ways} ways out, all by their own ENI")
    } else {
        format!(
            "{addresses}, {} of {ways} ways out by their own ENI",
            verdict.right
        )
    }
}

fn line(finding: &Finding) -> String {
    format!("{} {}: {finding}\n", finding.code, finding.severity)
}

fn block(finding: &Finding) -> String {
    let mut text = format!("{} {}: {}\n", finding.code, finding.severity, finding.what);
    let mut add = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<11}{value}");
    };
    finding.is.iter().for_each(|is| add("is:", is));
    finding
        .expected
        .iter()
        .for_each(|expected| add("should be:", expected));
    let consequence = finding.code.entry().consequence;
    add("so:", consequence);
    for remedy in &finding.remedies {
        add(
            "do:",
            &format!("{} ({})", remedy.command, remedy.applicability.advice()),
        );
    }
    if finding.remedies.is_empty() {
        finding.remedy.iter().for_each(|remedy| add("do:", remedy));
    }
    for evidence in &finding.evidence {
        add("see:", &format!("{}: {}", evidence.source, evidence.text));
    }
    text
}
