//! What changes something: the kernel first, proven and if need be rolled back, then the files, then the ledger.

use std::path::PathBuf;
use std::time::Duration;

use log::info;

use super::survey::Survey;
use super::{Host, state};
use crate::cli::Parts;
use crate::diff::{diff, severed};
use crate::ec2;
use crate::error::{Error, Result};
use crate::files::{Disk, File, FileChange};
use crate::kernel::Kernel;
use crate::ledger::{self, Ledger};
use crate::net::{Change, Link, Observed};
use crate::persist::handover::{self, Changes, Handover};
use crate::persist::{self, Stacks, network_manager};
use crate::report::Report;

/// The ledger tells no secret, and `status` needs no root.
const LEDGER_MODE: u32 = 0o644;

/// Brings the kernel to the desired state, and keeps it only if the metadata service still answers then.
///
/// # Errors
/// When it does not: everything that this run changed has been taken back.
pub fn change_kernel(host: &mut Host, survey: &mut Survey, wait: Duration, report: &mut Report) -> Result<()> {
    let changes = diff(&survey.desired, &survey.observed, &survey.scope);
    let before = survey.ledger.clone();
    adopt(survey, &host.disk);
    // Written ahead: if we are killed now, the next run still knows what is ours.
    let mut intended = survey.ledger.clone();
    changes.iter().for_each(|change| {
        if let Change::Add(object) = change {
            intended.note(object)
        }
    });
    save_ledger(&host.disk, &intended, report);
    let done = make(&mut host.kernel, changes, &survey.observed.links, report);
    if done.is_empty() {
        return Ok(());
    }
    match prove(host, survey, &done, wait) {
        Ok(observed) => survey.observed = observed,
        Err(error) => return Err(roll_back(host, survey, &before, done, &error, report)),
    }
    done.iter().for_each(|change| survey.ledger.record(change));
    save_ledger(&host.disk, &survey.ledger, report);
    report.kernel.extend(done);
    Ok(())
}

/// Whether the host is still to be reached: the primary ENI's interface has all it had, and the metadata service
/// answers over a new connection. Returns what the kernel holds now.
fn prove(host: &mut Host, survey: &Survey, done: &[Change], wait: Duration) -> Result<Observed> {
    let after = host.kernel.observe()?;
    if let Some(primary) = survey.desired.enis.iter().find(|planned| planned.eni.primary)
        && let Some(lost) = severed(&primary.dev, &survey.observed, &after, done)
    {
        return Err(Error::Failed(format!("the primary ENI lost something: {}", Change::Remove(lost))));
    }
    // A detachment is dealt with also while the service is silent.
    if let Some(imds) = &mut host.imds {
        imds.probe(wait).map_err(|error| Error::Failed(format!("the metadata service stopped answering: {error}")))?;
    }
    Ok(after)
}

fn roll_back(
    host: &mut Host,
    survey: &mut Survey,
    before: &Ledger,
    done: Vec<Change>,
    error: &Error,
    report: &mut Report,
) -> Error {
    let undo = done.iter().rev().map(Change::inverse).collect();
    let left = host.kernel.apply_all(undo, &survey.observed.links).into_iter().filter(|(_, ended)| ended.is_err());
    let left: Vec<Change> = left.map(|(undo, _)| undo.inverse()).collect();
    // What stays is still ours to take away.
    left.iter().for_each(|change| survey.ledger.record(change));
    save_ledger(&host.disk, if left.is_empty() { before } else { &survey.ledger }, report);
    rolled_back(error, done.len(), left.len())
}

/// Looks again after a network manager has loaded `files`: what it dropped meanwhile is put back, once, and what it
/// failed to drop goes.
pub fn repair(host: &mut Host, survey: &mut Survey, files: &Changes, report: &mut Report) -> Result<()> {
    survey.observed = host.kernel.observe()?;
    let dropped = diff(&survey.desired, &survey.observed, &survey.scope);
    let mut changes: Vec<_> = dropped.into_iter().filter(|change| !matches!(change, Change::Remove(_))).collect();
    if !changes.is_empty() {
        info!("{} changes are gone already; making them again", changes.len());
    }
    changes.extend(handover::leftovers(&survey.desired, &survey.observed, &files.units));
    if !changes.is_empty() {
        make(&mut host.kernel, changes, &survey.observed.links, report);
        survey.observed = host.kernel.observe()?;
    }
    Ok(())
}

/// Takes away everything that `survey` says is ours: kernel, files, ledger. Where it is not `live`, only the files: the
/// ledger then goes on telling what is in the kernel.
pub fn remove(
    disk: &Disk,
    kernel: &mut Kernel,
    survey: &mut Survey,
    live: bool,
    wait: Duration,
    report: &mut Report,
) -> Result<()> {
    let changes = if live { diff(&survey.desired, &survey.observed, &survey.scope) } else { Vec::new() };
    let done = make(kernel, changes, &survey.observed.links, report);
    let failed = !report.errors.is_empty();
    let paths = files_to_remove(disk, survey, report)?;
    let files = Changes { files: disk.plan(&[], &paths)?, ..Changes::default() };
    commit_files(disk, survey, &files, live, wait, report);
    if live {
        done.iter().for_each(|change| survey.ledger.record(change));
        if !failed {
            survey.ledger.enis.retain(|mac, _| survey.keep.contains(mac));
        }
        save_ledger(disk, &survey.ledger, report);
    }
    report.kernel = done;
    Ok(())
}

/// The files of the ENIs that are removed, and another ENI's file that has a part of theirs: the primary's rules
/// stand in a definition of a secondary, which would go on to configure that one.
fn files_to_remove(disk: &Disk, survey: &Survey, report: &mut Report) -> Result<Vec<PathBuf>> {
    let removed: Vec<String> =
        survey.ledger.enis.keys().filter(|mac| !survey.keep.contains(mac)).map(ToString::to_string).collect();
    let mut paths = Vec::new();
    for file in persist::own_files(disk)? {
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
    let networkd = handover.load().unwrap_or_else(|error| {
        report.errors.push(error.to_string());
        false
    });
    let Survey { desired, observed, .. } = survey;
    let run = |program: &str, args: &[&str]| handover::run(program, args, wait.saturating_mul(handover::PATIENCE));
    let keyfiles = network_manager::handover::hand_over(disk, &changes.files, desired, &observed.links, run);
    report.errors.extend(keyfiles.errors.iter().map(ToString::to_string));
    networkd || keyfiles.told
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
    let rendered = persist::render(disk, &stacks, desired, &observed.links, keep)?;
    extend(&mut report.notes, rendered.notes);
    extend(&mut report.errors, rendered.errors.iter().map(ToString::to_string).collect());
    Ok(Changes { files: disk.plan(&rendered.wanted, &rendered.obsolete)?, units: rendered.units })
}

/// A second round says again what the first one said.
fn extend(lines: &mut Vec<String>, more: Vec<String>) {
    let new = more.into_iter().filter(|line| !lines.contains(line)).collect::<Vec<_>>();
    lines.extend(new);
}

/// Every planned ENI has an entry, so that `remove` finds it; entries of ENIs that are gone are dropped.
fn adopt(survey: &mut Survey, disk: &Disk) {
    let Survey { desired, ledger, metadata, scope, .. } = survey;
    ledger.instance = ec2::instance(disk);
    // Late metadata may leave it out for a while.
    ledger.primary = metadata.enis.iter().find(|eni| eni.primary).map(|eni| eni.mac).or(ledger.primary);
    ledger.adopt(&desired.enis);
    if scope.complete && scope.only.is_none() {
        ledger.enis.retain(|mac, _| metadata.enis.iter().any(|eni| eni.mac == *mac));
    }
}

/// Makes the changes one by one. What is already so is passed over; what fails is reported. Returns what was done.
/// What is to go may hold what could not be made, so after a failure to make something nothing is taken away.
fn make(kernel: &mut Kernel, changes: Vec<Change>, links: &[Link], report: &mut Report) -> Vec<Change> {
    let (removals, additions): (Vec<_>, Vec<_>) = changes.into_iter().partition(|c| matches!(c, Change::Remove(_)));
    let failed_before = report.errors.len();
    let mut done = pass(kernel, additions, links, report);
    if report.errors.len() == failed_before {
        done.extend(pass(kernel, removals, links, report));
    } else if !removals.is_empty() {
        report.notes.push("nothing was taken away, because not everything could be made".to_owned());
    }
    done
}

fn pass(kernel: &mut Kernel, changes: Vec<Change>, links: &[Link], report: &mut Report) -> Vec<Change> {
    let mut done = Vec::new();
    for (change, ended) in kernel.apply_all(changes, links) {
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

fn rolled_back(error: &Error, done: usize, left: usize) -> Error {
    let outcome = match left {
        0 => format!("all {done} changes were taken back"),
        left => format!("{} of {done} changes were taken back, {left} could not be", done - left),
    };
    Error::Failed(format!("after the change {error}; {outcome}, and the files were left as they were"))
}

fn save_ledger(disk: &Disk, ledger: &Ledger, report: &mut Report) {
    let saved = if ledger.enis.is_empty() {
        disk.plan(&[], &[ledger::PATH.into()])
    } else {
        disk.plan(&[File { path: ledger::PATH.into(), mode: LEDGER_MODE, text: ledger.text() }], &[])
    };
    let saved = saved.and_then(|changes| changes.iter().try_for_each(|change| disk.commit(change)));
    if let Err(error) = saved {
        let error = error.to_string();
        if !report.errors.contains(&error) {
            report.errors.push(error);
        }
    }
}
