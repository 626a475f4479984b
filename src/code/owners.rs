//! Other owners: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::O1`].
pub const O1: Entry = Entry {
    code: Code::O1,
    severity: Severity::Warning,
    title: "Another tool configures the ENI, or all of them",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::O2`].
pub const O2: Entry = Entry {
    code: Code::O2,
    severity: Severity::Hint,
    title: "A firewall may drop it",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::O3`].
pub const O3: Entry = Entry {
    code: Code::O3,
    severity: Severity::Warning,
    title: "Another table translates addresses first",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::O4`].
pub const O4: Entry = Entry {
    code: Code::O4,
    severity: Severity::Hint,
    title: "The host forwards packets",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::O5`].
pub const O5: Entry = Entry {
    code: Code::O5,
    severity: Severity::Hint,
    title: "The ENI is left alone by the configuration, or by its owner",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};
