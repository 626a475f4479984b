//! The one door to the kernel: changes are written down ahead, made, proven, recorded and saved, or taken back; what an
//! earlier run left half done is settled. What to change is decided elsewhere, and nobody else changes the kernel.

mod closed;
mod flows;
mod forgotten;
mod guarded;
mod index;
mod interrupted;
mod overtaken;
mod recorded;
mod restored;
mod stretch;

use std::thread;
use std::time::Duration;

use log::{info, warn};

use super::assess::Assessment;
use super::host::Host;
use super::kept;
use super::proof::{Baseline, Broken};
use super::unproven::{self, Unproven};
use crate::error::{Error, Result};
use crate::files::Disk;
use crate::gather::Gather;
use crate::kernel::Kernel;
use crate::ledger::Ledger;
use crate::metadata::imds::Imds;
use crate::net::Link;
use crate::object::{Change, Object, Observed};
use crate::report::Report;
pub use overtaken::Overtaken;
use overtaken::overtaken;
use recorded::{intended, record, with};
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
    /// what the kernel holds, and the ledger with what was made. Returns what to plan anew for, where the host is no
    /// more what `assessment` has, by others' doing: everything that was made here has been taken back.
    ///
    /// # Errors
    /// The host would no longer be reached: everything that was made here has been taken back. Or nothing was changed:
    /// what worked before cannot be asked, or the changes cannot be written down.
    pub fn execute(
        &mut self,
        assessment: &mut Assessment,
        ledger: Ledger,
        changes: Vec<Change>,
    ) -> Result<Option<Overtaken>> {
        if self.disk.exists(unproven::PATH) {
            let why = "another run was interrupted meanwhile; nothing was changed, run again";
            return Err(Error::Failed(why.to_owned()));
        }
        if !changes.is_empty() {
            return self.change(assessment, ledger, changes);
        }
        assessment.ledger = ledger;
        self.save(&assessment.ledger);
        Ok(None)
    }

    fn change(
        &mut self,
        assessment: &mut Assessment,
        ledger: Ledger,
        changes: Vec<Change>,
    ) -> Result<Option<Overtaken>> {
        let service = self.service.as_deref_mut();
        let baseline = Baseline::take(self.kernel, assessment, &ledger, service)?;
        let stretch = Stretch::begin();
        let mut mark = Unproven::new(changes, baseline, ledger, &assessment.ledger);
        self.write_down(&mark)?;
        let (ahead, additions) = intended(&mark.ledger, &mark.changes);
        let (changes, settings) = mark.begin();
        let links = &assessment.observed.links;
        let ((done, proven), is_written) =
            self.beside(&ahead, |own| own.make_and_prove(&mark, changes, links));
        match proven {
            Ok(Some(observed)) => assessment.observed = observed.knowing(&assessment.observed),
            Ok(None) => {}
            Err(broken) => {
                let before = &assessment.observed;
                let (is_whole, outcome) = self.roll_back(&mark, &done, &before.links);
                let why = format!("after the change {}; {outcome}", broken.why);
                let lost = broken.lost.as_deref();
                let by = is_whole
                    .then(|| self.done_by_others(before, lost))
                    .flatten();
                if by.is_none() {
                    stretch.until_the_end();
                }
                return overtaken(why, by, broken.waited).map(Some);
            }
        }
        // Before the mark goes: who is killed here leaves the rest to the next run.
        self.end_contradicted(&done);
        if is_written && additions == Some(done.len()) {
            self.clear();
            assessment.ledger = ahead;
        } else {
            assessment.ledger = self.end_with(mark.ledger, &done, &settings);
        }
        assessment.observed.learn(assessment.ledger.host.nft());
        self.report.add_changes(done);
        Ok(None)
    }

    /// If we are killed from now on, the next run knows what is to be proven, and what was made in what order.
    fn write_down(&self, mark: &Unproven) -> Result<()> {
        mark.save(self.disk).map_err(|error| {
            Error::Failed(format!(
                "{error}; nothing was changed, because a run that is interrupted must leave word of it; make room there"
            ))
        })
    }

    /// Does `work` while the ledger is written to the disk, for which that takes its time. What is to be changed is written
    /// down in memory: that is enough for a run that is killed before. Tells, too, whether the next run will know the
    /// ledger.
    fn beside<T>(&mut self, ledger: &Ledger, work: impl FnOnce(&mut Self) -> T) -> (T, bool) {
        let disk = self.disk;
        thread::scope(|scope| {
            // A bound of tasks may leave no further thread.
            let write = || kept::save(disk, ledger);
            let writing = thread::Builder::new().spawn_scoped(scope, write).ok();
            let done = work(self);
            let written = writing.and_then(|writing| writing.join().ok());
            let is_written = self.is_saved(ledger, written.unwrap_or_else(write));
            (done, is_written)
        })
    }

    fn make_and_prove(
        &mut self,
        mark: &Unproven,
        changes: Vec<Change>,
        links: &[Link],
    ) -> (Vec<Change>, Result<Option<Observed>, Broken>) {
        let done = self.make(changes, &mark.ledger, links);
        // Not before packets are passed on: it takes two programs.
        if done.iter().any(Change::is_of_nft) {
            self.kernel.note_listing();
        }
        let proven = self.prove(mark, &done);
        (done, proven)
    }

    /// What the kernel holds then; `None`: as before.
    fn prove(&mut self, mark: &Unproven, done: &[Change]) -> Result<Option<Observed>, Broken> {
        if done.is_empty() {
            return Ok(None);
        }
        mark.baseline.prove(self.kernel, done, self.wait).map(Some)
    }

    /// Ends with what was `done` of what was `intended`. Returns the ledger that has it.
    fn end_with(&mut self, mut ledger: Ledger, done: &[Change], intended: &[Change]) -> Ledger {
        record(&mut ledger, done, intended);
        self.end(&ledger);
        ledger
    }

    /// The ledger first: without the mark, nothing else tells what is ours. So the mark stays where that fails. Returns
    /// whether it is gone.
    fn end(&mut self, ledger: &Ledger) -> bool {
        self.save(ledger) && self.clear()
    }

    /// Takes the mark away. Returns whether it is gone.
    fn clear(&mut self) -> bool {
        let failed = Unproven::clear(self.disk).err();
        let is_gone = failed.is_none();
        self.report
            .errors
            .extend(failed.map(|error| error.to_string()));
        is_gone
    }

    /// Writes the ledger. What fails is reported, once. Returns whether the next run will know it all the same.
    pub fn save(&mut self, ledger: &Ledger) -> bool {
        self.is_saved(ledger, kept::save(self.disk, ledger))
    }

    fn is_saved(&mut self, ledger: &Ledger, written: Result<()>) -> bool {
        let Err(error) = written else {
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
    fn make(&mut self, mut changes: Vec<Change>, ledger: &Ledger, links: &[Link]) -> Vec<Change> {
        let is_removal = |change: &mut Change| matches!(change, Change::Remove(_));
        let removals: Vec<Change> = changes.extract_if(.., is_removal).gathered();
        let failed_before = self.report.errors.len();
        let mut done = self.add(changes, ledger, links);
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

    fn pass(&mut self, mut changes: Vec<Change>, links: &[Link]) -> Vec<Change> {
        let failed = self.kernel.apply_all(&mut changes, links).into_iter();
        let errors = failed.map(|(_, error)| error.to_string());
        self.report.errors.extend(errors);
        changes.iter().for_each(|change| info!("{change}"));
        changes
    }

    /// Returns whether nothing is left of it, and how it ended in words.
    fn roll_back(&mut self, mark: &Unproven, done: &[Change], links: &[Link]) -> (bool, String) {
        let (undone, left) = self.take_back(done, links);
        let is_written = self.end(&with(mark.before(), &left));
        let is_whole = is_written && left.is_empty();
        (is_whole, outcome(undone.len(), left.len()))
    }

    /// The last change first. Returns what was done for that, and which of `changes` could not be taken back. What was
    /// not made, or is gone already, is passed over.
    fn take_back(&mut self, changes: &[Change], links: &[Link]) -> (Vec<Change>, Vec<Change>) {
        let mut undone: Vec<Change> = changes.iter().rev().map(Change::inverse).gathered();
        let failed = self.kernel.apply_all(&mut undone, links);
        failed.iter().for_each(|(_, error)| warn!("{error}"));
        let left = failed.iter().map(|(undo, _)| undo.inverse());
        (undone, left.gathered())
    }
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
