//! Which process is this network's systemd-networkd, and since when it runs. Everybody may give a process any name, so
//! its user and its program decide.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use crate::error::{Error, Result};
use crate::files::{name, plain};

/// `systemd-networkd`, as the kernel cuts the name of a process (`TASK_COMM_LEN`).
const PROCESS: &str = "systemd-network";

/// The user that it gives its root privileges up for.
const USER: &str = "systemd-network";
const PROGRAM: &str = "systemd-networkd";

/// Accounts of the system's own have lower numbers (login.defs(5), `UID_MIN`).
const FIRST_PERSON: u32 = 1000;

/// systemd (236 and later) makes this link when it starts the unit, and takes it away when the unit has ended. It tells
/// also where a /proc that hides other users' processes does not (`hidepid=`, our own units' `ProtectProc=`).
const INVOCATION: &str = "/run/systemd/units/invocation:systemd-networkd.service";

/// The unit of times in /proc, in milliseconds: 100 a second on every architecture of EC2 (`USER_HZ`, proc(5)).
const TICK: u64 = 10;

/// When this network's systemd-networkd started; `None` when none runs. A host sees the processes of its
/// containers, too, so only one in our own network namespace counts.
///
/// # Errors
/// /proc cannot be read.
pub fn started() -> Result<Option<SystemTime>> {
    let ours = network_of(Path::new("/proc/thread-self"))
        .map_err(|e| Error::file("/proc/thread-self/net/dev", e))?;
    let processes = fs::read_dir("/proc").map_err(|e| Error::file("/proc", e))?;
    let user = plain::text("/etc/passwd").map_or(None, |text| uid(&text));
    let mut folders = processes.flatten().map(|entry| entry.path());
    let found = folders.find(|process| {
        is_named(process)
            && network_of(process).is_ok_and(|of| of == ours)
            && is_run_by(process, user)
            && may_be_the_program(process)
    });
    match found {
        Some(process) => start_of(&process).map(Some),
        None => Ok(started_by_systemd(ours)),
    }
}

fn is_named(process: &Path) -> bool {
    plain::text(process.join("comm")).is_ok_and(|comm| comm.trim_end() == PROCESS)
}

/// By its own user, where that is known. The owner of the folder in /proc is root for a process that has changed its user.
fn is_run_by(process: &Path, user: Option<u32>) -> bool {
    let status = plain::text(process.join("status")).unwrap_or_default();
    let uid = effective_uid(&status);
    uid.is_some_and(|uid| user.map_or(uid < FIRST_PERSON, |user| uid == user))
}

/// Another user's program may be looked at only with `CAP_SYS_PTRACE`, which our units do not have.
fn may_be_the_program(process: &Path) -> bool {
    let program = fs::read_link(process.join("exe"));
    program.map_or(true, |path| {
        // As it is called once a new version has been installed.
        name(&path).trim_end_matches(" (deleted)") == PROGRAM
    })
}

/// `Uid:` in /proc/PID/status: real, effective, saved, file system (proc(5)).
fn effective_uid(status: &str) -> Option<u32> {
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    uids.split_whitespace().nth(1)?.parse().ok()
}

/// The number of [`USER`], by passwd(5).
fn uid(passwd: &str) -> Option<u32> {
    let mut entries = passwd.lines().map(|line| line.split(':'));
    entries.find_map(|mut entry| {
        let is_it = entry.next() == Some(USER);
        is_it.then(|| entry.nth(1)?.parse().ok()).flatten()
    })
}

/// systemd's word holds for the host's own network only.
fn started_by_systemd(ours: u64) -> Option<SystemTime> {
    let is_hosts = network_of(Path::new("/proc/1")).map_or(true, |of| of == ours);
    let link = fs::symlink_metadata(INVOCATION).ok().filter(|_| is_hosts)?;
    link.modified().ok()
}

/// What tells a process's network namespace from others: the inode of its /proc/net/dev. The link in /proc/PID/ns may
/// be read of another user's process (networkd's) only with `CAP_SYS_PTRACE`.
fn network_of(process: &Path) -> io::Result<u64> {
    Ok(fs::metadata(process.join("net/dev"))?.ino())
}

fn start_of(process: &Path) -> Result<SystemTime> {
    let path = process.join("stat");
    let stat = plain::text(&path).map_err(|e| Error::file(&path, e))?;
    let uptime = plain::text("/proc/uptime").map_err(|e| Error::file("/proc/uptime", e))?;
    let age = age(&stat, &uptime);
    let start = age.and_then(|age| SystemTime::now().checked_sub(age));
    start.ok_or_else(|| Error::Parse {
        path,
        why: "holds no start time in field 22".to_owned(),
    })
}

/// How old a process is: /proc/PID/stat has its start as ticks since the boot (field 22; the second one, in
/// brackets, may hold blanks), /proc/uptime the seconds since then. The kernel cuts off parts of a tick: the start is that
/// of the next one, lest what was written just before it looks newer.
fn age(stat: &str, uptime: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    let uptime = uptime.split_whitespace().next()?.parse().ok()?;
    let uptime = Duration::try_from_secs_f64(uptime).ok()?;
    let start = Duration::from_millis(ticks.saturating_add(1).saturating_mul(TICK));
    Some(uptime.saturating_sub(start))
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
