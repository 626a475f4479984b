//! The files for the next boot, and their hand-over to a network manager that runs now.

use log::info;

use super::assess::Assessment;
use super::outlook;
use super::run::Run;
use crate::error::Result;
use crate::files::FileChange;
use crate::report::FileReport;
use crate::stacks::{self, Changes, HandOver, Prepared, Stacks, Told};

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
            desired, observed, ..
        } = &*assessment;
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
        let rendered = outlook::render(assessment, &host.disk, &host.config, &stacks)?;
        extend(&mut report.notes, rendered.notes);
        extend(
            &mut report.errors,
            rendered.errors.iter().map(ToString::to_string).collect(),
        );
        let files = host.disk.plan(&rendered.wanted, &rendered.obsolete)?;
        Ok(Changes {
            files,
            definitions: rendered.definitions,
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
