//! Without the table of nftables nothing is passed on: packets would leave with their private addresses, by whichever ENI,
//! and past the filter. What an earlier run has switched on, or a file of ours at this boot, goes off again.

use super::Executor;
use crate::gather::Gather;
use crate::kernel;
use crate::ledger::Ledger;
use crate::net::Link;
use crate::object::{Change, Object, Stage};
use crate::reconcile::kept::read_ledger;

impl Executor<'_> {
    /// Puts back what passes packets on and is in `ledger`, unless a table stands. Returns what was done.
    pub(super) fn close(&mut self, ledger: &Ledger, links: &[Link]) -> Vec<Change> {
        if self.kernel.has_table() {
            let note = "the nftables table that stands is kept, and packets are passed on by it";
            self.report.notes.push(note.to_owned());
            return Vec::new();
        }
        let is_passing = |object: &Object| object.stage() == Stage::Forwarding;
        let made = ledger.made(links, &is_passing).into_iter();
        let made = made.flat_map(|made| made.objects);
        let standing = made.filter(|object| self.stands(object));
        let done = self.pass(standing.map(Change::Remove).gathered(), links);
        let note = match done.is_empty() {
            true => {
                "nothing is forwarded, because the nftables table could not be made: without it packets would leave \
                 with private addresses"
            }
            false => {
                "forwarding was switched off, because the nftables table could not be made: without it packets would \
                 leave with private addresses; the next run that can make the table switches it on"
            }
        };
        self.report.notes.push(note.to_owned());
        done
    }

    /// What passes packets on goes first; all else when those have ended that were let through until then: one that a
    /// processor has in hand would find no table behind its way, and leave with its private address.
    pub(super) fn take_away(&mut self, mut removals: Vec<Change>, links: &[Link]) -> Vec<Change> {
        let passing = removals.partition_point(|change| change.stage() == Stage::Forwarding);
        let rest = removals.split_off(passing);
        let mut done = self.pass(removals, links);
        if !done.is_empty() {
            kernel::let_packets_end();
        }
        done.extend(self.pass(rest, links));
        done
    }

    /// As [`Self::close`], where only the table was to be loaded.
    pub(super) fn close_what_was_made(&mut self) {
        let links = self.kernel.links().unwrap_or_default();
        let ledger = read_ledger(self.disk);
        // The ledger goes on having them: a run that makes the table finds them off, and makes them again.
        self.close(&ledger, &links);
    }

    /// A setting has this value; whoever has given it another one since keeps that.
    fn stands(&self, object: &Object) -> bool {
        object.sysctl().is_some_and(|sysctl| {
            let now = self.kernel.settings([sysctl.key.clone()]);
            now.get(&sysctl.key) == Some(&sysctl.value)
        })
    }
}
