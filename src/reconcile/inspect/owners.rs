//! Who else is at work on this host: tools that configure ENIs, a firewall, NAT, and whoever has it forward.

use super::forwarding::Forwarding;
use super::rulesets::Rulesets;
use crate::command;
use crate::conflicts::{self, Peer};
use crate::error::Result;
use crate::files::Disk;
use crate::kernel::nft;
use crate::object::Object;
use crate::reconcile::assess::Assessment;

/// What is known of them.
pub struct OwnerFacts {
    pub rulesets: Rulesets,
    pub forwarding: Forwarding,
    /// The program that loads nftables is installed.
    pub has_nft: bool,
    /// Why it does not take the table that is wanted: it may be too old for a part of it.
    pub refused: Option<String>,
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
            refused: is_root.then(|| refused(assessment)).flatten(),
            peers: conflicts::peers(disk)?,
            beside: conflicts::neighbours(disk)?,
        })
    }
}

/// Asked only where the table does not stand as it should.
fn refused(assessment: &Assessment) -> Option<String> {
    let wanted = assessment.desired.host.iter().find_map(Object::nft)?;
    let standing = assessment.observed.nft.as_ref();
    let is_there = standing.is_some_and(|nft| nft.digest == wanted.digest);
    (!is_there && command::is_there("nft"))
        .then(|| nft::refusal(wanted))
        .flatten()
}
