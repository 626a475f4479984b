//! Runs another program to its end, within a deadline. Knows nothing of what it does.

use std::io::{Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// udev starts programs without a PATH.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const INTERVAL: Duration = Duration::from_millis(10);

/// How much of what a failed program said is passed on, in bytes.
const WORDS: u64 = 2000;

/// Runs `program`, which must succeed within `wait`; else it is killed.
///
/// # Errors
/// It cannot be started, fails or takes too long; the error has its own last words.
pub fn run(program: &str, args: &[&str], wait: Duration) -> Result<()> {
    let failed = |why: String| Error::Failed(format!("{program} {}: {why}", args.join(" ")));
    let mut said = tempfile::tempfile().map_err(|e| failed(e.to_string()))?;
    let output = || said.try_clone().map(Stdio::from);
    let mut command = Command::new(program);
    command.args(args).env("PATH", PATH).env("LC_ALL", "C").stdin(Stdio::null());
    command.stdout(output().map_err(|e| failed(e.to_string()))?);
    command.stderr(output().map_err(|e| failed(e.to_string()))?);
    let mut child = command.spawn().map_err(|e| failed(e.to_string()))?;
    match end(&mut child, wait).map_err(|e| failed(e.to_string()))? {
        Some(status) if status.success() => return Ok(()),
        None => return Err(failed(format!("did not end within {wait:?} and was killed (--wait bounds it)"))),
        Some(status) => {
            let mut words = Vec::new();
            let read = said.rewind().and_then(|()| said.take(WORDS).read_to_end(&mut words));
            read.map_err(|e| failed(e.to_string()))?;
            Err(failed(format!("{status}: {}", String::from_utf8_lossy(&words).trim())))
        }
    }
}

/// Waits for the end of a program; `None` when it had to be killed.
fn end(child: &mut Child, wait: Duration) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + wait;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(INTERVAL);
    }
}
