//! Other people's netplan YAML: which definition of an interface wins, and what it holds already. Reads the
//! three netplan folders, leaves files of ours out, writes nothing.
//!
//! Merge rules: stacks.md's account of netplan's src/parse.c. Files are taken in the order of their base names;
//! one base name in /run shadows /etc, which shadows /lib; one ID in two files is one definition.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode, Scalar, Yaml};

use super::bounds;
use crate::error::{Error, Result};
use crate::files::Disk;
use crate::gather::Gather;
use crate::net::{Declared, Mac, Word};
use crate::stacks::marker;
use crate::stacks::networkd::matching::Match;

/// netplan's folders, the one that shadows all others last.
pub const FOLDERS: [&str; 3] = ["/lib/netplan", "/etc/netplan", "/run/netplan"];

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
    pub renderer: Option<String>,
    pub has_routes: bool,
    /// `activation-mode`, and the file that it stands in.
    pub activation: Option<(String, PathBuf)>,
}

impl Definition {
    /// The name, or glob of names, that its .network unit carries.
    pub fn interface_name(&self) -> Option<&str> {
        let id = (!self.matches).then_some(self.id.as_str());
        self.set_name.as_deref().or(self.name.as_deref()).or(id)
    }

    /// It may match several interfaces, so nothing of one ENI may be added to it.
    pub fn is_catch_all(&self) -> bool {
        !self.matching().is_for_one()
    }

    /// The [Match] section that netplan makes of it, which networkd reads: a name may be a list, or start with `!`.
    pub fn matching(&self) -> Match {
        self.conditions_with(self.interface_name())
    }

    /// What it is recognised by before it is given the definition's `set-name`.
    pub fn conditions(&self) -> Match {
        self.conditions_with(self.name.as_deref())
    }

    fn conditions_with(&self, name: Option<&str>) -> Match {
        let mut matching = Match::default();
        name.into_iter()
            .for_each(|name| matching.assign("Name", name));
        self.mac
            .iter()
            .for_each(|mac| matching.assign("MACAddress", &mac.to_string()));
        self.drivers
            .iter()
            .for_each(|driver| matching.assign("Driver", driver));
        matching
    }
}

/// All definitions of others, and the renderer that holds where a definition names none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreign {
    pub definitions: BTreeMap<String, Definition>,
    /// Whose port an ID is.
    ports: BTreeMap<String, Declared>,
    pub renderer: Option<String>,
}

impl Foreign {
    /// Reads every YAML file that netplan would read. Errors: a file that is not YAML, by file and line.
    pub fn read(disk: &Disk) -> Result<Self> {
        Self::read_where(disk, &|text| !marker::is_own(text))
    }

    /// The same of those files that `is_meant` takes by their text. One of ours that is none is passed over.
    ///
    /// # Errors
    /// As [`Foreign::read`].
    pub fn read_where(disk: &Disk, is_meant: &dyn Fn(&str) -> bool) -> Result<Self> {
        let mut files = BTreeMap::new();
        for folder in FOLDERS {
            let yaml = disk.list_ending(folder, "yaml")?.into_iter();
            files.extend(yaml.filter_map(|path| Some((path.file_name()?.to_owned(), path))));
        }
        let mut foreign = Self::default();
        for path in files.values() {
            let text = disk.read(path)?.unwrap_or_default();
            if is_meant(&text) {
                let merged = foreign.merge(path, &text);
                merged.or_else(|error| {
                    if marker::is_own(&text) {
                        Ok(())
                    } else {
                        Err(error)
                    }
                })?;
            }
        }
        Ok(foreign)
    }

    /// Adds one file's definitions: scalars of a later file replace, sequences are appended.
    pub fn merge(&mut self, path: &Path, text: &str) -> Result<()> {
        for document in parse(path, text)? {
            let Some(network) = document.as_mapping_get("network") else {
                continue;
            };
            set(&mut self.renderer, text_at(network, "renderer"));
            for (key, node) in entries(network.as_mapping_get("ethernets")) {
                match (key.as_str(), scalar(node)) {
                    ("renderer", Some(name)) => self.renderer = Some(name),
                    _ => self.definition(&key, path).merge(node, path),
                }
            }
            self.merge_ports(network, path);
        }
        Ok(())
    }

    /// Who has which ports. An ID is one's only.
    fn merge_ports(&mut self, network: &Yaml, path: &Path) {
        for kind in ["bridges", "bonds", "vrfs"] {
            for (holder, node) in entries(network.as_mapping_get(kind)) {
                for id in texts(node.as_mapping_get("interfaces")) {
                    let key = format!("{kind}: {holder}: interfaces: {id}");
                    let word = Word::Port(holder.as_str().into());
                    self.ports
                        .insert(id, Declared::new(word, &key, path.display()));
                }
            }
        }
    }

    /// What the YAML says of an ID beside addresses and routes.
    pub fn declared(&self, id: &str) -> Option<Declared> {
        let activation = || {
            let (mode, path) = self.definitions.get(id)?.activation.as_ref()?;
            let word = match mode.as_str() {
                "manual" => Word::Manual,
                "off" => Word::LeftAlone,
                _ => return None,
            };
            Some(Declared::new(
                word,
                &format!("activation-mode: {mode}"),
                path.display(),
            ))
        };
        self.ports.get(id).cloned().or_else(activation)
    }

    fn definition(&mut self, id: &str, path: &Path) -> &mut Definition {
        let definition = self.definitions.entry(id.to_owned()).or_default();
        definition.id = id.to_owned();
        definition.file = path.to_owned();
        definition
    }
}

impl Definition {
    fn merge(&mut self, node: &Yaml, path: &Path) {
        if let Some(matching) = node.as_mapping_get("match") {
            self.matches = true;
            set(&mut self.name, text_at(matching, "name"));
            set(
                &mut self.mac,
                text_at(matching, "macaddress").and_then(|mac| mac.parse().ok()),
            );
            self.drivers
                .extend(texts(matching.as_mapping_get("driver")));
        }
        set(&mut self.set_name, text_at(node, "set-name"));
        set(&mut self.renderer, text_at(node, "renderer"));
        let activation = text_at(node, "activation-mode").map(|mode| (mode, path.to_owned()));
        set(&mut self.activation, activation);
        let routes = node
            .as_mapping_get("routes")
            .and_then(|routes| routes.as_sequence());
        self.has_routes |= routes.is_some_and(|routes| !routes.is_empty());
    }
}

/// The documents of one file. The error names the line, as the reader's editor counts it.
fn parse<'a>(path: &Path, text: &'a str) -> Result<Vec<Yaml<'a>>> {
    if let Some(why) = bounds::excess(text) {
        let path = path.to_owned();
        return Err(Error::Parse { path, why });
    }
    Yaml::load_from_str(text).map_err(|e| Error::Parse {
        path: path.to_owned(),
        why: format!(
            "line {}: not YAML that netplan can read: {}",
            e.marker().line(),
            e.info()
        ),
    })
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
        Some(nodes) => nodes.iter().filter_map(scalar).gathered(),
        None => scalar(node).into_iter().gathered(),
    }
}

fn entries<'a, 'b>(node: Option<&'a Yaml<'b>>) -> Vec<(String, &'a Yaml<'b>)> {
    let mapping = node.and_then(|node| node.as_mapping());
    let pairs = mapping.into_iter().flatten();
    pairs
        .filter_map(|(key, value)| Some((scalar(key)?, value)))
        .gathered()
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
