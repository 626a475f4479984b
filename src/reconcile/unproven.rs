//! What a run was about to change, written down before its first change and kept until that is proven or taken back:
//! a run that is killed meanwhile leaves it to the next one. In memory-backed /run: the next boot has neither the
//! changes nor this.

use log::warn;
use serde::{Deserialize, Serialize};

use super::proof::Baseline;
use crate::error::Result;
use crate::files::{Disk, plain};
use crate::gather::Gather;
use crate::ledger::Ledger;
use crate::numbering::Owner;
use crate::object::Change;
use crate::report::{Code, Evidence, Finding, Remedy};

/// Where it lies, below `--root`. The units start something while it is there.
pub const PATH: &str = "/run/eniroute/unproven.json";

/// The kernel's name for this boot (random(4)).
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// Changes that are neither proven nor taken back, and what it takes to do either.
#[derive(Debug, Serialize, Deserialize)]
pub struct Unproven {
    /// The boot whose kernel has the changes.
    boot: String,
    /// In their order; a part of them may have been made.
    pub changes: Vec<Change>,
    pub baseline: Baseline,
    /// The ledger to record what was made in.
    pub ledger: Ledger,
    /// The ledger to go back to, where it is another one.
    before: Option<Ledger>,
}

impl Unproven {
    /// What is about to be changed in this boot.
    pub fn new(changes: Vec<Change>, baseline: Baseline, ledger: Ledger, before: &Ledger) -> Self {
        let before = (*before != ledger).then(|| before.clone());
        Self {
            boot: boot(),
            changes,
            baseline,
            ledger,
            before,
        }
    }

    /// Hands out the changes, once they are written down, and a copy of those that are settings.
    pub fn begin(&mut self) -> (Vec<Change>, Vec<Change>) {
        let changes = std::mem::take(&mut self.changes);
        let settings = changes.iter().filter(|change| change.key().is_some());
        let settings = settings.cloned().gathered();
        (changes, settings)
    }

    /// The ledger as it was before the changes.
    pub fn before(&self) -> &Ledger {
        self.before.as_ref().unwrap_or(&self.ledger)
    }

    /// Its changes went with the boot in which they were made.
    pub fn is_void(&self) -> bool {
        self.boot != boot()
    }

    /// Writes it through to the disk.
    ///
    /// # Errors
    /// [`crate::error::Error::File`].
    pub fn save(&self, disk: &Disk) -> Result<()> {
        disk.write_own(PATH, self)
    }

    /// What an earlier run left. What cannot be read is reported, once, and set aside: it must not fail every run.
    pub fn left(disk: &Disk) -> Option<Self> {
        let error = match read(disk) {
            Ok(left) => return left,
            Err(error) => error,
        };
        let aside = disk.set_aside(PATH);
        let aside = aside.map_or_else(
            |other| format!("cannot be set aside: {other}"),
            |bad| format!("was set aside as {}", bad.display()),
        );
        warn!(
            "{error}; it {aside}, so what an earlier run changed last is neither proven nor taken back"
        );
        None
    }

    /// Everything is proven, or taken back.
    ///
    /// # Errors
    /// [`crate::error::Error::File`].
    pub fn clear(disk: &Disk) -> Result<()> {
        disk.delete_own(&[PATH])
    }
}

/// For who only looks: that there is something, if there is.
pub fn finding(disk: &Disk) -> Option<Finding> {
    let left = read(disk).ok().flatten().filter(|left| !left.is_void())?;
    let count = left.changes.len();
    let what =
        format!("{count} changes of a run that is at work, or was interrupted, are not proven yet");
    let remedy = "the next `eniroute apply` proves them or takes them back";
    let finding = Finding::new(Code::R12, Owner::Host, what, remedy);
    let finding = finding.is_not(format!("{count} changes"), "all proven, or taken back");
    let finding = finding.mended_by(Remedy::safe("eniroute apply"));
    Some(finding.known_from(Evidence::file(PATH, format!("{count} changes"))))
}

fn read(disk: &Disk) -> Result<Option<Unproven>> {
    disk.read_own(PATH, |text| {
        serde_json::from_str(text).map_err(|error| error.to_string())
    })
}

/// Empty where the kernel does not tell.
fn boot() -> String {
    plain::text(BOOT).unwrap_or_default().trim().to_owned()
}
