//! What a network stack is to all others: its name, its folders, how it is recognised, read and told of new files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::files::{Disk, FileChange};
use crate::net::{Dev, Link, Route};
use crate::object::{Change, Observed};
use crate::plan::{Desired, Planned};
use crate::report;
use crate::stacks::audit::Audit;
use crate::stacks::marker::OwnFile;
use crate::stacks::rendering::Renderer;

/// One network stack. Each function has a way out for a stack that has nothing to say there: [`Stack::NONE`] has them all.
pub struct Stack {
    /// As `--backend` takes it.
    pub name: &'static str,
    /// Where files of ours for it may lie.
    pub folders: &'static [&'static str],
    /// Where the files lie that it configures links by, whosever they are. Drop-ins stand in folders there with the ending
    /// `.d`.
    pub reads: &'static [&'static str],
    /// The program that configures links by its files.
    pub program: &'static str,
    /// Loading a file of the primary ENI's would take its lease, so that it waits for the program's next start: the
    /// primary's rules then go to any other file first.
    pub primary_last: bool,
    /// Whether it configures this host.
    pub runs_host: fn(&Disk) -> Result<Finding>,
    /// What it says of the host's NICs.
    pub witness: for<'a> fn(Host<'a>) -> Result<Box<dyn Witness + 'a>>,
    /// The renderer, which has read what the stack says already; `None` where no files are written. Errors: a file of
    /// somebody else's that cannot be read or parsed.
    pub read: fn(&Disk, &[Link]) -> Result<HasRead>,
    /// Makes ready to tell a running host of the files, and has them checked. Changes nothing. Errors: the files must not
    /// be put in place.
    pub prepare: for<'a> fn(&HandOver<'a>) -> Result<Box<dyn Prepared + 'a>>,
    /// What keeps files of ours from counting at the next boot, and what is known of this version of it. Errors: a file
    /// that cannot be read.
    pub audit: for<'a> fn(&Audit<'a>) -> Result<Vec<report::Finding>>,
    /// What it has failed to take away in loading files of ours.
    pub leftovers: fn(&Before, &Desired, &Observed) -> Vec<Change>,
}

impl Stack {
    /// No files at all: the boot service does everything, by netlink.
    pub const NONE: Self = Self {
        name: "none",
        folders: &[],
        reads: &[],
        program: "",
        primary_last: false,
        runs_host: |_| Ok(Finding::no("nothing is looked for")),
        witness: |_| Ok(Box::new(Silent)),
        read: |_, _| Ok(None),
        prepare: |_| Ok(Box::new(Silent)),
        audit: |_| Ok(Vec::new()),
        leftovers: |_, _, _| Vec::new(),
    };
}

/// A name is one stack's.
impl PartialEq for Stack {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Stack {}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.name)
    }
}

/// The renderer of a stack that files are written for.
pub type HasRead = Option<Box<dyn Renderer>>;

/// Whether a stack configures this host, and how we know.
pub struct Finding {
    /// It does.
    pub yes: bool,
    /// What was seen, or not.
    pub why: String,
}

impl Finding {
    /// It does.
    pub fn yes(why: String) -> Self {
        Self { yes: true, why }
    }

    /// It does not.
    pub fn no(why: &str) -> Self {
        Self {
            yes: false,
            why: why.to_owned(),
        }
    }

    /// By a path that is there only where the stack runs.
    pub fn by(disk: &Disk, path: &str) -> Self {
        if disk.exists(path) {
            Self::yes(format!("{path} is there"))
        } else {
            Self::no(&format!("{path} is not there"))
        }
    }
}

/// Where a witness looks.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    pub disk: &'a Disk,
    pub links: &'a [Link],
    /// The stack that configures the host.
    pub stack: &'static Stack,
    /// Our files from earlier runs.
    pub own: &'a [OwnFile],
}

impl<'a> Host<'a> {
    /// A file of ours for this ENI of which `is_its` says that it is the stack's.
    pub fn own_file(
        &self,
        planned: &Planned,
        is_its: impl Fn(&str) -> bool,
    ) -> Option<&'a OwnFile> {
        let name = |own: &OwnFile| {
            own.path
                .file_name()
                .is_some_and(|name| is_its(&name.to_string_lossy()))
        };
        self.own
            .iter()
            .find(|own| own.mac() == Some(planned.eni.mac) && name(own))
    }

    /// The interface of this ENI.
    pub fn link(&self, planned: &Planned) -> Option<&'a Link> {
        self.links.iter().find(|link| link.name == planned.dev)
    }
}

/// What a stack says of the NICs.
pub trait Witness {
    /// Its claims to one NIC, for itself or for another stack that it drives.
    ///
    /// # Errors
    /// A record that cannot be read.
    fn claims(&self, planned: &Planned) -> Result<Vec<Claim>>;
}

/// A stack runs this NIC.
pub struct Claim {
    pub sure: Sure,
    pub stack: &'static Stack,
    /// How we know.
    pub why: String,
}

impl Loaded {
    /// Something went wrong before anything was loaded.
    pub fn failed(error: Error) -> Self {
        Self {
            errors: vec![error],
            ..Self::default()
        }
    }
}

impl Claim {
    /// A stack runs a NIC, for a reason that is a whole sentence.
    pub fn new(stack: &'static Stack, sure: Sure, why: String) -> Self {
        Self { sure, stack, why }
    }

    /// A file of ours from an earlier run says that the stack runs it.
    pub fn by_own_file(stack: &'static Stack, own: &OwnFile) -> Self {
        let why = format!("{} is there from an earlier run", own.path.display());
        Self::new(stack, Sure::Before, why)
    }
}

/// How sure that is; the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sure {
    /// Its record says that it has configured the NIC, and by which file.
    Configured,
    /// Its record says that it has brought the NIC up.
    BroughtUp,
    /// Its files say that it is to.
    Meant,
    /// It calls the NIC managed, as it also does where it only looks on while another stack configures it.
    Managed,
    /// An earlier run took the NIC for its. At boot, and right after a hot-plug, no stack has a record yet: the files must
    /// not go to and fro between two stacks by who came first.
    Before,
}

/// The files of one run, and what a running host is to make of them.
#[derive(Debug, Default)]
pub struct Changes {
    pub files: Vec<FileChange>,
    /// See [`crate::stacks::Rendering::definitions`].
    pub definitions: BTreeMap<Dev, String>,
    /// See [`crate::stacks::Rendering::complete`].
    pub complete: BTreeSet<Dev>,
}

/// What a hand-over is about.
#[derive(Clone, Copy)]
pub struct HandOver<'a> {
    pub disk: &'a Disk,
    pub changes: &'a Changes,
    pub desired: &'a Desired,
    pub links: &'a [Link],
    /// Bounds the work of a running manager, and with [`crate::command::PATIENCE`] that of a program.
    pub wait: Duration,
}

/// A hand-over that has been prepared. The files come between this and its steps.
pub trait Prepared {
    /// Whether a file must wait until the others are loaded.
    fn comes_last(&self, _change: &FileChange) -> bool {
        false
    }

    /// Puts in place what has been made of our files for another stack's program; returns what has changed.
    ///
    /// # Errors
    /// A file that cannot be written.
    fn install(&self) -> Result<Vec<PathBuf>> {
        Ok(Vec::new())
    }

    /// Has the running manager load the files, and those that were `installed`.
    ///
    /// # Errors
    /// What keeps it from being asked to.
    fn load(&self, _installed: &[PathBuf]) -> Result<Loaded> {
        Ok(Loaded::default())
    }
}

/// How a manager's loading of files went.
#[derive(Debug, Default)]
pub struct Loaded {
    /// It has been asked to, so it may have dropped something.
    pub asked: bool,
    /// What it has not come to an end with.
    pub notes: Vec<String>,
    pub errors: Vec<Error>,
}

/// What was there before a manager loaded our files.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// See [`crate::stacks::Rendering::definitions`].
    pub definitions: BTreeMap<Dev, String>,
    /// Main's routes of others, those of ENIs left out that a complete definition of ours has taken.
    pub kept: Vec<Route>,
}

/// Of a stack that has nothing to say.
struct Silent;

impl Witness for Silent {
    fn claims(&self, _planned: &Planned) -> Result<Vec<Claim>> {
        Ok(Vec::new())
    }
}

impl Prepared for Silent {}
