//! What the owner of an interface says of it in the words of its own network stack, beside addresses and routes.

use std::fmt;

use super::Dev;

/// What somebody else's file says of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    pub word: Word,
    /// Where it stands: `` `ONBOOT=no` in /etc/sysconfig/network-scripts/ifcfg-eth1 ``.
    pub by: String,
}

/// The strongest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// It is, or will be, a port of this bridge, bond, team or VRF: the addresses are that one's.
    Port(Dev),
    /// Nobody is to configure it, or it stays down.
    LeftAlone,
    /// Its owner brings it up when it likes; what its addresses need comes with that.
    Manual,
}

impl Declared {
    /// By an assignment in a file.
    pub fn new(word: Word, assignment: &str, file: impl fmt::Display) -> Self {
        Self {
            word,
            by: format!("`{assignment}` in {file}"),
        }
    }
}

impl fmt::Display for Declared {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.word {
            Word::Port(holder) => write!(f, "its owner makes it a port of {holder}")?,
            Word::LeftAlone => f.write_str("its owner wants it left alone")?,
            Word::Manual => f.write_str("its owner alone brings it up")?,
        }
        write!(f, " ({})", self.by)
    }
}
