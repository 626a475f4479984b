//! The disk: every file that eniroute reads or writes goes through here, below one root folder (`--root`).
//! Knows nothing of networks; what a file says, and whose it is, is its caller's business.

mod lock;
mod own;
mod unified;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};
pub use lock::Lock;

/// A whole file as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Absolute, as the host itself sees it: without `--root`.
    pub path: PathBuf,
    /// Permission bits, for example `0o600`.
    pub mode: u32,
    pub text: String,
}

/// One change of the disk. `old` is the text that was there, for showing: bytes that are not UTF-8 are replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileChange {
    Create(File),
    /// Another text, another mode, or both.
    Update {
        file: File,
        old: String,
    },
    Delete {
        path: PathBuf,
        old: String,
    },
}

impl FileChange {
    pub fn path(&self) -> &Path {
        match self {
            Self::Create(file) | Self::Update { file, .. } => &file.path,
            Self::Delete { path, .. } => path,
        }
    }

    /// The change as `diff -u` shows it; `/dev/null` stands for a file that is not there. A change of the
    /// mode alone has no lines to show and says so in one comment line.
    pub fn unified_diff(&self) -> String {
        let name = self.path().display().to_string();
        match self {
            Self::Create(file) => unified::diff("/dev/null", &name, "", &file.text),
            Self::Update { file, old } if *old == file.text => {
                format!("# {name}: mode becomes {:04o}\n", file.mode)
            }
            Self::Update { file, old } => unified::diff(&name, &name, old, &file.text),
            Self::Delete { old, .. } => unified::diff(&name, "/dev/null", old, ""),
        }
    }
}

impl fmt::Display for FileChange {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let verb = match self {
            Self::Create(_) => "create",
            Self::Update { .. } => "update",
            Self::Delete { .. } => "delete",
        };
        write!(f, "{verb} {}", self.path().display())
    }
}

/// One version of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub inode: u64,
    /// The status change (ctime): packages and `mv` put old modification times on new files.
    pub changed: SystemTime,
}

/// The disk below a root folder. Every path that goes in or comes out is absolute, as the host itself sees it.
///
/// Reading follows symbolic links that stay below the root and refuses those that leave it. Writing follows
/// links between folders by the same rule, but never replaces a link: somebody put it there.
#[derive(Clone, Debug)]
pub struct Disk {
    root: PathBuf,
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
        Ok(self
            .bytes(path.as_ref())?
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn bytes(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        let Some(real) = self.resolve(path)? else {
            return Ok(None);
        };
        fs::read(real).map(Some).map_err(|e| Error::file(path, e))
    }

    /// The first line of a file, without its end; `None` when there is no such file below the root. Bytes that
    /// are not UTF-8 are replaced: the file may be anybody's.
    pub fn first_line(&self, path: impl AsRef<Path>) -> Result<Option<String>> {
        let path = path.as_ref();
        // A mask (a link to /dev/null) leads out of any root but `/`.
        let Some(real) = self.resolve(path).ok().flatten().filter(|p| p.is_file()) else {
            return Ok(None);
        };
        let mut line = Vec::new();
        let file = fs::File::open(real).map_err(|e| Error::file(path, e))?;
        BufReader::new(file)
            .read_until(b'\n', &mut line)
            .map_err(|e| Error::file(path, e))?;
        Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    /// Copies a file, byte for byte, to the same path below another root, with these permission bits.
    pub fn copy_to(&self, other: &Self, path: &Path, mode: u32) -> Result<()> {
        let bytes = self.bytes(path)?.unwrap_or_default();
        let copied = other.stage_file(path, mode, &bytes).and_then(Staged::place);
        copied.map(drop).map_err(|e| Error::file(path, e))
    }

    /// What is in a folder, sorted by name; nothing when there is no such folder.
    pub fn list(&self, dir: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        let dir = dir.as_ref();
        let Some(real) = self.resolve(dir)?.filter(|p| p.is_dir()) else {
            return Ok(Vec::new());
        };
        let entries = fs::read_dir(real).and_then(|all| all.collect::<io::Result<Vec<_>>>());
        let entries = entries.map_err(|e| Error::file(dir, e))?;
        let mut paths: Vec<_> = entries
            .iter()
            .map(|entry| dir.join(entry.file_name()))
            .collect();
        paths.sort();
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

    /// Whether a file or folder is there. A link that leads nowhere, or out of the root, is not.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        matches!(self.resolve(path.as_ref()), Ok(Some(_)))
    }

    /// The last part of where a symbolic link points to: sysfs names a device's driver so.
    pub fn link_target_name(&self, path: impl AsRef<Path>) -> Option<String> {
        let target = fs::read_link(self.below_root(path.as_ref()).ok()?).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }

    /// What must change so that every `wanted` file is there as given and no `obsolete` one is. A file that
    /// is equal in text and mode gives nothing.
    pub fn plan(&self, wanted: &[File], obsolete: &[PathBuf]) -> Result<Vec<FileChange>> {
        let mut changes = Vec::new();
        for file in wanted {
            changes.extend(self.plan_write(file)?);
        }
        for path in obsolete {
            let old = self.read(path)?;
            changes.extend(old.map(|old| FileChange::Delete {
                path: path.clone(),
                old,
            }));
        }
        Ok(changes)
    }

    /// Makes one change. A file is replaced in one step: after a failure (a full or read-only disk) the old
    /// one is there, whole, and nothing else.
    pub fn commit(&self, change: &FileChange) -> Result<()> {
        self.commit_all(&[change]).into_iter().collect()
    }

    /// Makes many changes, each as [`Disk::commit`] does; none stops the others. Tells of each how it ended. All are
    /// written before the first is synced, which the file system then does in one go.
    pub fn commit_all(&self, changes: &[&FileChange]) -> Vec<Result<()>> {
        let staged: Vec<_> = changes.iter().map(|change| self.stage(change)).collect();
        let synced: Vec<_> = staged
            .into_iter()
            .map(|staged| staged.and_then(Staged::sync))
            .collect();
        let placed: Vec<_> = synced
            .into_iter()
            .map(|staged| staged.and_then(Staged::place))
            .collect();
        let mut folders: BTreeMap<PathBuf, io::Result<()>> = BTreeMap::new();
        for folder in placed.iter().flatten() {
            folders
                .entry(folder.clone())
                .or_insert_with(|| sync_folder(folder));
        }
        let ended = placed
            .into_iter()
            .map(|placed| match folders.get(&placed?) {
                Some(Err(error)) => Err(io::Error::new(error.kind(), error.to_string())),
                _ => Ok(()),
            });
        ended
            .zip(changes)
            .map(|(ended, change)| ended.map_err(|e| Error::file(change.path(), e)))
            .collect()
    }

    fn plan_write(&self, file: &File) -> Result<Option<FileChange>> {
        let Some(old) = self.bytes(&file.path)? else {
            return Ok(Some(FileChange::Create(file.clone())));
        };
        let equal = old == file.text.as_bytes() && self.mode(&file.path)? == file.mode;
        let old = || String::from_utf8_lossy(&old).into_owned();
        Ok((!equal).then(|| FileChange::Update {
            file: file.clone(),
            old: old(),
        }))
    }

    fn mode(&self, path: &Path) -> Result<u32> {
        let meta = self
            .below_root(path)
            .and_then(fs::metadata)
            .map_err(|e| Error::file(path, e))?;
        Ok(meta.permissions().mode() & 0o7777)
    }

    /// Does all of a change but the last step.
    fn stage(&self, change: &FileChange) -> io::Result<Staged> {
        let (FileChange::Create(file) | FileChange::Update { file, .. }) = change else {
            let (folder, name) = self.target(change.path(), false)?;
            return Ok(Staged {
                path: folder.join(name),
                folder,
                temp: None,
            });
        };
        self.stage_file(&file.path, file.mode, file.text.as_bytes())
    }

    fn stage_file(&self, path: &Path, mode: u32, bytes: &[u8]) -> io::Result<Staged> {
        let (folder, name) = self.target(path, true)?;
        // The leading dot keeps it from every consumer: netplan reads *.yaml, ifup ifcfg-*, run-parts no dots.
        let mut temp = tempfile::Builder::new()
            .prefix(".eniroute-")
            .tempfile_in(&folder)?;
        temp.write_all(bytes)?;
        temp.as_file()
            .set_permissions(Permissions::from_mode(mode))?;
        Ok(Staged {
            path: folder.join(name),
            folder,
            temp: Some(temp),
        })
    }

    /// The real folder of a file to be written or deleted, made when `make`, and the file's name.
    fn target<'a>(&self, path: &'a Path, make: bool) -> io::Result<(PathBuf, &'a OsStr)> {
        let full = self.below_root(path)?;
        let (Some(dir), Some(name)) = (full.parent(), path.file_name()) else {
            return Err(refused("not a file's path"));
        };
        let dir = if make {
            self.make_folders(dir)?
        } else {
            self.inside(dir.canonicalize()?)?
        };
        if dir.join(name).is_symlink() {
            return Err(refused(
                "is a symbolic link, which eniroute does not replace; remove it",
            ));
        }
        Ok((dir, name))
    }

    /// Makes what is missing of a folder's path, readable for all whatever the umask: networkd runs as its own
    /// user. Returns where the folder really is.
    fn make_folders(&self, dir: &Path) -> io::Result<PathBuf> {
        match (dir.canonicalize(), dir.parent(), dir.file_name()) {
            (Err(e), Some(parent), Some(name)) if e.kind() == ErrorKind::NotFound => {
                let made = self.make_folders(parent)?.join(name);
                DirBuilder::new().mode(0o755).create(&made)?;
                fs::set_permissions(&made, Permissions::from_mode(0o755))?;
                Ok(made)
            }
            (real, ..) => self.inside(real?),
        }
    }

    /// Where `path` really is; `None` when nothing is there.
    fn resolve(&self, path: &Path) -> Result<Option<PathBuf>> {
        let real = self
            .below_root(path)
            .and_then(|full| full.canonicalize())
            .and_then(|real| self.inside(real));
        match real {
            Ok(real) => Ok(Some(real)),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(e) => Err(Error::file(path, e)),
        }
    }

    fn below_root(&self, path: &Path) -> io::Result<PathBuf> {
        if path.components().any(|part| part == Component::ParentDir) {
            return Err(refused("a path with `..` could leave the root folder"));
        }
        let relative = path
            .strip_prefix("/")
            .map_err(|_| refused("not an absolute path"))?;
        Ok(self.root.join(relative))
    }

    fn inside(&self, real: PathBuf) -> io::Result<PathBuf> {
        if real.starts_with(&self.root) {
            return Ok(real);
        }
        Err(refused(&format!(
            "a symbolic link leads out of the root folder, to {}",
            real.display()
        )))
    }
}

/// The last part of a path, where it is UTF-8.
pub fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// A change that waits for its last step: a rename, or without a temporary file a deletion.
struct Staged {
    path: PathBuf,
    folder: PathBuf,
    temp: Option<NamedTempFile>,
}

impl Staged {
    fn sync(self) -> io::Result<Self> {
        self.temp
            .as_ref()
            .map_or(Ok(()), |temp| temp.as_file().sync_all())?;
        Ok(self)
    }

    /// Takes the last step. Returns the folder, which has to be synced.
    fn place(self) -> io::Result<PathBuf> {
        match self.temp {
            Some(temp) => drop(temp.persist(self.path).map_err(|e| e.error)?),
            None => fs::remove_file(self.path)?,
        }
        // systemd's drop-in folders are made for one file; an empty one has no other use. Not empty: it stays.
        if !self.folder.to_string_lossy().ends_with(".network.d")
            || fs::remove_dir(&self.folder).is_err()
        {
            return Ok(self.folder);
        }
        Ok(self
            .folder
            .parent()
            .map_or(self.folder.clone(), Path::to_path_buf))
    }
}

/// A rename survives a power cut only when its folder has been synced, too. One that is gone went with its last file.
fn sync_folder(dir: &Path) -> io::Result<()> {
    match fs::File::open(dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        folder => folder?.sync_all(),
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests;
