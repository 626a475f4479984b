//! One run, and what its steps hand on.

use super::assess::Assessment;
use super::executor::Executor;
use super::host::Host;
use super::how::How;
use super::{enis, findings};
use crate::diff::diff;
use crate::error::Result;
use crate::ledger::Ledger;
use crate::metadata::{Incomplete, Metadata};
use crate::object::Change;
use crate::report::{Finding, Report};

/// One run.
pub struct Run<'a> {
    pub host: &'a mut Host,
    /// What is asked for.
    pub how: &'a How,
    /// What is known before anything is changed, and after each change.
    pub assessment: Assessment,
    /// What has been done so far, what could not be, and what a reader should know.
    pub report: Report,
}

impl<'a> Run<'a> {
    /// A run by what `metadata` says.
    ///
    /// # Errors
    /// A selector that means no ENI; the kernel, or a file of ours, cannot be read.
    pub fn of(host: &'a mut Host, how: &'a How, metadata: Metadata) -> Result<Self> {
        let assessment = Assessment::of(host, metadata, &how.selected)?;
        Ok(Self::begin(host, how, assessment))
    }

    /// A run that takes away what was made.
    ///
    /// # Errors
    /// As [`Run::of`].
    pub fn removal(host: &'a mut Host, how: &'a How) -> Result<Self> {
        let assessment = Assessment::of_what_we_made(host, &how.selected)?;
        Ok(Self::begin(host, how, assessment))
    }

    fn begin(host: &'a mut Host, how: &'a How, assessment: Assessment) -> Self {
        let late = assessment.metadata.incomplete.iter();
        let mut report = Report {
            command: how.command,
            errors: late.map(Incomplete::to_string).collect(),
            notes: findings::notes(&assessment),
            ..Report::default()
        };
        if !how.is_repeated {
            let others = findings::notes_of_others(&assessment);
            report.notes.extend(others);
        }
        Self {
            host,
            how,
            assessment,
            report,
        }
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

    /// Makes `changes`, for which `ledger` has an entry.
    ///
    /// # Errors
    /// As [`Executor::execute`].
    pub fn execute(&mut self, ledger: Ledger, changes: Vec<Change>) -> Result<()> {
        self.loosen_index(&changes);
        let mut executor = Executor::of(self.host, self.how.wait, &mut self.report);
        executor.execute(&mut self.assessment, ledger, changes)
    }
}
