//! `[forwarding]`: which of the ENIs pass packets on, and by which way. Pure.

use std::net::IpAddr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::value::Name;
use super::{Config, Places};
use crate::error::{Error, Result};

/// What the host passes on, and by which way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarding {
    /// The host forwards what comes in by its ENIs.
    pub enabled: bool,
    /// An answer leaves by the ENI by which the flow's first packet came in.
    pub symmetric: bool,
    /// New flows that leave by another ENI than the one by which they came in; no two have one `input`.
    pub paths: Vec<Path>,
    /// What may be here although EC2 does not list it yet.
    pub standby: Vec<Standby>,
}

/// `[[forwarding.path]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// `in`: an ENI by any selector, or a tunnel's interface.
    pub input: String,
    /// `out`: likewise.
    pub output: String,
    /// The file and the line where it begins.
    pub place: String,
}

/// An entry of `standby`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standby {
    /// An address that somebody else (keepalived, for one) brings up here when it is this host's.
    Address(IpAddr),
    /// The id of an ENI that is attached when this host takes over.
    Eni(String),
}

impl Default for Forwarding {
    fn default() -> Self {
        Self {
            enabled: false,
            symmetric: true,
            paths: Vec::new(),
            standby: Vec::new(),
        }
    }
}

impl Forwarding {
    /// This address may be here although EC2 does not list it.
    pub fn is_standby(&self, ip: IpAddr) -> bool {
        let is_it = |standby: &Standby| *standby == Standby::Address(ip);
        self.standby.iter().any(is_it)
    }

    /// What this address or id means may come later.
    pub fn expects(&self, word: &str) -> bool {
        word.parse()
            .map_or_else(|_| self.awaits(word), |ip| self.is_standby(ip))
    }

    /// This ENI may come later.
    pub fn awaits(&self, id: &str) -> bool {
        let is_it = |standby: &Standby| matches!(standby, Standby::Eni(eni) if eni == id);
        self.standby.iter().any(is_it)
    }
}

impl Config {
    /// Flows are told apart by marks: packets of a known one leave by its ENI.
    pub fn marks(&self) -> bool {
        (self.forwarding.enabled && self.forwarding.symmetric) || !self.egress.is_empty()
    }

    /// The host passes packets of other hosts on.
    pub fn forwards(&self) -> bool {
        self.forwarding.enabled
    }
}

/// The table as it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Written {
    enabled: bool,
    symmetric: bool,
    path: Vec<Spanned<WrittenPath>>,
    standby: Vec<Standby>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPath {
    #[serde(rename = "in")]
    input: Name,
    #[serde(rename = "out")]
    output: Name,
}

impl Default for Written {
    fn default() -> Self {
        let Forwarding {
            enabled, symmetric, ..
        } = Forwarding::default();
        Self {
            enabled,
            symmetric,
            path: Vec::new(),
            standby: Vec::new(),
        }
    }
}

impl Written {
    /// Errors: two paths have one `in`.
    pub(super) fn into_forwarding(self, place: Places) -> Result<Forwarding> {
        let mut paths: Vec<Path> = Vec::new();
        for written in self.path {
            let path = path(written, place);
            let is_rival = |other: &&Path| other.input == path.input;
            if let Some(other) = paths.iter().find(is_rival) {
                return Err(other.rivals(&path, &path.input));
            }
            paths.push(path);
        }
        Ok(Forwarding {
            enabled: self.enabled,
            symmetric: self.symmetric,
            paths,
            standby: self.standby,
        })
    }
}

fn path(written: Spanned<WrittenPath>, place: Places) -> Path {
    let place = place(written.span().start);
    let WrittenPath { input, output } = written.into_inner();
    Path {
        input: input.0.trim().to_owned(),
        output: output.0.trim().to_owned(),
        place,
    }
}

impl Path {
    /// Of two for what comes in by `name`, neither can be followed.
    pub fn rivals(&self, other: &Self, name: &str) -> Error {
        Error::Usage(format!(
            "{}: [[forwarding.path]] in = {:?} is for what comes in by {name}, as the one in {} is; keep one of them",
            other.place, other.input, self.place
        ))
    }
}

impl<'de> Deserialize<'de> for Standby {
    fn deserialize<D: Deserializer<'de>>(value: D) -> std::result::Result<Self, D::Error> {
        value.deserialize_str(Entry)
    }
}

struct Entry;

impl Visitor<'_> for Entry {
    type Value = Standby;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("an IP address without a length, or an eni-id (eni-...)")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Standby, E> {
        let text = text.trim();
        if let Ok(ip) = text.parse() {
            return Ok(Standby::Address(ip));
        }
        let id = text.strip_prefix("eni-").unwrap_or_default();
        let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_id
            .then(|| Standby::Eni(text.to_owned()))
            .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}
