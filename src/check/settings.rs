//! The settings that `[[egress]]` and `[forwarding]` need: what is off now, and what a later file puts back at the next boot
//! (O4 for forwarding itself, L6 for the reverse path filter, N7 for redirects).

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::firewall::{Clients, of_entry};
use super::walk::Walker;
use crate::gather::Gather;
use crate::net::sysctl::{FORCE_FORWARDING, FORWARDING, Key, RP_FILTER, Sysctl};
use crate::net::{Dev, Family, quoted};
use crate::numbering::Owner;
use crate::object::Object;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::settings::Override;
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// Every finding about them.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let overrides = inspection.settings.overrides.iter();
    let closed = inspection.settings.closed.iter();
    let needed = needed(inspection);
    let is_told = |dev: &Dev| host(inspection).any(|one| Key::passing(dev).contains(&one.key));
    let closed = closed.filter(|(dev, _)| !is_told(dev));
    let closed = closed.filter_map(|(dev, family)| {
        let mut whose = needed.iter();
        let (_, _, whom) = whose.find(|(of, of_family, _)| of == dev && of_family == family)?;
        Some(bridge(dev, *family, whom))
    });
    let off = host(inspection).filter(|setting| is_off(inspection, setting));
    let off = off.map(off_now);
    overrides
        .map(overridden)
        .chain(closed)
        .chain(off)
        .gathered()
}

/// What is wanted of the host itself.
fn host(inspection: &Inspection) -> impl Iterator<Item = &Sysctl> {
    let host = inspection.assessment.desired.host.iter();
    host.filter_map(Object::sysctl)
}

/// Interfaces of others that have to pass on what comes in by them, and whose packets that are.
fn needed(inspection: &Inspection) -> BTreeSet<(Dev, Family, String)> {
    let walker = Walker::new(&inspection.fib);
    let entries = inspection.assessment.desired.egress.entries.iter();
    let clients = entries.flat_map(|entry| of_entry(inspection, &walker, entry));
    let clients = clients.filter(|clients| !clients.is_neighbour());
    let clients = clients.map(|clients: Clients| {
        let whom = format!("what the clients {} of an [[egress]] send", clients.range);
        (Dev::from(clients.arrival()), clients.family, whom)
    });
    let passages = inspection.passages.all.iter();
    let passages = passages.flat_map(|passage| {
        let ends = [&passage.input, &passage.output].into_iter();
        let families = [Family::Ipv4, Family::Ipv6];
        let has = |family: &Family| has_addresses(inspection, family);
        let whom = format!("what passes from {} to {}", passage.input, passage.output);
        ends.flat_map(move |dev| {
            let whom = whom.clone();
            families
                .into_iter()
                .filter(has)
                .map(move |family| (dev.clone(), family, whom.clone()))
        })
    });
    clients.chain(passages).into_set()
}

fn has_addresses(inspection: &Inspection, family: &Family) -> bool {
    let mut own = inspection
        .enis()
        .flat_map(|planned| planned.eni.addresses());
    own.any(|ip: IpAddr| Family::of(ip) == *family)
}

/// O4: a bridge of containers, or a tunnel, which is nobody's ENI.
fn bridge(dev: &Dev, family: Family, whom: &str) -> Finding {
    let name = match family {
        Family::Ipv4 => FORWARDING,
        Family::Ipv6 => FORCE_FORWARDING,
    };
    let key = quoted(&name.replace('*', dev));
    let what = format!("{dev} does not pass on {whom}: its forwarding is off");
    Finding::new(
        Code::O4,
        Owner::Host,
        what,
        "switch it on for that interface",
    )
    .rated(Severity::Error)
    .about(dev.to_string())
    .is_not("0", "1")
    .mended_by(Remedy::review(format!("sysctl -w {key}=1")))
    .known_from(Evidence::kernel(format!("sysctl {key}"), "0"))
}

fn is_off(inspection: &Inspection, setting: &Sysctl) -> bool {
    let now = inspection.assessment.observed.sysctls.get(&setting.key);
    setting.key.is_forwarding() && now.is_some_and(|now| *now != setting.value)
}

/// O4: a run sets it.
fn off_now(setting: &Sysctl) -> Finding {
    let what = format!(
        "{} is not {}, as [[egress]] and [forwarding] need it",
        setting.key, setting.value
    );
    Finding::new(Code::O4, Owner::Host, what, "`eniroute apply` sets it")
        .rated(Severity::Error)
        .about(setting.key.to_string())
        .mended_by(Remedy::safe("eniroute apply"))
        .known_from(Evidence::kernel(
            format!("sysctl {}", setting.key),
            "another value",
        ))
}

fn overridden(found: &Override) -> Finding {
    let Override {
        setting,
        path,
        line,
        value,
        ..
    } = found;
    let (key, place) = (&setting.key, format!("{}:{line}", path.display()));
    let (when, severity) = match found.by_procps {
        true => ("whenever somebody runs `sysctl --system`", Severity::Hint),
        false => (
            "from the next boot on, until eniroute runs",
            Severity::Warning,
        ),
    };
    let what = format!(
        "{place} sets {key} to {value}, where forwarding needs {}: it holds {when}",
        setting.value
    );
    Finding::new(code(key), Owner::Host, what, "take that line out")
        .rated(severity)
        .about(key.to_string())
        .is_not(value, &setting.value)
        .mended_by(Remedy::review(format!("sed -i {line}d {}", path.display())))
        .known_from(Evidence::file(place, format!("{key} = {value}")))
}

fn code(key: &Key) -> Code {
    match &*key.name {
        _ if key.is_forwarding() => Code::O4,
        RP_FILTER => Code::L6,
        _ => Code::N7,
    }
}
