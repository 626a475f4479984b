//! Other people's netplan YAML: which definition of an interface wins, and what it holds already. Reads the
//! three netplan folders, leaves files of ours out, writes nothing.
//!
//! Merge rules: stacks.md's account of netplan's src/parse.c. Files are taken in the order of their base names;
//! one base name in /run shadows /etc, which shadows /lib; one ID in two files is one definition.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use saphyr::{LoadableYamlNode, Scalar, Yaml};

use crate::error::{Error, Result};
use crate::files::Disk;
use crate::net::{MAIN, Mac, Route, RouteKind};
use crate::persist::nic::is_glob;
use crate::persist::own;

/// One `ethernets:` definition, merged over all files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    pub id: String,
    /// The last file that has a part in it.
    pub file: PathBuf,
    /// It has a `match:`, so its ID is no interface name.
    pub matches: bool,
    /// `match.name`, a shell glob.
    pub name: Option<String>,
    pub mac: Option<Mac>,
    /// `match.driver`, shell globs.
    pub drivers: Vec<String>,
    pub set_name: Option<String>,
    pub dhcp4: bool,
    pub dhcp6: bool,
    pub renderer: Option<String>,
    pub addresses: Vec<IpAddr>,
    pub routes: Vec<StaticRoute>,
}

impl Definition {
    /// The name, or glob of names, that its .network unit carries.
    pub fn interface_name(&self) -> Option<&str> {
        let id = (!self.matches).then_some(self.id.as_str());
        self.set_name.as_deref().or(self.name.as_deref()).or(id)
    }

    /// It may match several interfaces, so nothing of one ENI may be added to it.
    pub fn is_catch_all(&self) -> bool {
        let one_name = self.interface_name().is_some_and(|name| !is_glob(name));
        self.mac.is_none() && !one_name
    }

    /// Whether the same route stands in it.
    pub fn has_route(&self, route: &Route) -> bool {
        let StaticRoute { dst, via, table, throw } = StaticRoute::of(route);
        self.routes.iter().any(|r| r.dst == dst && r.via == via && r.table == table && r.throw == throw)
    }
}

/// What tells one route of a definition from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticRoute {
    dst: IpNet,
    via: Option<IpAddr>,
    /// The route table and, in main, the metric.
    table: (u32, u32),
    throw: bool,
}

impl StaticRoute {
    fn of(route: &Route) -> Self {
        let metric = if route.table == MAIN { route.metric } else { 0 };
        let throw = route.kind == RouteKind::Throw;
        Self { dst: route.dst, via: route.via, table: (route.table, metric), throw }
    }
}

/// All definitions of others, and the renderer that holds where a definition names none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreign {
    pub definitions: BTreeMap<String, Definition>,
    pub renderer: Option<String>,
}

impl Foreign {
    /// Reads every YAML file that netplan would read. Errors: a file that is not YAML, by file and line.
    pub fn read(disk: &Disk) -> Result<Self> {
        let mut files = BTreeMap::new();
        for folder in ["/lib/netplan", "/etc/netplan", "/run/netplan"] {
            let paths = disk.list(folder)?;
            let yaml = paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "yaml"));
            files.extend(yaml.filter_map(|path| Some((path.file_name()?.to_owned(), path))));
        }
        let mut foreign = Self::default();
        for path in files.values() {
            let text = disk.read(path)?.unwrap_or_default();
            if !own::is_own(&text) {
                foreign.merge(path, &text)?;
            }
        }
        Ok(foreign)
    }

    /// Adds one file's definitions: scalars of a later file replace, sequences are appended.
    pub fn merge(&mut self, path: &Path, text: &str) -> Result<()> {
        for document in parse(path, text)? {
            let Some(network) = document.as_mapping_get("network") else { continue };
            set(&mut self.renderer, text_at(network, "renderer"));
            for (key, node) in entries(network.as_mapping_get("ethernets")) {
                match (key.as_str(), scalar(node)) {
                    ("renderer", Some(name)) => self.renderer = Some(name),
                    _ => self.definition(&key, path).merge(node),
                }
            }
        }
        Ok(())
    }

    fn definition(&mut self, id: &str, path: &Path) -> &mut Definition {
        let definition = self.definitions.entry(id.to_owned()).or_default();
        definition.id = id.to_owned();
        definition.file = path.to_owned();
        definition
    }
}

impl Definition {
    fn merge(&mut self, node: &Yaml) {
        if let Some(matching) = node.as_mapping_get("match") {
            self.matches = true;
            set(&mut self.name, text_at(matching, "name"));
            set(&mut self.mac, text_at(matching, "macaddress").and_then(|mac| mac.parse().ok()));
            self.drivers.extend(texts(matching.as_mapping_get("driver")));
        }
        set(&mut self.set_name, text_at(node, "set-name"));
        set(&mut self.renderer, text_at(node, "renderer"));
        self.dhcp4 = boolean(node, "dhcp4").unwrap_or(self.dhcp4);
        self.dhcp6 = boolean(node, "dhcp6").unwrap_or(self.dhcp6);
        self.addresses.extend(items(node, "addresses").iter().filter_map(address));
        self.routes.extend(items(node, "routes").iter().filter_map(route));
    }
}

/// The documents of one file. The error names the line, as the reader's editor counts it.
fn parse<'a>(path: &Path, text: &'a str) -> Result<Vec<Yaml<'a>>> {
    Yaml::load_from_str(text).map_err(|e| Error::Parse {
        path: path.to_owned(),
        why: format!("line {}: not YAML that netplan can read: {}", e.marker().line(), e.info()),
    })
}

/// An address stands as text, or as a mapping of the text to its options.
fn address(node: &Yaml) -> Option<IpAddr> {
    let text = scalar(node).or_else(|| entries(Some(node)).into_iter().next().map(|(key, _)| key))?;
    text.split('/').next()?.parse().ok()
}

fn route(node: &Yaml) -> Option<StaticRoute> {
    let via = text_at(node, "via").and_then(|via| via.parse::<IpAddr>().ok());
    let to = text_at(node, "to")?;
    let dst = match (to.as_str(), via) {
        ("default", Some(IpAddr::V6(_))) => "::/0".parse().ok()?,
        ("default", _) => "0.0.0.0/0".parse().ok()?,
        (to, _) => to.parse().ok().or_else(|| to.parse::<IpAddr>().ok().map(IpNet::from))?,
    };
    let number = |key| text_at(node, key).and_then(|value| value.parse().ok());
    let table = number("table").unwrap_or(MAIN);
    let metric = if table == MAIN { number("metric").unwrap_or(0) } else { 0 };
    let throw = text_at(node, "type").is_some_and(|kind| kind == "throw");
    Some(StaticRoute { dst, via, table: (table, metric), throw })
}

/// A later file's value takes the place of an earlier one's; silence does not.
fn set<T>(slot: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *slot = value;
    }
}

fn text_at(node: &Yaml, key: &str) -> Option<String> {
    node.as_mapping_get(key).and_then(scalar)
}

/// netplan's own words for a boolean; anything else is an error that netplan itself reports.
fn boolean(node: &Yaml, key: &str) -> Option<bool> {
    match text_at(node, key)?.to_lowercase().as_str() {
        "true" | "on" | "yes" | "y" => Some(true),
        "false" | "off" | "no" | "n" => Some(false),
        _ => None,
    }
}

/// netplan reads every scalar as text: an ID of digits is a name.
fn scalar(node: &Yaml) -> Option<String> {
    match node {
        Yaml::Value(Scalar::String(text)) => Some(text.to_string()),
        Yaml::Value(Scalar::Boolean(value)) => Some(value.to_string()),
        Yaml::Value(Scalar::Integer(value)) => Some(value.to_string()),
        Yaml::Value(Scalar::FloatingPoint(value)) => Some(value.to_string()),
        Yaml::Tagged(_, inner) => scalar(inner),
        _ => None,
    }
}

/// A scalar, or a sequence of them.
fn texts(node: Option<&Yaml>) -> Vec<String> {
    let Some(node) = node else { return Vec::new() };
    match node.as_sequence() {
        Some(nodes) => nodes.iter().filter_map(scalar).collect(),
        None => scalar(node).into_iter().collect(),
    }
}

fn items<'a, 'b>(node: &'a Yaml<'b>, key: &str) -> &'a [Yaml<'b>] {
    node.as_mapping_get(key).and_then(|node| node.as_sequence()).map_or(&[], |nodes| nodes.as_slice())
}

fn entries<'a, 'b>(node: Option<&'a Yaml<'b>>) -> Vec<(String, &'a Yaml<'b>)> {
    let mapping = node.and_then(|node| node.as_mapping());
    let pairs = mapping.into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((scalar(key)?, value))).collect()
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
