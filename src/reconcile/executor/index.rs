//! The rule index: noted ahead as ours, and changed without a proof, since the flat rules below it decide where it misses.

use super::Executor;
use crate::net::IndexRule;
use crate::reconcile::assess::Assessment;

impl Executor<'_> {
    /// Takes rules of the index away, and makes others. What fails is reported: the flat rules are right all the same.
    pub fn change_index(
        &mut self,
        assessment: &mut Assessment,
        gone: &[IndexRule],
        added: &[IndexRule],
    ) {
        // Ahead: if this run is killed from now on, the next one knows whose the rules are.
        if added.is_empty() || self.note_index(assessment, true) {
            self.make_index(assessment, gone, added);
        }
        if assessment.observed.index.is_empty() {
            self.note_index(assessment, false);
        }
    }

    /// Whether the ledger has it that there is an index, or is none.
    fn note_index(&mut self, assessment: &mut Assessment, is_there: bool) -> bool {
        let noted = &mut assessment.ledger.host.rule_index;
        if std::mem::replace(noted, is_there) == is_there {
            return true;
        }
        self.save(&assessment.ledger)
    }

    fn make_index(&mut self, assessment: &mut Assessment, gone: &[IndexRule], added: &[IndexRule]) {
        if gone.is_empty() && added.is_empty() {
            return;
        }
        if let Err(error) = self.kernel.change_index(gone, added) {
            self.report.errors.push(format!("the rule index: {error}"));
            return;
        }
        let index = &mut assessment.observed.index;
        index.retain(|rule| !gone.contains(rule));
        index.extend(added);
        let done = self.report.rule_index.get_or_insert_default();
        done.set += added.len();
        done.removed += gone.len();
    }
}
