//! Addresses: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::A1`].
pub const A1: Entry = Entry {
    code: Code::A1,
    severity: Severity::Error,
    title: "EC2 has assigned an address that the host lacks",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::A2`].
pub const A2: Entry = Entry {
    code: Code::A2,
    severity: Severity::Error,
    title: "The host has an address that EC2 does not know",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::A3`].
pub const A3: Entry = Entry {
    code: Code::A3,
    severity: Severity::Error,
    title: "An address is on the wrong interface, or on two",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::A4`].
pub const A4: Entry = Entry {
    code: Code::A4,
    severity: Severity::Warning,
    title: "An address is tentative, a duplicate, or deprecated",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::A5`].
pub const A5: Entry = Entry {
    code: Code::A5,
    severity: Severity::Error,
    title: "An address has an end, and nobody renews it",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::A6`].
pub const A6: Entry = Entry {
    code: Code::A6,
    severity: Severity::Hint,
    title: "Only one of the two families is reachable from outside",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::A7`].
pub const A7: Entry = Entry {
    code: Code::A7,
    severity: Severity::Hint,
    title: "An ENI has no IPv4 address",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::A8`].
pub const A8: Entry = Entry {
    code: Code::A8,
    severity: Severity::Hint,
    title: "A delegated prefix that nobody on the host uses",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::A9`].
pub const A9: Entry = Entry {
    code: Code::A9,
    severity: Severity::Warning,
    title: "Unbound traffic gets another source address than the primary one",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};
