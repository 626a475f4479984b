//! Metadata (M): whether EC2 tells what eniroute goes by, and whether it is of this instance alone.

use std::net::Ipv4Addr;

use crate::check::walk::{End, Packet, Walker};
use crate::eni::Eni;
use crate::error::Error;
use crate::gather::Gather;
use crate::metadata::key_of;
use crate::numbering::Owner;
use crate::reconcile::Inspection;
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// The metadata service (EC2 User Guide, "Access instance metadata").
const SERVICE: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// EC2 publishes an ENI's keys within half a minute after the attach; so many seconds are no fault.
const USUAL: u64 = 60;

/// Every finding of the group that a run itself does not make.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let of_service = match &inspection.refusal {
        Some(refusal) => Some(silent_service(inspection, refusal)),
        None => lock(inspection).map(locked_service),
    };
    let of_enis = ambiguous(inspection).into_iter();
    let of_enis = of_enis.chain(of_others(inspection));
    of_service.into_iter().chain(of_enis).gathered()
}

/// M2 is no fault in the first minute of an interface.
pub(super) fn completed(inspection: &Inspection, found: Finding) -> Finding {
    let Owner::Eni(mac) = found.owner else {
        return found;
    };
    let late = &inspection.assessment.metadata.incomplete;
    let is_late = found.code == Code::M2 && late.iter().any(|late| late.mac == mac);
    let age = inspection.dev(mac);
    let age = age.and_then(|dev| inspection.links.ages.get(dev));
    if is_late && age.is_some_and(|age| *age <= USUAL) {
        return found.rated(Severity::Hint);
    }
    found
}

/// M1: eniroute's own socket is bound to an interface, as most programs' are not.
fn locked_service(lock: String) -> Finding {
    let what = "the metadata service is locked away for every program that binds its socket to no interface, as eniroute \
                does";
    let remedy =
        "find out who has locked it, and whether that is meant: systemd-imdsd then asks for others";
    let finding = Finding::new(Code::M1, Owner::Host, what.to_owned(), remedy)
        .rated(Severity::Warning)
        .is_not(&lock, "a way to the service");
    known_by_lock(finding, lock)
}

/// M1.
fn silent_service(inspection: &Inspection, refusal: &Error) -> Finding {
    let (url, why) = match refusal {
        Error::Unreachable { url, why } | Error::Refused { url, why } => (url.clone(), why.clone()),
        other => (SERVICE.to_string(), other.to_string()),
    };
    let locked = lock(inspection);
    let how = match refusal {
        _ if locked.is_some() => "is locked away by a route or rule of this host",
        Error::Refused { .. } => "refuses",
        _ => "does not answer",
    };
    let what = format!("the metadata service {how}");
    let finding = Finding::told(Code::M1, Owner::Host, what)
        .is_not(&why, "an answer (200)")
        .known_from(Evidence::metadata(url, how.to_owned()));
    let finding = options(inspection, refusal)
        .into_iter()
        .map(Remedy::outside)
        .fold(finding, Finding::mended_by);
    locked.into_iter().fold(finding, known_by_lock)
}

fn known_by_lock(finding: Finding, lock: String) -> Finding {
    let look = format!("ip rule; ip route show table all {SERVICE}");
    finding
        .mended_by(Remedy::review(look))
        .known_from(Evidence::kernel(format!("ip route get {SERVICE}"), lock))
}

/// The route or rule that keeps the host from the service: systemd-imdsd has one while it is locked (systemd 261).
fn lock(inspection: &Inspection) -> Option<String> {
    let walker = Walker::new(&inspection.fib);
    refused_by(&walker.walk(&Packet::sent(None, SERVICE.into())).end)
}

fn refused_by(end: &End) -> Option<String> {
    match end {
        End::RefusedByRoute(found) => Some(format!("refused by a route to {}", found.route.dst)),
        End::RefusedByRule(rule) => Some(format!("refused by the rule {}", rule.rule)),
        End::Route(_) | End::NoRoute => None,
    }
}

/// What changes the service's options: that it is on, and how far its answers come.
fn options(inspection: &Inspection, refusal: &Error) -> Vec<String> {
    let id = inspection.instance.id.as_deref();
    let id = id.unwrap_or("INSTANCE_ID");
    let option =
        |flag: &str| format!("aws ec2 modify-instance-metadata-options --instance-id {id} {flag}");
    let on = option("--http-endpoint enabled");
    match refusal {
        Error::Refused { .. } => vec![on],
        _ => vec![on, option("--http-put-response-hop-limit 2")],
    }
}

/// M3, once for the host: by its destination alone a packet cannot be told apart.
fn ambiguous(inspection: &Inspection) -> Option<Finding> {
    let vpc = |eni: &Eni| {
        let details = inspection.details.get(&eni.mac);
        details
            .and_then(|details| details.vpc.clone())
            .or_else(|| eni.vpc.clone())
    };
    let enis: Vec<&Eni> = inspection.listed().gathered();
    let are_ambiguous = |one: &Eni, other: &Eni| {
        let differ = matches!((vpc(one), vpc(other)), (Some(a), Some(b)) if a != b);
        differ || overlap(one, other)
    };
    let is_one_of_them = |one: &&Eni| {
        let mut others = enis.iter().filter(|other| other.mac != one.mac);
        others.any(|other| are_ambiguous(one, other))
    };
    let ambiguous: Vec<&Eni> = enis.iter().copied().filter(is_one_of_them).gathered();
    if ambiguous.is_empty() {
        return None;
    }
    let told = |eni: &&Eni| {
        let subnets: Vec<String> = eni.subnets().map(|net| net.to_string()).gathered();
        let vpc = vpc(eni).unwrap_or_else(|| "its VPC".to_owned());
        format!("{} has {} in {vpc}", eni.id, subnets.join(", "))
    };
    let words: Vec<String> = ambiguous.iter().map(told).gathered();
    let words = words.join("; ");
    let mut finding = Finding::told(
        Code::M3,
        Owner::Host,
        format!("ENIs are in several VPCs, or their subnets overlap: {words}"),
    )
    .is_not(
        words,
        "the same: each ENI has a table of its own, and main prefers the primary's",
    );
    for eni in ambiguous {
        finding = finding.known_from(key(eni, "vpc-id", vpc(eni)));
    }
    Some(finding)
}

/// A range of the one is a part of the other's; the very same one is a subnet that both are in.
fn overlap(one: &Eni, other: &Eni) -> bool {
    one.subnets().any(|a| {
        let mut others = other.subnets();
        others.any(|b| a != b && (a.contains(&b) || b.contains(&a)))
    })
}

fn key(eni: &Eni, key: &str, value: Option<String>) -> Evidence {
    Evidence::metadata(
        key_of(eni.mac, key),
        value.unwrap_or_else(|| "404".to_owned()),
    )
}

/// M5: the instance's own account is the primary ENI's.
fn of_others(inspection: &Inspection) -> Vec<Finding> {
    let owner = |eni: &Eni| {
        let details = inspection.details.get(&eni.mac);
        details.and_then(|details| details.owner.clone())
    };
    let primary = inspection.listed().find(|eni| eni.primary);
    let Some(own) = primary.and_then(owner) else {
        return Vec::new();
    };
    let others = inspection
        .listed()
        .filter_map(|eni| Some((eni, owner(eni)?)));
    others
        .filter(|(_, other)| *other != own)
        .map(|(eni, other)| of_another(eni, &other, &own))
        .gathered()
}

fn of_another(eni: &Eni, other: &str, own: &str) -> Finding {
    let id = &eni.id;
    let what = format!("{id} belongs to account {other}, and the instance to {own}");
    let remedy = format!(
        "`exclude = [\"{id}\"]` in /etc/eniroute.toml leaves it to whoever has attached it"
    );
    Finding::new(Code::M5, Owner::Eni(eni.mac), what, remedy)
        .about(id)
        .is_not(format!("owner-id {other}"), format!("owner-id {own}"))
        .mended_by(Remedy::outside(format!(
            "aws ec2 describe-network-interfaces --network-interface-ids {id}"
        )))
        .known_from(key(eni, "owner-id", Some(other.to_owned())))
}
