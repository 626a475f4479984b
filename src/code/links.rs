//! Links: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::L1`].
pub const L1: Entry = Entry {
    code: Code::L1,
    severity: Severity::Error,
    title: "No interface carries the ENI's MAC",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::L2`].
pub const L2: Entry = Entry {
    code: Code::L2,
    severity: Severity::Warning,
    title: "An interface is there whose ENI the metadata does not list",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::L3`].
pub const L3: Entry = Entry {
    code: Code::L3,
    severity: Severity::Error,
    title: "A link is down, or without a carrier",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::L4`].
pub const L4: Entry = Entry {
    code: Code::L4,
    severity: Severity::Warning,
    title: "The MTU is not what the way needs",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::L5`].
pub const L5: Entry = Entry {
    code: Code::L5,
    severity: Severity::Error,
    title: "IPv6 is switched off on a link whose ENI has addresses of it",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::L6`].
pub const L6: Entry = Entry {
    code: Code::L6,
    severity: Severity::Warning,
    title: "A strict reverse path filter",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::L7`].
pub const L7: Entry = Entry {
    code: Code::L7,
    severity: Severity::Hint,
    title: "Two ENIs of one subnet answer ARP for each other",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::L8`].
pub const L8: Entry = Entry {
    code: Code::L8,
    severity: Severity::Warning,
    title: "The interfaces' names are in another order than their device numbers",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};
