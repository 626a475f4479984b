//! Why the kernel did not do what it was asked for: its number, and its words where it has some.

use std::fmt::Display;
use std::io;

use neli::consts::nl::NlmsgerrAttr;
use neli::err::Nlmsgerr;
use nix::errno::Errno;

use crate::error::Error;

/// Why a request failed. The caller knows what it asked for, and makes an [`Error`] of it.
#[derive(Debug)]
pub struct Refusal {
    source: io::Error,
    ext_ack: Option<String>,
}

impl Refusal {
    /// A failure on our own side, in words.
    pub fn because(why: impl Display) -> Self {
        io::Error::other(why.to_string()).into()
    }

    pub(super) fn kernel<M>(error: &Nlmsgerr<M>) -> Option<Self> {
        let attributes = error.ext_ack().iter();
        let mut words = attributes
            .filter(|a| *a.nla_type().nla_type() == NlmsgerrAttr::Msg)
            .map(|a| {
                let bytes: &[u8] = a.nla_payload().as_ref();
                String::from_utf8_lossy(bytes)
                    .trim_end_matches('\0')
                    .to_owned()
            });
        let code = *error.error();
        (code != 0).then(|| Self {
            source: io::Error::from_raw_os_error(-code),
            ext_ack: words.next_back(),
        })
    }

    /// The kernel's answer was one of `errnos`.
    pub fn is(&self, errnos: &[Errno]) -> bool {
        self.source
            .raw_os_error()
            .is_some_and(|code| errnos.contains(&Errno::from_raw(code)))
    }

    /// The same, with words for the reader in the place of the kernel's.
    pub(super) fn with_words(self, words: &str) -> Self {
        Self {
            ext_ack: Some(words.to_owned()),
            ..self
        }
    }

    /// The kernel said more than a number.
    pub fn has_words(&self) -> bool {
        self.ext_ack.is_some()
    }

    /// Names what was asked for: an `ip` command, or what was to be listed.
    pub fn of(self, what: impl Display) -> Error {
        Error::Kernel {
            what: what.to_string(),
            source: self.source,
            ext_ack: self.ext_ack,
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(source: io::Error) -> Self {
        Self {
            source,
            ext_ack: None,
        }
    }
}
