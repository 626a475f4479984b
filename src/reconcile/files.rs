//! What changes something: the kernel first, by the executor, then the files and their hand-over.

use std::path::PathBuf;

use log::info;

use super::assess::{Assessment, wanted};
use super::executor::Executor;
use super::run::Run;
use crate::error::Result;
use crate::files::{Disk, FileChange};
use crate::ledger::{HostEntry, Ledger};
use crate::metadata::record::Record;
use crate::numbering::Owner;
use crate::object::Change;
use crate::platform;
use crate::report::{FileReport, Report};
use crate::stacks::{self, Before, Changes, HandOver, OwnFile, Prepared, Stacks, Told};

impl Run<'_> {
    /// Brings the kernel to the desired state.
    ///
    /// # Errors
    /// As [`Executor::execute`].
    pub fn change_kernel(&mut self) -> Result<()> {
        let ledger = adopted(&self.assessment, &self.host.disk);
        self.execute(ledger, self.changes())
    }

    /// Looks again after a network manager has loaded our files: what it dropped meanwhile is put back, once, and what it
    /// failed to drop goes.
    ///
    /// # Errors
    /// As [`Executor::execute`].
    pub fn repair(&mut self, before: &Before) -> Result<()> {
        self.assessment.observed = self.host.kernel.observe()?;
        let mut changes = self.changes();
        changes.retain(|change| !matches!(change, Change::Remove(_)));
        if !changes.is_empty() {
            info!(
                "{} changes are gone already; making them again",
                changes.len()
            );
        }
        let Assessment {
            desired,
            observed,
            ledger,
            ..
        } = &self.assessment;
        changes.extend(stacks::leftovers(before, desired, observed));
        self.execute(ledger.clone(), changes)
    }

    /// Takes away everything that is known to be ours: kernel, files, ledger. Where it is not live, only the files: the
    /// ledger then goes on telling what is in the kernel.
    ///
    /// # Errors
    /// As [`Executor::execute`]; no file was touched then. A file of ours that cannot be read.
    pub fn remove(mut self) -> Result<Report> {
        if self.how.live {
            self.execute(self.assessment.ledger.clone(), self.changes())?;
        }
        let failed = !self.report.errors.is_empty();
        let paths = files_to_remove(&self.host.disk, &self.assessment, &mut self.report)?;
        let files = Changes {
            files: self.host.disk.plan(&[], &paths)?,
            ..Changes::default()
        };
        self.commit_files(&files);
        if self.how.live && !failed {
            let is_about_all = self.assessment.is_about_all();
            let Assessment { ledger, keep, .. } = &mut self.assessment;
            ledger.enis.retain(|mac, _| keep.contains(mac));
            if is_about_all {
                ledger.host = HostEntry::default();
            }
            let ledger = ledger.clone();
            Executor::of(self.host, self.how.wait, &mut self.report).save(&ledger);
        }
        Record::forget(&self.host.disk, |mac| self.assessment.is_meant(mac))?;
        Ok(self.report)
    }

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
        }
        changes
    }

    fn render(&mut self) -> Result<Changes> {
        let Self {
            host,
            how,
            assessment,
            report,
        } = self;
        let Assessment {
            desired,
            observed,
            keep,
            ..
        } = assessment;
        let stacks = match how.stack {
            Some(stack) => Stacks::from(stack),
            None => Stacks::find(&host.disk, desired, &observed.links)?,
        };
        stacks.reasons.iter().for_each(|reason| info!("{reason}"));
        report.backend = Some(
            stacks
                .used(desired)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        );
        let rendered = stacks::render(&host.disk, &stacks, desired, &observed.links, keep)?;
        extend(&mut report.notes, rendered.notes);
        extend(
            &mut report.errors,
            rendered.errors.iter().map(ToString::to_string).collect(),
        );
        let files = host.disk.plan(&rendered.wanted, &rendered.obsolete)?;
        Ok(Changes {
            files,
            units: rendered.units,
            complete: rendered.complete,
        })
    }

    /// Makes the planned changes of files and hands them over to a running network manager, if this run is live.
    /// Returns whether the manager has loaded anything. What fails is reported; files that their consumer refuses are
    /// not made.
    pub fn commit_files(&mut self, changes: &Changes) -> bool {
        let all: Vec<&FileChange> = changes.files.iter().collect();
        let disk = self.host.disk.clone();
        let (desired, links) = (
            self.assessment.desired.clone(),
            self.assessment.observed.links.clone(),
        );
        let about = HandOver {
            disk: &disk,
            changes,
            desired: &desired,
            links: &links,
            wait: self.how.wait,
        };
        let prepared = match stacks::prepare(&about) {
            Ok(prepared) => prepared,
            Err(error) => {
                self.report
                    .errors
                    .push(format!("{error}; no file was written"));
                // Taking ours away breaks nothing that was whole; half of a change could.
                if changes
                    .files
                    .iter()
                    .all(|change| matches!(change, FileChange::Delete { .. }))
                {
                    self.commit(&all);
                }
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

    /// Has whichever manager the files are for load them. Returns whether one has loaded anything.
    fn load(&mut self, prepared: &[Box<dyn Prepared + '_>]) -> bool {
        let installed = match prepared
            .iter()
            .map(|stack| stack.install())
            .collect::<Result<Vec<_>>>()
        {
            Ok(installed) => installed.concat(),
            Err(error) => {
                self.report.errors.push(error.to_string());
                return false;
            }
        };
        let mut loaded = false;
        for stack in prepared {
            let told = stack.load(&installed).unwrap_or_else(|error| Told {
                errors: vec![error],
                ..Told::default()
            });
            extend(&mut self.report.notes, told.notes);
            self.report
                .errors
                .extend(told.errors.iter().map(ToString::to_string));
            loaded |= told.told;
        }
        loaded
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

/// The files of the ENIs that are removed, and another ENI's file that has a part of theirs: the primary's rules
/// stand in a definition of a secondary, which would go on to configure that one.
fn files_to_remove(
    disk: &Disk,
    assessment: &Assessment,
    report: &mut Report,
) -> Result<Vec<PathBuf>> {
    let removed: Vec<String> = assessment
        .ledger
        .enis
        .keys()
        .filter(|mac| !assessment.keep.contains(mac))
        .map(ToString::to_string)
        .collect();
    let mut paths = Vec::new();
    let is_meant = |file: &OwnFile| file.owner != Some(Owner::Host) || assessment.is_about_all();
    for file in stacks::own_files(disk)?.into_iter().filter(is_meant) {
        if file
            .mac()
            .is_some_and(|mac| !assessment.ledger.enis.contains_key(&mac))
        {
            report.notes.push(format!(
                "{}: the ledger does not know its ENI, so what the file has brought up stays until the next boot",
                file.path.display()
            ));
        }
        if file.is_kept(&assessment.keep) {
            let text = disk.read(&file.path)?.unwrap_or_default().to_lowercase();
            if !removed.iter().any(|mac| text.contains(mac)) {
                continue;
            }
            let path = file.path.display();
            report.notes.push(format!(
                "{path} goes too, because it names a removed ENI; `eniroute apply` writes it anew"
            ));
        }
        paths.push(file.path);
    }
    Ok(paths)
}

/// While an ENI cannot be read, a file may hold lines for it that are not known now: no line may go.
fn only_grows(change: &FileChange) -> bool {
    match change {
        FileChange::Create(_) => true,
        FileChange::Update { file, old } => old
            .lines()
            .all(|line| file.text.lines().any(|new| new == line)),
        FileChange::Delete { .. } => false,
    }
}

/// A second round says again what the first one said.
fn extend(lines: &mut Vec<String>, more: Vec<String>) {
    let new = more
        .into_iter()
        .filter(|line| !lines.contains(line))
        .collect::<Vec<_>>();
    lines.extend(new);
}

/// The ledger with an entry for every planned ENI, so that `remove` finds it; entries of ENIs that are gone go with what
/// they list.
fn adopted(assessment: &Assessment, disk: &Disk) -> Ledger {
    let Assessment {
        desired,
        metadata,
        scope,
        observed,
        ..
    } = assessment;
    let mut ledger = assessment.ledger.clone();
    ledger.instance = platform::instance(disk);
    ledger.primary = metadata.primary.or(ledger.primary);
    ledger.adopt(&wanted(desired), observed);
    if scope.complete && scope.only.is_none() {
        ledger.let_go(
            |mac| metadata.enis.iter().any(|eni| eni.mac == *mac),
            observed,
        );
    }
    ledger
}

/// A file's change as it is reported, with its diff if wanted.
pub fn file_report(change: &FileChange, with_diff: bool) -> FileReport {
    let action = match change {
        FileChange::Create(_) => "create",
        FileChange::Update { .. } => "update",
        FileChange::Delete { .. } => "delete",
    };
    let diff = if with_diff {
        change.unified_diff()
    } else {
        String::new()
    };
    FileReport {
        path: change.path().display().to_string(),
        action,
        diff,
    }
}
