//! What changes something: the kernel first, by the executor, then the files and their hand-over.

use std::path::PathBuf;
use std::time::Duration;

use log::info;

use super::assess::Survey;
use super::executor::Executor;
use super::{Host, state};
use crate::cli::Parts;
use crate::diff::diff;
use crate::error::Result;
use crate::files::{Disk, FileChange};
use crate::ledger::Ledger;
use crate::metadata::record::Record;
use crate::object::Change;
use crate::platform;
use crate::report::Report;
use crate::stacks::networkd::leftover;
use crate::stacks::networkd::reload::{self, Changes, Handover};
use crate::stacks::{self, Stacks, command, network_manager};

/// Brings the kernel to the desired state.
///
/// # Errors
/// As [`Executor::execute`].
pub fn change_kernel(host: &mut Host, survey: &mut Survey, wait: Duration, report: &mut Report) -> Result<()> {
    let changes = diff(&survey.desired, &survey.observed, &survey.scope);
    let ledger = adopted(survey, &host.disk);
    host.executor(wait).execute(survey, ledger, changes, report)
}

/// Looks again after a network manager has loaded `files`: what it dropped meanwhile is put back, once, and what it
/// failed to drop goes.
///
/// # Errors
/// As [`Executor::execute`].
pub fn repair(
    host: &mut Host,
    survey: &mut Survey,
    files: &Changes,
    wait: Duration,
    report: &mut Report,
) -> Result<()> {
    survey.observed = host.kernel.observe()?;
    let dropped = diff(&survey.desired, &survey.observed, &survey.scope);
    let mut changes: Vec<_> = dropped.into_iter().filter(|change| !matches!(change, Change::Remove(_))).collect();
    if !changes.is_empty() {
        info!("{} changes are gone already; making them again", changes.len());
    }
    changes.extend(leftover::leftovers(&survey.desired, &survey.observed, &files.units));
    let ledger = survey.ledger.clone();
    host.executor(wait).execute(survey, ledger, changes, report)
}

/// Takes away everything that `survey` says is ours: kernel, files, ledger. Where it is not `live`, only the files: the
/// ledger then goes on telling what is in the kernel.
///
/// # Errors
/// As [`Executor::execute`]; no file was touched then. A file of ours that cannot be read.
pub fn remove(executor: &mut Executor, survey: &mut Survey, live: bool, report: &mut Report) -> Result<()> {
    if live {
        let changes = diff(&survey.desired, &survey.observed, &survey.scope);
        let ledger = survey.ledger.clone();
        executor.execute(survey, ledger, changes, report)?;
    }
    let failed = !report.errors.is_empty();
    let (disk, wait) = (executor.disk, executor.wait);
    let paths = files_to_remove(disk, survey, report)?;
    let files = Changes { files: disk.plan(&[], &paths)?, ..Changes::default() };
    commit_files(disk, survey, &files, live, wait, report);
    if live && !failed {
        survey.ledger.enis.retain(|mac, _| survey.keep.contains(mac));
        executor.save(&survey.ledger, report);
    }
    Record::forget(disk, |mac| survey.is_meant(mac))
}

/// The files of the ENIs that are removed, and another ENI's file that has a part of theirs: the primary's rules
/// stand in a definition of a secondary, which would go on to configure that one.
fn files_to_remove(disk: &Disk, survey: &Survey, report: &mut Report) -> Result<Vec<PathBuf>> {
    let removed: Vec<String> =
        survey.ledger.enis.keys().filter(|mac| !survey.keep.contains(mac)).map(ToString::to_string).collect();
    let mut paths = Vec::new();
    for file in stacks::own_files(disk)? {
        if file.mac.is_some_and(|mac| !survey.ledger.enis.contains_key(&mac)) {
            report.notes.push(format!(
                "{}: the ledger does not know its ENI, so what the file has brought up stays until the next boot",
                file.path.display()
            ));
        }
        if file.is_kept(&survey.keep) {
            let text = disk.read(&file.path)?.unwrap_or_default().to_lowercase();
            if !removed.iter().any(|mac| text.contains(mac)) {
                continue;
            }
            let path = file.path.display();
            report
                .notes
                .push(format!("{path} goes too, because it names a removed ENI; `eniroute apply` writes it anew"));
        }
        paths.push(file.path);
    }
    Ok(paths)
}

/// What is to change on disk for the next boot. A failure is reported and costs the files, not the kernel part.
pub fn plan_files(disk: &Disk, survey: &Survey, parts: &Parts, report: &mut Report) -> Changes {
    if parts.no_persist {
        return Changes::default();
    }
    let mut changes = render(disk, survey, parts, report).unwrap_or_else(|error| {
        report.errors.push(format!("{error}; no file was written"));
        Changes::default()
    });
    if !survey.scope.complete {
        changes.files.retain(only_grows);
    }
    changes
}

/// While an ENI cannot be read, a file may hold lines for it that are not known now: no line may go.
fn only_grows(change: &FileChange) -> bool {
    match change {
        FileChange::Create(_) => true,
        FileChange::Update { file, old } => old.lines().all(|line| file.text.lines().any(|new| new == line)),
        FileChange::Delete { .. } => false,
    }
}

/// Makes the planned changes of files and hands them over to a running network manager, if it is `live`. Returns
/// whether the manager has loaded anything. What fails is reported; files that their consumer refuses are not made.
pub fn commit_files(
    disk: &Disk,
    survey: &Survey,
    changes: &Changes,
    live: bool,
    wait: Duration,
    report: &mut Report,
) -> bool {
    let all: Vec<&FileChange> = changes.files.iter().collect();
    let handover = match Handover::prepare(disk, changes, live, wait) {
        Ok(handover) => handover,
        Err(error) => {
            report.errors.push(format!("{error}; no file was written"));
            // Taking ours away breaks nothing that was whole; half of a change could.
            if changes.files.iter().all(|change| matches!(change, FileChange::Delete { .. })) {
                commit(disk, &all, report);
            }
            return false;
        }
    };
    let Some(handover) = handover else {
        commit(disk, &all, report);
        return false;
    };
    let before = report.errors.len();
    let (last, first): (Vec<&FileChange>, Vec<&FileChange>) =
        all.iter().partition(|change| handover.comes_last(change));
    commit(disk, &first, report);
    // What could not be written for the next boot is not loaded now either.
    let loaded = report.errors.len() == before && tell(disk, survey, handover, changes, wait, report);
    commit(disk, &last, report);
    loaded
}

/// Tells whichever manager the files are for. Returns whether one has loaded anything.
fn tell(
    disk: &Disk,
    survey: &Survey,
    handover: Handover,
    changes: &Changes,
    wait: Duration,
    report: &mut Report,
) -> bool {
    let networkd =
        handover.load().unwrap_or_else(|error| reload::Told { errors: vec![error], ..reload::Told::default() });
    extend(&mut report.notes, networkd.notes);
    report.errors.extend(networkd.errors.iter().map(ToString::to_string));
    let Survey { desired, observed, .. } = survey;
    let run = |program: &str, args: &[&str]| command::run(program, args, wait.saturating_mul(reload::PATIENCE));
    let keyfiles = network_manager::handover::hand_over(disk, &changes.files, desired, &observed.links, run);
    report.errors.extend(keyfiles.errors.iter().map(ToString::to_string));
    networkd.told || keyfiles.told
}

fn commit(disk: &Disk, changes: &[&FileChange], report: &mut Report) {
    for (change, ended) in changes.iter().zip(disk.commit_all(changes)) {
        match ended {
            Ok(()) => {
                info!("{change}");
                report.files.push(state::file(change, false));
            }
            Err(error) => report.errors.push(error.to_string()),
        }
    }
}

fn render(disk: &Disk, survey: &Survey, parts: &Parts, report: &mut Report) -> Result<Changes> {
    let Survey { desired, observed, keep, .. } = survey;
    let stacks = match parts.backend {
        Some(backend) => Stacks::from(backend),
        None => Stacks::find(disk, desired, &observed.links)?,
    };
    stacks.reasons.iter().for_each(|reason| info!("{reason}"));
    report.backend = Some(stacks.used(desired).iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    let rendered = stacks::render(disk, &stacks, desired, &observed.links, keep)?;
    extend(&mut report.notes, rendered.notes);
    extend(&mut report.errors, rendered.errors.iter().map(ToString::to_string).collect());
    Ok(Changes { files: disk.plan(&rendered.wanted, &rendered.obsolete)?, units: rendered.units })
}

/// A second round says again what the first one said.
fn extend(lines: &mut Vec<String>, more: Vec<String>) {
    let new = more.into_iter().filter(|line| !lines.contains(line)).collect::<Vec<_>>();
    lines.extend(new);
}

/// The ledger with an entry for every planned ENI, so that `remove` finds it; entries of ENIs that are gone go with what
/// they list.
fn adopted(survey: &Survey, disk: &Disk) -> Ledger {
    let Survey { desired, metadata, scope, observed, .. } = survey;
    let mut ledger = survey.ledger.clone();
    ledger.instance = platform::instance(disk);
    // Late metadata may leave it out for a while.
    ledger.primary = metadata.enis.iter().find(|eni| eni.primary).map(|eni| eni.mac).or(ledger.primary);
    ledger.adopt(&desired.enis, observed);
    if scope.complete && scope.only.is_none() {
        ledger.let_go(|mac| metadata.enis.iter().any(|eni| eni.mac == *mac), observed);
    }
    ledger
}
