//! When an object is made, and when it goes, whatever it belongs to. A flow that begins before all that it needs is there
//! keeps to a wrong way as long as it lasts.

use super::Object;

/// In the order in which objects are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Links and their settings, addresses, routes, rules.
    Ways,
    /// The table of nftables, which marks packets for the rules, and gives them addresses.
    Marks,
    /// Packets are passed on.
    Forwarding,
}

impl Object {
    /// When it is made.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Nft(_) => Stage::Marks,
            Self::Sysctl(sysctl) if sysctl.key.is_forwarding() => Stage::Forwarding,
            _ => Stage::Ways,
        }
    }

    /// When it goes, the least first: what passes packets on, then the ways, the table, and last the host's settings.
    pub(crate) fn undoing(&self) -> u8 {
        match self.stage() {
            Stage::Forwarding => 0,
            Stage::Marks => 2,
            Stage::Ways if self.is_of_host() => 3,
            Stage::Ways => 1,
        }
    }
}
