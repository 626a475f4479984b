//! The YAML of one ENI: a definition of ours, or what is added to its owner's. Pure.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::Place;
use super::yaml::{flow_list, flow_map, scalar};
use crate::files::File;
use crate::gather::Gather;
use crate::net::{Address, Route, RouteKind, Rule};
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
    let owner = owner.unwrap_or_default();
    found.ok_or_else(|| format!("no file of ours is read after its owner's {owner}"))
}

/// One ID's part of a file; empty when it would add nothing to its owner.
fn definition(planned: &Planned, place: &Place) -> String {
    let is_whole = place.owner.is_none();
    let mut body = String::new();
    if is_whole {
        let mac = scalar(&place.mac.to_string());
        body += &format!("      match: {{macaddress: {mac}}}\n");
    }
    body += &addresses(planned);
    if is_whole {
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

fn addresses(planned: &Planned) -> String {
    let address = |address: &Address| scalar(&address.net.to_string());
    match planned.addresses.iter().map(address).gathered::<Vec<_>>()[..] {
        [] => String::new(),
        ref list => format!("      addresses: {}\n", flow_list(list)),
    }
}

fn block(key: &str, items: impl Iterator<Item = String>) -> String {
    let lines: String = items.map(|item| format!("        - {item}\n")).gathered();
    match &lines[..] {
        "" => lines,
        lines => format!("      {key}:\n{lines}"),
    }
}

/// networkd warns of a scope on an IPv6 route, and gives one without a metric the kernel's 1024 itself.
fn route_map(route: &Route) -> String {
    let word = |is_it: bool, word: &str| is_it.then(|| word.to_owned());
    let ip = |ip: Option<IpAddr>| ip.map(|ip| scalar(&ip.to_string()));
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let pairs = [
        ("to", Some(scalar(&route.dst.to_string()))),
        ("via", ip(route.via)),
        ("scope", word(route.is_in_scope_link(), "link")),
        ("type", word(route.kind == RouteKind::Throw, "throw")),
        ("table", number(route.own_table())),
        ("metric", number(route.own_metric())),
        ("mtu", number(route.mtu)),
        ("on-link", word(route.via.is_some(), "true")),
        ("from", ip(route.src)),
    ];
    let said = |(key, value): (_, Option<String>)| Some((key, value?));
    flow_map(pairs.into_iter().filter_map(said))
}

fn rule_map(rule: &Rule) -> String {
    flow_map([
        ("from", scalar(&unit::from(rule))),
        ("table", rule.table.to_string()),
        ("priority", rule.priority.to_string()),
    ])
}
