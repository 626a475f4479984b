//! Files of our own that a program wrote for a program. One that is damaged must not stop every run from then on.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::commit::sync_folder;
use super::{Disk, File, plain};
use crate::error::{Error, Result};
use crate::gather::Gather;

impl Disk {
    /// Writes a file, if it differs from what is there.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn put(&self, file: File) -> Result<()> {
        let change = self.plan_write(file)?;
        change.iter().try_for_each(|change| self.commit(change))
    }

    /// Writes `value` as JSON, readable for all: it tells no secret, and `status` needs no root.
    ///
    /// # Errors
    /// As [`Disk::put`].
    pub fn write_own(&self, path: &str, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(value).map(|text| text + "\n");
        self.put(File::readable(path, text.unwrap_or_default()))
    }

    /// What [`Disk::write_own`] has written; the default where there is nothing, or nothing that can be read.
    pub fn own_or_default<T: DeserializeOwned + Default>(&self, path: &str) -> T {
        let parse = |text: &str| serde_json::from_str(text).map_err(|error| error.to_string());
        self.read_own(path, parse)
            .ok()
            .flatten()
            .unwrap_or_default()
    }

    /// Deletes those that are there.
    ///
    /// # Errors
    /// As [`Disk::put`].
    pub fn delete_own(&self, paths: &[&str]) -> Result<()> {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).gathered();
        let changes = self.plan(Vec::new(), &paths)?;
        changes.iter().try_for_each(|change| self.commit(change))
    }

    /// Gives a file that is there the present time; its content stays.
    ///
    /// # Errors
    /// It is not there, or may not be changed.
    pub fn touch(&self, path: &str) -> Result<()> {
        let absent = || Error::file(path, ErrorKind::NotFound.into());
        let real = self.resolve(path.as_ref())?.ok_or_else(absent)?;
        let file = plain::open(&real, OpenOptions::new().write(true));
        let touched = file.and_then(|(file, _)| file.set_modified(SystemTime::now()));
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
