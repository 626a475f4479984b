//! Log lines as the systemd journal wants them on stderr: a priority in front, no time stamp.

use std::os::fd::AsFd;

use log::{Level, LevelFilter, Log, Metadata, Record, SetLoggerError};

struct Journal;

/// Whether stderr is a stream to the journal: systemd then names its device and inode in the environment
/// (systemd.exec(5), `JOURNAL_STREAM`).
pub fn is_reading() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let stat = nix::sys::stat::fstat(std::io::stderr().as_fd());
    stat.is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

pub fn start(level: LevelFilter) -> Result<(), SetLoggerError> {
    log::set_max_level(level);
    log::set_logger(&Journal)
}

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) {
            for line in record.args().to_string().lines() {
                eprintln!("<{}>{line}", priority(record.level()));
            }
        }
    }

    fn flush(&self) {}
}

/// sd-daemon(3): the syslog priorities.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}
