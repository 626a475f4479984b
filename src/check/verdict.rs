//! What was looked at, and what cannot be seen from inside.

use std::collections::BTreeMap;

use super::probes;
use crate::gather::Gather;
use crate::net::{Dev, Mac};
use crate::reconcile::Inspection;
use crate::report::{Code, EniVerdict, Verdict};

/// What was proven of each ENI, what was not seen, and what was assumed.
pub fn verdict(inspection: &Inspection) -> Verdict {
    let enis = inspection.enis();
    Verdict {
        basis: basis(inspection),
        proven: enis
            .map(|planned| of_eni(inspection, planned.eni.mac))
            .gathered(),
        probe: probes::reports(inspection),
        unseen: unseen(inspection),
        assumed: assumed(inspection),
    }
}

fn of_eni(inspection: &Inspection, mac: Mac) -> EniVerdict {
    let answers = || {
        let answers = inspection.answers.iter();
        answers.filter(move |answer| answer.question.mac == mac)
    };
    let mut addresses: Vec<_> = answers().map(|answer| answer.question.from).gathered();
    addresses.dedup();
    EniVerdict {
        mac,
        addresses: addresses.len(),
        ways: answers().count(),
        right: answers().filter(|answer| answer.is_right()).count(),
    }
}

fn basis(inspection: &Inspection) -> Option<String> {
    inspection.refusal.as_ref()?;
    let judged = match inspection.basis {
        Some(path) => format!("what EC2 said last ({path})"),
        None => "nothing that EC2 has said, because no earlier run has kept any of it".to_owned(),
    };
    Some(format!(
        "{judged}, as the metadata service says nothing now ({})",
        Code::M1
    ))
}

fn unseen(inspection: &Inspection) -> Vec<String> {
    let told = "what only root may read: files of the network stack with secrets (netplan's YAML, NetworkManager's \
                profiles), and the firewall; run it as root to have them judged";
    let unseen = (!inspection.is_root).then(|| told.to_owned());
    let firewall = inspection.owners.rulesets.unseen.iter();
    let firewall = firewall.map(|why| format!("the rules of nftables: {why}"));
    unseen.into_iter().chain(firewall).gathered()
}

/// What decides in the VPC, and is told to nobody inside the instance. None of it is ever a fault.
fn assumed(inspection: &Inspection) -> Vec<String> {
    if inspection.listed().next().is_none() {
        return Vec::new();
    }
    let mut assumed = vec![
        security_groups(inspection),
        "the network ACL and the route table of each subnet let it pass".to_owned(),
        "each ENI's source/destination check is on, or off where this host forwards".to_owned(),
    ];
    if inspection.listed().any(|eni| eni.has_ipv6()) {
        assumed.push(
            "the VPC's way out for IPv6 may be an egress-only gateway: then nobody outside can open a connection, and \
             that is no fault"
                .to_owned(),
        );
    }
    assumed
}

/// `the security groups let it pass: sg-1 (eth0, eth1)`
fn security_groups(inspection: &Inspection) -> String {
    let mut groups: BTreeMap<&[String], Vec<&str>> = BTreeMap::new();
    for eni in inspection.listed() {
        let details = inspection.details.get(&eni.mac);
        let name = inspection.dev(eni.mac).map_or(&eni.id[..], Dev::as_ref);
        if let Some(details) = details.filter(|details| !details.security_groups.is_empty()) {
            groups
                .entry(&details.security_groups)
                .or_default()
                .push(name);
        }
    }
    let named = groups.iter();
    let named: Vec<String> = named
        .map(|(groups, enis)| format!("{} ({})", groups.join(" and "), enis.join(", ")))
        .gathered();
    let text = "the security groups let it pass";
    match &named[..] {
        [] => text.to_owned(),
        named => format!("{text}: {}", named.join(", ")),
    }
}
