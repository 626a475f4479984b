//! The one door by which a file's content is read. Only plain files are: a FIFO would keep the run waiting for a writer,
//! with the lock held, and a device may do something when it is merely opened.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::libc;

/// The device number of `/dev/null`, to which systemd's masks are links: it reads as an empty file.
const NULL: u64 = libc::makedev(1, 3);

/// Where it is.
pub(super) const MASK: &str = "/dev/null";

/// The most that is read of a file, in bytes: nobody's configuration is longer.
const LONGEST: u64 = 16 * 1024 * 1024;

/// What is read at once of a file that has no length, or less: most have no more.
const SHORT: usize = 255;

/// The text of a plain file at this very path: of /proc and /sys, or below a root that the caller has resolved.
///
/// # Errors
/// As [`bytes`]; [`ErrorKind::InvalidData`] for text that is not UTF-8.
pub fn text(path: impl AsRef<Path>) -> io::Result<String> {
    let text = String::from_utf8(bytes(path)?);
    text.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

/// The bytes of a plain file. Never waits.
///
/// # Errors
/// Whatever the system says; what stands there is no plain file.
pub fn bytes(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let (file, meta) = open(path.as_ref(), OpenOptions::new().read(true))?;
    let length = meta.len().min(LONGEST);
    // Those of /proc have no length.
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0).max(SHORT) + 1);
    file.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        let why = format!("is longer than {LONGEST} bytes, the most that is read of a file");
        return Err(io::Error::new(ErrorKind::InvalidInput, why));
    }
    Ok(bytes)
}

/// The text of a setting of the kernel's, below /proc/sys, where nothing else stands than plain files: no need to look at it
/// before it is opened, and one read has all of it, or its first 255 bytes. There are hundreds.
///
/// # Errors
/// As [`text`].
pub fn setting(path: &str) -> io::Result<String> {
    let mut bytes = vec![0; SHORT];
    let length = File::open(path)?.read(&mut bytes)?;
    bytes.truncate(length);
    String::from_utf8(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

/// Opens a plain file, or makes it where `options` say so. It is looked at before, so that nothing else is opened, and
/// after, as it may have been replaced in between; returned is what it was then, too.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<(File, Metadata)> {
    if let Ok(meta) = fs::metadata(path) {
        demand_plain(&meta)?;
    }
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path).map_err(explained)?;
    let meta = file.metadata()?;
    demand_plain(&meta)?;
    Ok((file, meta))
}

/// Our units have no power over modes (`CAP_DAC_OVERRIDE`).
fn explained(error: io::Error) -> io::Error {
    if error.kind() != ErrorKind::PermissionDenied {
        return error;
    }
    let why = format!("{error}: it has to be root's own, or readable for all (`chown root`)");
    io::Error::new(ErrorKind::PermissionDenied, why)
}

fn demand_plain(meta: &Metadata) -> io::Result<()> {
    let kind = meta.file_type();
    let is_null = kind.is_char_device() && meta.rdev() == NULL;
    if kind.is_file() || is_null {
        return Ok(());
    }
    let why = format!(
        "is {}, and only plain files are read; remove it, or move it away",
        named(kind)
    );
    Err(io::Error::new(ErrorKind::InvalidInput, why))
}

/// What stands at a path, with its article.
pub(super) fn named(kind: FileType) -> &'static str {
    if kind.is_file() {
        "a plain file"
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
#[path = "plain_tests.rs"]
mod tests;
