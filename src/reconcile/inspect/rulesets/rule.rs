//! A rule of a packet filter as far as it is understood: for which packets it is, and what it does with them.

use std::net::IpAddr;

/// A rule of a packet filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterRule {
    /// All of them hold of a packet that it is for.
    pub wants: Vec<Want>,
    pub verdict: Verdict,
    /// What it writes into marks.
    pub writes: Option<Written>,
    /// It sets the segment size of TCP.
    pub clamps: bool,
    /// As the program shows it that was asked for it.
    pub text: String,
}

/// One thing that a rule wants of a packet: that it is one of `among`, or none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    pub field: Field,
    pub is_not: bool,
    /// Names of interfaces (a `*` at the end: and more), addresses, prefixes, ranges `A-B`, states in small letters.
    pub among: Vec<String>,
}

/// What of a packet a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The interfaces that it came in by, and leaves by.
    Iif,
    Oif,
    Source,
    Destination,
    /// `ipv4`, `ipv6`.
    Family,
    /// `tcp`, `udp`.
    Protocol,
    /// What conntrack says: `new`, `established`; `dnat`; `original`, `reply`.
    State,
    Status,
    Direction,
    /// The connection's mark: `VALUE/MASK`, both hexadecimal.
    Connmark,
    /// All that is not followed.
    Other,
}

/// What a rule does with a packet that it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// The next rule is asked.
    #[default]
    Next,
    Accept,
    /// With or without an answer.
    Drop,
    Return,
    Jump(String),
    Goto(String),
    /// It gets another source address, the interface's own where none is named.
    Translate(Option<IpAddr>),
    /// Nobody knows.
    Other,
}

/// What is written into the mark of a packet, or of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub to_connection: bool,
    /// The bits that are set, as far as they are known.
    pub value: u32,
    /// The bits that are changed.
    pub mask: u32,
}

impl Want {
    /// One that is not followed.
    pub const OTHER: Self = Self {
        field: Field::Other,
        is_not: false,
        among: Vec::new(),
    };
}
