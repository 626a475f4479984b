//! Metadata: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::M1`].
pub const M1: Entry = Entry {
    code: Code::M1,
    severity: Severity::Error,
    title: "The metadata service cannot be reached, or refuses",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::M2`].
pub const M2: Entry = Entry {
    code: Code::M2,
    severity: Severity::Warning,
    title: "The metadata of an ENI is not all there yet, or cannot be true",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::M3`].
pub const M3: Entry = Entry {
    code: Code::M3,
    severity: Severity::Hint,
    title: "ENIs of overlapping subnets, or of several VPCs",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::M4`].
pub const M4: Entry = Entry {
    code: Code::M4,
    severity: Severity::Hint,
    title: "Security groups and network ACLs",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::M5`].
pub const M5: Entry = Entry {
    code: Code::M5,
    severity: Severity::Warning,
    title: "The ENI belongs to another account, or to a service",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::M6`].
pub const M6: Entry = Entry {
    code: Code::M6,
    severity: Severity::Warning,
    title: "An entry of the configuration's `exclude` means no ENI",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};
