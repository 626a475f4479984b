//! Who else is at work on this host: tools that configure ENIs, a firewall, NAT, and whoever has it forward.

use super::forwarding::Forwarding;
use super::rulesets::Rulesets;
use crate::command;
use crate::conflicts::{self, Peer};
use crate::error::Result;
use crate::files::Disk;
use crate::reconcile::assess::Assessment;

/// What is known of them.
pub struct OwnerFacts {
    pub rulesets: Rulesets,
    pub forwarding: Forwarding,
    /// The program that loads nftables is installed.
    pub has_nft: bool,
    /// Tools that eniroute stands down for.
    pub peers: Vec<Peer>,
    /// Those that do so beside eniroute, and get on with it.
    pub beside: Vec<Peer>,
}

impl OwnerFacts {
    /// Looks for them.
    ///
    /// # Errors
    /// A file that should tell cannot be read.
    pub fn of(disk: &Disk, assessment: &Assessment, is_root: bool) -> Result<Self> {
        Ok(Self {
            rulesets: Rulesets::read(is_root),
            forwarding: Forwarding::read(disk, &assessment.desired.enis)?,
            has_nft: command::is_there("nft"),
            peers: conflicts::peers(disk)?,
            beside: conflicts::neighbours(disk)?,
        })
    }
}
