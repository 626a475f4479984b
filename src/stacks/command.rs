//! Runs another program to its end, within a deadline. Knows nothing of what it does.

use std::io::{self, Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use log::info;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::error::{Error, Result};

/// udev starts programs without a PATH.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program has so many times `--wait`: a small instance that boots is busy.
pub const PATIENCE: u32 = 6;

const INTERVAL: Duration = Duration::from_millis(10);

/// How much of what a failed program said is passed on, in bytes.
const WORDS: u64 = 2000;

/// Runs `program`, which must succeed within `wait`; else it is killed, with all that it has started.
///
/// # Errors
/// It cannot be started, fails or takes too long; the error has its own last words.
pub fn run(program: &str, args: &[&str], wait: Duration) -> Result<()> {
    run_in(&[], program, args, wait)
}

/// The same with more in the environment. Each program is told only what is meant for it: one variable means different
/// things to two of them.
///
/// # Errors
/// As for [`run`].
pub fn run_in(
    environment: &[(&str, &str)],
    program: &str,
    args: &[&str],
    wait: Duration,
) -> Result<()> {
    info!("{program} {}", args.join(" "));
    let failed = |why: String| Error::Failed(format!("{program} {}: {why}", args.join(" ")));
    let mut command = Command::new(program);
    command
        .args(args)
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .envs(environment.iter().copied());
    match try_run(&mut command, wait).map_err(|e| failed(e.to_string()))? {
        Some((status, _)) if status.success() => Ok(()),
        Some((status, words)) => Err(failed(format!("{status}: {}", words.trim()))),
        None => Err(failed(format!(
            "did not end within {wait:?} and was killed (--wait bounds it)"
        ))),
    }
}

/// How it ended, and what it said; `None` when it had to be killed. It writes to a file: a pipe could fill up.
fn try_run(command: &mut Command, wait: Duration) -> io::Result<Option<(ExitStatus, String)>> {
    let mut said = tempfile::tempfile()?;
    command
        .stdin(Stdio::null())
        .stdout(said.try_clone()?)
        .stderr(said.try_clone()?)
        .process_group(0);
    let Some(status) = end(&mut command.spawn()?, wait)? else {
        return Ok(None);
    };
    let mut words = Vec::new();
    said.rewind()?;
    said.take(WORDS).read_to_end(&mut words)?;
    Ok(Some((status, String::from_utf8_lossy(&words).into_owned())))
}

/// Waits for the end of a program; `None` when it had to be killed.
fn end(child: &mut Child, wait: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + wait;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            killpg(
                Pid::from_raw(child.id().try_into().map_err(io::Error::other)?),
                Signal::SIGKILL,
            )?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(INTERVAL);
    }
}
