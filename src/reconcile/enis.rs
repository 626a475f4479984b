//! Each ENI as it is reported: as EC2 has it, and how it is by what was found.

use std::net::IpAddr;

use super::assess::Assessment;
use crate::eni::Eni;
use crate::net::{Dev, Mac};
use crate::numbering::Owner;
use crate::plan::link_of;
use crate::report::{AddressReport, AddressState, Code, EniReport, Finding, State};

/// Every ENI, the primary one first; those that EC2 tells late stand last. Their states are the summary of `findings`.
pub fn all(assessment: &Assessment, findings: &[Finding]) -> Vec<EniReport> {
    let Assessment {
        desired,
        metadata,
        observed,
        ..
    } = assessment;
    let planned = desired.enis.iter().map(|planned| {
        // As EC2 has it, also where the link cannot have all of it.
        let listed = metadata
            .enis
            .iter()
            .find(|eni| eni.mac == planned.eni.mac)
            .unwrap_or(&planned.eni);
        report(listed, Some(&planned.dev), findings)
    });
    let skipped = desired.skipped.iter();
    let skipped = skipped.map(|skipped| report(&skipped.eni, skipped.dev.as_ref(), findings));
    let mut reports: Vec<EniReport> = planned.chain(skipped).collect();
    reports.sort_by_key(|report| (!report.primary, report.table));
    let refused = metadata.refused.iter().map(|eni| {
        let link = link_of(eni, &observed.links);
        report(eni, link.map(|link| &link.name), findings)
    });
    reports.extend(refused);
    let late = metadata.incomplete.iter().map(|late| late.mac);
    let late = late.filter(|mac| {
        !metadata
            .enis
            .iter()
            .chain(&metadata.refused)
            .any(|eni| eni.mac == *mac)
    });
    reports.extend(late.map(|mac| incomplete(assessment, mac, State::of(findings, mac))));
    for report in &mut reports {
        report.reason = reason(report, findings);
    }
    reports
}

/// Why an ENI is left alone.
fn reason(report: &EniReport, findings: &[Finding]) -> Option<String> {
    let is_its = |finding: &&Finding| {
        finding.owner == Owner::Eni(report.mac) && [Code::O1, Code::O5].contains(&finding.code)
    };
    let found = findings.iter().find(is_its);
    let found = found.filter(|_| report.state == State::Unmanaged)?;
    Some(found.what.clone())
}

fn report(eni: &Eni, dev: Option<&Dev>, findings: &[Finding]) -> EniReport {
    let public = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => eni.public.get(&ip).cloned().unwrap_or_default(),
        IpAddr::V6(_) => Vec::new(),
    };
    let prefixes = eni.ipv4_prefixes.iter().map(ToString::to_string);
    EniReport {
        interface: dev.map(ToString::to_string),
        eni: Some(eni.id.clone()),
        mac: eni.mac,
        primary: eni.primary,
        device_number: Some(eni.device_number),
        network_card: Some(eni.network_card),
        table: Some(eni.number().table()),
        addresses: eni
            .addresses()
            .map(|address| AddressReport {
                address,
                public: public(address),
                state: AddressState::of(findings, eni.mac, address),
            })
            .collect(),
        prefixes: prefixes
            .chain(eni.ipv6_prefixes.iter().map(ToString::to_string))
            .collect(),
        whole: AddressState::of_whole(findings, eni.mac),
        state: State::of(findings, eni.mac),
        reason: None,
    }
}

fn incomplete(assessment: &Assessment, mac: Mac, state: State) -> EniReport {
    let link = assessment
        .observed
        .links
        .iter()
        .find(|link| link.mac == Some(mac));
    EniReport {
        interface: link.map(|link| link.name.to_string()),
        eni: None,
        mac,
        primary: false,
        device_number: None,
        network_card: None,
        table: None,
        addresses: Vec::new(),
        prefixes: Vec::new(),
        whole: AddressState::default(),
        state,
        reason: None,
    }
}
