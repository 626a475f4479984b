//! What is known of the host as findings, of which a run's notes and the states of the ENIs are made. Asks the kernel
//! for routes, changes nothing.

mod alone;
mod lacking;
mod routing;
mod shadow;
mod unassigned;

use std::collections::BTreeMap;

use super::assess::Assessment;
use crate::error::Result;
use crate::kernel::Kernel;
use crate::metadata;
use crate::net::link_of_mac;
use crate::numbering::Owner;
use crate::plan::Planned;
use crate::report::{Code, Finding, Severity, State};
use alone::{left_alone, manual};
use lacking::{lacking, leased_note, missing_lease};
use routing::{conflicts, misrouted, rivals, unbound};
use shadow::foreign;
use unassigned::unassigned;

/// What makes it so.
pub const APPLY: &str = "eniroute apply";

/// All of it; with `kernel`, that is asked which way each address would leave.
///
/// # Errors
/// The kernel does not tell.
pub fn all(assessment: &Assessment, kernel: Option<&mut Kernel>) -> Result<Vec<Finding>> {
    let mut findings = incomplete(assessment);
    findings.extend(assessment.desired.skipped.iter().map(left_alone));
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
                .chain(unassigned(assessment))
                .map(|finding| finding.to_string()),
        )
        .chain(metadata::note_of_unread(assessment.metadata.unread))
        .collect()
}

/// What the configuration and others have made of this host, in words.
pub fn notes_of_others(assessment: &Assessment) -> Vec<String> {
    alone::all(assessment)
        .chain(idle(assessment))
        .chain(conflicts(assessment))
        .map(|finding| finding.to_string())
        .collect()
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
    lines.into_values().map(line).collect()
}

/// Rules of others for addresses of ours, in words.
pub fn notes_of_rivals(assessment: &Assessment) -> Vec<String> {
    rivals(assessment).iter().map(Finding::to_string).collect()
}

fn incomplete(assessment: &Assessment) -> Vec<Finding> {
    let remedy = "eniroute refresh reads it again, each minute";
    let late = assessment.metadata.incomplete.iter();
    late.map(|late| Finding::new(Code::M2, Owner::Eni(late.mac), late.to_string(), remedy))
        .collect()
}

fn without_ipv6(assessment: &Assessment, planned: &Planned) -> Option<Finding> {
    let (dev, mac) = (&planned.dev, planned.eni.mac);
    let wants = assessment
        .metadata
        .enis
        .iter()
        .any(|eni| eni.mac == mac && eni.has_ipv6());
    let what = format!(
        "IPv6 is switched off on {dev}, so its IPv6 addresses are left out (sysctl net.ipv6.conf.{dev}.disable_ipv6)"
    );
    (wants && !planned.eni.has_ipv6()).then(|| Finding::told(Code::L5, Owner::Eni(mac), what))
}

fn unlisted(assessment: &Assessment) -> impl Iterator<Item = Finding> {
    let remedy = "nothing is taken away until one of them changes";
    assessment.unlisted.iter().map(move |mac| {
        let dev = link_of_mac(*mac, &assessment.observed.links).map_or("", |link| &link.name);
        let what = format!("{dev} ({mac}) is there, but the metadata does not list its ENI");
        Finding::new(Code::L2, Owner::Eni(*mac), what, remedy)
    })
}

fn idle(assessment: &Assessment) -> impl Iterator<Item = Finding> {
    let idle = assessment.idle.iter().cloned();
    idle.map(|what| Finding::told(Code::M6, Owner::Host, what))
}
