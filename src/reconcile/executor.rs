//! The one door to the kernel: changes are written down ahead, made, proven, recorded and saved, or taken back; what an
//! earlier run left half done is settled. What to change is decided elsewhere, and nobody else changes the kernel.

mod closed;
mod flows;
mod forgotten;
mod guarded;
mod index;
mod interrupted;
mod restored;
mod stretch;

use std::time::Duration;

use log::{info, warn};

use super::assess::Assessment;
use super::host::Host;
use super::kept;
use super::proof::Baseline;
use super::unproven::{self, Unproven};
use crate::error::{Error, Result};
use crate::files::Disk;
use crate::kernel::Kernel;
use crate::ledger::Ledger;
use crate::metadata::imds::Imds;
use crate::net::Link;
use crate::net::sysctl::Sysctl;
use crate::object::{Change, Object, Observed};
use crate::report::Report;
use stretch::Stretch;

/// Changes the kernel, the ledger and nothing else. Needs the lock.
pub struct Executor<'a> {
    pub kernel: &'a mut Kernel,
    pub disk: &'a Disk,
    /// Has to answer after a change. `None`: it was silent before, or is not needed.
    pub service: Option<&'a mut Imds>,
    /// Bounds the proof.
    pub wait: Duration,
    /// Tells what was done, and what could not be.
    pub report: &'a mut Report,
}

impl<'a> Executor<'a> {
    /// The metadata service has to answer after a change where it has been asked before. `wait` bounds the proof.
    pub fn of(host: &'a mut Host, wait: Duration, report: &'a mut Report) -> Self {
        Self {
            kernel: &mut host.kernel,
            disk: &host.disk,
            service: host.imds.as_mut(),
            wait,
            report,
        }
    }

    /// Makes `changes`, which `ledger` has an entry for, and keeps them only if they are proven. `assessment` has then
    /// what the kernel holds, and the ledger with what was made.
    ///
    /// # Errors
    /// The host would no longer be reached: everything that was made here has been taken back. Or nothing was changed:
    /// what worked before cannot be asked, or the changes cannot be written down.
    pub fn execute(
        &mut self,
        assessment: &mut Assessment,
        ledger: Ledger,
        changes: Vec<Change>,
    ) -> Result<()> {
        if self.disk.exists(unproven::PATH) {
            let why = "another run was interrupted meanwhile; nothing was changed, run again";
            return Err(Error::Failed(why.to_owned()));
        }
        if !changes.is_empty() {
            return self.change(assessment, ledger, changes);
        }
        assessment.ledger = ledger;
        self.save(&assessment.ledger);
        Ok(())
    }

    fn change(
        &mut self,
        assessment: &mut Assessment,
        ledger: Ledger,
        changes: Vec<Change>,
    ) -> Result<()> {
        let service = self.service.as_deref_mut();
        let baseline = Baseline::take(self.kernel, assessment, &ledger, service)?;
        let stretch = Stretch::begin();
        let mark = Unproven::new(&changes, baseline, ledger, &assessment.ledger);
        self.write_down(&mark)?;
        let done = self.make(changes, &mark.ledger, &assessment.observed.links);
        // Not before packets are passed on: it takes two programs.
        if done.iter().any(Change::is_of_nft) {
            self.kernel.note_listing();
        }
        match self.prove(&mark, &done) {
            Ok(Some(observed)) => assessment.observed = observed.knowing(&assessment.observed),
            Ok(None) => {}
            Err(error) => {
                let outcome = self.roll_back(&mark, &done, &assessment.observed.links);
                stretch.until_the_end();
                return Err(Error::Failed(format!(
                    "after the change {error}; {outcome}, and the files are as they were before it"
                )));
            }
        }
        assessment.ledger = mark.ledger;
        record(&mut assessment.ledger, &done, &mark.changes);
        assessment.observed.learn(assessment.ledger.host.nft());
        // Before the mark goes: who is killed here leaves the rest to the next run.
        self.end_contradicted(&done);
        self.end(&assessment.ledger);
        self.report.kernel.extend(done);
        Ok(())
    }

    /// Ahead: if we are killed from now on, the next run knows what is to be proven, and what is ours.
    fn write_down(&mut self, mark: &Unproven) -> Result<()> {
        mark.save(self.disk).map_err(|error| {
            Error::Failed(format!(
                "{error}; nothing was changed, because a run that is interrupted must leave word of it; make room there"
            ))
        })?;
        self.save(&intended(&mark.ledger, &mark.changes));
        Ok(())
    }

    /// What the kernel holds then; `None`: as before.
    fn prove(&mut self, mark: &Unproven, done: &[Change]) -> Result<Option<Observed>> {
        if done.is_empty() {
            return Ok(None);
        }
        mark.baseline.prove(self.kernel, done, self.wait).map(Some)
    }

    /// The ledger first: without the mark, nothing else tells what is ours. So the mark stays where that fails.
    fn end(&mut self, ledger: &Ledger) {
        if !self.save(ledger) {
            return;
        }
        self.report.errors.extend(
            Unproven::clear(self.disk)
                .err()
                .map(|error| error.to_string()),
        );
    }

    /// Writes the ledger. What fails is reported, once. Returns whether the next run will know it all the same.
    pub fn save(&mut self, ledger: &Ledger) -> bool {
        let Err(error) = kept::save(self.disk, ledger) else {
            return true;
        };
        let error = error.to_string();
        if !self.report.errors.contains(&error) {
            self.report.errors.push(error);
        }
        kept::save_meanwhile(self.disk, ledger).is_ok()
    }

    /// Makes the changes one by one. What is already so is passed over; what fails is reported. Returns what was done.
    /// What is to go may hold what could not be made, so after a failure to make something nothing is taken away.
    fn make(&mut self, changes: Vec<Change>, ledger: &Ledger, links: &[Link]) -> Vec<Change> {
        let (removals, additions): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .partition(|c| matches!(c, Change::Remove(_)));
        let failed_before = self.report.errors.len();
        let mut done = self.add(additions, ledger, links);
        if self.report.errors.len() == failed_before {
            done.extend(self.take_away(removals, links));
        } else if !removals.is_empty() {
            self.report
                .notes
                .push("nothing was taken away, because not everything could be made".to_owned());
        }
        done
    }

    /// What comes after the table of nftables lets packets through: not without it, and what does so already goes off.
    fn add(&mut self, additions: Vec<Change>, ledger: &Ledger, links: &[Link]) -> Vec<Change> {
        let is_table = |change: &Change| matches!(change, Change::Add(Object::Nft(_)));
        let Some(place) = additions.iter().position(is_table) else {
            return self.pass(additions, links);
        };
        let mut first = additions;
        let rest = first.split_off(place + 1);
        self.guard(&first);
        let mut done = self.pass(first, links);
        if done.iter().any(is_table) {
            done.extend(self.pass(rest, links));
        } else {
            done.extend(self.close(ledger, links));
        }
        done
    }

    fn pass(&mut self, changes: Vec<Change>, links: &[Link]) -> Vec<Change> {
        let all = self.kernel.apply_all(changes, links).into_iter();
        let done = all.filter_map(|(change, ended)| match ended {
            Ok(true) => {
                info!("{change}");
                Some(change)
            }
            Ok(false) => None,
            Err(error) => {
                self.report.errors.push(error.to_string());
                None
            }
        });
        done.collect()
    }

    /// Says how that ended.
    fn roll_back(&mut self, mark: &Unproven, done: &[Change], links: &[Link]) -> String {
        let (undone, left) = self.take_back(done, links);
        self.end(&with(mark.before(), &left));
        outcome(undone.len(), left.len())
    }

    /// The last change first. Returns what was done for that, and which of `changes` could not be taken back. What was
    /// not made, or is gone already, is passed over.
    fn take_back(&mut self, changes: &[Change], links: &[Link]) -> (Vec<Change>, Vec<Change>) {
        let undo = changes.iter().rev().map(Change::inverse).collect();
        let (mut undone, mut left) = (Vec::new(), Vec::new());
        for (undo, ended) in self.kernel.apply_all(undo, links) {
            match ended {
                Ok(true) => undone.push(undo),
                Ok(false) => {}
                Err(error) => {
                    warn!("{error}");
                    left.push(undo.inverse());
                }
            }
        }
        (undone, left)
    }
}

/// The ledger of what could not be taken back: it is still ours to take away.
fn with(before: &Ledger, left: &[Change]) -> Ledger {
    let mut ledger = before.clone();
    left.iter().for_each(|change| ledger.record(change));
    ledger
}

/// What was done of what was `intended`.
fn record(ledger: &mut Ledger, done: &[Change], intended: &[Change]) {
    done.iter().for_each(|change| ledger.record(change));
    let settings = intended.iter().filter(|change| change.key().is_some());
    let undone = settings.filter(|change| !done.contains(change));
    undone
        .filter_map(left_as_it_is)
        .for_each(|setting| ledger.note(&setting));
}

/// A setting that could not be made, with the value that it has: the next run may change it, although its link is up by
/// then.
fn left_as_it_is(undone: &Change) -> Option<Object> {
    let Change::Add(Object::Sysctl(wanted)) = undone else {
        return None;
    };
    let value = wanted.before.clone()?;
    Some(Object::Sysctl(Sysctl {
        value,
        ..wanted.clone()
    }))
}

/// What will be ours if all goes well, beside what is.
fn intended(ledger: &Ledger, changes: &[Change]) -> Ledger {
    let mut intended = ledger.clone();
    for change in changes {
        match change {
            Change::Add(object) => intended.note(object),
            Change::Replace { new, .. } => intended.note(&Object::Route((**new).clone())),
            Change::Remove(_) => {}
        }
    }
    intended
}

fn outcome(undone: usize, left: usize) -> String {
    match (undone, left) {
        (undone, 0) => format!("all {undone} changes were taken back"),
        (undone, left) => {
            let all = undone + left;
            format!("{undone} of {all} changes were taken back, {left} could not be")
        }
    }
}
