//! A5: an address that ends, with nobody there who renews it.

use crate::net::state::AddressState;
use crate::numbering::Owner;
use crate::object::NOT_RENEWED;
use crate::plan::Planned;
use crate::reconcile::Inspection;
use crate::report::{Code, Evidence, Finding, Remedy};

/// `None`: it stays, or somebody renews it in time.
pub(super) fn finding(
    inspection: &Inspection,
    planned: &Planned,
    state: &AddressState,
) -> Option<Finding> {
    let left = state.valid?;
    let lasts = stays_beside(inspection, state) || is_renewed(inspection, planned, state);
    (!lasts).then(|| ending(planned, state, left))
}

/// The same address is there without an end, too: the lease's own goes by itself.
fn stays_beside(inspection: &Inspection, state: &AddressState) -> bool {
    let mut states = inspection.addresses.states.iter();
    states.any(|other| other.valid.is_none() && other.address.is_same_ip(&state.address))
}

/// A refresh takes over in time an IPv6 address that no DHCPv6 client renews.
fn is_renewed(inspection: &Inspection, planned: &Planned, state: &AddressState) -> bool {
    if state.address.net.addr().is_ipv4() {
        return inspection.addresses.is_renewed(&state.address);
    }
    let observed = &inspection.assessment.observed;
    observed.has_dhcpv6_client(&planned.dev) || state.valid.is_none_or(|left| left > NOT_RENEWED)
}

/// It is one of those that eniroute makes.
fn is_kept(planned: &Planned, state: &AddressState) -> bool {
    let mut own = planned.addresses.iter();
    own.any(|own| own.is_same_ip(&state.address))
}

fn ending(planned: &Planned, state: &AddressState, left: u32) -> Finding {
    let (net, dev) = (state.address.net, &planned.dev);
    let ip = net.addr();
    let (client, nobody) = if ip.is_ipv4() {
        (
            "DHCP",
            "no socket on port 68, no udhcpc, and no lease of systemd-networkd or NetworkManager",
        )
    } else {
        ("DHCPv6", "no socket on port 546")
    };
    let what =
        format!("{net} on {dev} goes in {left} s, and no {client} client is there to renew it");
    let (remedy, sentence) = if is_kept(planned, state) {
        (
            Remedy::safe("eniroute apply"),
            "eniroute apply puts it there for good",
        )
    } else {
        let stay =
            format!("ip address change {net} dev {dev} valid_lft forever preferred_lft forever");
        (
            Remedy::review(stay),
            "start the DHCP client again, or have the address stay",
        )
    };
    Finding::new(Code::A5, Owner::Eni(planned.eni.mac), what, sentence)
        .of_address(ip)
        .is_not(
            format!("valid for {left} s"),
            "for good, or with a client that renews it",
        )
        .mended_by(remedy)
        .known_from(Evidence::kernel(
            format!("ip address show dev {dev} to {ip}"),
            format!("valid_lft {left}sec"),
        ))
        .known_from(Evidence::kernel("ss -lunp", format!("{nobody} for {dev}")))
}
