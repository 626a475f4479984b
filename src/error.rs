//! The one error type. Each variant names its object, what came, and what the reader can do.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::logger::escape;
use crate::net::Mac;

/// What to do where the metadata service does not answer.
const ADVICE: &str = "On an EC2 instance: is its metadata service on? A longer --wait helps when it is late or busy; \
                      in a container or behind a bridge the hop limit must be above 1 (aws ec2 \
                      modify-instance-metadata-options --http-put-response-hop-limit 2)";

/// What may fail with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a run, or a part of it, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line or the configuration is wrong; nothing was touched. Exit 2.
    #[error("{0}")]
    Usage(String),

    /// A file or folder cannot be read or written.
    #[error("{}: {source}", shown(path))]
    File { path: PathBuf, source: io::Error },

    /// A file that has been read but cannot be understood; `why` names line and key where known.
    #[error("{}: {why}", shown(path))]
    Parse { path: PathBuf, why: String },

    /// The metadata service did not answer before the deadline. Exit 4.
    #[error("metadata service {url}: {why}. {ADVICE}")]
    Unreachable { url: String, why: String },

    /// The metadata service answered that it will not serve us (403), or is not EC2's. Exit 4.
    #[error("metadata service {url}: {why}")]
    Refused { url: String, why: String },

    /// A metadata value that is missing or does not parse. It fails the ENI that it belongs to, no other. An empty `key`
    /// is the folder of the ENI's keys.
    #[error("ENI {mac}: {}: {why}", named(key))]
    Metadata {
        mac: Mac,
        key: String,
        why: String,
        lack: Lack,
    },

    /// The kernel refused `what` (an `ip` command or the name of a dump).
    #[error("{what}: {source}{}", ext_ack.as_deref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Kernel {
        what: String,
        source: io::Error,
        /// The kernel's own words (extended acknowledgement), where it gave any.
        ext_ack: Option<String>,
    },

    /// Something that only the reader can put right, in a whole sentence.
    #[error("{0}")]
    Failed(String),
}

/// What a metadata value that is missing or wrong may yet become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lack {
    /// It is not published, yet.
    Late,
    /// Not yet, as it seems, and maybe never: EC2 lists no address of the ENI at all. An attach that is not done looks so for
    /// half a minute; an EFA-only device and the interface of a secondary network always do.
    Addresses,
    /// It is there, and cannot be.
    Wrong,
}

/// A file may have any name, one of two lines, too.
fn shown(path: &Path) -> String {
    escape::line(&path.to_string_lossy())
}

fn named(key: &str) -> String {
    if key.is_empty() {
        "its folder in the metadata".to_owned()
    } else {
        format!("metadata key `{key}`")
    }
}

impl Error {
    /// [`Error::File`].
    pub fn file(path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        Self::File { path, source }
    }

    /// The process's exit code for a run that this error ends.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Unreachable { .. } | Self::Refused { .. } => 4,
            _ => 1,
        }
    }
}
