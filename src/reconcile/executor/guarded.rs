//! An address that comes up here may have been another host's until now, whose flows go on by it: their servers' packets
//! find the guard of the table of nftables ahead of the address. Without it the host answers the first of them by a reset.

use log::warn;

use super::Executor;
use crate::object::{Change, Object};
use crate::plan::nft::guard_of;

impl Executor<'_> {
    /// Loads the guard of the table that the last of `changes` makes, where one of them brings an address up. The table
    /// itself comes behind its ways, lest a flow begins by a wrong one.
    pub(super) fn guard(&mut self, changes: &[Change]) {
        let is_address = |change: &Change| matches!(change, Change::Add(Object::Address(_)));
        let Some(Change::Add(Object::Nft(table))) = changes.last() else {
            return;
        };
        let guard = guard_of(&table.text);
        if guard.is_empty() || !changes.iter().any(is_address) {
            return;
        }
        if let Err(error) = self.kernel.load_beside(&guard) {
            // The table itself has the same fault, and reports it.
            warn!("{error}");
        }
    }
}
