//! The disk: every file that eniroute reads or writes goes through here, below one root folder (`--root`).
//! Knows nothing of networks; what a file says, and whose it is, is its caller's business.

mod change;
mod commit;
mod lock;
mod own;
pub mod plain;
mod sweep;
mod unified;

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::gather::{Gather, Order};
pub use change::{File, FileChange};
pub use lock::Lock;
pub use sweep::{TEMPORARY_FILE, TEMPORARY_FOLDER};

/// The most that is read of a first line, in bytes.
const LONGEST_LINE: u64 = 64 * 1024;

/// One version of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub inode: u64,
    /// The status change (ctime): packages and `mv` put old modification times on new files.
    pub changed: SystemTime,
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Permission bits, for example `0o600`.
    pub mode: u32,
    /// The number of its owner.
    pub user: u32,
    /// The number of its group.
    pub group: u32,
}

/// What stands at a path itself: no link is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Nothing,
    /// A plain file, with its first line.
    Plain(String),
    /// Anything else, in words with their article.
    Other(&'static str),
}

/// The disk below a root folder. Every path that goes in or comes out is absolute, as the host itself sees it.
///
/// Reading follows symbolic links that stay below the root, or lead to `/dev/null` (a mask), and refuses all others.
/// Writing follows links between folders by the same rule, but never replaces a link: somebody put it there.
#[derive(Clone, Debug)]
pub struct Disk {
    root: PathBuf,
}

/// Bytes that are not UTF-8 are replaced.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

impl Disk {
    /// `root` must be an existing folder.
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        let root = root
            .as_ref()
            .canonicalize()
            .map_err(|e| Error::file(root.as_ref(), e))?;
        Ok(Self { root })
    }

    /// The text of a file; `None` when there is none. Bytes that are not UTF-8 are replaced: the file may be
    /// anybody's, with a comment in Latin-1, or damaged. So it is for looking at, never for writing back.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Option<String>> {
        Ok(self.bytes(path.as_ref())?.map(text))
    }

    fn bytes(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        let real = self.resolve(path)?;
        let bytes = real.map(plain::bytes).transpose();
        bytes.map_err(|e| Error::file(path, e))
    }

    /// The first line of a file, without its end; `None` when there is no such file below the root. Bytes that
    /// are not UTF-8 are replaced: the file may be anybody's.
    pub fn first_line(&self, path: impl AsRef<Path>) -> Result<Option<String>> {
        let path = path.as_ref();
        // A mask (a link to /dev/null) has no lines.
        let Some(real) = self.resolve(path).ok().flatten().filter(|p| p.is_file()) else {
            return Ok(None);
        };
        let mut line = Vec::new();
        let (file, _) =
            plain::open(&real, OpenOptions::new().read(true)).map_err(|e| Error::file(path, e))?;
        BufReader::new(file)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|e| Error::file(path, e))?;
        Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    /// What stands at `path`.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn standing(&self, path: &Path) -> Result<Standing> {
        let folder = path.parent().map(|folder| self.resolve(folder));
        let (Some(folder), Some(name)) = (folder.transpose()?.flatten(), path.file_name()) else {
            return Ok(Standing::Nothing);
        };
        match fs::symlink_metadata(folder.join(name)).map(|meta| meta.file_type()) {
            Ok(kind) if kind.is_file() => {
                let line = self.first_line(path)?;
                Ok(line.map_or(Standing::Nothing, Standing::Plain))
            }
            Ok(kind) => Ok(Standing::Other(plain::named(kind))),
            Err(e) if is_absent(&e) => Ok(Standing::Nothing),
            Err(e) => Err(Error::file(path, e)),
        }
    }

    /// What is in a folder, sorted by name; nothing when there is no such folder.
    pub fn list(&self, dir: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        self.in_folder(dir.as_ref())
    }

    // Compiled once, not for each type of a path.
    fn in_folder(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        let Some(real) = self.resolve(dir)?.filter(|p| p.is_dir()) else {
            return Ok(Vec::new());
        };
        let entries = fs::read_dir(real).and_then(|all| all.gathered::<io::Result<Vec<_>>>());
        let entries = entries.map_err(|e| Error::file(dir, e))?;
        let mut paths: Vec<_> = entries
            .iter()
            .map(|entry| dir.join(entry.file_name()))
            .gathered();
        paths.order();
        Ok(paths)
    }

    /// What is in a folder with this ending of its name (`network`), sorted by name.
    pub fn list_ending(&self, dir: impl AsRef<Path>, ending: &str) -> Result<Vec<PathBuf>> {
        let mut paths = self.list(dir)?;
        paths.retain(|path| path.extension().is_some_and(|end| end == ending));
        Ok(paths)
    }

    /// Whether its root is the running host's own.
    pub fn is_host(&self) -> bool {
        self.root == Path::new("/")
    }

    /// What tells one version of a file or folder from the next; `None` when it cannot be looked at.
    pub fn stamp(&self, path: impl AsRef<Path>) -> Option<Stamp> {
        let meta = self.resolve(path.as_ref()).ok()??.metadata().ok()?;
        let since_1970 = Duration::new(
            meta.ctime().try_into().ok()?,
            meta.ctime_nsec().try_into().ok()?,
        );
        Some(Stamp {
            inode: meta.ino(),
            changed: UNIX_EPOCH + since_1970,
        })
    }

    /// When a file was written last, or given that time; `None` when it cannot be looked at.
    pub fn modified(&self, path: impl AsRef<Path>) -> Option<SystemTime> {
        let meta = self.resolve(path.as_ref()).ok()??.metadata().ok()?;
        meta.modified().ok()
    }

    /// Who may read a file; `None` when it cannot be looked at.
    pub fn rights(&self, path: impl AsRef<Path>) -> Option<Rights> {
        let meta = self.resolve(path.as_ref()).ok()??.metadata().ok()?;
        Some(Rights {
            mode: meta.mode() & 0o7777,
            user: meta.uid(),
            group: meta.gid(),
        })
    }

    /// Whether a file or folder is there. A link that leads nowhere, or out of the root, is not.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        matches!(self.resolve(path.as_ref()), Ok(Some(_)))
    }

    /// The last part of where a symbolic link points to: sysfs names a device's driver so.
    pub fn link_target_name(&self, path: impl AsRef<Path>) -> Option<String> {
        let target = fs::read_link(self.below_root(path.as_ref()).ok()?).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }

    /// Where `path` really is; `None` when nothing is there.
    fn resolve(&self, path: &Path) -> Result<Option<PathBuf>> {
        match self.below_root(path).and_then(|full| self.real(full)) {
            Ok(real) => Ok(Some(real)),
            Err(e) if is_absent(&e) => Ok(None),
            Err(e) => Err(Error::file(path, e)),
        }
    }

    /// A link of the host's own root leads nowhere else than the kernel goes by it: there one question is enough, and hundreds
    /// of files are looked for.
    fn real(&self, full: PathBuf) -> io::Result<PathBuf> {
        match self.is_host() {
            true => fs::metadata(&full).map(|_| full),
            false => self.inside(full.canonicalize()?),
        }
    }

    fn below_root(&self, path: &Path) -> io::Result<PathBuf> {
        if path.components().any(|part| part == Component::ParentDir) {
            return Err(refused("a path with `..` could leave the root folder"));
        }
        match path.strip_prefix("/") {
            Ok(relative) => Ok(self.root.join(relative)),
            Err(_) => Err(refused("not an absolute path")),
        }
    }

    fn inside(&self, real: PathBuf) -> io::Result<PathBuf> {
        if real.starts_with(&self.root) || real == Path::new(plain::MASK) {
            return Ok(real);
        }
        let why = format!(
            "a symbolic link leads out of the root folder, to {}",
            real.display()
        );
        Err(refused(&why))
    }
}

/// The last part of a path, where it is UTF-8.
pub fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn refused(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, why)
}

#[cfg(test)]
pub mod scratch;
#[cfg(test)]
mod tests;
