//! netplan with systemd-networkd: one YAML file per ENI, merged into the definition that really wins for its
//! interface, and a networkd drop-in for what netplan cannot say. Pure once [`Netplan::read`] is done.

mod owner;
mod read;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::error::Result;
use crate::files::{Disk, File};
use crate::net::{Address, Dev, Family, IPV6_METRIC, Link, MAIN, Mac, Route, RouteKind, Rule};
use crate::persist::{Renderer, Rendering, own};
use crate::plan::{Desired, Planned};
pub(super) use owner::fnmatch;
use owner::{Nic, Owner, own_ids, unit_of};
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
    /// nothing else, but in the primary's own file, so that each file depends on one ENI's metadata alone.
    fn render(&self, desired: &Desired) -> Rendering {
        let mut rendering = Rendering::default();
        let places: Vec<_> = desired.enis.iter().map(|planned| (planned, self.place(planned))).collect();
        let host = host(&places);
        for (planned, place) in &places {
            let place = place.as_ref().map_err(|why| rendering.notes.push(note(planned, why))).ok();
            let rules_at = if planned.eni.primary { host } else { place };
            if planned.eni.primary && host.is_none() && !planned.rules.is_empty() {
                rendering.notes.push(note(planned, "no secondary ENI's definition can hold its rules"));
            }
            match yaml_file(planned, place, rules_at) {
                Ok(file) => rendering.files.extend(file),
                Err(why) => rendering.notes.push(note(planned, &why)),
            }
            rendering.files.extend(rules_at.and_then(|place| drop_in(planned, place)));
        }
        rendering
    }
}

/// The secondary ENI's definition that holds the primary's rules: a complete one, if there is one.
fn host<'a>(places: &'a [(&Planned, Result<Place<'a>, String>)]) -> Option<&'a Place<'a>> {
    let secondaries = places.iter().filter(|(planned, _)| !planned.eni.primary);
    let mut usable: Vec<_> = secondaries.filter_map(|(_, place)| place.as_ref().ok()).collect();
    usable.sort_by_key(|place| place.owner.is_some());
    usable.first().copied()
}

fn note(planned: &Planned, why: &str) -> String {
    format!(
        "{} ({}) is not wholly in netplan's files: {why}; the boot service does the rest",
        planned.dev, planned.eni.id
    )
}

/// One ENI's YAML, 0600 as netplan wants it; none when there is nothing to add to the owner.
fn yaml_file(planned: &Planned, place: Option<&Place>, rules_at: Option<&Place>) -> Result<Option<File>, String> {
    let rules = rules(planned);
    let (own, hosted) = if planned.eni.primary { (Vec::new(), rules) } else { (rules, Vec::new()) };
    let mut text = String::new();
    if let Some(place) = place {
        text += &definition(place, &addresses(planned, place), &routes(planned, place), &own);
    }
    if let Some(host) = rules_at.filter(|_| !hosted.is_empty()) {
        text += &definition(host, &[], &[], &hosted);
    }
    if text.is_empty() {
        return Ok(None);
    }
    let owners = [place, rules_at].into_iter().flatten().filter_map(|place| place.owner);
    let path = yaml_path(planned, owners.filter_map(|owner| owner.file.file_name()?.to_str()).max())?;
    let text = own::marker(planned) + "network:\n  version: 2\n  ethernets:\n" + &text;
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

fn addresses(planned: &Planned, place: &Place) -> Vec<String> {
    let missing = |address: &&Address| place.owner.is_none_or(|owner| is_missing(address, planned, owner));
    planned.addresses.iter().filter(missing).map(|address| scalar(&address.net.to_string())).collect()
}

fn routes(planned: &Planned, place: &Place) -> Vec<String> {
    let missing = |route: &&Route| place.owner.is_none_or(|owner| !owner.has_route(route));
    planned.routes.iter().filter(missing).map(route_map).collect()
}

/// netplan has no key for `suppress_prefixlength`: those rules are the drop-in's.
fn rules(planned: &Planned) -> Vec<String> {
    planned.rules.iter().filter(|rule| rule.suppress_prefixlength.is_none()).map(rule_map).collect()
}

/// Whether the owner leaves this address to us: DHCP gives the primary IPv4 address and the IPv6 ones.
fn is_missing(address: &Address, planned: &Planned, owner: &Definition) -> bool {
    let ip = address.net.addr();
    let leased = match Family::of(ip) {
        Family::Ipv4 => owner.dhcp4 && planned.eni.ipv4.first().is_some_and(|primary| ip == *primary),
        Family::Ipv6 => owner.dhcp6,
    };
    !leased && !owner.addresses.contains(&ip)
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
        ("from", scalar(&from(rule))),
        ("table", rule.table.to_string()),
        ("priority", rule.priority.to_string()),
    ])
}

/// netplan and networkd want a `from`: everything is the prefix of length 0. A host stands without its length.
fn from(rule: &Rule) -> String {
    let net: IpNet = rule.from.unwrap_or_else(|| rule.family.everything());
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

/// The rules that netplan has no key for, as a drop-in of the winning unit.
fn drop_in(planned: &Planned, place: &Place) -> Option<File> {
    let sections = planned.rules.iter().filter_map(|rule| {
        let (from, length) = (from(rule), rule.suppress_prefixlength?);
        Some(format!(
            "[RoutingPolicyRule]\nFrom={from}\nTable={}\nPriority={}\nSuppressPrefixLength={length}\n",
            rule.table, rule.priority
        ))
    });
    let sections: String = sections.collect();
    let path = format!("/etc/systemd/network/{}.d/60-eniroute-{}.conf", unit_of(&place.id), planned.dev).into();
    (!sections.is_empty()).then(|| File { path, mode: 0o644, text: own::marker(planned) + &sections })
}

#[cfg(test)]
mod tests;
