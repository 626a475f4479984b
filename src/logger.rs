//! The log on stderr: which lines are wanted is simple_logger's decision; they are written here, as it would write
//! them, or as the systemd journal wants them. Whatever becomes of stderr (closed, full, its reader gone or asleep)
//! neither fails a run nor keeps it waiting.

pub mod escape;
pub mod journal;

use std::io::{Write, stderr};
use std::os::fd::AsFd;
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use log::{Level, LevelFilter, Log, Metadata, Record};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use simple_logger::SimpleLogger;

use crate::gather::Gather;

/// How long one line waits for a reader that is asleep, in milliseconds. The lines after it do not wait any more.
const PATIENCE: u16 = 1000;

/// So much a pipe takes without a wait where it takes anything (`PIPE_BUF`).
const PIECE: usize = 4096;

/// The lines of a stretch in which nothing is written; `None` outside of one.
static HELD: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// The reader was asleep for too long.
static ASLEEP: AtomicBool = AtomicBool::new(false);

struct Logger {
    filter: SimpleLogger,
    journal: bool,
}

/// Writes log lines of this `level` and above from now on, and a panic in one line, too.
pub fn start(level: LevelFilter) {
    let journal = journal::reads(stderr().as_fd());
    panic::set_hook(Box::new(move |info| tell_panic(info, journal)));
    let logger = Logger {
        filter: SimpleLogger::new().with_level(level),
        journal,
    };
    // A second start in one process finds a logger; it serves as well.
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(level);
    }
}

/// Lines are kept until the returned value is dropped: a reader that is asleep must not stop what cannot wait.
pub fn hold() -> Held {
    held(|lines| lines.get_or_insert_default().clear());
    Held(())
}

/// See [`hold`].
pub struct Held(());

impl Drop for Held {
    fn drop(&mut self) {
        held(Option::take)
            .into_iter()
            .flatten()
            .for_each(|line| write(&line));
    }
}

fn held<T>(work: impl FnOnce(&mut Option<Vec<String>>) -> T) -> T {
    work(&mut HELD.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = escape::message(&record.args().to_string());
        let line = if self.journal {
            for_journal(record.level(), &text)
        } else {
            format!("{:<5} [{}] {text}\n", record.level(), record.target())
        };
        let now = held(|lines| match lines {
            Some(lines) => {
                lines.push(line);
                None
            }
            None => Some(line),
        });
        now.iter().for_each(|line| write(line));
    }

    fn flush(&self) {}
}

/// sd-daemon(3): each line with its syslog priority.
fn for_journal(level: Level, text: &str) -> String {
    let priority = match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    text.lines()
        .map(|line| format!("<{priority}>{line}\n"))
        .gathered()
}

/// What a panic leaves behind is dealt with by the next run; that it happened has to be known.
fn tell_panic(info: &PanicHookInfo, journal: bool) {
    let lines = HELD.try_lock().ok().and_then(|mut lines| lines.take());
    lines.iter().flatten().for_each(|line| write(line));
    let text = info
        .to_string()
        .split_whitespace()
        .gathered::<Vec<_>>()
        .join(" ");
    let text = format!("a fault of eniroute itself, please report it: {text}");
    let text = escape::line(&text);
    write(&if journal {
        for_journal(Level::Error, &text)
    } else {
        format!("{:<5} [eniroute] {text}\n", Level::Error)
    });
}

/// Errors are dropped on purpose: there is nobody left to be told.
fn write(text: &str) {
    for piece in text.as_bytes().chunks(PIECE) {
        if !has_room() || stderr().write_all(piece).is_err() {
            return;
        }
    }
}

fn has_room() -> bool {
    let patience = if ASLEEP.load(Ordering::Relaxed) {
        PollTimeout::ZERO
    } else {
        PATIENCE.into()
    };
    let stderr = stderr();
    let awake = poll(
        &mut [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)],
        patience,
    )
    .is_ok_and(|ready| ready > 0);
    ASLEEP.store(!awake, Ordering::Relaxed);
    awake
}
