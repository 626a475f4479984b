//! netplan with systemd-networkd: one YAML file per ENI, merged into the definition that really wins for its
//! interface, and a networkd drop-in for what netplan cannot say. Pure once [`Netplan::read`] is done.

mod owner;
mod read;
mod yaml;

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::error::Result;
use crate::files::{Disk, File};
use crate::net::{Address, Dev, Family, IPV6_METRIC, Link, MAIN, Route, RouteKind, Rule};
use crate::persist::{Renderer, Rendering, own};
use crate::plan::{Desired, Planned};
use owner::{Nic, Owner, own_ids, unit_of};
use read::{Definition, Foreign};
use yaml::{flow_list, flow_map, scalar};

/// What netplan says already, and who each interface is.
#[derive(Debug, Default)]
pub struct Netplan {
    foreign: Foreign,
    nics: BTreeMap<Dev, Nic>,
}

/// Where one ENI's part goes.
struct Place<'a> {
    planned: &'a Planned,
    id: String,
    /// The definition that it is added to; `None` for a complete one of its own.
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
            Some(owner) => Ok(Place { planned, id: owner.id.clone(), owner: Some(owner) }),
            None if planned.eni.primary => {
                Err("no definition is its alone, and the primary never changes owner".into())
            }
            None => Ok(Place { planned, id: own_id(planned, winner)?, owner: None }),
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
    /// The primary's rules are global. They stand in a secondary ENI's file, where loading them touches
    /// nothing else: a complete definition's, if there is one.
    fn render(&self, desired: &Desired) -> Rendering {
        let mut rendering = Rendering::default();
        let mut places = Vec::new();
        for planned in &desired.enis {
            match self.place(planned) {
                Ok(place) => places.push(place),
                Err(why) => rendering.notes.push(note(planned, &why)),
            }
        }
        let host = host(&places).map(|place| place.planned.eni.mac);
        for place in &places {
            let mac = place.planned.eni.mac;
            let is_here = |other: &&Planned| if other.eni.primary { host == Some(mac) } else { other.eni.mac == mac };
            let (primary, own): (Vec<_>, Vec<_>) = desired.enis.iter().filter(is_here).partition(|p| p.eni.primary);
            let rules: Vec<_> = own.into_iter().chain(primary).flat_map(|planned| &planned.rules).collect();
            rendering.files.extend(definition_file(place, &rules));
            rendering.files.extend(drop_in(place, &rules));
        }
        rendering
    }
}

/// The secondary ENI whose file holds the primary's rules.
fn host<'a>(places: &'a [Place]) -> Option<&'a Place<'a>> {
    let secondaries = || places.iter().filter(|place| !place.planned.eni.primary);
    secondaries().find(|place| place.owner.is_none()).or_else(|| secondaries().next())
}

fn note(planned: &Planned, why: &str) -> String {
    format!("{} ({}) is not in netplan's files: {why}; the boot service configures it", planned.dev, planned.eni.id)
}

/// The YAML file, 0600 as netplan wants it; none when there is nothing to add to the owner.
fn definition_file(place: &Place, rules: &[&Rule]) -> Option<File> {
    let Place { planned, id, owner } = place;
    let addresses = planned.addresses.iter().filter(|address| owner.is_none_or(|o| is_missing(address, planned, o)));
    let addresses: Vec<_> = addresses.map(|address| scalar(&address.net.to_string())).collect();
    let routes = planned.routes.iter().filter(|route| owner.is_none_or(|owner| !owner.has_route(route)));
    let routes: Vec<_> = routes.map(|route| format!("        - {}\n", route_map(route))).collect();
    let rules = rules.iter().filter(|rule| rule.suppress_prefixlength.is_none());
    let rules: Vec<_> = rules.map(|rule| format!("        - {}\n", rule_map(rule))).collect();
    if owner.is_some() && addresses.is_empty() && routes.is_empty() && rules.is_empty() {
        return None;
    }
    let mut text = own::marker(planned);
    text += &format!("network:\n  version: 2\n  ethernets:\n    {}:\n", scalar(id));
    if owner.is_none() {
        text += &format!("      match: {{macaddress: {}}}\n", scalar(&planned.eni.mac.to_string()));
    }
    if !addresses.is_empty() {
        text += &format!("      addresses: {}\n", flow_list(addresses));
    }
    if owner.is_none() {
        text += "      dhcp4: false\n      dhcp6: false\n      accept-ra: false\n";
    }
    text += &block("routes", &routes);
    text += &block("routing-policy", &rules);
    let path = format!("/etc/netplan/60-eniroute-{}.yaml", planned.dev).into();
    Some(File { path, mode: 0o600, text })
}

fn block(key: &str, lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!("      {key}:\n{}", lines.concat()) }
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
fn drop_in(place: &Place, rules: &[&Rule]) -> Option<File> {
    let sections = rules.iter().filter_map(|rule| {
        let (from, length) = (from(rule), rule.suppress_prefixlength?);
        Some(format!(
            "[RoutingPolicyRule]\nFrom={from}\nTable={}\nPriority={}\nSuppressPrefixLength={length}\n",
            rule.table, rule.priority
        ))
    });
    let sections: String = sections.collect();
    let path = format!("/etc/systemd/network/{}.d/60-eniroute.conf", unit_of(&place.id)).into();
    (!sections.is_empty()).then(|| File { path, mode: 0o644, text: own::marker(place.planned) + &sections })
}

#[cfg(test)]
mod tests;
