//! The kinds of findings: codes that are stable for ever, and what each means, for `explain` and the documentation.

mod addresses;
mod files;
mod forwarding;
mod links;
mod metadata;
mod owners;
mod performance;
mod rules;

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// What kind of finding it is: one letter for the group (addresses, rules and routes, links, files, other owners,
/// metadata, NAT and forwarding, performance) and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Code {
    /// EC2 has assigned an address that the host lacks.
    A1,
    /// The host has an address that EC2 does not know.
    A2,
    /// An address is on the wrong interface, or on two.
    A3,
    /// An address is tentative, a duplicate, or deprecated.
    A4,
    /// An address has an end, and nobody renews it.
    A5,
    /// Only one of the two families is reachable from outside.
    A6,
    /// An ENI has no IPv4 address.
    A7,
    /// A delegated prefix that nobody on the host uses.
    A8,
    /// Unbound traffic gets another source address than the primary one.
    A9,
    /// Packets from an address would leave by another ENI, or not at all.
    R1,
    /// A rule is missing.
    R2,
    /// Rules not created by eniroute are for the same addresses.
    R3,
    /// A route is missing, or its router does not answer.
    R4,
    /// A rule or table of an ENI that is gone.
    R5,
    /// The best default route of main is not the primary ENI's.
    R6,
    /// A route of main cannot be reached from a secondary ENI's address.
    R7,
    /// A route that refuses is in the way.
    R8,
    /// A link takes routes from router advertisements, or another setting is not what it should be.
    R9,
    /// So many rules that new flows pay for them.
    R10,
    /// A route not created by eniroute stands in the place of one of its own.
    R11,
    /// A change of the kernel is neither proven nor taken back.
    R12,
    /// This walk and the kernel's answer differ.
    R13,
    /// The rule index is prevented, or not whole.
    R14,
    /// No interface carries the ENI's MAC.
    L1,
    /// An interface is there whose ENI the metadata does not list.
    L2,
    /// A link is down, or without a carrier.
    L3,
    /// The MTU is not what the way needs.
    L4,
    /// IPv6 is switched off on a link whose ENI has addresses of it.
    L5,
    /// A strict reverse path filter.
    L6,
    /// Two ENIs of one subnet answer ARP for each other.
    L7,
    /// The interfaces' names are in another order than their device numbers.
    L8,
    /// A file of eniroute's is missing, or other than it should be.
    F1,
    /// A file is there, and its network stack goes by another one.
    F2,
    /// The network stack would delete rules or routes that no file of its own has.
    F3,
    /// The next boot would bring up something else than there is now.
    F4,
    /// The network stack has not loaded newer files.
    F5,
    /// This version of the network stack has a known defect.
    F6,
    /// Another tool configures the ENI, or all of them.
    O1,
    /// A firewall may drop it.
    O2,
    /// Another table translates addresses first.
    O3,
    /// The host forwards packets.
    O4,
    /// The ENI is left alone by the configuration, or by its owner.
    O5,
    /// The ENI's link is brought up by its owner alone.
    O6,
    /// The metadata service cannot be reached, or refuses.
    M1,
    /// The metadata of an ENI is not all there yet, or cannot be true.
    M2,
    /// ENIs of overlapping subnets, or of several VPCs.
    M3,
    /// Security groups and network ACLs.
    M4,
    /// The ENI belongs to another account, or to a service.
    M5,
    /// An entry of the configuration has no effect.
    M6,
    /// The source/destination check cannot be seen from inside.
    N1,
    /// The connection table is nearly full, or has dropped packets.
    N2,
    /// The host keeps connections longer than the ENI does.
    N3,
    /// An address has hardly any ports left for one destination.
    N4,
    /// An entry of `[[egress]]` means nobody, or an address that is not here.
    N5,
    /// What is forwarded has no way, there or back.
    N6,
    /// The host sends redirects.
    N7,
    /// The table of nftables is missing, or not as it should be.
    N8,
    /// The bits of marks that eniroute goes by are somebody else's.
    N9,
    /// EC2 has held back packets for their bandwidth.
    P1,
    /// EC2 has held back packets for their number.
    P2,
    /// EC2 has dropped packets for the number of connections.
    P3,
    /// EC2 has dropped packets to the metadata service, DNS or NTP.
    P4,
    /// The driver does not tell the counters of EC2's limits.
    P5,
}

/// How bad it is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something does not work.
    Error,
    /// Something may not work, or will not go on working.
    Warning,
    /// Nothing is wrong.
    Hint,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Hint => "hint",
        })
    }
}

/// What a kind of finding means.
#[derive(Debug, Serialize)]
pub struct Entry {
    pub code: Code,
    /// How bad it mostly is.
    pub severity: Severity,
    /// One line, without a full stop.
    pub title: &'static str,
    /// As people describe it: the words that they would search for.
    pub symptom: &'static str,
    /// What comes of it, in one sentence.
    pub consequence: &'static str,
    /// Why it is so.
    pub cause: &'static str,
    /// How to see it with `ip` and the like: a line for each command, in backticks, with what it shows behind a colon.
    pub by_hand: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// What each code means, in the order of [`Code`].
const ENTRIES: [&Entry; 63] = [
    &addresses::A1,
    &addresses::A2,
    &addresses::A3,
    &addresses::A4,
    &addresses::A5,
    &addresses::A6,
    &addresses::A7,
    &addresses::A8,
    &addresses::A9,
    &rules::R1,
    &rules::R2,
    &rules::R3,
    &rules::R4,
    &rules::R5,
    &rules::R6,
    &rules::R7,
    &rules::R8,
    &rules::R9,
    &rules::R10,
    &rules::R11,
    &rules::R12,
    &rules::R13,
    &rules::R14,
    &links::L1,
    &links::L2,
    &links::L3,
    &links::L4,
    &links::L5,
    &links::L6,
    &links::L7,
    &links::L8,
    &files::F1,
    &files::F2,
    &files::F3,
    &files::F4,
    &files::F5,
    &files::F6,
    &owners::O1,
    &owners::O2,
    &owners::O3,
    &owners::O4,
    &owners::O5,
    &owners::O6,
    &metadata::M1,
    &metadata::M2,
    &metadata::M3,
    &metadata::M4,
    &metadata::M5,
    &metadata::M6,
    &forwarding::N1,
    &forwarding::N2,
    &forwarding::N3,
    &forwarding::N4,
    &forwarding::N5,
    &forwarding::N6,
    &forwarding::N7,
    &forwarding::N8,
    &forwarding::N9,
    &performance::P1,
    &performance::P2,
    &performance::P3,
    &performance::P4,
    &performance::P5,
];

impl Code {
    /// Every code, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        ENTRIES.iter().map(|entry| entry.code)
    }

    /// What it means.
    pub const fn entry(self) -> &'static Entry {
        ENTRIES[self as usize]
    }

    /// How bad it mostly is.
    pub const fn severity(self) -> Severity {
        self.entry().severity
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl FromStr for Code {
    type Err = ();

    /// In small letters, and with leading zeros, too: `r3`, `R003`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let is_it = |code: &Self| {
            let name = code.to_string();
            let (group, number) = name.split_at(1);
            let rest = text.get(1..).unwrap_or_default().trim_start_matches('0');
            text.get(..1)
                .is_some_and(|letter| letter.eq_ignore_ascii_case(group))
                && rest == number
        };
        Self::all().find(is_it).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_own_entry_and_is_found_by_its_name() {
        for entry in ENTRIES {
            let code = entry.code;
            assert_eq!(code.entry().code, code);
            assert_eq!(code.to_string().to_lowercase().parse(), Ok(code));
        }
        assert_eq!("r003".parse(), Ok(Code::R3));
        for wrong in ["", "R", "R0", "R99", "10.0.0.1", "ä1"] {
            assert_eq!(wrong.parse::<Code>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn each_code_has_all_its_texts() {
        for entry in ENTRIES {
            let code = entry.code;
            let sentences = [entry.symptom, entry.consequence, entry.cause, entry.remedy];
            for text in sentences {
                assert!(
                    text.ends_with('.') && !text.contains('\n'),
                    "{code}: {text}"
                );
            }
            assert!(!entry.consequence.contains(". "), "{code}: one sentence");
            for line in entry.by_hand.lines() {
                assert!(line.starts_with('`'), "{code}: a command, not {line}");
            }
        }
    }
}
