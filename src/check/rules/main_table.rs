//! The main table: its best default (R6), routes that only it has (R7), and what routers advertise (R9).

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::maker;
use super::refusals::evidence;
use super::ways::RA;
use crate::check::walk::{End, Packet, Walker};
use crate::gather::{Gather, Order};
use crate::net::fib::{FibRoute, Protocol};
use crate::net::{Dev, Family, MAIN, RouteKind};
use crate::numbering::Owner;
use crate::plan::Planned;
use crate::reconcile::Inspection;
use crate::reconcile::findings::APPLY;
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// `RTPROT_KERNEL`: it came with an address.
const KERNEL: Protocol = Protocol(2);

/// Before the tables of the configuration, which may not be there.
const FIRST: &str = "{ echo 'main_routes_first = true'; cat /etc/eniroute.toml || :; } > /etc/eniroute.toml.new; \
                     mv /etc/eniroute.toml.new /etc/eniroute.toml && eniroute apply";

/// So many routes are named.
const NAMED: usize = 3;

/// Every finding of the main table.
pub(super) fn findings(inspection: &Inspection) -> impl Iterator<Item = Finding> + use<'_> {
    let families = [Family::Ipv4, Family::Ipv6].into_iter();
    let defaults = families.filter_map(|family| best_default(inspection, family));
    let walker = Walker::new(&inspection.fib);
    let hidden = inspection
        .enis()
        .filter_map(move |planned| hidden(inspection, &walker, planned));
    defaults.chain(hidden).chain(advertised(inspection))
}

fn of_main(inspection: &Inspection) -> impl Iterator<Item = &FibRoute> {
    let routes = inspection.fib.routes.iter();
    routes.filter(|listed| {
        listed.route.table == MAIN
            && listed.route.kind == RouteKind::Unicast
            && !listed.is_dead
            && !listed.is_partial
    })
}

fn defaults(inspection: &Inspection, family: Family) -> Vec<&FibRoute> {
    let is_default = |listed: &&FibRoute| listed.route.dst == family.everything();
    let mut defaults: Vec<_> = of_main(inspection).filter(is_default).gathered();
    defaults.order_by_key(|listed| listed.route.metric);
    defaults
}

/// R6: unbound traffic leaves by another interface than the primary ENI's, or some flows do.
fn best_default(inspection: &Inspection, family: Family) -> Option<Finding> {
    let primary = inspection.enis().find(|planned| planned.eni.primary)?;
    let defaults = defaults(inspection, family);
    let best = defaults.first()?;
    let is_other = |listed: &&&FibRoute| {
        listed.route.metric == best.route.metric
            && listed.route.ways().any(|(_, dev)| *dev != primary.dev)
    };
    let other = defaults.iter().find(is_other)?;
    let dev = &primary.dev;
    let what = format!(
        "{} comes before, or beside, the one of the primary ENI's interface {dev}: unbound traffic leaves by another address",
        maker::route(other)
    );
    let remedy = format!("give it a higher metric than that of {dev}'s, or take it away");
    Some(
        Finding::new(Code::R6, Owner::Eni(primary.eni.mac), what, remedy)
            .about(other.route.to_string())
            .is_not(
                other.route.to_string(),
                format!("the best default by {dev}"),
            )
            .mended_by(Remedy::review(other.route.remove_command()))
            .known_from(evidence(other)),
    )
}

/// R7: what main leads to by an interface that is no ENI's, a container's or a tunnel's, packets from this ENI do not
/// reach.
fn hidden(inspection: &Inspection, walker: &Walker, planned: &Planned) -> Option<Finding> {
    let nics: BTreeSet<&Dev> = inspection
        .listed()
        .filter_map(|eni| inspection.dev(eni.mac))
        .gathered();
    let is_others = |listed: &&FibRoute| {
        let route = &listed.route;
        route.dst.prefix_len() > 0
            && !is_link_local(route.dst.addr())
            && route
                .ways()
                .all(|(_, dev)| !nics.contains(dev) && **dev != *"lo")
    };
    let is_missed = |listed: &&FibRoute| misses(inspection, walker, planned, listed);
    let missed: Vec<&FibRoute> = of_main(inspection)
        .filter(is_others)
        .filter(is_missed)
        .gathered();
    (!missed.is_empty()).then(|| unreached(planned, &missed))
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_multicast(),
    }
}

fn misses(inspection: &Inspection, walker: &Walker, planned: &Planned, listed: &FibRoute) -> bool {
    let family = listed.route.family();
    let mut answers = inspection.answers.iter();
    let own = answers.find(|answer| {
        answer.question.mac == planned.eni.mac && Family::of(answer.question.from) == family
    });
    own.is_some_and(|own| {
        let packet = Packet::sent(Some(own.question.from), inside(listed));
        match walker.walk(&packet).end {
            End::Route(found) => found.route.table == planned.eni.number().table(),
            _ => false,
        }
    })
}

/// An address that the route is for: the last one that a host may have.
fn inside(listed: &FibRoute) -> IpAddr {
    let dst = listed.route.dst;
    match dst.broadcast() {
        ip if dst.prefix_len() == dst.max_prefix_len() => ip,
        IpAddr::V4(ip) => IpAddr::V4(u32::from(ip).wrapping_sub(1).into()),
        IpAddr::V6(ip) => IpAddr::V6(u128::from(ip).wrapping_sub(1).into()),
    }
}

fn unreached(planned: &Planned, missed: &[&FibRoute]) -> Finding {
    let dev = &planned.dev;
    let named = missed.iter().take(NAMED);
    let named: Vec<String> = named.map(|listed| format!("`{}`", listed.route)).gathered();
    let named = named.join(", ");
    let what = format!(
        "{} routes of main ({named}) are for nothing that {dev}'s addresses send: its own table comes first",
        missed.len()
    );
    let remedy = "set `main_routes_first = true` in /etc/eniroute.toml, then eniroute apply, if hosts behind these routes talk to those addresses";
    // The network of a bridge or a tunnel of this host itself is a container engine's more often than not.
    let is_local = missed.iter().all(|listed| listed.protocol == KERNEL);
    let severity = if is_local {
        Severity::Hint
    } else {
        Severity::Warning
    };
    let finding = Finding::new(Code::R7, Owner::Eni(planned.eni.mac), what, remedy).rated(severity);
    let finding = finding
        .is_not("leaves by the ENI", format!("leaves by {named}"))
        .mended_by(Remedy::review(FIRST));
    missed.iter().take(NAMED).fold(finding, |finding, listed| {
        finding.known_from(evidence(listed))
    })
}

/// R9: a router has advertised a default to a secondary ENI's interface.
fn advertised(inspection: &Inspection) -> impl Iterator<Item = Finding> {
    let secondary = |listed: &FibRoute| {
        let mut enis = inspection.enis().filter(|planned| !planned.eni.primary);
        enis.find(|planned| listed.route.leaves_by(&planned.dev))
    };
    let everything = Family::Ipv6.everything();
    let by_routers = of_main(inspection)
        .filter(move |listed| listed.protocol == RA && listed.route.dst == everything);
    by_routers.filter_map(move |listed| {
        let planned = secondary(listed)?;
        let dev = &planned.dev;
        let what = format!("{dev} has a default that a router advertised: `{}`", listed.route);
        let remedy = format!("{APPLY} has the kernel take no more of them; a network manager that takes them itself is to be told so");
        Some(
            Finding::new(Code::R9, Owner::Eni(planned.eni.mac), what, remedy)
                .about(listed.route.to_string())
                .is_not(listed.route.to_string(), "no default of a secondary ENI in main but eniroute's")
                .mended_by(Remedy::safe(APPLY))
                .known_from(evidence(listed))
                .known_from(Evidence::kernel(
                    format!("sysctl net.ipv6.conf.{dev}.accept_ra"),
                    "what the kernel itself takes from routers",
                )),
        )
    })
}
