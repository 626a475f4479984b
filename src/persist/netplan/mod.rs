//! netplan with systemd-networkd: one YAML file per secondary ENI, merged into the definition that really wins for
//! its interface, and networkd drop-ins for what netplan cannot say and for the primary ENI. Pure once
//! [`Netplan::read`] is done.

mod owner;
mod read;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::{Disk, File};
use crate::net::{Address, Dev, Family, IPV6_METRIC, Link, MAIN, Mac, Route, RouteKind, Rule};
use crate::persist::nic::{Nic, missing};
use crate::persist::{Renderer, Rendering, note, own, unit};
use crate::plan::{Desired, Planned};
use owner::{Owner, own_ids, unit_of};
use read::{Definition, Foreign};
use yaml::{flow_list, flow_map, scalar};

/// What netplan says already, and who each interface is.
#[derive(Debug, Default)]
pub struct Netplan {
    foreign: Foreign,
    nics: BTreeMap<Dev, Nic>,
}

/// The definition that something goes into.
struct Place<'a> {
    id: String,
    mac: Mac,
    /// Whose it is; `None` for a complete one of ours.
    owner: Option<&'a Definition>,
}

impl Netplan {
    /// Reads the YAML of others. Errors: a file of theirs that cannot be read or is not YAML.
    pub fn read(disk: &Disk, links: &[Link]) -> Result<Self> {
        let nics = links.iter().map(|link| Ok((link.name.clone(), Nic::read(disk, link)?)));
        Ok(Self { foreign: Foreign::read(disk)?, nics: nics.collect::<Result<_>>()? })
    }

    /// Where an ENI's part goes, or the reason why it has no place in netplan's files.
    fn place<'a>(&'a self, planned: &'a Planned) -> Result<Place<'a>, String> {
        let unknown = Nic { names: vec![planned.dev.to_string()], ..Nic::default() };
        let winner = match self.foreign.owner(planned, self.nics.get(&planned.dev).unwrap_or(&unknown)) {
            Owner::Nobody => None,
            Owner::Definition(definition) => Some(definition),
            Owner::Unit(unit) => return Err(format!("networkd's {unit} owns it, which is not netplan's")),
        };
        if owner::renderer(&self.foreign, winner) == Some("NetworkManager") {
            return Err("netplan hands it to NetworkManager, which gets no rules from netplan".into());
        }
        match winner.filter(|definition| !definition.is_catch_all()) {
            Some(owner) => Ok(Place { id: owner.id.clone(), mac: planned.eni.mac, owner: Some(owner) }),
            None if planned.eni.primary => {
                Err("no definition is its alone, and the primary never changes owner".into())
            }
            None => Ok(Place { id: own_id(planned, winner)?, mac: planned.eni.mac, owner: None }),
        }
    }
}

/// An ID for a complete definition whose unit sorts before the one that holds the interface now.
fn own_id(planned: &Planned, winner: Option<&Definition>) -> Result<String, String> {
    let sorts_first = |id: &String| winner.is_none_or(|winner| unit_of(id) < unit_of(&winner.id));
    let found = own_ids(planned).into_iter().find(sorts_first);
    found.ok_or_else(|| format!("no ID of ours sorts before {}", winner.map_or("", |winner| &winner.id)))
}

impl Renderer for Netplan {
    /// The primary's rules are global. They stand in a secondary ENI's definition, where loading them touches
    /// nothing else, but in a file of the primary's, so that each file depends on one ENI's metadata alone.
    fn render(&self, desired: &Desired) -> Rendering {
        let mut rendering = Rendering::default();
        let places: Vec<_> = desired.enis.iter().map(|planned| (planned, self.place(planned))).collect();
        let host = host(&places);
        for (planned, place) in &places {
            let place = place.as_ref().map_err(|why| rendering.notes.push(note(planned, "netplan", why))).ok();
            match (planned.eni.primary, place) {
                (true, _) => primary(planned, place, host, &mut rendering),
                (false, Some(place)) => secondary(planned, place, &mut rendering),
                (false, None) => {}
            }
        }
        rendering
    }
}

/// The additions are a drop-in of the owner's unit. As YAML under the owner's ID they would, once the owner's file
/// is gone (an image started elsewhere), be a definition without DHCP, and lock everybody out.
fn primary(planned: &Planned, place: Option<&Place>, host: Option<&Place>, rendering: &mut Rendering) {
    if let Some((place, owner)) = place.and_then(|place| Some((place, place.owner?))) {
        let routes: Vec<_> = planned.routes.iter().filter(|route| !owner.has_route(route)).collect();
        let text = unit::additions(&addresses(planned, place), &routes, &[]);
        rendering.files.extend(unit::drop_in(planned, &unit_of(&place.id), &text));
    }
    match host {
        Some(host) => add(planned, host, &definition(host, &[], &[], &rules(planned)), rendering),
        None if planned.rules.is_empty() => {}
        None => rendering.notes.push(note(planned, "netplan", "no secondary ENI's definition can hold its rules")),
    }
}

fn secondary(planned: &Planned, place: &Place, rendering: &mut Rendering) {
    let addresses: Vec<_> = addresses(planned, place).iter().map(|a| scalar(&a.net.to_string())).collect();
    add(planned, place, &definition(place, &addresses, &routes(planned, place), &rules(planned)), rendering);
    rendering.units.insert(planned.dev.clone(), unit_of(&place.id));
}

/// Adds an ENI's YAML in `place`, and the rules that netplan has no key for as a drop-in of its unit.
fn add(planned: &Planned, place: &Place, definition: &str, rendering: &mut Rendering) {
    match yaml_file(planned, place, definition) {
        Ok(file) => rendering.files.extend(file),
        Err(why) => rendering.notes.push(note(planned, "netplan", &why)),
    }
    let suppressing: Vec<_> = planned.rules.iter().filter(|rule| rule.suppress_prefixlength.is_some()).collect();
    rendering.files.extend(unit::drop_in(planned, &unit_of(&place.id), &unit::rules(&suppressing)));
}

/// The secondary ENI's definition that holds the primary's rules: a complete one, if there is one.
fn host<'a>(places: &'a [(&Planned, Result<Place<'a>, String>)]) -> Option<&'a Place<'a>> {
    let secondaries = places.iter().filter(|(planned, _)| !planned.eni.primary);
    let mut usable: Vec<_> = secondaries.filter_map(|(_, place)| place.as_ref().ok()).collect();
    usable.sort_by_key(|place| place.owner.is_some());
    usable.first().copied()
}

/// One ENI's YAML, 0600 as netplan wants it; none when there is nothing to add to the owner.
fn yaml_file(planned: &Planned, place: &Place, definition: &str) -> Result<Option<File>, String> {
    if definition.is_empty() {
        return Ok(None);
    }
    let owner = place.owner.and_then(|owner| owner.file.file_name()?.to_str());
    let path = yaml_path(planned, owner)?;
    let text = own::marker(planned) + "network:\n  version: 2\n  ethernets:\n" + definition;
    Ok(Some(File { path, mode: 0o600, text }))
}

/// A name that netplan reads after the owner's file. Were ours first, netplan would take an ID without a `match:`
/// yet for an interface's name and keep that name in the owner's unit, which then matches nothing.
fn yaml_path(planned: &Planned, owner: Option<&str>) -> Result<PathBuf, String> {
    let names = ["60", "99", "zz"].map(|prefix| format!("{prefix}-eniroute-{}.yaml", planned.dev));
    let found = names.iter().find(|name| owner.is_none_or(|owner| name.as_str() > owner));
    let found = found.map(|name| Path::new("/etc/netplan").join(name));
    found.ok_or_else(|| format!("no file of ours is read after its owner's {}", owner.unwrap_or_default()))
}

/// One ID's part of a file; empty when it would add nothing to its owner.
fn definition(place: &Place, addresses: &[String], routes: &[String], rules: &[String]) -> String {
    let mut body = String::new();
    if place.owner.is_none() {
        body += &format!("      match: {{macaddress: {}}}\n", scalar(&place.mac.to_string()));
    }
    if !addresses.is_empty() {
        body += &format!("      addresses: {}\n", flow_list(addresses));
    }
    if place.owner.is_none() {
        body += "      dhcp4: false\n      dhcp6: false\n      accept-ra: false\n";
    }
    body += &block("routes", routes);
    body += &block("routing-policy", rules);
    if body.is_empty() { body } else { format!("    {}:\n{body}", scalar(&place.id)) }
}

fn block(key: &str, lines: &[String]) -> String {
    let lines: String = lines.iter().map(|line| format!("        - {line}\n")).collect();
    if lines.is_empty() { lines } else { format!("      {key}:\n{lines}") }
}

fn addresses<'a>(planned: &'a Planned, place: &Place) -> Vec<&'a Address> {
    match place.owner {
        Some(owner) => missing(planned, (owner.dhcp4, owner.dhcp6), &owner.addresses),
        None => planned.addresses.iter().collect(),
    }
}

fn routes(planned: &Planned, place: &Place) -> Vec<String> {
    let missing = |route: &&Route| place.owner.is_none_or(|owner| !owner.has_route(route));
    planned.routes.iter().filter(missing).map(route_map).collect()
}

/// netplan has no key for `suppress_prefixlength`: those rules are the drop-in's.
fn rules(planned: &Planned) -> Vec<String> {
    planned.rules.iter().filter(|rule| rule.suppress_prefixlength.is_none()).map(rule_map).collect()
}

/// networkd warns of a scope on an IPv6 route, and gives one without a metric the kernel's 1024 itself.
fn route_map(route: &Route) -> String {
    let default_metric = if route.family() == Family::Ipv6 { IPV6_METRIC } else { 0 };
    let on_link = route.kind == RouteKind::Unicast && route.family() == Family::Ipv4 && route.via.is_none();
    let pairs = [
        ("to", Some(scalar(&route.dst.to_string()))),
        ("via", route.via.map(|via| scalar(&via.to_string()))),
        ("scope", on_link.then(|| "link".to_owned())),
        ("type", (route.kind == RouteKind::Throw).then(|| "throw".to_owned())),
        ("table", (route.table != MAIN).then(|| route.table.to_string())),
        ("metric", (route.metric != 0 && route.metric != default_metric).then(|| route.metric.to_string())),
        ("on-link", route.via.map(|_| "true".to_owned())),
        ("from", route.src.map(|src| scalar(&src.to_string()))),
    ];
    flow_map(pairs.into_iter().filter_map(|(key, value)| Some((key, value?))))
}

fn rule_map(rule: &Rule) -> String {
    flow_map([
        ("from", scalar(&unit::from(rule))),
        ("table", rule.table.to_string()),
        ("priority", rule.priority.to_string()),
    ])
}

#[cfg(test)]
mod tests;
