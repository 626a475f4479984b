//! NAT and forwarding: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::N1`].
pub const N1: Entry = Entry {
    code: Code::N1,
    severity: Severity::Hint,
    title: "The source/destination check cannot be seen from inside",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::N2`].
pub const N2: Entry = Entry {
    code: Code::N2,
    severity: Severity::Warning,
    title: "The connection table is nearly full, or has dropped packets",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::N3`].
pub const N3: Entry = Entry {
    code: Code::N3,
    severity: Severity::Warning,
    title: "The host keeps connections longer than the ENI does",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::N7`].
pub const N7: Entry = Entry {
    code: Code::N7,
    severity: Severity::Warning,
    title: "The host sends redirects",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};
