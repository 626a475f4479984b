//! How an ENI is, and how each of its addresses is: the summaries of what was found.

use std::fmt;
use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::Finding;
use crate::code::{Code, Severity};
use crate::net::Mac;
use crate::numbering::Owner;

/// In JSON: `"state": "ok"`, or `"state": "missing", "count": 3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "count", rename_all = "lowercase")]
pub enum State {
    Ok,
    /// So many addresses, routes and rules are not in the kernel.
    Missing(usize),
    /// All is there, and yet the kernel would send traffic from so many addresses out by another interface.
    Misrouted(usize),
    /// It is left alone, and [`super::EniReport::reason`] says why.
    Unmanaged,
    /// No interface carries its MAC.
    #[serde(rename = "no link")]
    NoLink,
    /// The metadata service does not tell all of it yet, or what cannot be true.
    Incomplete,
}

impl State {
    /// The summary of one ENI's findings.
    pub fn of(findings: &[Finding], mac: Mac) -> Self {
        let codes = || {
            findings
                .iter()
                .filter(|finding| finding.owner == Owner::Eni(mac))
                .map(|finding| finding.code)
        };
        let has = |code| codes().any(|found| found == code);
        let is_missing =
            |code: &Code| matches!(code, Code::A1 | Code::R2 | Code::R4 | Code::R9 | Code::L3);
        match (
            codes().filter(is_missing).count(),
            codes().filter(|code| *code == Code::R1).count(),
        ) {
            _ if has(Code::M2) => Self::Incomplete,
            _ if has(Code::L1) => Self::NoLink,
            _ if has(Code::O1) || has(Code::O5) => Self::Unmanaged,
            (0, 0) => Self::Ok,
            (0, strays) => Self::Misrouted(strays),
            (missing, _) => Self::Missing(missing),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
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

/// `ok`, or the code of the worst that was found: an error, else a warning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressState(Option<(Severity, Code)>);

impl AddressState {
    /// Of one address of an ENI: what was found of it, or of the ENI as a whole.
    pub fn of(findings: &[Finding], mac: Mac, ip: IpAddr) -> Self {
        let concerns = |address: Option<IpAddr>| address == Some(ip) || address.is_none();
        Self::worst(findings, mac, concerns)
    }

    /// Of an ENI: what was found of all of it.
    pub fn of_whole(findings: &[Finding], mac: Mac) -> Self {
        Self::worst(findings, mac, |address| address.is_none())
    }

    fn worst(findings: &[Finding], mac: Mac, concerns: impl Fn(Option<IpAddr>) -> bool) -> Self {
        let own = findings.iter().filter(|finding| {
            finding.owner == Owner::Eni(mac)
                && finding.severity != Severity::Hint
                && concerns(finding.address)
        });
        Self(own.map(|finding| (finding.severity, finding.code)).min())
    }

    /// Something of it does not work.
    pub fn is_error(self) -> bool {
        self.0
            .is_some_and(|(severity, _)| severity == Severity::Error)
    }

    /// Nothing is wrong with it.
    pub fn is_ok(self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Display for AddressState {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            Some((_, code)) => code.fmt(f),
            None => f.write_str("ok"),
        }
    }
}

impl Serialize for AddressState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
