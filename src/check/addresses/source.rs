//! A9: which address traffic gets that is bound to none.

use std::net::IpAddr;

use crate::kernel::Lookup;
use crate::net::{MAIN, Route};
use crate::numbering::Owner;
use crate::plan::Planned;
use crate::reconcile::Inspection;
use crate::report::{Code, Evidence, Finding, Remedy};

/// It leaves by the primary ENI and has another address than the primary one. That it leaves by another ENI is a matter
/// of routes. IPv6 picks its source by other rules, and has no primary address.
pub(super) fn finding(inspection: &Inspection) -> Option<Finding> {
    let planned = inspection.enis().find(|planned| planned.eni.primary)?;
    let own: IpAddr = (*planned.eni.ipv4.first()?).into();
    let way = inspection.addresses.unbound.as_ref()?;
    let src = way.src.filter(|src| *src != own)?;
    let is_up = |ip| {
        let mut up = inspection.assessment.observed.addresses.iter();
        up.any(|up| up.dev == planned.dev && up.net.addr() == ip)
    };
    (way.dev == planned.dev && is_up(own)).then(|| other_source(inspection, planned, (src, own)))
}

fn other_source(
    inspection: &Inspection,
    planned: &Planned,
    (src, own): (IpAddr, IpAddr),
) -> Finding {
    let dev = &planned.dev;
    let what =
        format!("traffic that is bound to no address leaves by {dev} as {src}, and not as {own}");
    let finding = Finding::told(Code::A9, Owner::Eni(planned.eni.mac), what)
        .of_address(src)
        .is_not(
            format!("from {src}"),
            format!("from {own}, the primary address"),
        )
        .known_from(Evidence::kernel(
            "ip route get 8.8.8.8",
            format!("dev {dev} src {src}"),
        ));
    let way = inspection.addresses.unbound.as_ref();
    let default = way.and_then(|way| default(inspection, way));
    let remedy = default.map(|route| {
        let src = Some(own);
        Remedy::review(Route { src, ..route }.replace_command())
    });
    remedy.into_iter().fold(finding, Finding::mended_by)
}

/// The route of main that decides.
fn default(inspection: &Inspection, way: &Lookup) -> Option<Route> {
    let mut routes = inspection.fib.routes.iter().map(|found| &found.route);
    let found = routes.find(|route| {
        route.table == MAIN
            && route.dst.prefix_len() == 0
            && route.dst.addr().is_ipv4()
            && route.via == way.via
            && route.leaves_by(&way.dev)
    });
    found.cloned()
}
