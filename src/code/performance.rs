//! The limits of the NIC: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::P1`].
pub const P1: Entry = Entry {
    code: Code::P1,
    severity: Severity::Warning,
    title: "EC2 has held back packets for their bandwidth",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::P2`].
pub const P2: Entry = Entry {
    code: Code::P2,
    severity: Severity::Warning,
    title: "EC2 has held back packets for their number",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::P3`].
pub const P3: Entry = Entry {
    code: Code::P3,
    severity: Severity::Warning,
    title: "EC2 has dropped packets for the number of connections",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::P4`].
pub const P4: Entry = Entry {
    code: Code::P4,
    severity: Severity::Warning,
    title: "EC2 has dropped packets to the metadata service, DNS or NTP",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::P5`].
pub const P5: Entry = Entry {
    code: Code::P5,
    severity: Severity::Hint,
    title: "The driver does not tell the counters of EC2's limits",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};
