//! NAT by `[[egress]]`, and marks (N): whether the kernel does what the table says.

use crate::net::nft::{Nft, PATH, TABLE};
use crate::numbering::Owner;
use crate::object::Object;
use crate::reconcile::Inspection;
use crate::report::{Code, Evidence, Finding, Remedy};

/// Every finding of the group.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    table(inspection).into_iter().collect()
}

/// N8: it is not there, or is another one. Only root may list it.
fn table(inspection: &Inspection) -> Option<Finding> {
    let host = &inspection.assessment.desired.host;
    let wanted = host.iter().find_map(Object::nft)?;
    let standing = inspection.assessment.observed.nft.as_ref();
    if !inspection.is_root || standing.is_some_and(|nft| nft.digest == wanted.digest) {
        return None;
    }
    let is_off = !inspection.owners.forwarding.is_on();
    let (now, install) = match standing {
        _ if !inspection.owners.has_nft && is_off => (
            "`nft` is not installed, and nothing is forwarded until it is there",
            true,
        ),
        _ if !inspection.owners.has_nft => ("`nft` is not installed", true),
        None => ("it is not there", false),
        Some(Nft { digest, .. }) if digest.is_empty() => ("somebody has changed it", false),
        Some(_) => ("it is of another configuration", false),
    };
    let what = format!("the nftables table {TABLE} is not as it should be: {now}");
    let finding = Finding::new(Code::N8, Owner::Host, what, "load it")
        .about(TABLE)
        .is_not(now, format!("as {PATH} makes it"))
        .known_from(Evidence::kernel(format!("nft list table {TABLE}"), now));
    let finding = match install {
        true => finding.mended_by(Remedy::review(
            "apt-get install nftables || dnf install nftables",
        )),
        false => finding,
    };
    Some(finding.mended_by(Remedy::safe("eniroute apply")))
}
