//! A6, A7, A8: what EC2's lists mean for whoever comes from outside, and for the host.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use crate::eni::Eni;
use crate::gather::Gather;
use crate::metadata::key_of;
use crate::net::{MAIN, RouteKind};
use crate::numbering::Owner;
use crate::plan::Planned;
use crate::reconcile::Inspection;
use crate::report::{Code, Evidence, Finding, Remedy};

/// The kernel's table of the host's own addresses (`RT_TABLE_LOCAL`).
const LOCAL: u32 = 255;

pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let prefixes = inspection
        .enis()
        .flat_map(|planned| planned.eni.prefixes().map(move |prefix| (planned, prefix)));
    let unused = prefixes
        .filter(|(_, prefix)| !is_used(inspection, *prefix))
        .map(|(planned, prefix)| idle(planned, prefix));
    one_sided(inspection)
        .into_iter()
        .chain(inspection.listed().filter_map(without_ipv4))
        .chain(unused)
        .gathered()
}

/// A6, once for the host: where a family is reachable from outside, and the other one may not be, or is not.
fn one_sided(inspection: &Inspection) -> Option<Finding> {
    let is_public = |eni: &Eni| !eni.public.is_empty();
    let is_known = inspection.listed().any(is_public);
    let words = |eni: &Eni| {
        let ipv6 = *eni.ipv6.first()?;
        let name = name(inspection, eni);
        match (is_public(eni), eni.ipv4.is_empty()) {
            (true, _) if is_private(ipv6) => {
                Some(format!("{name} by IPv4 alone ({ipv6} is private)"))
            }
            (true, _) => Some(format!(
                "{name} by IPv4, and by IPv6 only through an Internet gateway"
            )),
            (false, false) if !is_private(ipv6) => Some(format!("{name} by IPv6 at most")),
            (false, _) => None,
        }
    };
    let told: Vec<String> = inspection.listed().filter_map(words).gathered();
    if !is_known || told.is_empty() {
        return None;
    }
    let what = format!("reachable from outside: {}", told.join("; "));
    let enis = inspection.listed().filter(|eni| !eni.ipv6.is_empty());
    let finding = Finding::told(Code::A6, Owner::Host, what).is_not(
        "the two families differ in who may come in",
        "as the subnets' route tables have it: an egress-only gateway lets no IPv6 connection in",
    );
    let evidence = enis.map(|eni| {
        let public = eni.public.values().flatten().map(ToString::to_string);
        let public: Vec<String> = public.gathered();
        Evidence::metadata(
            key_of(eni.mac, "public-ipv4s"),
            if public.is_empty() {
                "404".to_owned()
            } else {
                public.join(", ")
            },
        )
    });
    Some(evidence.fold(finding, Finding::known_from))
}

/// `fc00::/7`: no gateway to the Internet takes it.
fn is_private(ip: Ipv6Addr) -> bool {
    ip.is_unique_local()
}

/// A7.
fn without_ipv4(eni: &Eni) -> Option<Finding> {
    let how = if eni.primary {
        "; the metadata service answers by IPv6, or to a link-local lease (169.254.0.0/16)"
    } else {
        ""
    };
    let what = format!("{} has no IPv4 address{how}", eni.id);
    let known_from = Evidence::metadata(key_of(eni.mac, "local-ipv4s"), "404");
    eni.ipv4.is_empty().then(|| {
        Finding::told(Code::A7, Owner::Eni(eni.mac), what)
            .about(&eni.id)
            .is_not("IPv6 alone", "IPv6 alone, as its subnet has it")
            .known_from(known_from)
    })
}

/// A container, a pod or a program has an address of it: on a link, or behind a route that leads there.
fn is_used(inspection: &Inspection, prefix: IpNet) -> bool {
    let has = |ip: IpAddr| prefix.contains(&ip);
    let mut up = inspection.addresses.states.iter();
    let mut routes = inspection.fib.routes.iter().map(|found| &found.route);
    up.any(|state| has(state.address.net.addr()))
        || routes.any(|route| {
            [MAIN, LOCAL].contains(&route.table)
                && route.kind != RouteKind::Throw
                && prefix.contains(&route.dst)
        })
}

/// A8.
fn idle(planned: &Planned, prefix: IpNet) -> Finding {
    let (id, dev) = (&planned.eni.id, &planned.dev);
    let (key, flag) = match prefix {
        IpNet::V4(_) => (
            "ipv4-prefix",
            "unassign-private-ip-addresses --ipv4-prefixes",
        ),
        IpNet::V6(_) => ("ipv6-prefix", "unassign-ipv6-addresses --ipv6-prefixes"),
    };
    let what =
        format!("nothing on this host has an address of {prefix}, which EC2 delegates to {dev}");
    Finding::told(Code::A8, Owner::Eni(planned.eni.mac), what)
        .about(prefix.to_string())
        .is_not(
            "no address and no route of main is in it",
            "a container's route or an address, or no prefix",
        )
        .mended_by(Remedy::outside(format!(
            "aws ec2 {flag} {prefix} --network-interface-id {id}"
        )))
        .known_from(Evidence::kernel(
            format!("ip route show table main root {prefix}"),
            "nothing",
        ))
        .known_from(Evidence::metadata(
            key_of(planned.eni.mac, key),
            prefix.to_string(),
        ))
}

fn name(inspection: &Inspection, eni: &Eni) -> String {
    let dev = inspection.dev(eni.mac);
    dev.map_or_else(|| eni.id.clone(), ToString::to_string)
}
