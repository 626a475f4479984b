//! What is known of the host as findings, of which a run's notes and the states of the ENIs are made. Asks the kernel
//! for routes, changes nothing.

mod alone;
pub mod known_by;
mod lacking;
mod of_enis;
mod routing;
mod shadow;
mod unassigned;

use std::collections::BTreeMap;

use super::assess::Assessment;
use super::rule_index::{self, Work};
use crate::error::Result;
use crate::gather::Gather;
use crate::kernel::Kernel;
use crate::metadata;
use crate::report::{Code, Finding, Severity, State};
use alone::{apart, left_alone, manual};
use lacking::{lacking, leased_note, missing_lease};
use of_enis::{idle, incomplete, unlisted, without_ipv6};
use routing::{conflicts, misrouted, rivals, unbound};
use shadow::foreign;
use unassigned::unassigned;

/// What makes it so.
pub const APPLY: &str = "eniroute apply";

/// All of it; `index` is the work that there is at the rule index. With `kernel`, that is asked which way each address
/// would leave.
///
/// # Errors
/// The kernel does not tell.
pub fn all(
    assessment: &Assessment,
    index: &Work,
    kernel: Option<&mut Kernel>,
) -> Result<Vec<Finding>> {
    let mut findings = incomplete(assessment);
    findings.extend(assessment.desired.skipped.iter().map(left_alone));
    findings.extend(apart(assessment));
    findings.extend(manual(assessment));
    findings.extend(lacking(assessment));
    if let Some(kernel) = kernel {
        let foreign = foreign(assessment);
        for planned in &assessment.desired.enis {
            if State::of(&findings, planned.eni.mac) == State::Ok {
                findings.extend(misrouted(assessment, planned, &foreign, kernel)?);
            }
        }
        findings.extend(unbound(assessment, kernel)?);
    }
    findings.extend(rivals(assessment));
    findings.extend(
        assessment
            .desired
            .enis
            .iter()
            .filter_map(|planned| without_ipv6(assessment, planned)),
    );
    findings.extend(rule_index::findings(assessment, index));
    findings.extend(
        unlisted(assessment)
            .chain(idle(assessment))
            .chain(conflicts(assessment))
            .chain(unassigned(assessment)),
    );
    Ok(findings)
}

/// What a run has to leave for a later one, in words.
pub fn notes(assessment: &Assessment) -> Vec<String> {
    let enis = || assessment.desired.enis.iter();
    let waiting = enis()
        .filter_map(|planned| missing_lease(assessment, planned))
        .map(|finding| finding.to_string());
    let waiting = waiting.chain(enis().filter_map(|planned| leased_note(assessment, planned)));
    let without_ipv6 = enis().filter_map(|planned| without_ipv6(assessment, planned));
    waiting
        .chain(
            without_ipv6
                .chain(unlisted(assessment))
                .chain(unassigned::notes(assessment))
                .map(|finding| finding.to_string()),
        )
        .chain(metadata::note_of_unread(assessment.metadata.unread))
        .gathered()
}

/// What the configuration and others have made of this host, in words.
pub fn notes_of_others(assessment: &Assessment) -> Vec<String> {
    alone::all(assessment)
        .chain(idle(assessment))
        .chain(conflicts(assessment))
        .map(|finding| finding.to_string())
        .gathered()
}

/// What of `findings` tells that traffic takes another way than eniroute has made for it, one line an ENI and a cause.
pub fn notes_of_shadows(findings: &[Finding]) -> Vec<String> {
    let is_shadow = |finding: &&Finding| match finding.code {
        Code::R1 | Code::R6 => true,
        Code::R3 => finding.severity == Severity::Warning,
        _ => false,
    };
    let cause = |finding: &Finding| {
        let what = finding.what.split_once(" would leave ");
        what.map_or(finding.what.clone(), |(_, cause)| cause.to_owned())
    };
    let mut lines: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for finding in findings.iter().filter(is_shadow) {
        let entry = lines.entry(cause(finding));
        entry.or_insert_with(|| (finding.to_string(), 0)).1 += 1;
    }
    let line = |(line, count): (String, usize)| match count {
        1 => line,
        more => format!("{line} (and so from {} more of its addresses)", more - 1),
    };
    lines.into_values().map(line).gathered()
}

/// Rules of others for addresses of ours, in words.
pub fn notes_of_rivals(assessment: &Assessment) -> Vec<String> {
    rivals(assessment).iter().map(Finding::to_string).gathered()
}
