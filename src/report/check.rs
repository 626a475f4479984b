//! What `check` reports: what was found, what was proven, and what had to be assumed; and what ends it with an error.

mod baseline;
mod text;

use std::net::IpAddr;

use serde::Serialize;

use super::{Finding, Severity};
use crate::net::Mac;
pub use baseline::Baseline;
pub(super) use text::coloured;

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// What the ENIs were judged by, where the metadata service did not say it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    pub proven: Vec<EniVerdict>,
    /// What came of real packets; `--probe` only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub probe: Vec<ProbeReport>,
    /// What the kernel or the disk did not let this run see, each in a sentence.
    pub unseen: Vec<String>,
    /// What cannot be seen from inside the instance, each in a sentence.
    pub assumed: Vec<String>,
}

/// What was proven of one ENI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EniVerdict {
    pub mac: Mac,
    /// Addresses that are up.
    pub addresses: usize,
    /// Ways out that the kernel was asked for.
    pub ways: usize,
    /// Those of them that lead out by the ENI itself.
    pub right: usize,
}

/// What came of the packets of one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeReport {
    pub mac: Mac,
    pub address: IpAddr,
    /// Whether the metadata service answered; `None`: it was not asked, or answers nobody of this family.
    pub metadata: Option<bool>,
    /// What the service of `--probe-url` saw; it may have answered nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen_as: Option<Option<IpAddr>>,
}

/// How `check` is to be said, and what ends it with an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// One line a finding.
    pub brief: bool,
    /// Warnings count as errors.
    pub strict: bool,
    /// The metadata service was not reached.
    pub without_metadata: bool,
    /// So many findings are left out, because an earlier report has them.
    pub known: usize,
}

/// The exit code of `check` where it has found errors.
const FOUND: u8 = 3;
/// Its exit code without metadata.
const NO_METADATA: u8 = 4;

impl Form {
    /// 0, 3 with errors (with `--strict`: warnings), 4 without metadata.
    pub fn exit_code(self, findings: &[Finding]) -> u8 {
        let worst = if self.strict {
            Severity::Warning
        } else {
            Severity::Error
        };
        let is_bad = findings.iter().any(|finding| finding.severity <= worst);
        match (self.without_metadata, is_bad) {
            (true, _) => NO_METADATA,
            (false, true) => FOUND,
            (false, false) => 0,
        }
    }
}
