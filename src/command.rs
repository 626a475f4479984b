//! Runs another program to its end, within a deadline; all that it has started ends with it. Knows nothing of what it does.

use std::collections::BTreeSet;
use std::io::{self, PipeReader, Read, Seek, Write};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use log::info;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::error::{Error, Result};
use crate::gather::Gather;
use crate::signals;

/// udev starts programs without a PATH.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program has so many times `--wait`: a small instance that boots is busy.
pub const PATIENCE: u32 = 6;

/// How often a program that may say more is looked at, in milliseconds.
const INTERVAL: u16 = 10;

/// How often one that says no more, and so ends.
const NAP: Duration = Duration::from_millis(1);

/// How much of what a failed program said last is passed on, in bytes: the end says why.
const WORDS: usize = 2000;

/// The most that a program may have to say where all of it is wanted, in bytes: the rules of a large cluster's node.
const OUTPUT: usize = 16 * 1024 * 1024;

/// How much of it is read at once.
const PIECE: usize = 16 * 1024;

/// The addresses of a name, in order, by the host's own `getent`. A static program cannot load the C library's resolvers
/// (nsswitch.conf(5)), and a call to them has no bound.
///
/// # Errors
/// Why it does not resolve within `wait`.
pub fn addresses(name: &str, wait: Duration) -> Result<Vec<IpAddr>, String> {
    let told = output("getent", &["ahosts", name], wait).map_err(|error| error.to_string())?;
    let first = |line: &str| line.split_whitespace().next()?.parse().ok();
    let addresses: BTreeSet<IpAddr> = told.lines().filter_map(first).into_set();
    let addresses = Some(addresses).filter(|addresses| !addresses.is_empty());
    Ok(addresses.ok_or("no address")?.into_iter().gathered())
}

/// Runs `program`, which must succeed within `wait`; else it is killed. All that it has started ends with it.
///
/// # Errors
/// It cannot be started, fails or takes too long; the error has its own last words.
pub fn run(program: &str, args: &[&str], wait: Duration) -> Result<()> {
    run_in(&[], program, args, wait)
}

/// The same with more in the environment. Each program gets only what is meant for it: one variable means different
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
        .stdin(Stdio::null())
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .envs(environment.iter().copied());
    let (ended, words) = try_run(&mut command, wait, WORDS).map_err(|e| failed(e.to_string()))?;
    ended
        .fault(words.trim(), wait)
        .map_or(Ok(()), |why| Err(failed(why)))
}

/// What `program` says on its standard output; it must succeed within `wait`.
///
/// # Errors
/// As for [`run`]; it says more than 16 MiB.
pub fn output(program: &str, args: &[&str], wait: Duration) -> Result<String> {
    let mut command = Command::new(program);
    command.args(args).env("PATH", PATH).env("LC_ALL", "C");
    command.stdin(Stdio::null());
    let failed = |why: String| Error::Failed(format!("{program} {}: {why}", args.join(" ")));
    let (ended, words) = try_run(&mut command, wait, OUTPUT).map_err(|e| failed(e.to_string()))?;
    match ended.fault(last(&words), wait) {
        Some(why) => Err(failed(why)),
        None if words.len() >= OUTPUT => Err(failed(format!("said over {OUTPUT} bytes"))),
        None => Ok(words),
    }
}

/// The last [`WORDS`] bytes or so, from the beginning of a character on.
fn last(words: &str) -> &str {
    let from = words.ceil_char_boundary(words.len().saturating_sub(WORDS));
    words[from..].trim()
}

/// Runs `program` with `text` on its standard input; it must succeed within `wait`.
///
/// # Errors
/// As for [`run`].
pub fn fed(program: &str, args: &[&str], text: &str, wait: Duration) -> Result<()> {
    let failed = |why: String| Error::Failed(format!("{program} {}: {why}", args.join(" ")));
    let input = input(text).map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(input)
        .env("PATH", PATH)
        .env("LC_ALL", "C");
    let (ended, words) = try_run(&mut command, wait, WORDS).map_err(|e| failed(e.to_string()))?;
    ended
        .fault(words.trim(), wait)
        .map_or(Ok(()), |why| Err(failed(why)))
}

/// A file in memory: unlike a pipe it takes all of the text before anybody reads.
fn input(text: &str) -> io::Result<Stdio> {
    let file = memfd_create("input", MFdFlags::MFD_CLOEXEC)?;
    let mut file = std::fs::File::from(file);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file.into())
}

/// Whether there is a program of this name, where programs are looked for.
pub fn is_there(program: &str) -> bool {
    let mut folders = PATH.split(':');
    folders.any(|folder| is_program(&Path::new(folder).join(program)))
}

fn is_program(path: &Path) -> bool {
    let rights = path.metadata().map(|meta| meta.permissions().mode());
    rights.is_ok_and(|mode| mode & 0o111 != 0)
}

/// How a program that failed has ended, and the end of what it said.
fn ending(status: ExitStatus, words: &str) -> String {
    let how = match (status.code(), status.signal().map(Signal::try_from)) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(Ok(signal))) => format!("crashed, or was killed, by signal {signal}"),
        _ => format!("ended with {status}"),
    };
    if words.is_empty() {
        format!("{how}, and said nothing")
    } else {
        format!("{how}: {words}")
    }
}

/// How a program ended.
enum End {
    Itself(ExitStatus),
    TooLate,
    /// A signal ends eniroute.
    Signalled,
}

impl End {
    /// What was wrong with it, given the program's last words; `None` where it has succeeded.
    fn fault(self, words: &str, wait: Duration) -> Option<String> {
        let said = match words {
            "" => String::new(),
            words => format!("; it said: {words}"),
        };
        match self {
            Self::Itself(status) if status.success() => None,
            Self::Itself(status) => Some(ending(status, words)),
            Self::TooLate => Some(format!(
                "did not end within {wait:?} and was killed (--wait bounds it){said}"
            )),
            Self::Signalled => Some("was killed, because a signal ended eniroute".to_owned()),
        }
    }
}

/// How it ended, and what it said last, so many bytes.
fn try_run(command: &mut Command, wait: Duration, most: usize) -> io::Result<(End, String)> {
    let (said, writer) = io::pipe()?;
    fcntl(&said, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    // A signal ends us, and must not leave the program behind.
    let signals = signals::watch()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut group = Group::start(command)?;
    // The program alone has the pipe's other end: its end is seen at once.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut tail = Tail::of(most);
    let deadline = Instant::now() + wait;
    let end = loop {
        if group.has_ended()? {
            break End::Itself(group.end()?);
        }
        if signals.have_come() {
            break End::Signalled;
        }
        if Instant::now() >= deadline {
            break End::TooLate;
        }
        let mut ready = [PollFd::new(said.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, INTERVAL)? > 0 && !tail.read(&said)? {
            sleep(NAP);
        }
    };
    group.end()?;
    tail.read_all(&said)?;
    Ok((end, tail.text()))
}

/// A program, and all that it has started; they end with this value.
struct Group {
    program: Child,
    status: Option<ExitStatus>,
}

impl Group {
    fn start(command: &mut Command) -> io::Result<Self> {
        command.process_group(0);
        Ok(Self {
            program: command.spawn()?,
            status: None,
        })
    }

    /// The program has, and is still there to be asked about.
    fn has_ended(&self) -> io::Result<bool> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let ended = waitid(Id::Pid(self.pid()?), flags)?;
        Ok(ended != WaitStatus::StillAlive)
    }

    /// Ends all that is left, before the program itself is waited for: its number is not another's until then.
    fn end(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        killpg(self.pid()?, Signal::SIGKILL)?;
        let status = self.program.wait()?;
        self.status = Some(status);
        Ok(status)
    }

    fn pid(&self) -> io::Result<Pid> {
        let id = self.program.id().try_into();
        id.map(Pid::from_raw).map_err(io::Error::other)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What cannot be killed, or waited for, is not ours any more.
        let _ = self.end();
    }
}

/// The last words of a program, and how many bytes of them are kept.
struct Tail(Vec<u8>, usize);

impl Tail {
    fn of(most: usize) -> Self {
        Self(Vec::new(), most)
    }

    /// Takes what is there, of one piece. Returns whether there was something.
    fn read(&mut self, mut said: &PipeReader) -> io::Result<bool> {
        let mut piece = [0; PIECE];
        let count = match said.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            count => count?,
        };
        self.0.extend_from_slice(&piece[..count]);
        let excess = self.0.len().saturating_sub(self.1);
        self.0.drain(..excess);
        Ok(count > 0)
    }

    /// Takes all that is left in the pipe.
    fn read_all(&mut self, said: &PipeReader) -> io::Result<()> {
        // No pipe is larger (`/proc/sys/fs/pipe-max-size`), should a program that has left its group go on writing.
        for _ in 0..64 {
            if !self.read(said)? {
                break;
            }
        }
        Ok(())
    }

    /// From the beginning of a character on.
    fn text(&self) -> String {
        let is_within = |byte: &u8| byte & 0xc0 == 0x80;
        let cut = self.0.iter().take_while(|byte| is_within(byte)).count();
        String::from_utf8_lossy(&self.0[cut..]).into_owned()
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
