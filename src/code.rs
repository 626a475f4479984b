//! The codes of findings, which are stable for ever, and how bad each is.

use serde::Serialize;

/// What kind of finding it is. The names are stable: one letter for the group (addresses, rules and routes, links, other
/// tools, metadata) and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Code {
    /// EC2 has assigned an address that the host lacks.
    A1,
    /// Traffic from an address would leave by another interface, or not at all.
    R1,
    /// A rule is missing.
    R2,
    /// Rules of others are for the same addresses.
    R3,
    /// A route is missing.
    R4,
    /// A secondary ENI's link takes routes from router advertisements, or another setting is not what it should be.
    R9,
    /// A route of others stands in the place of one of ours.
    R11,
    /// A change of the kernel's is neither proven nor taken back.
    R12,
    /// No interface carries the ENI's MAC.
    L1,
    /// An interface is there whose ENI the metadata does not list.
    L2,
    /// A link is down.
    L3,
    /// IPv6 is switched off on a link whose ENI has addresses of it.
    L5,
    /// Another tool configures the ENI, or all of them.
    O1,
    /// The ENI is left alone by the configuration, or because it is a port of a bridge or bond.
    O5,
    /// The metadata of an ENI is not all there yet, or cannot be true.
    M2,
    /// An entry of the configuration's `exclude` means no ENI.
    M6,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something does not work.
    Error,
    /// Something may not work, or will not go on working.
    Warning,
    /// Nothing is wrong.
    Hint,
}

impl Code {
    /// How bad what it stands for is.
    pub fn severity(self) -> Severity {
        match self {
            Self::A1 | Self::R1 | Self::R2 | Self::R4 | Self::L1 | Self::L3 | Self::L5 => {
                Severity::Error
            }
            Self::R3
            | Self::R9
            | Self::R11
            | Self::R12
            | Self::L2
            | Self::O1
            | Self::M2
            | Self::M6 => Severity::Warning,
            Self::O5 => Severity::Hint,
        }
    }
}
