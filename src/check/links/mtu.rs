//! L4: an MTU that is smaller or greater than the way, or another one than the other ENIs have.

use crate::gather::Gather;
use crate::net::state::LinkState;
use crate::numbering::Owner;
use crate::plan::{IPV6_LEAST, Planned};
use crate::reconcile::Inspection;
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// What a VPC carries (EC2 User Guide, "Network MTU for your EC2 instance").
const LARGEST: u32 = 9001;
/// The driver of the NICs that take all of it; a Xen NIC and a veth may have less.
const ENA: &str = "ena";

pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let of = |planned: &'_ Planned| inspection.links.state(&planned.dev).cloned();
    let enis = || {
        inspection
            .enis()
            .filter_map(|planned| Some((planned, of(planned)?)))
    };
    let Some((first, reference)) = enis().next() else {
        return Vec::new();
    };
    let each = enis().filter_map(|(planned, state)| {
        outside_bounds(planned, &state).or_else(|| differing(planned, &state, (first, &reference)))
    });
    each.chain(small(inspection)).gathered()
}

/// No path takes it, or IPv6 does not.
fn outside_bounds(planned: &Planned, state: &LinkState) -> Option<Finding> {
    let dev = &planned.dev;
    let (what, severity) = match state.mtu {
        mtu if mtu > LARGEST => (
            format!("{dev} has an MTU of {mtu}, and a VPC carries {LARGEST} bytes at most"),
            Severity::Warning,
        ),
        mtu if mtu < IPV6_LEAST && planned.eni.has_ipv6() => (
            format!("{dev} has an MTU of {mtu}, and IPv6 needs {IPV6_LEAST}"),
            Severity::Error,
        ),
        _ => return None,
    };
    Some(finding(planned, state, what, LARGEST).rated(severity))
}

/// Large packets come by the one and not by the other. In one subnet that is one path.
fn differing(
    planned: &Planned,
    state: &LinkState,
    (first, reference): (&Planned, &LinkState),
) -> Option<Finding> {
    let what = format!(
        "{} has an MTU of {}, and {} of {}",
        planned.dev, state.mtu, first.dev, reference.mtu
    );
    let mut subnets = planned.eni.subnets();
    let is_one_path = subnets.any(|subnet| first.eni.subnets().any(|other| other == subnet));
    let severity = if is_one_path {
        Severity::Warning
    } else {
        Severity::Hint
    };
    (state.mtu != reference.mtu)
        .then(|| finding(planned, state, what, state.mtu.max(reference.mtu)).rated(severity))
}

fn finding(planned: &Planned, state: &LinkState, what: String, expected: u32) -> Finding {
    let dev = &planned.dev;
    Finding::told(Code::L4, Owner::Eni(planned.eni.mac), what)
        .about(dev.to_string())
        .is_not(format!("mtu {}", state.mtu), format!("mtu {expected}"))
        .mended_by(Remedy::review(format!(
            "ip link set dev {dev} mtu {expected}"
        )))
        .known_from(Evidence::kernel(
            format!("ip link show dev {dev}"),
            format!("mtu {}", state.mtu),
        ))
}

/// Once for the host: ENA NICs that could take more.
fn small(inspection: &Inspection) -> Option<Finding> {
    let is_ena = |planned: &&Planned| {
        let nic = inspection.links.nics.get(&planned.dev);
        nic.is_some_and(|nic| nic.driver == ENA)
    };
    let enis = inspection.enis().filter(is_ena);
    let states = enis.filter_map(|planned| inspection.links.state(&planned.dev));
    let small: Vec<&LinkState> = states.filter(|state| state.mtu < LARGEST).gathered();
    let words = small
        .iter()
        .map(|state| format!("{} mtu {}", state.dev, state.mtu));
    let words = words.gathered::<Vec<_>>().join(", ");
    let what = format!("a VPC carries {LARGEST} bytes, and less is used: {words}");
    (!small.is_empty()).then(|| {
        let finding = Finding::told(Code::L4, Owner::Host, what)
            .rated(Severity::Hint)
            .is_not(
                &words,
                format!("mtu {LARGEST}, unless it is small on purpose"),
            )
            .known_from(Evidence::kernel("ip -br link", words));
        let commands = small
            .iter()
            .map(|state| format!("ip link set dev {} mtu {LARGEST}", state.dev));
        commands
            .map(Remedy::review)
            .fold(finding, Finding::mended_by)
    })
}
