//! What happened, as text for a person or as one JSON document. The field names of the JSON are stable.

mod check;
mod drain;
mod explain;
mod finding;
mod journal;
mod metrics;
mod outcome;
mod passing;
mod place;
mod screen;
mod state;
mod text;
mod wrap;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Serialize, Serializer};

pub use crate::code::{Code, Severity};
use crate::error::{Error, Result};
use crate::logger::escape;
use crate::net::Mac;
use crate::object::Change;
pub use check::{Baseline, EniVerdict, Form, ProbeReport, Verdict};
pub use drain::DrainReport;
pub use explain::{Explanation, KernelReport, Outcome, PacketReport, StepReport, WayReport};
pub use finding::{Applicability, Evidence, EvidenceKind, Finding, Remedy};
pub use journal::Fields;
pub use metrics::{Gauges, metrics};
pub use passing::{
    Busiest, ConntrackReport, EntryReport, FilterReport, ForwardingReport, Load, NameReport,
    Passing, PathReport, PoolReport, RouterReport, TableState, Use,
};
pub use screen::Screen;
pub use state::{AddressState, State};
use text::remarks;

/// The outcome of one command.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// `apply`, `plan`, `status`, `check`, `explain`, `remove`, `refresh` or `hotplug`.
    pub command: &'static str,
    /// Every ENI that the metadata service lists, the primary one first.
    pub enis: Vec<EniReport>,
    /// The kernel changes that were made (`plan`: that would be), as `ip` commands in order.
    #[serde(serialize_with = "commands")]
    pub kernel: Vec<Change>,
    /// The rule index, where it is changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_index: Option<IndexReport>,
    /// The network stacks that the files are for, as `--backend` names them, joined by `, `: each interface may have
    /// its own. Absent when no files were considered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    pub files: Vec<FileReport>,
    /// What is not as it should be, and what a reader should know: the states of the ENIs are their summary.
    pub findings: Vec<Finding>,
    /// What a reader should know, though nothing failed.
    pub notes: Vec<String>,
    /// What failed. All else was done.
    pub errors: Vec<String>,
    /// What was looked at; `check` only.
    #[serde(flatten)]
    pub verdict: Option<Verdict>,
    /// `explain` only.
    #[serde(flatten)]
    pub explanation: Option<Explanation>,
    /// `status` only.
    #[serde(flatten)]
    pub passing: Option<Passing>,
    /// `egress drain` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drained: Option<DrainReport>,
    /// `check` only.
    #[serde(skip)]
    pub form: Option<Form>,
    /// Those of the notes that no earlier run has told.
    #[serde(skip)]
    pub news: Vec<String>,
    /// `status -v`: the table has more columns; `plan -v`: the rules of the index are listed.
    #[serde(skip)]
    pub is_wide: bool,
    /// `plan --exit-code`: that something would change is told by the exit code.
    #[serde(skip)]
    pub tells_drift: bool,
    /// What failed is only that EC2 has more to say of an ENI: a service's refresh asks again.
    #[serde(skip)]
    pub awaits: bool,
    #[serde(skip)]
    pub voice: Voice,
    /// Where the text goes.
    #[serde(skip)]
    pub screen: Screen,
}

/// How much of a report is printed. In JSON it is always whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Voice {
    /// All of it.
    #[default]
    Full,
    /// This line alone, without its end.
    Line(String),
    /// These lines alone.
    Text(String),
    /// Nothing.
    Silent,
}

/// What an address is on its ENI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The first IPv4 address, which the ENI keeps for life.
    Primary,
    /// Another IPv4 address.
    Secondary,
    Ipv6,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Ipv6 => "ipv6",
        })
    }
}

/// A file that was changed (`plan`: would be).
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

/// How many rules of the index were made and taken away (`plan`: would be).
#[derive(Clone, Debug, Default, Serialize)]
pub struct IndexReport {
    pub set: usize,
    pub removed: usize,
    /// The `ip` commands in order; `plan` only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
}

/// An ENI as EC2 has it, and how it is on this host.
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
    /// What is wrong with all of it, and so with each of its addresses.
    #[serde(skip)]
    pub whole: AddressState,
    #[serde(flatten)]
    pub membership: Membership,
    #[serde(flatten)]
    pub state: State,
    /// Why it is left alone; absent for one that is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What an ENI belongs to in the VPC; there only where it was asked for: by `check`, and by `status -v`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Membership {
    /// `subnet-...`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet: Option<String>,
    /// `sg-...`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_groups: Option<Vec<String>>,
    /// `vpc-...`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// The account that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// A private address, and what it is called outside.
#[derive(Clone, Debug, Serialize)]
pub struct AddressReport {
    pub address: IpAddr,
    pub role: Role,
    /// Public addresses that EC2 maps to it.
    pub public: Vec<Ipv4Addr>,
    pub state: AddressState,
}

impl Report {
    /// Nothing was done, and one line says why.
    pub fn one_line(command: &'static str, why: String) -> Self {
        Self {
            command,
            notes: vec![why.clone()],
            voice: Voice::Line(why),
            ..Self::default()
        }
    }

    /// Nothing was done, and nobody needs to know.
    pub fn silent(command: &'static str) -> Self {
        Self {
            command,
            voice: Voice::Silent,
            ..Self::default()
        }
    }

    /// What this run has done is reported although `error` has ended it.
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

    /// One JSON document, with a newline at its end.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self)
            .map(|text| escape::json(&text) + "\n")
            .unwrap_or_default()
    }

    /// For what runs every minute: only the news, unless something has changed.
    pub fn silent_unless_changed(self) -> Self {
        if self.changes_anything() {
            return self;
        }
        let voice = match remarks(&self.news, "note: ") {
            news if news.is_empty() => Voice::Silent,
            news => Voice::Text(news),
        };
        Self { voice, ..self }
    }

    /// For what runs for each interface: only the notes, unless something has changed.
    pub fn notes_unless_changed(self) -> Self {
        if self.notes.is_empty() || self.changes_anything() {
            return self.silent_unless_changed();
        }
        Self {
            voice: Voice::Text(self.remarks("note: ")),
            ..self
        }
    }

    /// Adds changes of the kernel that were made.
    pub fn add_changes(&mut self, made: Vec<Change>) {
        let before = std::mem::replace(&mut self.kernel, made);
        self.kernel.splice(0..0, before);
    }

    /// This run's changes and those of `next`, which came after it and knows how things stand.
    pub fn followed_by(mut self, next: Self) -> Self {
        self.kernel.extend(next.kernel);
        self.files.extend(next.files);
        Self {
            kernel: self.kernel,
            files: self.files,
            rule_index: next.rule_index.or(self.rule_index),
            ..next
        }
    }

    /// This run's outcome, and that of `first`, which it began with. Where that has something to say, all of it is printed.
    pub fn after(mut self, mut first: Self) -> Self {
        if first.changes_anything() || !first.errors.is_empty() {
            self.voice = Voice::Full;
        }
        self.awaits &= first.errors.is_empty();
        first.kernel.append(&mut self.kernel);
        first.notes.append(&mut self.notes);
        first.errors.append(&mut self.errors);
        Self {
            kernel: first.kernel,
            notes: first.notes,
            errors: first.errors,
            ..self
        }
    }

    /// The kernel or a file was changed (`plan`: would be).
    pub fn changes_anything(&self) -> bool {
        !self.kernel.is_empty() || !self.files.is_empty() || self.rule_index.is_some()
    }
}

fn commands<S: Serializer>(changes: &[Change], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(changes.iter().map(Change::to_string))
}

#[cfg(test)]
#[path = "shown_tests.rs"]
mod shown;
#[cfg(test)]
mod tests;
