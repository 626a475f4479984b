//! A whole file as it should be, and the step that makes it so, as `diff -u` shows it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::unified;

/// A whole file as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Absolute, as the host itself sees it: without `--root`.
    pub path: PathBuf,
    /// Permission bits, for example `0o600`.
    pub mode: u32,
    pub text: String,
}

impl File {
    /// One that everybody may read (0644).
    pub fn readable(path: impl Into<PathBuf>, text: String) -> Self {
        Self {
            path: path.into(),
            mode: 0o644,
            text,
        }
    }
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
    /// The file that it is about.
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
