//! Files: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::F1`].
pub const F1: Entry = Entry {
    code: Code::F1,
    severity: Severity::Error,
    title: "A file of eniroute's is missing, or other than it should be",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::F2`].
pub const F2: Entry = Entry {
    code: Code::F2,
    severity: Severity::Error,
    title: "A file is there, and its network stack goes by another one",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::F3`].
pub const F3: Entry = Entry {
    code: Code::F3,
    severity: Severity::Warning,
    title: "The network stack would delete rules or routes that no file of its own has",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::F4`].
pub const F4: Entry = Entry {
    code: Code::F4,
    severity: Severity::Warning,
    title: "The next boot would bring up something else than there is now",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::F5`].
pub const F5: Entry = Entry {
    code: Code::F5,
    severity: Severity::Hint,
    title: "The network stack has not loaded newer files",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::F6`].
pub const F6: Entry = Entry {
    code: Code::F6,
    severity: Severity::Warning,
    title: "This version of the network stack has a known defect",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};
