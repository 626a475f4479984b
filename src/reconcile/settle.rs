//! Before all else a run that may change something deals with what an interrupted one left unproven, whatever the
//! metadata service says, and whoever is in charge by now.

use std::time::Duration;

use log::debug;
use nix::unistd::geteuid;

use super::executor::Executor;
use super::lock::{lock, tidy, try_lock};
use super::unproven;
use crate::cli::{Cli, Command};
use crate::error::Result;
use crate::files::{Disk, Lock};
use crate::kernel::Kernel;
use crate::metadata::cache;
use crate::report::Report;

/// Does `work` once that is settled, and tells of both. Where no run of this boot has come to its end, what systemd
/// and udev call has nothing else to do: it was started for this alone.
///
/// # Errors
/// Those of `work`, but where something was taken back: that is reported then, with the error. The lock, or the kernel,
/// cannot be had.
pub fn before(cli: &Cli, work: impl FnOnce() -> Result<Report>) -> Result<Report> {
    let disk = Disk::new(&cli.common.root)?;
    if !cli.command.may_change() || !geteuid().is_root() || !disk.exists(unproven::PATH) {
        return work();
    }
    let mut report = Report {
        command: cli.command.name(),
        ..Report::default()
    };
    let Some(lock) = turn(&disk, &cli.command, cli.common.wait)? else {
        debug!("another eniroute is at work");
        return Ok(Report::silent("refresh"));
    };
    let mut executor = Executor {
        kernel: &mut Kernel::open()?,
        disk: &disk,
        service: None,
        wait: cli.common.wait,
        report: &mut report,
    };
    executor.settle()?;
    drop(lock);
    let is_called = matches!(cli.command, Command::Refresh | Command::Hotplug(_));
    if is_called && !disk.exists(cache::PATH) {
        return Ok(report.notes_unless_changed());
    }
    match work() {
        Ok(next) => Ok(next.after(report)),
        Err(error) => report.ended_by(error),
    }
}

/// A refresh does not wait for another run, as ever.
fn turn(disk: &Disk, command: &Command, wait: Duration) -> Result<Option<Lock>> {
    let lock = match command {
        Command::Refresh => try_lock(disk)?,
        _ => Some(lock(disk, wait)?),
    };
    if lock.is_some() {
        tidy(disk);
    }
    Ok(lock)
}
