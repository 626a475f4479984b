//! Files of our own that a program wrote for a program. One that is damaged must not stop every run from then on.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::SystemTime;

use super::commit::sync_folder;
use super::{Disk, plain};
use crate::error::{Error, Result};

impl Disk {
    /// Gives a file that is there the present time; its content stays.
    ///
    /// # Errors
    /// It is not there, or may not be changed.
    pub fn touch(&self, path: &str) -> Result<()> {
        let absent = || Error::file(path, ErrorKind::NotFound.into());
        let real = self.resolve(path.as_ref())?.ok_or_else(absent)?;
        let file = plain::open(&real, OpenOptions::new().write(true));
        let touched = file.and_then(|file| file.set_modified(SystemTime::now()));
        touched.map_err(|error| Error::file(path, error))
    }

    /// What `parse` makes of a file; `None` when there is none.
    ///
    /// # Errors
    /// It cannot be read, or not be understood: a byte that is not UTF-8 is as bad as any other that is wrong.
    pub fn read_own<T>(
        &self,
        path: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>> {
        let Some(bytes) = self.bytes(path.as_ref())? else {
            return Ok(None);
        };
        let parsed = str::from_utf8(&bytes)
            .map_err(|error| error.to_string())
            .and_then(parse);
        parsed.map(Some).map_err(|why| Error::Parse {
            path: path.into(),
            why,
        })
    }

    /// Moves what stands at `path` out of the way, to `path.bad`, where a person can look at it. Returns that path.
    pub fn set_aside(&self, path: &str) -> Result<PathBuf> {
        let bad = PathBuf::from(format!("{path}.bad"));
        let moved = self
            .target(path.as_ref(), false)
            .and_then(|(folder, name)| {
                fs::rename(
                    folder.join(name),
                    folder.join(bad.file_name().unwrap_or_default()),
                )?;
                sync_folder(&folder)
            });
        moved.map(|()| bad).map_err(|e| Error::file(path, e))
    }
}
