//! What each ENI should have and has not: objects of ours, and addresses that a DHCP client has to bring.

use std::net::IpAddr;

use super::APPLY;
use super::known_by::metadata_of;
use crate::diff::missing;
use crate::gather::Gather;
use crate::net::Dev;
use crate::numbering::Owner;
use crate::object::{Change, Object};
use crate::plan::Planned;
use crate::reconcile::assess::Assessment;
use crate::report::{Code, Finding, Remedy, Severity};

/// What each ENI should have and has not. Some of the primary ENI's addresses are its DHCP client's business, but they
/// count all the same.
pub(super) fn lacking(assessment: &Assessment) -> Vec<Finding> {
    let missing = missing(&assessment.desired, &assessment.observed);
    let of_eni = |planned: &Planned| {
        let objects = missing.get(&planned.eni.number()).into_iter().flatten();
        let mut findings: Vec<_> = objects.map(|object| absent(planned, object)).gathered();
        findings.extend(unassigned(assessment, planned));
        findings
    };
    assessment.desired.enis.iter().flat_map(of_eni).gathered()
}

fn absent(planned: &Planned, object: &Object) -> Finding {
    let (code, what) = object.absence(&planned.dev);
    let command = Change::Add(object.clone());
    let remedy = format!("{APPLY} (it does `{command}`)");
    let finding = Finding::new(code, Owner::Eni(planned.eni.mac), what, remedy);
    let finding = finding.mended_by(Remedy::safe(APPLY));
    let finding = match code {
        // Nothing is forwarded by that link.
        Code::O4 => finding.rated(Severity::Error),
        _ => finding,
    };
    if let Some(address) = object.address() {
        return of_address(finding, planned, address.net.addr());
    }
    let finding = finding.is_not("absent", format!("made by `{command}`"));
    let subject = object.subject().into_iter();
    subject.fold(finding, Finding::of_address)
}

/// What EC2 has, and the kernel has not.
fn of_address(finding: Finding, planned: &Planned, ip: IpAddr) -> Finding {
    let dev = &planned.dev;
    finding
        .of_address(ip)
        .is_not(
            format!("{dev} has no {ip} that stays"),
            format!("{ip} on {dev}, as EC2 has it"),
        )
        .known_from(metadata_of(&planned.eni, ip))
}

/// What a DHCP client has to bring.
fn unassigned(assessment: &Assessment, planned: &Planned) -> Vec<Finding> {
    let own = planned
        .missing_lease(&assessment.observed)
        .map(IpAddr::from);
    let lacking = planned.lacking(&assessment.observed).into_iter();
    let each = lacking.map(|ip| match missing_lease(assessment, planned) {
        Some(finding) if own == Some(ip) => finding,
        _ => {
            let what = format!("{} lacks {ip}, which EC2 has assigned", planned.dev);
            let who = who_brings_it(assessment, &planned.dev);
            let finding = Finding::new(Code::A1, Owner::Eni(planned.eni.mac), what, who);
            of_address(finding, planned, ip)
        }
    });
    each.gathered()
}

pub(super) fn missing_lease(assessment: &Assessment, planned: &Planned) -> Option<Finding> {
    let ip = planned.missing_lease(&assessment.observed)?;
    let what = format!(
        "{} lacks its own address {ip}, which its DHCP client brings",
        planned.dev
    );
    let finding = Finding::new(
        Code::A1,
        Owner::Eni(planned.eni.mac),
        what,
        "nothing is added to it until then",
    );
    Some(of_address(finding, planned, ip.into()))
}

/// All the IPv6 addresses that a client has to bring, as one note.
pub(super) fn leased_note(assessment: &Assessment, planned: &Planned) -> Option<String> {
    let lacking = planned
        .lacking(&assessment.observed)
        .into_iter()
        .filter(IpAddr::is_ipv6);
    let lacking = lacking
        .map(|ip| ip.to_string())
        .gathered::<Vec<_>>()
        .join(", ");
    let dev = &planned.dev;
    let who = who_brings_it(assessment, dev);
    (!lacking.is_empty()).then(|| format!("{dev} lacks {lacking}, which EC2 has assigned: {who}"))
}

fn who_brings_it(assessment: &Assessment, dev: &Dev) -> &'static str {
    if assessment.observed.has_dhcpv6_client(dev) {
        "the DHCPv6 client that runs there has to bring it, at the latest when it renews its lease"
    } else {
        "a DHCPv6 client may still start and bring it; if none does, the next run of eniroute will"
    }
}
