//! L4: a host that forwards between ways of different MTU, and leaves the segment size (MSS) of TCP connections as it is.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::net::fib::FibRoute;
use crate::net::{Dev, RouteKind};
use crate::numbering::Owner;
use crate::reconcile::Inspection;
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// A table of its own for each command to be pasted once: it takes the MSS from the way that the packet goes on.
const CLAMP: &str = "nft 'add table inet mss; add chain inet mss forward { type filter hook forward priority mangle; }; \
                     add rule inet mss forward tcp flags syn tcp option maxseg size set rt mtu'";

/// Where nobody asked for forwarding, as beside a container engine, it is a hint. What nobody sees is not judged.
pub(super) fn finding(inspection: &Inspection) -> Option<Finding> {
    let owners = &inspection.owners;
    let is_seen = inspection.is_root && owners.rulesets.unseen.is_none();
    let is_dark = owners.rulesets.legacy.iter().any(|(_, is_known)| !is_known);
    let may_clamp = clamps(inspection) || is_dark;
    if !owners.forwarding.is_on() || !is_seen || may_clamp {
        return None;
    }
    let ways = ways(inspection);
    let (least, narrow) = ways.first_key_value()?;
    let (greatest, wide) = ways.last_key_value()?;
    let severity = match owners.forwarding.is_meant() {
        true => Severity::Warning,
        false => Severity::Hint,
    };
    let words = format!("{wide} mtu {greatest}, {narrow} mtu {least}");
    let what = format!(
        "this host forwards between ways of different MTU ({words}), and nothing clamps the MSS of TCP to the smaller one"
    );
    let remedy = "clamp it, unless every ICMP message about too long packets gets through";
    (least != greatest).then(|| {
        Finding::new(Code::L4, Owner::Host, what, remedy)
            .about("forwarding")
            .rated(severity)
            .is_not(&words, "a rule that sets `tcp option maxseg size`")
            .mended_by(Remedy::review(CLAMP))
            .known_from(Evidence::kernel(
                "ip -br link; ip route show table all",
                words,
            ))
            .known_from(Evidence::kernel("nft list ruleset", "no `maxseg`"))
    })
}

/// The MTUs of the ways that packets may take, each with an interface that has it.
fn ways(inspection: &Inspection) -> BTreeMap<u32, &Dev> {
    let routes = inspection.fib.routes.iter();
    let routes = routes.filter(|found| is_way(found));
    let ways = routes.flat_map(|found| of_route(inspection, found));
    ways.fold(BTreeMap::new(), |mut ways, (mtu, dev)| {
        ways.entry(mtu).or_insert(dev);
        ways
    })
}

/// Nothing is forwarded to a link-local address.
fn is_way(found: &FibRoute) -> bool {
    let is_near = match found.route.dst.addr() {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    found.route.kind == RouteKind::Unicast && !found.is_dead && !is_near
}

/// A route's own MTU comes before its interface's.
fn of_route<'a>(
    inspection: &Inspection,
    found: &'a FibRoute,
) -> impl Iterator<Item = (u32, &'a Dev)> {
    let devs = found.route.ways().map(|(_, dev)| dev);
    devs.filter(|dev| ***dev != *"lo").filter_map(|dev| {
        let of_link = || inspection.links.state(dev).map(|state| state.mtu);
        Some((found.route.mtu.or_else(of_link)?, dev))
    })
}

/// By nftables' own words, or by iptables'.
fn clamps(inspection: &Inspection) -> bool {
    let mut chains = inspection.owners.rulesets.chains.iter();
    chains.any(|chain| chain.rules.iter().any(|rule| rule.clamps))
}
