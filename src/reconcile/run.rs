//! One run, and what its steps hand on.

use std::time::Duration;

use log::info;

use super::assess::Assessment;
use super::executor::{Executor, Overtaken};
use super::host::Host;
use super::how::How;
use super::{enis, findings};
use crate::diff::diff;
use crate::error::{Error, Result};
use crate::gather::Gather;
use crate::ledger::Ledger;
use crate::metadata::{Incomplete, Metadata};
use crate::object::Change;
use crate::report::{Finding, Report};

/// How often a run makes its changes at most, where others change the host each time before they are proven.
const TRIES: usize = 3;

/// One run.
pub struct Run<'a> {
    pub host: &'a mut Host,
    /// What is asked for.
    pub how: &'a How,
    /// What is known before anything is changed, and after each change.
    pub assessment: Assessment,
    /// What has been done so far, what could not be, and what a reader should know.
    pub report: Report,
    /// How often others have changed the host meanwhile.
    overtaken: usize,
    /// For how long their proofs waited for the metadata service: all those of a run may wait as long as one.
    waited: Duration,
}

impl<'a> Run<'a> {
    /// A run by what `metadata` says.
    ///
    /// # Errors
    /// A selector that means no ENI; the kernel, or a file of ours, cannot be read.
    pub fn of(host: &'a mut Host, how: &'a How, metadata: Metadata) -> Result<Self> {
        let assessment = Assessment::of(host, metadata, &how.selected)?;
        Ok(Self::assessed(host, how, assessment))
    }

    /// A run that takes away what was made.
    ///
    /// # Errors
    /// As [`Run::of`].
    pub fn removal(host: &'a mut Host, how: &'a How) -> Result<Self> {
        let assessment = Assessment::of_what_we_made(host, &how.selected)?;
        Ok(Self::assessed(host, how, assessment))
    }

    /// A run by what is known of the host already.
    pub fn assessed(host: &'a mut Host, how: &'a How, assessment: Assessment) -> Self {
        let late = assessment.metadata.incomplete.iter();
        let report = Report {
            command: how.command,
            errors: late.map(Incomplete::to_string).gathered(),
            notes: notes(how, &assessment),
            ..Report::default()
        };
        Self {
            host,
            how,
            assessment,
            report,
            overtaken: 0,
            waited: Duration::ZERO,
        }
    }

    /// The host as it is by now, and what that means for this run.
    ///
    /// # Errors
    /// As [`Run::of`].
    pub fn look_again(&mut self) -> Result<()> {
        let known = &self.assessment;
        let selected = &self.how.selected;
        let now = match known.is_removal() {
            true => Assessment::of_what_we_made(self.host, selected)?,
            false => {
                let (metadata, expected) = (known.metadata.clone(), known.expected.clone());
                Assessment::expecting(self.host, metadata, selected, expected)?
            }
        };
        let stale = notes(self.how, known);
        let told = &mut self.report.notes;
        told.retain(|note| !stale.contains(note));
        told.extend(notes(self.how, &now));
        self.assessment = now;
        Ok(())
    }

    /// Reports how each ENI is now, by what is found.
    pub fn report_enis(&mut self, findings: Vec<Finding>) {
        self.report.enis = enis::all(&self.assessment, &findings);
        self.report.findings.extend(findings);
    }

    /// Adds what was found to the report, and to its notes.
    pub fn note(&mut self, found: Option<Finding>) {
        self.report
            .notes
            .extend(found.as_ref().map(Finding::to_string));
        self.report.findings.extend(found);
    }

    /// The changes of the kernel that are to be made now.
    pub fn changes(&self) -> Vec<Change> {
        let known = &self.assessment;
        diff(&known.desired, &known.observed, &known.scope)
    }

    /// Makes `changes`, for which `ledger` has an entry. Returns whether that is so now: where others have changed the
    /// host meanwhile, all is as before, and to be planned anew.
    ///
    /// # Errors
    /// As [`Executor::execute`]; the host was changed too often.
    pub fn execute(&mut self, mut ledger: Ledger, changes: Vec<Change>) -> Result<bool> {
        ledger.host.rule_index |= self.is_about_to_pay(&changes);
        if !changes.is_empty() {
            // A network manager may have an answer to them.
            (self.assessment.stacks, self.assessment.ahead) = (None, None);
        }
        self.loosen_index(&changes);
        let told = (self.report.errors.len(), self.report.notes.len());
        let wait = self.how.wait.saturating_sub(self.waited);
        let mut executor = Executor::of(self.host, wait, &mut self.report);
        let Some(overtaken) = executor.execute(&mut self.assessment, ledger, changes)? else {
            return Ok(true);
        };
        self.waited += overtaken.waited;
        self.report.errors.truncate(told.0);
        self.report.notes.truncate(told.1);
        self.count(&overtaken)?;
        Ok(false)
    }

    fn count(&mut self, Overtaken { why, by, .. }: &Overtaken) -> Result<()> {
        self.overtaken += 1;
        if self.overtaken == TRIES {
            return Err(Error::Failed(format!(
                "{why}, and so it was {TRIES} times, because others changed the host meanwhile (at last by {by}); run \
                 again when it is at rest"
            )));
        }
        let note = format!("{why}, because others changed the host meanwhile ({by}); looked again");
        info!("{note}");
        self.report.notes.push(note);
        Ok(())
    }
}

/// What a reader should know before anything is changed.
fn notes(how: &How, assessment: &Assessment) -> Vec<String> {
    let mut notes = findings::notes(assessment);
    if !how.is_repeated {
        notes.extend(findings::notes_of_others(assessment));
    }
    notes
}
