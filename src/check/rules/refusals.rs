//! Routes that refuse, where eniroute itself is refused (R8): the metadata service's address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::maker;
use crate::check::walk::{End, Packet, Walker};
use crate::net::RouteKind;
use crate::net::fib::FibRoute;
use crate::numbering::Owner;
use crate::reconcile::Inspection;
use crate::report::{Code, Evidence, Finding, Remedy};

/// `blackhole`, `unreachable`, `prohibit` (`RTN_...`).
const KINDS: [u8; 3] = [6, 7, 8];

/// The instance metadata service (Amazon EC2 user guide).
const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Packets to it are refused.
pub(super) fn is_refusal(found: &FibRoute) -> bool {
    matches!(found.route.kind, RouteKind::Other(kind) if KINDS.contains(&kind))
}

/// The route as the kernel lists it.
pub(super) fn evidence(found: &FibRoute) -> Evidence {
    let route = &found.route;
    let table = maker::table(route.table);
    let asked = format!("ip {} route show table {table}", route.family().flag());
    Evidence::kernel(asked, format!("{route} (protocol {})", found.protocol))
}

/// One for each address of the metadata service that a route refuses by itself.
pub(super) fn findings(inspection: &Inspection) -> impl Iterator<Item = Finding> + use<'_> {
    let walker = Walker::new(&inspection.fib);
    METADATA
        .into_iter()
        .filter_map(move |to| match walker.walk(&Packet::sent(None, to)).end {
            End::RefusedByRoute(found) if found.route.dst.prefix_len() > 0 => {
                Some(locked(to, found))
            }
            _ => None,
        })
}

fn locked(to: IpAddr, found: &FibRoute) -> Finding {
    let route = &found.route;
    let what = format!(
        "{} refuses packets to the metadata service at {to}; systemd-imdsd (systemd 261 and newer) makes such a route where it is to be the only one to ask",
        maker::route(found)
    );
    let remedy = "eniroute asks by a socket bound to an interface, which this does not stop; other programs are meant to ask systemd-imdsd";
    Finding::new(Code::R8, Owner::Host, what, remedy)
        .about(route.to_string())
        .is_not(route.to_string(), "no such route, unless it is meant")
        .mended_by(Remedy::review(route.remove_command()))
        .known_from(evidence(found))
}
