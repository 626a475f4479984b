//! NAT by `[[egress]]` (N): whether the kernel has the table as it should be, and whether there are ports left.

use crate::gather::Gather;
use crate::net::Target;
use crate::net::nft::{Nft, PATH, PORTS, TABLE};
use crate::numbering::Owner;
use crate::object::Object;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::crowds::{Crowd, MANY};
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// Percent of them that are an error.
const USED_UP: u64 = 95;

/// Every finding of the group.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let crowds = inspection.crowds.iter();
    let crowds = crowds.map(|(crowd, count)| crowded(crowd, *count));
    crowds.chain(table(inspection)).gathered()
}

/// N4: flows to one destination and port need a port each.
fn crowded(crowd: &Crowd, count: u64) -> Finding {
    let Crowd { from, to } = crowd;
    let Target { address, port, .. } = to;
    let protocol = protocol(to.protocol);
    let severity = match count * 100 >= PORTS * USED_UP {
        true => Severity::Error,
        false => Severity::Warning,
    };
    let now = format!("{count} of {PORTS} ports");
    let what = format!("{from} has {now} in use for {protocol} to {address} port {port}");
    let list = format!("conntrack -L -p {protocol} --reply-dst {from} --dst {address}");
    Finding::new(
        Code::N4,
        Owner::Host,
        what,
        "give the entry a pool: more addresses in its `as`",
    )
    .rated(severity)
    .of_address(*from)
    .is_not(&now, format!("below {MANY}"))
    .known_from(Evidence::kernel(list, now))
}

fn protocol(number: u8) -> String {
    match number {
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        number => number.to_string(),
    }
}

/// N8: it is not there, or is another one. Only root may list it.
fn table(inspection: &Inspection) -> Option<Finding> {
    let host = &inspection.assessment.desired.host;
    let wanted = host.iter().find_map(Object::nft)?;
    let standing = inspection.assessment.observed.nft.as_ref();
    if !inspection.is_root || standing.is_some_and(|nft| nft.digest == wanted.digest) {
        return None;
    }
    let refused = inspection.owners.refused.as_ref();
    let refused = refused
        .map(|why| format!("nft does not take it, and may be too old for a part of it: {why}"));
    let install = !inspection.owners.has_nft;
    let is_off = !inspection.owners.forwarding.is_on();
    let now = match standing {
        _ if install && is_off => {
            "`nft` is not installed, and nothing is forwarded until it is there"
        }
        _ if install => "`nft` is not installed",
        _ if refused.is_some() => refused.as_deref().unwrap_or_default(),
        None => "it is not there",
        Some(Nft { digest, .. }) if digest.is_empty() => "somebody has changed it",
        Some(_) => "it is of another configuration",
    };
    let what = format!("the nftables table {TABLE} is not as it should be: {now}");
    let finding = Finding::new(Code::N8, Owner::Host, what, "load it")
        .about(TABLE)
        .is_not(now, format!("as {PATH} makes it"))
        .known_from(Evidence::kernel(format!("nft list table {TABLE}"), now));
    let finding = match install || refused.is_some() {
        true => finding.mended_by(Remedy::review(
            "apt-get install nftables || dnf install nftables",
        )),
        false => finding,
    };
    Some(finding.mended_by(Remedy::safe("eniroute apply")))
}
