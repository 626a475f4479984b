//! Writing: many files at once, each in one step, through to the disk.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{Disk, File, FileChange, TEMPORARY_FILE, refused, text};
use crate::error::{Error, Result};
use crate::gather::Gather;

impl Disk {
    /// What must change so that every `wanted` file is there as given and no `obsolete` one is. A file that
    /// is equal in text and mode gives nothing.
    pub fn plan(&self, wanted: Vec<File>, obsolete: &[PathBuf]) -> Result<Vec<FileChange>> {
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
        let staged: Vec<_> = changes.iter().map(|change| self.stage(change)).gathered();
        let synced: Vec<_> = staged
            .into_iter()
            .map(|staged| staged.and_then(Staged::sync))
            .gathered();
        let placed: Vec<_> = synced
            .into_iter()
            .map(|staged| staged.and_then(Staged::place))
            .gathered();
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
            .gathered()
    }

    pub(super) fn plan_write(&self, file: File) -> Result<Option<FileChange>> {
        let Some(old) = self.bytes(&file.path)? else {
            return Ok(Some(FileChange::Create(file)));
        };
        let equal = old == file.text.as_bytes() && self.mode(&file.path)? == file.mode;
        Ok((!equal).then(|| FileChange::Update {
            file,
            old: text(old),
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
        let mut temp = tempfile::Builder::new()
            .prefix(TEMPORARY_FILE)
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
    pub(super) fn target<'a>(
        &self,
        path: &'a Path,
        make: bool,
    ) -> io::Result<(PathBuf, &'a OsStr)> {
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

    /// Copies a file, byte for byte, to the same path below another root, with these permission bits.
    pub fn copy_to(&self, other: &Self, path: &Path, mode: u32) -> Result<()> {
        let bytes = self.bytes(path)?.unwrap_or_default();
        let copied = other.stage_file(path, mode, &bytes).and_then(Staged::place);
        copied.map(drop).map_err(|e| Error::file(path, e))
    }
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
pub(super) fn sync_folder(dir: &Path) -> io::Result<()> {
    match fs::File::open(dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        folder => folder?.sync_all(),
    }
}
