//! The rule index: noted ahead as ours, and changed without a proof, since the flat rules below it decide where it misses.

use super::Executor;
use crate::gather::Gather;
use crate::net::IndexRule;
use crate::reconcile::assess::Assessment;

impl Executor<'_> {
    /// Takes rules of the index away, and makes others. What fails is reported: the flat rules are right all the same.
    /// Returns whether all of it is done.
    pub fn change_index(
        &mut self,
        assessment: &mut Assessment,
        gone: &[IndexRule],
        added: &[IndexRule],
    ) -> bool {
        // Ahead: if this run is killed from now on, the next one knows whose the rules are.
        let is_noted = added.is_empty() || self.note_index(assessment, true);
        let is_done = is_noted && self.make_index(assessment, gone, added);
        if assessment.observed.index.is_empty() {
            self.note_index(assessment, false);
        }
        is_done
    }

    /// Whether the ledger has it that there is an index, or is none.
    fn note_index(&mut self, assessment: &mut Assessment, is_there: bool) -> bool {
        let noted = &mut assessment.ledger.host.rule_index;
        if std::mem::replace(noted, is_there) == is_there {
            return true;
        }
        self.save(&assessment.ledger)
    }

    fn make_index(
        &mut self,
        assessment: &mut Assessment,
        gone: &[IndexRule],
        added: &[IndexRule],
    ) -> bool {
        if gone.is_empty() && added.is_empty() {
            return true;
        }
        if let Err(error) = self.kernel.change_index(gone, added) {
            self.report.errors.push(format!("the rule index: {error}"));
            return false;
        }
        let index = &mut assessment.observed.index;
        let left = index.iter().filter(|rule| !gone.contains(rule));
        *index = left.chain(added).copied().into_dense_set();
        let done = self.report.rule_index.get_or_insert_default();
        done.set += added.len();
        done.removed += gone.len();
        true
    }
}
