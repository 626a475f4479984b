//! The files for the next boot, and their hand-over to a network manager that runs now.

use std::mem::take;

use log::info;

use super::assess::Assessment;
use super::host::Host;
use super::outlook;
use super::run::Run;
use crate::error::{Error, Result};
use crate::files::FileChange;
use crate::gather::Gather;
use crate::report::FileReport;
use crate::stacks::{self, Changes, HandOver, Loaded, Prepared, Stacks};

impl Run<'_> {
    /// What is to change on disk for the next boot. A failure is reported and costs the files, not the kernel part.
    pub fn plan_files(&mut self) -> Changes {
        if !self.how.persist {
            return Changes::default();
        }
        let mut changes = self.render().unwrap_or_else(|error| {
            self.report
                .errors
                .push(format!("{error}; no file was written"));
            Changes::default()
        });
        if !self.assessment.scope.complete {
            changes.files.retain(only_grows);
        } else if !self.assessment.is_about_all() {
            // It has lines of the other ENIs' links, too.
            let is_host_s = |change: &FileChange| stacks::is_of_host(change.path());
            let stays = |change: &FileChange| !is_host_s(change) || only_grows(change);
            changes.files.retain(stays);
        }
        changes
    }

    fn render(&mut self) -> Result<Changes> {
        let stacks = self.stacks()?;
        let Host { disk, config, .. } = &*self.host;
        let rendered = outlook::render(&mut self.assessment, disk, config, &stacks)?;
        extend(&mut self.report.notes, rendered.notes);
        let errors = rendered.errors.iter().map(ToString::to_string).gathered();
        extend(&mut self.report.errors, errors);
        Ok(Changes {
            files: disk.plan(rendered.wanted, &rendered.obsolete)?,
            definitions: rendered.definitions,
            complete: rendered.complete,
        })
    }

    /// The stack of each interface, which is reported.
    fn stacks(&mut self) -> Result<Stacks> {
        let known = self.assessment.stacks.take();
        let Assessment {
            desired, observed, ..
        } = &self.assessment;
        let stacks = match (self.how.stack, known) {
            (Some(stack), _) => Stacks::from(stack),
            (None, Some(stacks)) => stacks,
            (None, None) => Stacks::find(&self.host.disk, desired, &observed.links)?,
        };
        stacks.reasons.iter().for_each(|reason| info!("{reason}"));
        let used = stacks.used(desired).into_iter().map(ToString::to_string);
        self.report.backend = Some(used.gathered::<Vec<_>>().join(", "));
        Ok(stacks)
    }

    /// Makes the planned changes of files and hands them over to a running network manager, if this run is live.
    /// Returns whether the manager has loaded anything. What fails is reported; files that their consumer refuses are
    /// not made.
    pub fn commit_files(&mut self, changes: &Changes) -> bool {
        let disk = self.host.disk.clone();
        // In their places for as long as it takes: there can be thousands of rules to copy.
        let desired = take(&mut self.assessment.desired);
        let links = take(&mut self.assessment.observed.links);
        let is_loaded = self.hand_over(&HandOver {
            disk: &disk,
            changes,
            desired: &desired,
            links: &links,
            wait: self.how.wait,
        });
        (self.assessment.desired, self.assessment.observed.links) = (desired, links);
        is_loaded
    }

    fn hand_over(&mut self, about: &HandOver) -> bool {
        let all: Vec<&FileChange> = about.changes.files.iter().gathered();
        let prepared = match stacks::prepare(about) {
            Ok(prepared) => prepared,
            Err(error) => {
                self.without_hand_over(&all, &error);
                return false;
            }
        };
        if !self.how.live {
            self.commit(&all);
            return false;
        }
        let before = self.report.errors.len();
        let (last, first): (Vec<&FileChange>, Vec<&FileChange>) = all
            .iter()
            .partition(|change| prepared.iter().any(|stack| stack.comes_last(change)));
        self.commit(&first);
        // What could not be written for the next boot is not loaded now either.
        let loaded = self.report.errors.len() == before && self.load(&prepared);
        self.commit(&last);
        loaded
    }

    /// Their consumer refuses the files. Taking ours away breaks nothing that was whole; half of a change could.
    fn without_hand_over(&mut self, changes: &[&FileChange], why: &Error) {
        self.report
            .errors
            .push(format!("{why}; no file was written"));
        let is_removal = |change: &&FileChange| matches!(change, FileChange::Delete { .. });
        if changes.iter().all(is_removal) {
            self.commit(changes);
        }
    }

    /// Has whichever manager the files are for load them. Returns whether one has loaded anything.
    fn load(&mut self, prepared: &[Box<dyn Prepared + '_>]) -> bool {
        let installed = prepared.iter().map(|stack| stack.install());
        let installed = match installed.gathered::<Result<Vec<_>>>() {
            Ok(installed) => installed.concat(),
            Err(error) => {
                self.report.errors.push(error.to_string());
                return false;
            }
        };
        let ended = prepared.iter().map(|stack| stack.load(&installed));
        let loaded = ended.map(|ended| ended.unwrap_or_else(Loaded::failed));
        let loaded: Vec<Loaded> = loaded.gathered();
        let is_any = loaded.iter().any(|loaded| loaded.asked);
        loaded
            .into_iter()
            .for_each(|loaded| self.note_loaded(loaded));
        is_any
    }

    /// Reports what a manager has to say.
    fn note_loaded(&mut self, loaded: Loaded) {
        extend(&mut self.report.notes, loaded.notes);
        let errors = loaded.errors.iter().map(ToString::to_string);
        self.report.errors.extend(errors);
    }

    fn commit(&mut self, changes: &[&FileChange]) {
        for (change, ended) in changes.iter().zip(self.host.disk.commit_all(changes)) {
            match ended {
                Ok(()) => {
                    info!("{change}");
                    self.report.files.push(file_report(change, false));
                }
                Err(error) => self.report.errors.push(error.to_string()),
            }
        }
    }
}

/// While an ENI cannot be read, a file may hold lines for it that are not known now: no line may go.
fn only_grows(change: &FileChange) -> bool {
    match change {
        FileChange::Create(_) => true,
        FileChange::Update { file, old } => {
            let stays = |line: &str| file.text.lines().any(|new| new == line);
            old.lines().all(stays)
        }
        FileChange::Delete { .. } => false,
    }
}

/// A second round says again what the first one said.
fn extend(lines: &mut Vec<String>, more: Vec<String>) {
    for line in more {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
}

/// A file's change as it is reported, with its diff if wanted.
pub fn file_report(change: &FileChange, with_diff: bool) -> FileReport {
    let action = match change {
        FileChange::Create(_) => "create",
        FileChange::Update { .. } => "update",
        FileChange::Delete { .. } => "delete",
    };
    let diff = with_diff.then(|| change.unified_diff());
    FileReport {
        path: change.path().display().to_string(),
        action,
        diff: diff.unwrap_or_default(),
    }
}
