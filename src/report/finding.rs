//! What is not as it should be, or a reader should know: one value each, for a person and for a program.

use std::fmt;
use std::net::IpAddr;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::code::{Code, Severity};
use crate::numbering::Owner;

/// One thing that is not as it should be, or that a reader should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// In JSON with what comes of such a finding.
    #[serde(flatten, serialize_with = "code")]
    pub code: Code,
    pub severity: Severity,
    /// Whose it is. In JSON: the ENI's MAC, or `host`.
    #[serde(serialize_with = "owner")]
    pub owner: Owner,
    /// What it is about: an address, an interface, a rule, a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The address that suffers, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// A sentence that names the object.
    pub what: String,
    /// What is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
    /// What should be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What to do about it, or who will, in a sentence; `None`: nothing is to be done.
    pub remedy: Option<String>,
    /// The same as commands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<Remedy>,
    /// What it is known from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// A command that mends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// Ready to paste.
    pub command: String,
    pub applicability: Applicability,
}

/// Who may run a command without another look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Applicability {
    /// It changes only what is eniroute's; `eniroute apply` does it.
    Safe,
    /// It changes what somebody else has made: look first.
    Review,
    /// It changes what EC2 has, from a machine with the right to.
    Outside,
}

impl Applicability {
    /// What a reader has to know before the command.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Review => "look first",
            Self::Outside => "in AWS",
        }
    }
}

impl Remedy {
    /// What eniroute itself does.
    pub fn safe(command: impl Into<String>) -> Self {
        Self::of(command, Applicability::Safe)
    }

    /// What changes something of others.
    pub fn review(command: impl Into<String>) -> Self {
        Self::of(command, Applicability::Review)
    }

    /// What changes EC2.
    pub fn outside(command: impl Into<String>) -> Self {
        Self::of(command, Applicability::Outside)
    }

    fn of(command: impl Into<String>, applicability: Applicability) -> Self {
        Self {
            command: command.into(),
            applicability,
        }
    }
}

/// What a finding is known from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    pub kind: EvidenceKind,
    /// The question that was asked, the file and line, or the key: what asks for it again.
    pub source: String,
    /// The exact answer.
    pub text: String,
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceKind {
    Kernel,
    File,
    Metadata,
}

impl Evidence {
    /// The kernel's answer to a command.
    pub fn kernel(source: impl Into<String>, text: impl Into<String>) -> Self {
        Self::of(EvidenceKind::Kernel, source, text)
    }

    /// A file, and what stands there.
    pub fn file(source: impl Into<String>, text: impl Into<String>) -> Self {
        Self::of(EvidenceKind::File, source, text)
    }

    /// A key of the instance metadata, and its value.
    pub fn metadata(source: impl Into<String>, text: impl Into<String>) -> Self {
        Self::of(EvidenceKind::Metadata, source, text)
    }

    fn of(kind: EvidenceKind, source: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            kind,
            source: source.into(),
            text: text.into(),
        }
    }
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
            object: None,
            address: None,
            what,
            is: None,
            expected: None,
            remedy: None,
            remedies: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// Whose it is: the ENI's MAC, or `host`.
    pub fn whose(&self) -> String {
        whose(self.owner)
    }

    /// The same, said of this object.
    pub fn about(self, object: impl Into<String>) -> Self {
        Self {
            object: Some(object.into()),
            ..self
        }
    }

    /// The same, said of this address.
    pub fn of_address(self, address: IpAddr) -> Self {
        Self {
            address: Some(address),
            ..self.about(address.to_string())
        }
    }

    /// What is there, and what should be.
    pub fn is_not(self, is: impl Into<String>, expected: impl Into<String>) -> Self {
        self.found(is.into(), expected.into())
    }

    // Compiled once, not for each type of a text.
    fn found(mut self, is: String, expected: String) -> Self {
        self.is = Some(is);
        self.expected = Some(expected);
        self
    }

    /// The same where it is less bad, or worse, than its kind mostly is.
    pub fn rated(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    /// Nothing is wrong, and nothing is to be done.
    pub fn is_mere_hint(&self) -> bool {
        self.severity == Severity::Hint && self.remedy.is_none() && self.remedies.is_empty()
    }

    /// One more command that mends it.
    pub fn mended_by(mut self, remedy: Remedy) -> Self {
        self.remedies.push(remedy);
        self
    }

    /// One more thing that it is known from.
    pub fn known_from(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
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

fn code<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    let mut fields = serializer.serialize_map(None)?;
    fields.serialize_entry("code", code)?;
    fields.serialize_entry("consequence", code.entry().consequence)?;
    fields.end()
}

fn owner<S: Serializer>(owner: &Owner, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&whose(*owner))
}

fn whose(owner: Owner) -> String {
    match owner {
        Owner::Eni(mac) => mac.to_string(),
        Owner::Host => "host".to_owned(),
    }
}
