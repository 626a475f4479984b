//! What happened, as text for a person or as one JSON document. The field names of the JSON are stable.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Serialize, Serializer};

use crate::error::{Error, Result};
use crate::net::Mac;
use crate::object::{Change, Object};

/// The outcome of one command.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// `apply`, `plan`, `status`, `remove`, `refresh` or `hotplug`.
    pub command: &'static str,
    /// Every ENI that the metadata service lists, the primary one first.
    pub enis: Vec<EniReport>,
    /// The kernel changes that were made (`plan`: that would be), as `ip` commands in order.
    #[serde(serialize_with = "commands")]
    pub kernel: Vec<Change>,
    /// The network stacks that the files are for, as `--backend` names them, joined by `, `: each interface may have
    /// its own. Absent when no files were considered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    pub files: Vec<FileReport>,
    /// What a reader should know, though nothing failed.
    pub notes: Vec<String>,
    /// What failed. All else was done.
    pub errors: Vec<String>,
    /// The whole text for a person, without the end of the line, where the fields above would say too much.
    #[serde(skip)]
    pub line: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct FileReport {
    /// Absolute, without `--root`.
    pub path: String,
    /// `create`, `update` or `delete`.
    pub action: &'static str,
    /// Unified diff; `plan` only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub diff: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct EniReport {
    /// Absent when no interface carries the ENI's MAC.
    pub interface: Option<String>,
    /// `eni-...`; absent when the metadata does not say yet.
    pub eni: Option<String>,
    pub mac: Mac,
    pub primary: bool,
    pub device_number: Option<u32>,
    pub network_card: Option<u32>,
    pub table: Option<u32>,
    pub addresses: Vec<AddressReport>,
    /// Delegated prefixes.
    pub prefixes: Vec<String>,
    #[serde(flatten)]
    pub state: State,
}

#[derive(Clone, Debug, Serialize)]
pub struct AddressReport {
    pub address: IpAddr,
    /// Public (Elastic) addresses that EC2 maps to it.
    pub public: Vec<Ipv4Addr>,
}

/// In JSON: `"state": "ok"`, or `"state": "missing", "count": 3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "count", rename_all = "lowercase")]
pub enum State {
    Ok,
    /// So many addresses, routes and rules are not in the kernel.
    Missing(usize),
    /// All is there, and yet the kernel would send traffic from so many addresses out by another interface.
    Misrouted(usize),
    /// Excluded by the configuration, or a port of a bridge or bond.
    Unmanaged,
    /// No interface carries its MAC.
    #[serde(rename = "no link")]
    NoLink,
    /// The metadata service does not tell all of it yet, or what cannot be true.
    Incomplete,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Missing(n) => write!(f, "missing {n}"),
            Self::Misrouted(n) => write!(f, "misrouted {n}"),
            Self::Unmanaged => f.write_str("unmanaged"),
            Self::NoLink => f.write_str("no link"),
            Self::Incomplete => f.write_str("incomplete"),
        }
    }
}

impl Report {
    /// Nothing was done, and one line says why.
    pub fn one_line(command: &'static str, why: String) -> Self {
        Self { command, notes: vec![why.clone()], line: Some(why), ..Self::default() }
    }

    /// Nothing was done, and nobody needs to know.
    pub fn silent(command: &'static str) -> Self {
        Self { command, line: Some(String::new()), ..Self::default() }
    }

    /// What this run has done is told although `error` has ended it.
    ///
    /// # Errors
    /// `error`, where nothing was done yet.
    pub fn ended_by(mut self, error: Error) -> Result<Self> {
        if !self.changes_anything() {
            return Err(error);
        }
        self.errors.push(error.to_string());
        Ok(self)
    }

    /// 0, or 1 when something failed.
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.errors.is_empty())
    }

    /// One JSON document, with a newline at its end.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// Text for a person. Errors are not in it: they go to stderr.
    pub fn text(&self) -> String {
        match (&self.line, self.command) {
            (Some(line), _) if line.is_empty() => String::new(),
            (Some(line), _) => format!("{line}\n"),
            (None, "status") => self.table(),
            (None, "plan") => self.script(),
            // What runs every minute, or for each interface, speaks only when something has changed.
            (None, "refresh") if !self.changes_anything() => String::new(),
            (None, "hotplug") if !self.changes_anything() => self.remarks("note: "),
            (None, _) => self.summary(),
        }
    }

    /// This run's changes and those of `next`, which came after it and knows how things stand.
    pub fn followed_by(mut self, next: Self) -> Self {
        self.kernel.extend(next.kernel);
        self.files.extend(next.files);
        Self { kernel: self.kernel, files: self.files, ..next }
    }

    /// This run's outcome, and that of `first`, which it began with. Where that has something to tell, the whole is told.
    pub fn after(mut self, mut first: Self) -> Self {
        if first.changes_anything() || !first.errors.is_empty() {
            self.line = None;
        }
        first.kernel.append(&mut self.kernel);
        first.notes.append(&mut self.notes);
        first.errors.append(&mut self.errors);
        Self { kernel: first.kernel, notes: first.notes, errors: first.errors, ..self }
    }

    fn table(&self) -> String {
        let header = ["INTERFACE", "ENI", "DEVICE", "TABLE", "ADDRESS", "PUBLIC", "STATE"];
        let mut rows = vec![header.map(str::to_owned)];
        rows.extend(self.enis.iter().flat_map(EniReport::rows));
        aligned(&rows) + &self.remarks("note: ")
    }

    /// The `ip` commands and the file diffs; the rest stands behind `#`.
    fn script(&self) -> String {
        let mut text = String::new();
        if !self.changes_anything() {
            return self.nothing_to_do();
        }
        let _ = writeln!(text, "# kernel: {}", self.tally());
        for command in &self.kernel {
            let _ = writeln!(text, "{command}");
        }
        if let Some(backend) = &self.backend {
            let _ = writeln!(text, "\n# files for {backend}: {} to change", self.files.len());
        }
        for file in &self.files {
            text.push_str(&file.diff);
        }
        text + &self.remarks("# ")
    }

    fn summary(&self) -> String {
        if !self.changes_anything() {
            return self.nothing_to_do();
        }
        let mut text = format!("kernel: {}\n", self.tally());
        if let Some(backend) = &self.backend {
            let _ = writeln!(text, "files ({backend}): {} changed", self.files.len());
        }
        for file in &self.files {
            let _ = writeln!(text, "  {} {}", file.action, file.path);
        }
        text + &self.exceptions("") + &self.remarks("note: ")
    }

    /// The kernel or a file was changed (`plan`: would be).
    pub fn changes_anything(&self) -> bool {
        !self.kernel.is_empty() || !self.files.is_empty()
    }

    fn nothing_to_do(&self) -> String {
        let ok = self.enis.iter().filter(|eni| eni.state == State::Ok).count();
        let text = match (self.command, self.errors.is_empty(), ok) {
            ("remove", true, _) => "nothing to remove\n".to_owned(),
            (_, false, _) => "nothing was changed\n".to_owned(),
            (_, _, 1) => "nothing to do: 1 ENI is as EC2 describes it\n".to_owned(),
            _ => format!("nothing to do: {ok} ENIs are as EC2 describes them\n"),
        };
        let (state, note) = if self.command == "plan" { ("# ", "# ") } else { ("", "note: ") };
        text + &self.exceptions(state) + &self.remarks(note)
    }

    /// The ENIs that are not all right, one a line.
    fn exceptions(&self, lead: &str) -> String {
        let told = self.enis.iter().filter(|eni| eni.state != State::Ok);
        told.map(|eni| format!("{lead}{}: {}\n", eni.name(), eni.state)).collect()
    }

    fn remarks(&self, lead: &str) -> String {
        self.notes.iter().map(|note| format!("{lead}{note}\n")).collect()
    }

    /// `3 addresses, 7 routes, 2 rules set; 1 rule removed`
    fn tally(&self) -> String {
        let (removed, set): (Vec<_>, Vec<_>) =
            self.kernel.iter().partition(|change| matches!(change, Change::Remove(_)));
        let parts = [(set, "set"), (removed, "removed")].into_iter().filter(|(changes, _)| !changes.is_empty());
        let parts: Vec<String> = parts.map(|(changes, done)| format!("{} {done}", counted(&changes))).collect();
        if parts.is_empty() { "nothing to change".to_owned() } else { parts.join("; ") }
    }
}

/// `1 link, 3 addresses, 7 routes`
fn counted(changes: &[&Change]) -> String {
    let mut counts = [
        ("setting", "settings", 0),
        ("link", "links", 0),
        ("address", "addresses", 0),
        ("route", "routes", 0),
        ("rule", "rules", 0),
    ];
    for change in changes {
        let kind = match change {
            Change::Add(object) | Change::Remove(object) => match object {
                Object::Sysctl(_) => 0,
                Object::LinkUp(_) => 1,
                Object::Address(_) => 2,
                Object::Route(_) => 3,
                Object::Rule(_) => 4,
            },
            Change::Replace { .. } => 3,
        };
        counts[kind].2 += 1;
    }
    let parts = counts.iter().filter(|(_, _, n)| *n > 0);
    let parts: Vec<String> = parts.map(|(one, many, n)| format!("{n} {}", if *n == 1 { one } else { many })).collect();
    parts.join(", ")
}

fn commands<S: Serializer>(changes: &[Change], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(changes.iter().map(Change::to_string))
}

impl EniReport {
    /// What a person calls it: the interface, else the ENI's id, else its MAC.
    fn name(&self) -> String {
        let name = self.interface.as_ref().or(self.eni.as_ref());
        name.cloned().unwrap_or_else(|| self.mac.to_string())
    }

    /// One row an address; what holds for the whole ENI stands in its first row.
    fn rows(&self) -> Vec<[String; 7]> {
        let number = match (self.device_number, self.network_card) {
            (Some(device), Some(card)) if card > 0 => format!("{card}/{device}"),
            (Some(device), _) => device.to_string(),
            (None, _) => "-".to_owned(),
        };
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let eni = self.eni.clone().unwrap_or_else(|| self.mac.to_string());
        let table = self.table.map_or("-".to_owned(), |table| table.to_string());
        let mut cells = self.cells();
        let (address, public) = if cells.is_empty() { Default::default() } else { cells.remove(0) };
        let first = [or_dash(&self.interface), eni, number, table, address, public, self.state.to_string()];
        let blank = String::new;
        let more = |(address, public)| [blank(), blank(), blank(), blank(), address, public, blank()];
        std::iter::once(first).chain(cells.into_iter().map(more)).collect()
    }

    fn cells(&self) -> Vec<(String, String)> {
        let public = |list: &[Ipv4Addr]| match list {
            [] => "-".to_owned(),
            list => list.iter().map(Ipv4Addr::to_string).collect::<Vec<_>>().join(","),
        };
        let addresses = self.addresses.iter().map(|one| (one.address.to_string(), public(&one.public)));
        addresses.chain(self.prefixes.iter().map(|prefix| (prefix.clone(), "-".to_owned()))).collect()
    }
}

fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: Vec<usize> = (0..N).map(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests;
