//! The one door to the kernel: changes are noted in the ledger ahead, made, proven, recorded and saved, or taken back.
//! What to change is decided elsewhere, and nobody else changes the kernel.

use std::time::Duration;

use log::info;

use super::survey::Survey;
use crate::diff::severed;
use crate::error::{Error, Result};
use crate::files::{Disk, File};
use crate::imds::Imds;
use crate::kernel::Kernel;
use crate::ledger::{self, Ledger};
use crate::net::{Change, Link, Object, Observed};
use crate::report::Report;

/// The ledger tells no secret, and `status` needs no root.
const LEDGER_MODE: u32 = 0o644;

/// Changes the kernel, the ledger and nothing else. Needs the lock.
pub struct Executor<'a> {
    pub kernel: &'a mut Kernel,
    pub disk: &'a Disk,
    /// Has to answer after a change. `None`: it was silent before, or is not needed.
    pub service: Option<&'a mut Imds>,
    /// Bounds the proof.
    pub wait: Duration,
}

impl Executor<'_> {
    /// Makes `changes`, which `ledger` has an entry for, and keeps them only if they are proven. `survey` has then
    /// what the kernel holds, and the ledger with what was made; `report` what was done, and what could not be.
    ///
    /// # Errors
    /// The host would no longer be reached: everything that was made here has been taken back.
    pub fn execute(
        &mut self,
        survey: &mut Survey,
        ledger: Ledger,
        changes: Vec<Change>,
        report: &mut Report,
    ) -> Result<()> {
        // Written ahead: if we are killed now, the next run still knows what is ours.
        self.save(&intended(&ledger, &changes), report);
        let done = self.make(changes, &survey.observed.links, report);
        if !done.is_empty() {
            survey.observed = match self.prove(survey, &done) {
                Ok(observed) => observed,
                Err(error) => return Err(self.roll_back(survey, done, &error, report)),
            };
        }
        survey.ledger = ledger;
        done.iter().for_each(|change| survey.ledger.record(change));
        self.save(&survey.ledger, report);
        report.kernel.extend(done);
        Ok(())
    }

    /// Writes the ledger, if it differs from what is there; an empty one is no file. What fails is reported, once.
    pub fn save(&self, ledger: &Ledger, report: &mut Report) {
        let saved = if ledger.enis.is_empty() {
            self.disk.plan(&[], &[ledger::PATH.into()])
        } else {
            self.disk.plan(&[File { path: ledger::PATH.into(), mode: LEDGER_MODE, text: ledger.text() }], &[])
        };
        let saved = saved.and_then(|changes| changes.iter().try_for_each(|change| self.disk.commit(change)));
        if let Err(error) = saved {
            let error = error.to_string();
            if !report.errors.contains(&error) {
                report.errors.push(error);
            }
        }
    }

    /// Makes the changes one by one. What is already so is passed over; what fails is reported. Returns what was done.
    /// What is to go may hold what could not be made, so after a failure to make something nothing is taken away.
    fn make(&mut self, changes: Vec<Change>, links: &[Link], report: &mut Report) -> Vec<Change> {
        let (removals, additions): (Vec<_>, Vec<_>) = changes.into_iter().partition(|c| matches!(c, Change::Remove(_)));
        let failed_before = report.errors.len();
        let mut done = self.pass(additions, links, report);
        if report.errors.len() == failed_before {
            done.extend(self.pass(removals, links, report));
        } else if !removals.is_empty() {
            report.notes.push("nothing was taken away, because not everything could be made".to_owned());
        }
        done
    }

    fn pass(&mut self, changes: Vec<Change>, links: &[Link], report: &mut Report) -> Vec<Change> {
        let mut done = Vec::new();
        for (change, ended) in self.kernel.apply_all(changes, links) {
            match ended {
                Ok(true) => {
                    info!("{change}");
                    done.push(change);
                }
                Ok(false) => {}
                Err(error) => report.errors.push(error.to_string()),
            }
        }
        done
    }

    /// Whether the host is still to be reached: the primary ENI's interface has all it had, and the metadata service
    /// answers over a new connection. Returns what the kernel holds now.
    fn prove(&mut self, survey: &Survey, done: &[Change]) -> Result<Observed> {
        let after = self.kernel.observe()?;
        if let Some(primary) = survey.desired.enis.iter().find(|planned| planned.eni.primary)
            && let Some(lost) = severed(&primary.dev, &survey.observed, &after, done)
        {
            return Err(Error::Failed(format!("the primary ENI lost something: {}", Change::Remove(lost))));
        }
        // A detachment is dealt with also while the service is silent.
        if let Some(service) = &mut self.service {
            let proven = service.probe(self.wait);
            proven.map_err(|error| Error::Failed(format!("the metadata service stopped answering: {error}")))?;
        }
        Ok(after)
    }

    fn roll_back(&mut self, survey: &Survey, done: Vec<Change>, error: &Error, report: &mut Report) -> Error {
        let undo = done.iter().rev().map(Change::inverse).collect();
        let ended = self.kernel.apply_all(undo, &survey.observed.links).into_iter();
        let left: Vec<Change> = ended.filter(|(_, ended)| ended.is_err()).map(|(undo, _)| undo.inverse()).collect();
        // What stays is still ours to take away.
        let mut ledger = survey.ledger.clone();
        left.iter().for_each(|change| ledger.record(change));
        self.save(&ledger, report);
        rolled_back(error, done.len(), left.len())
    }
}

/// What will be ours if all goes well, beside what is.
fn intended(ledger: &Ledger, changes: &[Change]) -> Ledger {
    let mut intended = ledger.clone();
    for change in changes {
        match change {
            Change::Add(object) => intended.note(object),
            Change::Replace { new, .. } => intended.note(&Object::Route(new.clone())),
            Change::Remove(_) => {}
        }
    }
    intended
}

fn rolled_back(error: &Error, done: usize, left: usize) -> Error {
    let outcome = match left {
        0 => format!("all {done} changes were taken back"),
        left => format!("{} of {done} changes were taken back, {left} could not be", done - left),
    };
    Error::Failed(format!("after the change {error}; {outcome}, and the files are as they were before it"))
}
