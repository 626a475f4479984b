//! Addresses on an ENI's interface that EC2 has not assigned to it, and that are not eniroute's to take away.

use std::net::IpAddr;

use super::known_by::{addresses, assign, metadata_key};
use crate::gather::Gather;
use crate::net::Mac;
use crate::numbering::Owner;
use crate::object::{Change, Object};
use crate::plan::Planned;
use crate::reconcile::assess::Assessment;
use crate::reconcile::strays::{Range, Stray};
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// One for each of them.
pub(super) fn unassigned(assessment: &Assessment) -> impl Iterator<Item = Finding> {
    let is_ours = |stray: &&Stray| {
        let address = Object::Address(stray.address.clone());
        let recalled = &assessment.metadata.recalled;
        !recalled.contains(&stray.mac) && assessment.scope.has_made(&address)
    };
    let foreign = assessment
        .strays
        .iter()
        .filter(move |stray| !is_ours(stray));
    foreign.filter_map(|stray| finding(assessment, stray))
}

/// The same as far as a run has to tell it: what EC2 has said in this boot, of addresses that EC2 could assign.
pub(super) fn notes(assessment: &Assessment) -> impl Iterator<Item = Finding> {
    let recalled = &assessment.metadata.recalled;
    let told = |found: &Finding| !matches!(found.owner, Owner::Eni(mac) if recalled.contains(&mac));
    unassigned(assessment)
        .filter(told)
        .filter(|found| found.severity == Severity::Error)
}

fn finding(assessment: &Assessment, stray: &Stray) -> Option<Finding> {
    let mut enis = assessment.desired.enis.iter();
    let planned = enis.find(|planned| planned.eni.mac == stray.mac)?;
    let (what, remedy) = words(assessment, stray);
    let code = match stray.range {
        Range::Of(_) => Code::A3,
        Range::Subnet | Range::Elsewhere => Code::A2,
    };
    let found = Finding::new(code, Owner::Eni(stray.mac), what, remedy);
    let found = found.of_address(stray.address.net.addr());
    let found = found.is_not(
        format!("{} on {}", stray.address.net, planned.dev),
        expected(assessment, stray, planned),
    );
    let found = match stray.range {
        Range::Elsewhere => found.rated(Severity::Warning),
        Range::Of(_) | Range::Subnet => found,
    };
    let found = remedies(stray, planned)
        .into_iter()
        .fold(found, Finding::mended_by);
    let evidence = evidence(stray, planned).into_iter();
    Some(evidence.fold(found, Finding::known_from))
}

/// What is wrong, and what to do, in a sentence each.
fn words(assessment: &Assessment, stray: &Stray) -> (String, String) {
    let (dev, ip) = (&stray.address.dev, stray.address.net.addr());
    let away = away(stray);
    let by = match stray.place() {
        Some(place) => format!(
            "take it out of line {} of {}, then {away}",
            place.line,
            place.path.display()
        ),
        None => format!("no file of a network stack names it: {away}"),
    };
    let net = stray.address.net;
    match stray.range {
        Range::Of(owner) => (
            format!(
                "{dev} has {net}, which EC2 has assigned to {}",
                name(assessment, owner)
            ),
            by,
        ),
        Range::Subnet => (
            format!(
                "{dev} has {net}, which EC2 has not assigned to it, so this host answers itself what it sends to {ip}"
            ),
            format!("{by}; or assign it in EC2"),
        ),
        Range::Elsewhere => (
            format!(
                "{dev} has {net}, which is of no subnet of this instance's ENIs, so EC2 does not know it"
            ),
            format!(
                "{by}; it works only where a route table of the VPC leads to this ENI and its source/destination check \
                 is off"
            ),
        ),
    }
}

fn expected(assessment: &Assessment, stray: &Stray, planned: &Planned) -> String {
    match stray.range {
        Range::Of(owner) => format!(
            "{} on {} alone",
            stray.address.net.addr(),
            name(assessment, owner)
        ),
        Range::Subnet | Range::Elsewhere => {
            let known = addresses(&planned.eni, stray.address.net.addr().is_ipv4());
            format!("{known} alone, as EC2 has it")
        }
    }
}

fn remedies(stray: &Stray, planned: &Planned) -> Vec<Remedy> {
    let ip: IpAddr = stray.address.net.addr();
    let in_aws = match stray.range {
        Range::Of(_) => None,
        Range::Subnet => planned
            .eni
            .subnets()
            .any(|subnet| subnet.contains(&ip))
            .then(|| assign(&planned.eni.id, ip)),
        Range::Elsewhere => Some(format!(
            "aws ec2 modify-network-interface-attribute --network-interface-id {} --no-source-dest-check",
            planned.eni.id
        )),
    };
    let away = Remedy::review(away(stray).to_string());
    let in_aws = in_aws.map(Remedy::outside);
    in_aws.into_iter().chain([away]).gathered()
}

fn evidence(stray: &Stray, planned: &Planned) -> Vec<Evidence> {
    let (dev, ip) = (&planned.dev, stray.address.net.addr());
    let by_kernel = Evidence::kernel(
        format!("ip address show dev {dev}"),
        stray.address.net.to_string(),
    );
    let by_file = stray
        .place()
        .map(|place| Evidence::file(place.place(), place.text.clone()));
    let by_ec2 = metadata_key(&planned.eni, ip.is_ipv4());
    [by_kernel]
        .into_iter()
        .chain(by_file)
        .chain([by_ec2])
        .gathered()
}

fn away(stray: &Stray) -> Change {
    Change::Remove(Object::Address(stray.address.clone()))
}

/// The interface of an ENI, or its id where it has none.
fn name(assessment: &Assessment, mac: Mac) -> String {
    let mut planned = assessment.desired.enis.iter();
    let planned = planned.find(|planned| planned.eni.mac == mac);
    let mut listed = assessment.metadata.enis.iter();
    let id = listed.find(|eni| eni.mac == mac).map(|eni| eni.id.clone());
    planned
        .map(|planned| planned.dev.to_string())
        .or(id)
        .unwrap_or_else(|| mac.to_string())
}
