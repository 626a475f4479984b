//! Each ENI as it is reported: as EC2 has it, and how it is by what was found.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::assess::Assessment;
use crate::eni::{Details, Eni};
use crate::gather::{Gather, Order};
use crate::metadata::Metadata;
use crate::net::{Dev, Mac};
use crate::numbering::Owner;
use crate::plan::{Desired, Planned, link_of};
use crate::report::{
    AddressReport, AddressState, Code, EniReport, Finding, Membership, Role, State,
};

/// Every ENI, the primary one first; those that EC2 tells late stand last. Their states are the summary of `findings`.
pub fn all(assessment: &Assessment, findings: &[Finding]) -> Vec<EniReport> {
    let Desired { enis, skipped, .. } = &assessment.desired;
    let metadata = &assessment.metadata;
    let report = |eni: &Eni, dev: Option<&Dev>| report(eni, dev, findings);
    let planned = enis
        .iter()
        .map(|planned| report(listed(planned, metadata), Some(&planned.dev)));
    let skipped = skipped
        .iter()
        .map(|skipped| report(&skipped.eni, skipped.dev.as_ref()));
    let mut reports: Vec<EniReport> = planned.chain(skipped).gathered();
    reports.order_by_key(|report| (!report.primary, report.table));
    let refused = metadata.refused.iter().map(|eni| {
        let link = link_of(eni, &assessment.observed.links);
        report(eni, link.map(|link| &link.name))
    });
    reports.extend(refused);
    let late = metadata.late().chain(&metadata.apart);
    let late = late.map(|late| late.mac);
    reports.extend(late.map(|mac| incomplete(assessment, mac, State::of(findings, mac))));
    for report in &mut reports {
        report.reason = reason(report, findings);
    }
    reports
}

/// As EC2 has it, also where the link cannot have all of it.
fn listed<'a>(planned: &'a Planned, metadata: &'a Metadata) -> &'a Eni {
    let mut listed = metadata.enis.iter();
    let listed = listed.find(|eni| eni.mac == planned.eni.mac);
    listed.unwrap_or(&planned.eni)
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
    let address = |ip| AddressReport {
        address: ip,
        role: role(eni, ip),
        public: public(ip, eni),
        state: AddressState::of(findings, eni.mac, ip),
    };
    EniReport {
        interface: dev.map(ToString::to_string),
        eni: Some(eni.id.clone()),
        mac: eni.mac,
        primary: eni.primary,
        device_number: Some(eni.device_number),
        network_card: Some(eni.network_card),
        table: Some(eni.number().table()),
        addresses: eni.addresses().map(address).gathered(),
        prefixes: eni.prefixes().map(|prefix| prefix.to_string()).gathered(),
        membership: Membership::default(),
        whole: AddressState::of_whole(findings, eni.mac),
        state: State::of(findings, eni.mac),
        reason: None,
    }
}

/// The public addresses that lead to it.
fn public(address: IpAddr, eni: &Eni) -> Vec<Ipv4Addr> {
    let public = match address {
        IpAddr::V4(ip) => eni.public.get(&ip).cloned(),
        IpAddr::V6(_) => None,
    };
    public.unwrap_or_default()
}

fn role(eni: &Eni, address: IpAddr) -> Role {
    match address {
        IpAddr::V6(_) => Role::Ipv6,
        IpAddr::V4(ip) if eni.ipv4.first() == Some(&ip) => Role::Primary,
        IpAddr::V4(_) => Role::Secondary,
    }
}

/// Adds what each ENI belongs to.
pub fn detail(reports: &mut [EniReport], details: &BTreeMap<Mac, Details>) {
    for report in reports {
        if let Some(details) = details.get(&report.mac).cloned() {
            report.membership = Membership {
                subnet: details.subnet,
                security_groups: Some(details.security_groups),
                vpc: details.vpc,
                account: details.owner,
            };
        }
    }
}

fn incomplete(assessment: &Assessment, mac: Mac, state: State) -> EniReport {
    let mut links = assessment.observed.links.iter();
    let link = links.find(|link| link.mac == Some(mac));
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
        membership: Membership::default(),
        whole: AddressState::default(),
        state,
        reason: None,
    }
}
