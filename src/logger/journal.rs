//! The systemd journal by its native protocol: an entry with fields of its own, by which `journalctl FIELD=VALUE` finds
//! it.

use std::io::{self, stdout};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;

/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// What a program is called in the journal.
const IDENTIFIER: (&str, &str) = ("SYSLOG_IDENTIFIER", "eniroute");

/// Whether stdout is a stream to the journal.
pub fn reads_stdout() -> bool {
    reads(stdout().as_fd())
}

/// Whether `stream` leads to the journal: systemd then names its device and inode in the environment (systemd.exec(5),
/// `JOURNAL_STREAM`).
pub(super) fn reads(stream: BorrowedFd) -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let stat = nix::sys::stat::fstat(stream);
    stat.is_ok_and(|stat| named == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Writes one entry.
///
/// # Errors
/// Nobody listens, or has no room for it: nothing is waited for.
pub fn send(fields: &[(&str, String)]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    let mut entry = Vec::new();
    put(&mut entry, IDENTIFIER.0, IDENTIFIER.1);
    for (name, value) in fields {
        put(&mut entry, name, value);
    }
    socket.send_to(&entry, SOCKET).map(|_| ())
}

/// `NAME=VALUE`; a value of several lines is told by its length (systemd's "Native Journal Protocol").
fn put(entry: &mut Vec<u8>, name: &str, value: &str) {
    entry.extend(name.as_bytes());
    if value.contains('\n') {
        entry.push(b'\n');
        entry.extend((value.len() as u64).to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend(value.as_bytes());
    entry.push(b'\n');
}
