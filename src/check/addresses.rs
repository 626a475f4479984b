//! Addresses (A): EC2's list against the host's.

use std::net::IpAddr;

use crate::net::{Address, Dev};
use crate::numbering::Owner;
use crate::plan::Planned;
use crate::reconcile::Inspection;
use crate::report::{Code, Evidence, Finding, Remedy};

/// Every finding of the group that a run itself does not make.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    inspection
        .enis()
        .flat_map(|planned| unknown(inspection, planned))
        .collect()
}

/// A2: an address of the ENI's subnet is on its interface, and EC2 gives it to no ENI of this host.
fn unknown(inspection: &Inspection, planned: &Planned) -> Vec<Finding> {
    let up = inspection.assessment.observed.addresses.iter();
    let strange = up.filter(|up| is_unknown(inspection, planned, up));
    strange.map(|up| unassigned(planned, up)).collect()
}

fn is_unknown(inspection: &Inspection, planned: &Planned, up: &Address) -> bool {
    let ip = up.net.addr();
    let mut subnets = planned.eni.subnets();
    up.dev == planned.dev
        && subnets.any(|net| net.contains(&ip))
        && !planned.eni.prefixes().any(|prefix| prefix.contains(&ip))
        && !is_of_some_eni(inspection, ip)
}

fn is_of_some_eni(inspection: &Inspection, ip: IpAddr) -> bool {
    let mut addresses = inspection.listed().flat_map(|eni| eni.addresses());
    addresses.any(|own| own == ip)
}

fn unassigned(planned: &Planned, up: &Address) -> Finding {
    let (ip, dev, id) = (up.net.addr(), &planned.dev, &planned.eni.id);
    let what = format!("{dev} has {ip}, which EC2 does not know");
    let key = if ip.is_ipv4() { "local-ipv4s" } else { "ipv6s" };
    let known = expected(planned, ip);
    let finding = Finding::new(
        Code::A2,
        Owner::Eni(planned.eni.mac),
        what,
        format!("assign it to {id} in EC2, or take it off {dev}"),
    );
    finding
        .of_address(ip)
        .is_not(
            format!("{} on {dev}", up.net),
            format!("{known} alone, as EC2 has it"),
        )
        .mended_by(Remedy::outside(assign(id, ip)))
        .mended_by(Remedy::review(take_off(up, dev)))
        .known_from(Evidence::kernel(
            format!("ip address show dev {dev}"),
            up.net.to_string(),
        ))
        .known_from(Evidence::metadata(
            format!("network/interfaces/macs/{}/{key}", planned.eni.mac),
            known,
        ))
}

/// The addresses of that family that EC2 gives to the ENI.
fn expected(planned: &Planned, ip: IpAddr) -> String {
    let own = planned.eni.addresses();
    let own = own.filter(|own| own.is_ipv4() == ip.is_ipv4());
    let own: Vec<String> = own.map(|ip| ip.to_string()).collect();
    own.join(", ")
}

fn assign(id: &str, ip: IpAddr) -> String {
    let (verb, flag) = match ip {
        IpAddr::V4(_) => ("assign-private-ip-addresses", "--private-ip-addresses"),
        IpAddr::V6(_) => ("assign-ipv6-addresses", "--ipv6-addresses"),
    };
    format!("aws ec2 {verb} --network-interface-id {id} {flag} {ip}")
}

fn take_off(up: &Address, dev: &Dev) -> String {
    format!("ip address del {} dev {dev}", up.net)
}
