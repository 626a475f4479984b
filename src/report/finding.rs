//! What is not as it should be, or a reader should know: one value each, for a person and for a program.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::code::{Code, Severity};
use crate::numbering::Owner;

/// One thing that is not as it should be, or that a reader should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub code: Code,
    pub severity: Severity,
    /// Whose it is. In JSON: the ENI's MAC, or `host`.
    #[serde(serialize_with = "owner")]
    pub owner: Owner,
    /// A sentence that names the object.
    pub what: String,
    /// What to do about it, or who will; `None`: nothing is to be done.
    pub remedy: Option<String>,
}

impl Finding {
    /// One with a remedy.
    pub fn new(code: Code, owner: Owner, what: String, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::told(code, owner, what)
        }
    }

    /// One about which nothing is to be done, or `what` says all of it.
    pub fn told(code: Code, owner: Owner, what: String) -> Self {
        Self {
            code,
            severity: code.severity(),
            owner,
            what,
            remedy: None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.what)?;
        self.remedy
            .as_ref()
            .map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

fn owner<S: Serializer>(owner: &Owner, serializer: S) -> Result<S::Ok, S::Error> {
    match owner {
        Owner::Eni(mac) => serializer.collect_str(mac),
        Owner::Host => serializer.serialize_str("host"),
    }
}
