//! What is to change in the kernel now, handed to the executor: towards what is desired, and again after a network
//! manager has loaded files of ours.

use log::info;

use super::alone;
use super::assess::Assessment;
use super::made::wanted;
use super::run::Run;
use crate::error::Result;
use crate::files::Disk;
use crate::ledger::Ledger;
use crate::net::sysctl::Sysctl;
use crate::object::{Change, Object, Observed};
use crate::platform;
use crate::stacks::{self, Before};

impl Run<'_> {
    /// Brings the kernel to the desired state.
    ///
    /// # Errors
    /// As [`Executor::execute`](super::executor::Executor::execute).
    pub fn change_kernel(&mut self) -> Result<()> {
        while !self.execute(adopted(&self.assessment, &self.host.disk), self.changes())? {
            self.look_again()?;
        }
        self.assessment.count_made();
        Ok(())
    }

    /// The ledger knows what the files will bring before a network manager loads them.
    ///
    /// # Errors
    /// As [`super::executor::Executor::execute`].
    pub fn adopt_later(&mut self) -> Result<()> {
        if self.assessment.later.is_none() {
            return Ok(());
        }
        let ledger = adopted(&self.assessment, &self.host.disk);
        self.execute(ledger, Vec::new()).map(drop)
    }

    /// Looks again after a network manager has loaded our files: what it dropped meanwhile is put back, once, and what it
    /// failed to drop goes.
    ///
    /// # Errors
    /// As [`Executor::execute`](super::executor::Executor::execute).
    pub fn repair(&mut self, before: &Before) -> Result<()> {
        let then = self.observe()?;
        while !self.execute(self.assessment.ledger.clone(), self.repairs(before, &then))? {
            self.observe()?;
        }
        Ok(())
    }

    /// Looks at the kernel alone. Returns what was known of it.
    fn observe(&mut self) -> Result<Observed> {
        let now = self.host.kernel.observe()?;
        let now = now.knowing(&self.assessment.observed);
        self.assessment.ahead = None;
        Ok(std::mem::replace(&mut self.assessment.observed, now))
    }

    fn repairs(&self, before: &Before, then: &Observed) -> Vec<Change> {
        let mut changes = self.changes();
        changes.retain(|change| !matches!(change, Change::Remove(_)));
        changes.extend(alone::dropped(&self.assessment, then));
        if !changes.is_empty() {
            info!(
                "{} changes are gone already; making them again",
                changes.len()
            );
        }
        let Assessment {
            desired, observed, ..
        } = &self.assessment;
        changes.extend(stacks::leftovers(before, desired, observed));
        changes
    }
}

/// The ledger with an entry for every planned ENI, so that `remove` finds it; entries of ENIs that are gone go with what
/// they list.
fn adopted(assessment: &Assessment, disk: &Disk) -> Ledger {
    let Assessment {
        desired,
        later,
        metadata,
        scope,
        observed,
        ..
    } = assessment;
    let mut ledger = assessment.ledger.clone();
    ledger.instance = platform::instance(disk);
    ledger.primary = metadata.primary.or(ledger.primary);
    for desired in [desired].into_iter().chain(later) {
        ledger.adopt(&wanted(desired), observed);
    }
    // A boot makes these by our file, before any run: what they are until then is what `remove` puts back.
    let awaited = later.iter().flat_map(|later| &later.enis);
    for setting in awaited.flat_map(|planned| &planned.settings) {
        let before = observed.sysctls.get(&setting.key).cloned();
        if before.as_ref().is_some_and(|now| *now != setting.value) {
            let setting = setting.clone();
            ledger.record(&Change::Add(Object::from(Sysctl { before, ..setting })));
        }
    }
    if scope.complete && scope.only.is_none() {
        ledger.let_go(
            |mac| metadata.enis.iter().any(|eni| eni.mac == *mac),
            observed,
        );
    }
    ledger
}
