//! Addresses (A): EC2's list against the host's, and how those are that are there.

mod lifetime;
mod of_enis;
mod source;

use std::net::IpAddr;

use crate::gather::Gather;
use crate::net::state::AddressState;
use crate::net::{Dev, nics};
use crate::numbering::Owner;
use crate::plan::Planned;
use crate::reconcile::Inspection;
use crate::reconcile::findings::known_by::metadata_of;
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// Every finding of the group that a run itself does not make.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let states = of_enis(inspection);
    let each = states.iter().filter_map(|(planned, state)| {
        lifetime::finding(inspection, planned, state).or_else(|| unsound(planned, state))
    });
    each.chain(astray(inspection))
        .chain(of_enis::findings(inspection))
        .chain(source::finding(inspection))
        .gathered()
}

/// A run says that an address is lacking where this group knows that it is there, and goes.
pub(super) fn is_superseded(found: &Finding, of_groups: &[Finding]) -> bool {
    found.code == Code::A1
        && found.address.is_some()
        && of_groups
            .iter()
            .any(|other| other.code == Code::A5 && other.address == found.address)
}

/// Each address that EC2 has assigned, as it is on its own interface.
fn of_enis(inspection: &Inspection) -> Vec<(&Planned, &AddressState)> {
    let states = |planned: &Planned| {
        let own: Vec<IpAddr> = planned.eni.addresses().gathered();
        let dev = planned.dev.clone();
        let states = inspection.addresses.states.iter();
        states.filter(move |state| {
            state.address.dev == dev && own.contains(&state.address.net.addr())
        })
    };
    inspection
        .enis()
        .flat_map(|planned| states(planned).map(move |state| (planned, state)))
        .gathered()
}

/// A4: the kernel does not use the address, or prefers another one.
fn unsound(planned: &Planned, state: &AddressState) -> Option<Finding> {
    let (net, dev) = (state.address.net, &planned.dev);
    // An address that is there keeps both flags, whatever is said of it.
    let replace = format!("ip address del {net} dev {dev} && ip address add {net} dev {dev} nodad");
    let prefer = format!("ip address change {net} dev {dev} preferred_lft forever");
    let (how, why, remedy) = match state {
        AddressState {
            duplicate: true, ..
        } => ("dadfailed", "another host answered for it", replace),
        AddressState {
            tentative: true, ..
        } => (
            "tentative",
            "the kernel has not yet found out whether another host has it",
            replace,
        ),
        AddressState {
            deprecated: true, ..
        } => ("deprecated", "new connections take another address", prefer),
        _ => return None,
    };
    let what = format!("{net} on {dev} is {how}: {why}");
    let finding = Finding::told(Code::A4, Owner::Eni(planned.eni.mac), what);
    let finding = finding
        .of_address(net.addr())
        .is_not(how, "an address that the kernel uses")
        .mended_by(Remedy::review(remedy))
        .known_from(Evidence::kernel(
            format!("ip address show dev {dev} to {}", net.addr()),
            how,
        ));
    Some(finding)
}

/// A3: an address of an ENI is on an interface that has nothing to do with any ENI. What is on another ENI's interface a
/// run itself knows.
fn astray(inspection: &Inspection) -> impl Iterator<Item = Finding> {
    inspection.enis().flat_map(|planned| {
        let own: Vec<IpAddr> = planned.eni.addresses().gathered();
        let states = inspection.addresses.states.iter();
        let elsewhere = states.filter(move |state| own.contains(&state.address.net.addr()));
        elsewhere
            .filter(|state| !may_have(inspection, planned, &state.address.dev))
            .map(|state| misplaced(planned, state))
    })
}

/// An ENI's interface, and the bridge, bond or VRF above the ENI's own.
fn may_have(inspection: &Inspection, planned: &Planned, dev: &Dev) -> bool {
    let links = &inspection.assessment.observed.links;
    let own = links.iter().find(|link| link.name == planned.dev);
    let master = own.and_then(|own| links.iter().find(|link| Some(link.index) == own.master));
    let enis = inspection.listed().map(|eni| eni.mac);
    let enis: Vec<_> = enis.gathered();
    let is_eni = nics(links)
        .filter(|link| link.name == *dev)
        .any(|link| link.eni_mac().is_some_and(|mac| enis.contains(&mac)));
    is_eni || *dev == planned.dev || master.is_some_and(|master| master.name == *dev)
}

fn misplaced(planned: &Planned, state: &AddressState) -> Finding {
    let (net, dev) = (state.address.net, &state.address.dev);
    let what = format!("{dev} has {net}, which EC2 has assigned to {}", planned.dev);
    Finding::told(Code::A3, Owner::Eni(planned.eni.mac), what)
        .of_address(net.addr())
        .is_not(
            format!("{net} on {dev}"),
            format!("{} on {} alone", net.addr(), planned.dev),
        )
        .rated(Severity::Warning)
        .mended_by(Remedy::review(state.address.remove_command()))
        .known_from(Evidence::kernel(
            format!("ip address show dev {dev}"),
            net.to_string(),
        ))
        .known_from(metadata_of(&planned.eni, net.addr()))
}
