//! A rule of the rule index: the search tree of `goto` rules that lies over the rules of addresses. Small, because an
//! instance can have ten thousand of them.

use std::fmt;
use std::ops::Range;

use ipnet::IpNet;

use super::rule::{From, Lookup};
use super::{Family, MAIN, Rule, short};

/// Where the index begins: its entrance. Below are rules of others (5210 to 5270 are Tailscale's, 6000 OVN's), and what is
/// added without a priority lands right before it.
pub const ENTRANCE: u32 = 7_000;
/// Where a packet that the tree does not know goes on: before the first rule of an address.
pub const FLAT: u32 = 9_999;
/// Behind the last rule of an address: leads what no rule of an address was for past the blocks.
pub const GATE: u32 = 23_200;
/// What a packet of an address that the tree knows looks up.
pub const BLOCKS: Range<u32> = GATE + 4..24_000;
/// Behind the index.
pub const END: u32 = BLOCKS.end;

/// What is no node and no block, and is for every packet.
pub const FIXED: [(u32, Step); 3] = [(FLAT, Step::Nop), (GATE, Step::Goto(END)), (END, Step::Nop)];

/// `RTPROT_KERNEL`. systemd-networkd deletes rules that it has not made, unless the kernel itself has
/// (`manager_drop_foreign_rules`); and nobody else gives it to a rule.
pub const PROTOCOL: u8 = 2;

/// A rule of the index. Ordered by its priority first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexRule {
    pub priority: u32,
    pub family: Family,
    pub packets: Packets,
    pub step: Step,
}

/// The packets that a rule of the index is for. Of rules of one priority, guards are made, and so asked, first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Packets {
    /// Whose mark has one of these bits.
    Marked(u32),
    /// That came in by an interface.
    Received,
    All,
    /// From there.
    From(IpNet),
    /// From elsewhere, or from no address yet.
    NotFrom(IpNet),
}

/// What a rule of the index does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Goes on with the first rule of this priority.
    Goto(u32),
    /// Looks up a table; a result whose prefix is not longer than `suppress` does not count.
    Lookup { table: u32, suppress: Option<u32> },
    /// Goes on with the next rule: it is there to be gone to.
    Nop,
}

/// Whether the index has rules of this priority.
fn is_place(priority: u32) -> bool {
    (ENTRANCE..=FLAT).contains(&priority) || (GATE..=END).contains(&priority)
}

/// Whether the index does that there: only blocks look up tables, main and those of ENIs, whose numbers are as the
/// priorities of their rules. A rule that does anything else is somebody else's, whatever its protocol; before Linux 4.17
/// none has one.
pub fn is_form(priority: u32, step: Step) -> bool {
    is_place(priority)
        && match step {
            Step::Goto(target) => is_spanned(target),
            Step::Lookup { table, .. } => {
                BLOCKS.contains(&priority) && (table == MAIN || (FLAT..GATE).contains(&table))
            }
            Step::Nop => [FLAT, END].contains(&priority),
        }
}

/// Whether the index jumps over a rule of this priority.
pub fn is_spanned(priority: u32) -> bool {
    (ENTRANCE..=END).contains(&priority)
}

impl IndexRule {
    /// It is one of the three that every index has at the same place, from its first rule to its last.
    pub fn is_fixed(&self) -> bool {
        self.packets == Packets::All && FIXED.contains(&(self.priority, self.step))
    }

    /// It leads packets past the tree that other rules are for, too.
    pub fn is_guard(&self) -> bool {
        matches!(self.packets, Packets::Marked(_) | Packets::Received)
    }

    /// When it is made, so that none leads to what is not all there yet: the end and what keeps packets out of the tree and of
    /// the blocks (0), the blocks and the nodes, and at last the entrance. It is taken away the other way round.
    pub fn turn(&self) -> u8 {
        let keeps_out = matches!(self.packets, Packets::NotFrom(_));
        match self.priority {
            END | GATE => 0,
            _ if self.is_guard() => 0,
            ENTRANCE => 2,
            _ if keeps_out => 2,
            _ => 1,
        }
    }
}

impl IndexRule {
    /// The `ip` command that makes it.
    pub fn add_command(&self) -> String {
        format!("ip {} rule add {self} protocol kernel", self.family.flag())
    }

    /// The `ip` command that takes it away.
    pub fn remove_command(&self) -> String {
        format!("ip {} rule del {self} protocol kernel", self.family.flag())
    }
}

impl fmt::Display for IndexRule {
    /// The words after `ip -4 rule add` or `ip -6 rule add`, without the protocol.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (packets, step) = (self.packets, self.step);
        write!(f, "{packets} {step} priority {}", self.priority)
    }
}

impl fmt::Display for Packets {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match *self {
            Self::All => f.write_str("from all"),
            Self::From(net) => From(Some(net)).fmt(f),
            Self::NotFrom(net) => write!(f, "not from {}", short(net)),
            Self::Marked(mask) => write!(f, "not from all fwmark 0x0/{mask:#x}"),
            Self::Received => f.write_str("not from all iif lo"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match *self {
            Self::Goto(target) => write!(f, "goto {target}"),
            Self::Lookup { table, suppress } => {
                write!(f, "{}", Lookup(table))?;
                let words = suppress.map(|length| format!(" suppress_prefixlength {length}"));
                f.write_str(words.as_deref().unwrap_or_default())
            }
            Self::Nop => f.write_str("nop"),
        }
    }
}

impl Step {
    /// What a rule of an address looks up.
    pub fn of(rule: &Rule) -> Self {
        Self::Lookup {
            table: rule.table,
            suppress: rule.suppress_prefixlength,
        }
    }
}
