//! The YAML of one ENI: a definition of ours, or what is added to its owner's. Pure.

use std::path::{Path, PathBuf};

use super::Place;
use super::yaml::{flow_list, flow_map, scalar};
use crate::files::File;
use crate::net::{Family, IPV6_METRIC, MAIN, Route, RouteKind, Rule};
use crate::plan::Planned;
use crate::stacks::marker;
use crate::stacks::networkd::unit;

/// One ENI's YAML, 0600 as netplan wants it; none when there is nothing to add to the owner.
pub fn file(planned: &Planned, place: &Place) -> Result<Option<File>, String> {
    let definition = definition(planned, place);
    if definition.is_empty() {
        return Ok(None);
    }
    let owner = place
        .owner
        .and_then(|owner| owner.file.file_name()?.to_str());
    let path = yaml_path(planned, owner)?;
    let text = marker::marker(planned) + "network:\n  version: 2\n  ethernets:\n" + &definition;
    Ok(Some(File {
        path,
        mode: 0o600,
        text,
    }))
}

/// A name that netplan reads after the owner's file. Were ours first, netplan would take an ID without a `match:`
/// yet for an interface's name and keep that name in the owner's unit, which then matches nothing.
fn yaml_path(planned: &Planned, owner: Option<&str>) -> Result<PathBuf, String> {
    let names = ["60", "99", "zz"].map(|prefix| format!("{prefix}-eniroute-{}.yaml", planned.dev));
    let found = names
        .iter()
        .find(|name| owner.is_none_or(|owner| name.as_str() > owner));
    let found = found.map(|name| Path::new("/etc/netplan").join(name));
    found.ok_or_else(|| {
        format!(
            "no file of ours is read after its owner's {}",
            owner.unwrap_or_default()
        )
    })
}

/// One ID's part of a file; empty when it would add nothing to its owner.
fn definition(planned: &Planned, place: &Place) -> String {
    let addresses: Vec<_> = planned
        .addresses
        .iter()
        .map(|address| scalar(&address.net.to_string()))
        .collect();
    let mut body = String::new();
    if place.owner.is_none() {
        body += &format!(
            "      match: {{macaddress: {}}}\n",
            scalar(&place.mac.to_string())
        );
    }
    if !addresses.is_empty() {
        body += &format!("      addresses: {}\n", flow_list(&addresses));
    }
    if place.owner.is_none() {
        body += "      dhcp4: false\n      dhcp6: false\n      accept-ra: false\n";
        if planned.manual.is_some() {
            body += "      activation-mode: manual\n";
        }
    }
    body += &block("routes", planned.routes.iter().map(route_map));
    body += &block("routing-policy", planned.rules.iter().map(rule_map));
    if body.is_empty() {
        body
    } else {
        format!("    {}:\n{body}", scalar(&place.id))
    }
}

fn block(key: &str, items: impl Iterator<Item = String>) -> String {
    let lines: String = items.map(|item| format!("        - {item}\n")).collect();
    if lines.is_empty() {
        lines
    } else {
        format!("      {key}:\n{lines}")
    }
}

/// networkd warns of a scope on an IPv6 route, and gives one without a metric the kernel's 1024 itself.
fn route_map(route: &Route) -> String {
    let default_metric = if route.family() == Family::Ipv6 {
        IPV6_METRIC
    } else {
        0
    };
    let on_link =
        route.kind == RouteKind::Unicast && route.family() == Family::Ipv4 && route.via.is_none();
    let pairs = [
        ("to", Some(scalar(&route.dst.to_string()))),
        ("via", route.via.map(|via| scalar(&via.to_string()))),
        ("scope", on_link.then(|| "link".to_owned())),
        (
            "type",
            (route.kind == RouteKind::Throw).then(|| "throw".to_owned()),
        ),
        (
            "table",
            (route.table != MAIN).then(|| route.table.to_string()),
        ),
        (
            "metric",
            (route.metric != 0 && route.metric != default_metric).then(|| route.metric.to_string()),
        ),
        ("on-link", route.via.map(|_| "true".to_owned())),
        ("from", route.src.map(|src| scalar(&src.to_string()))),
    ];
    flow_map(
        pairs
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?))),
    )
}

fn rule_map(rule: &Rule) -> String {
    flow_map([
        ("from", scalar(&unit::from(rule))),
        ("table", rule.table.to_string()),
        ("priority", rule.priority.to_string()),
    ])
}
