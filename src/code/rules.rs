//! Rules and routes: what each finding means, at length.

use super::{Code, Entry, Severity};

/// See [`Code::R1`].
pub const R1: Entry = Entry {
    code: Code::R1,
    severity: Severity::Error,
    title: "Packets from an address would leave by another ENI, or not at all",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::R2`].
pub const R2: Entry = Entry {
    code: Code::R2,
    severity: Severity::Error,
    title: "A rule is missing",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::R3`].
pub const R3: Entry = Entry {
    code: Code::R3,
    severity: Severity::Warning,
    title: "Rules not created by eniroute are for the same addresses",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::R4`].
pub const R4: Entry = Entry {
    code: Code::R4,
    severity: Severity::Error,
    title: "A route is missing, or its router does not answer",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::R5`].
pub const R5: Entry = Entry {
    code: Code::R5,
    severity: Severity::Warning,
    title: "A rule or table of an ENI that is gone",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::R6`].
pub const R6: Entry = Entry {
    code: Code::R6,
    severity: Severity::Warning,
    title: "The best default route of main is not the primary ENI's",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::R7`].
pub const R7: Entry = Entry {
    code: Code::R7,
    severity: Severity::Warning,
    title: "A route of main cannot be reached from a secondary ENI's address",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::R8`].
pub const R8: Entry = Entry {
    code: Code::R8,
    severity: Severity::Warning,
    title: "A route that refuses is in the way",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::R9`].
pub const R9: Entry = Entry {
    code: Code::R9,
    severity: Severity::Warning,
    title: "A link takes routes from router advertisements, or another setting is not what it should be",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::R10`].
pub const R10: Entry = Entry {
    code: Code::R10,
    severity: Severity::Hint,
    title: "So many rules that new flows pay for them",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::R11`].
pub const R11: Entry = Entry {
    code: Code::R11,
    severity: Severity::Warning,
    title: "A route not created by eniroute stands in the place of one of its own",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::R12`].
pub const R12: Entry = Entry {
    code: Code::R12,
    severity: Severity::Warning,
    title: "A change of the kernel is neither proven nor taken back",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};

/// See [`Code::R13`].
pub const R13: Entry = Entry {
    code: Code::R13,
    severity: Severity::Warning,
    title: "This walk and the kernel's answer differ",
    symptom: "",
    consequence: "",
    cause: "",
    by_hand: "",
    remedy: "",
};
