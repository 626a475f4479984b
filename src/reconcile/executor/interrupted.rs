//! What an interrupted run left neither proven nor taken back.

use log::info;

use super::recorded::with;
use super::stretch::Stretch;
use super::{Executor, outcome};
use crate::diff::standing;
use crate::error::{Error, Result};
use crate::net::Link;
use crate::object::Change;
use crate::reconcile::unproven::Unproven;

impl Executor<'_> {
    /// Proves what an earlier run left unproven, by what worked before that, or takes it back, and reports the
    /// latter. Needs no metadata.
    ///
    /// # Errors
    /// [`Error::Kernel`]: it cannot be known what there is.
    pub fn settle(&mut self) -> Result<()> {
        let Some(mark) = Unproven::left(self.disk) else {
            return Ok(());
        };
        if mark.is_void() {
            info!("what an interrupted run changed in another boot went with that");
            self.end(mark.before());
            return Ok(());
        }
        let _stretch = Stretch::begin();
        let keys = mark.changes.iter().filter_map(Change::key);
        self.kernel.observe_also(keys.cloned());
        if mark.changes.iter().any(Change::is_of_nft) {
            self.kernel.observe_nft();
        }
        let observed = self.kernel.observe()?;
        let standing = standing(&mark.changes, &observed);
        match mark.baseline.prove(self.kernel, &standing, self.wait) {
            Ok(_) => self.keep_what_was_left(mark, &standing),
            Err(broken) => self.take_back_what_was_left(&mark, &observed.links, &broken.why),
        }
        Ok(())
    }

    fn keep_what_was_left(&mut self, mark: Unproven, standing: &[Change]) {
        info!(
            "{} changes of an interrupted run are proven now",
            standing.len()
        );
        self.end_contradicted(standing);
        self.end_with(mark.ledger, standing, &mark.changes);
    }

    fn take_back_what_was_left(&mut self, mark: &Unproven, links: &[Link], error: &Error) {
        let (undone, left) = self.take_back(&mark.changes, links);
        self.end(&with(mark.before(), &left));
        if undone.is_empty() && left.is_empty() {
            info!("an interrupted run had changed nothing yet");
            return;
        }
        let outcome = outcome(undone.len(), left.len());
        self.report.notes.push(format!(
            "a run was interrupted before its changes were proven, and now {error}; {outcome}"
        ));
        self.report.kernel.extend(undone);
    }
}
