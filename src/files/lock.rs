//! One run at a time: a lock on a file, which the kernel releases with the process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use log::info;

use super::{Disk, plain};
use crate::error::{Error, Result};

/// How often a waiting run looks again.
const PAUSE: Duration = Duration::from_millis(20);

/// Held as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Disk {
    /// Takes the lock at `path`, waiting at most `wait` for another run to end.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be made; [`Error::Failed`] when another run still holds it.
    pub fn lock(&self, path: &Path, wait: Duration) -> Result<Lock> {
        let file = self.open_lock(path)?;
        let deadline = Instant::now() + wait;
        let mut said = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::Error(error)) => return Err(Error::file(path, error)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    return Err(Error::Failed(format!(
                        "{}: another eniroute has been running for more than {} s; try again, or wait longer with --wait",
                        path.display(),
                        wait.as_secs_f64()
                    )));
                }
                Err(TryLockError::WouldBlock) => {}
            }
            if !said {
                info!("waiting for another eniroute to end");
                said = true;
            }
            sleep(PAUSE);
        }
    }

    /// Takes the lock at `path` if nobody holds it.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be made.
    pub fn try_lock(&self, path: &Path) -> Result<Option<Lock>> {
        let file = self.open_lock(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Error::file(path, error)),
        }
    }

    fn open_lock(&self, path: &Path) -> Result<File> {
        let opened = self.target(path, true).and_then(|(dir, name)| {
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).write(true).mode(0o600);
            plain::open(&dir.join(name), &mut options).map(|(file, _)| file)
        });
        opened.map_err(|error| Error::file(path, error))
    }
}
