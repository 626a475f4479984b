//! Links (L): whether each ENI's interface is there, up, and takes what comes.

mod clamp;
mod filter;
mod mtu;

use std::collections::BTreeSet;

use crate::gather::{Gather, Order};
use crate::net::{Mac, nics};
use crate::numbering::{Number, Owner};
use crate::plan::Planned;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::links::{ALL, ARP_ANNOUNCE, ARP_IGNORE, DEFAULT, DISABLE_IPV6};
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// Every finding of the group that a run itself does not make.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let down = inspection
        .enis()
        .filter_map(|planned| down(inspection, planned));
    down.chain(strangers(inspection))
        .chain(mtu::findings(inspection))
        .chain(clamp::finding(inspection))
        .chain(without_ipv6_later(inspection))
        .chain(filter::findings(inspection))
        .chain(shared_subnet(inspection))
        .chain(disorder(inspection))
        .gathered()
}

/// What a run says of links, with what else is known of them.
pub(super) fn completed(inspection: &Inspection, found: Finding) -> Finding {
    match (found.code, found.owner) {
        (Code::L1, _) => with_drivers(inspection, found),
        (Code::L5, Owner::Eni(mac)) => with_settings(inspection, mac, found),
        _ => found,
    }
}

/// An ENI has no interface, and a NIC on the bus has no driver: it may be that one.
fn with_drivers(inspection: &Inspection, found: Finding) -> Finding {
    let idle = &inspection.links.driverless;
    let remedy = (!idle.is_empty()).then(|| Remedy::review("modprobe ena"));
    let found = remedy.into_iter().fold(found, Finding::mended_by);
    let evidence = idle.iter().map(|place| {
        let path = format!("/sys/bus/pci/devices/{place}/driver");
        Evidence::file(path, "no driver runs this NIC")
    });
    evidence.fold(found, Finding::known_from)
}

fn with_settings(inspection: &Inspection, mac: Mac, found: Finding) -> Finding {
    let dev = inspection.dev(mac).map_or(ALL, |dev| dev);
    let evidence = [ALL, DEFAULT, dev].map(|name| setting(inspection, DISABLE_IPV6, name));
    evidence.into_iter().fold(found, Finding::known_from)
}

/// The value of a setting of a link as evidence.
fn setting(inspection: &Inspection, name: &str, dev: &str) -> Evidence {
    let value = inspection.links.number(name, dev);
    Evidence::kernel(
        format!("sysctl {}", name.replacen('*', dev, 1)),
        value.to_string(),
    )
}

/// L3. That a secondary ENI's link is down a run itself says.
fn down(inspection: &Inspection, planned: &Planned) -> Option<Finding> {
    let state = inspection.links.state(&planned.dev)?;
    let dev = &planned.dev;
    let (what, is) = match (state.up, state.carrier) {
        (true, true) => return None,
        (true, false) => (format!("{dev} has no carrier"), "NO-CARRIER"),
        (false, _) if planned.eni.primary => (format!("{dev} is down"), "DOWN"),
        (false, _) => return None,
    };
    let finding = Finding::told(Code::L3, Owner::Eni(planned.eni.mac), what)
        .about(dev.to_string())
        .is_not(is, "UP, LOWER_UP")
        .mended_by(Remedy::review(format!("ip link set dev {dev} up")))
        .known_from(Evidence::kernel(format!("ip link show dev {dev}"), is));
    Some(finding)
}

/// L2: a NIC of the instance whose MAC EC2 lists nowhere; of what eniroute has configured, a run itself says so.
fn strangers(inspection: &Inspection) -> Vec<Finding> {
    let metadata = &inspection.assessment.metadata;
    if inspection.refusal.is_some() || metadata.unread > 0 {
        return Vec::new();
    }
    let incomplete = metadata.incomplete.iter().chain(&metadata.apart);
    let incomplete = incomplete.map(|late| late.mac);
    let refused = metadata.refused.iter().map(|eni| eni.mac);
    let listed = inspection.listed().map(|eni| eni.mac);
    let unlisted = inspection.assessment.unlisted.iter().copied();
    let known: BTreeSet<Mac> = listed
        .chain(incomplete)
        .chain(refused)
        .chain(unlisted)
        .into_set();
    let physical = nics(&inspection.assessment.observed.links).filter(|link| link.kind.is_none());
    let strange = physical.filter_map(|link| Some((link, link.eni_mac()?)));
    strange
        .filter(|(_, mac)| !known.contains(mac))
        .map(|(link, mac)| {
            let what = format!("{} ({mac}) is a NIC whose ENI EC2 does not list", link.name);
            let remedy =
                "EC2 lists a new ENI within half a minute; it forgets a detached one at once";
            Finding::new(Code::L2, Owner::Host, what, remedy)
                .about(link.name.to_string())
                .is_not(format!("{} has {mac}", link.name), "a MAC that EC2 lists")
                .mended_by(Remedy::outside(format!(
                    "aws ec2 describe-network-interfaces --filters Name=mac-address,Values={mac}"
                )))
                .known_from(Evidence::kernel(
                    format!("ip link show dev {}", link.name),
                    mac.to_string(),
                ))
                .known_from(Evidence::metadata(
                    "network/interfaces/macs/",
                    format!("no {mac}"),
                ))
        })
        .gathered()
}

/// L5, once for the host: IPv6 works, and would not on a link that comes, the same after a reboot included.
fn without_ipv6_later(inspection: &Inspection) -> Option<Finding> {
    let is_off = inspection.links.number(DISABLE_IPV6, DEFAULT) == 1;
    let mut enis = inspection.enis();
    let has_ipv6 = enis.any(|planned| planned.eni.has_ipv6());
    let what = "IPv6 is on, and would be off on an ENI that is attached from now on".to_owned();
    (is_off && has_ipv6).then(|| {
        Finding::told(Code::L5, Owner::Host, what)
            .rated(Severity::Warning)
            .about(DISABLE_IPV6.replacen('*', DEFAULT, 1))
            .is_not("1", "0: there are ENIs with IPv6")
            .mended_by(Remedy::review(
                "sysctl -w net.ipv6.conf.default.disable_ipv6=0",
            ))
            .known_from(setting(inspection, DISABLE_IPV6, DEFAULT))
            .known_from(setting(inspection, DISABLE_IPV6, ALL))
    })
}

/// L7, once for the host.
fn shared_subnet(inspection: &Inspection) -> Option<Finding> {
    let enis: Vec<&Planned> = inspection.enis().gathered();
    let shares = |planned: &&&Planned| {
        let same = |other: &&Planned| other.eni.subnet_ipv4 == planned.eni.subnet_ipv4;
        planned.eni.subnet_ipv4.is_some() && enis.iter().filter(|other| same(other)).count() > 1
    };
    let answers_for_all = |planned: &&&Planned| {
        [ARP_IGNORE, ARP_ANNOUNCE]
            .iter()
            .any(|name| inspection.links.greater(name, &planned.dev) == 0)
    };
    let found = enis.iter().filter(shares).filter(answers_for_all);
    let devs: Vec<String> = found.map(|planned| planned.dev.to_string()).gathered();
    let first = devs.first()?.clone();
    let names = devs.join(", ");
    let what = "in one subnet, each answers ARP for the others".to_owned();
    let finding = Finding::told(Code::L7, Owner::Host, what)
        .about(names)
        .is_not(
            "arp_ignore and arp_announce are 0",
            "the same: EC2 answers ARP itself, so nothing has to be done in a VPC",
        )
        .known_from(setting(inspection, ARP_IGNORE, &first))
        .known_from(setting(inspection, ARP_ANNOUNCE, &first));
    Some(finding)
}

/// L8, once for the host, of names that count from 0: in the order of EC2's numbers they should rise.
fn disorder(inspection: &Inspection) -> Option<Finding> {
    let place = |planned: &Planned| planned.dev.strip_prefix("eth")?.parse::<u32>().ok();
    let mut enis: Vec<(Number, &Planned, u32)> = inspection
        .enis()
        .filter_map(|planned| Some((planned.eni.number(), planned, place(planned)?)))
        .gathered();
    enis.order_by_key(|(number, ..)| number.table());
    let is_sorted = enis.is_sorted_by_key(|(.., place)| *place);
    let primary = enis.iter().find(|(_, planned, _)| planned.eni.primary);
    let is_first = primary.is_none_or(|(.., place)| *place == 0);
    let order = enis.iter().map(|(number, planned, _)| {
        format!(
            "{} is device {}",
            planned.dev,
            number.table() - Number::new(0, 0).table()
        )
    });
    let order = order.gathered::<Vec<_>>().join(", ");
    (!is_sorted || !is_first).then(|| {
        let what =
            format!("the interfaces' names are in another order than EC2's numbers: {order}");
        Finding::new(
            Code::L8,
            Owner::Host,
            what,
            "have your files match by MAC, as eniroute's do",
        )
        .is_not(
            &order,
            "eth0 is the primary ENI, and the others follow by number",
        )
        .mended_by(Remedy::review("eniroute status"))
        .known_from(Evidence::kernel("ip -br link", order))
    })
}
