//! What `check` and `explain` judge by: all that can be known of the host without changing it. Reads only.

mod lookups;

use super::assess::Assessment;
use super::findings;
use super::host::Host;
use crate::eni::Eni;
use crate::error::{Error, Result};
use crate::net::fib::Fib;
use crate::net::{Dev, Mac, link_of_mac};
use crate::plan::Planned;
use crate::report::Finding;
pub use lookups::{Answer, Destination, Question};

/// What is known of the host, for judging it.
pub struct Inspection {
    pub assessment: Assessment,
    /// Why the metadata service said nothing; what needs it is then not judged.
    pub refusal: Option<Error>,
    /// What a run itself finds.
    pub found: Vec<Finding>,
    /// Every rule and every route of every table.
    pub fib: Fib,
    /// Which way packets would leave, by the kernel's word.
    pub answers: Vec<Answer>,
}

impl Inspection {
    /// Looks at all of it.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn of(host: &mut Host, assessment: Assessment, refusal: Option<Error>) -> Result<Self> {
        let fib = host.kernel.fib(&assessment.observed.links)?;
        let found = findings::all(&assessment, None)?;
        let answers = lookups::ask(&assessment, &mut host.kernel)?;
        Ok(Self {
            assessment,
            refusal,
            found,
            fib,
            answers,
        })
    }

    /// The ENIs that eniroute configures, the primary one first.
    pub fn enis(&self) -> impl Iterator<Item = &Planned> {
        self.assessment.desired.enis.iter()
    }

    /// Every complete ENI that EC2 has attached, those that are left alone, too.
    pub fn listed(&self) -> impl Iterator<Item = &Eni> {
        self.assessment.metadata.enis.iter()
    }

    /// The interface that carries an ENI's MAC.
    pub fn dev(&self, mac: Mac) -> Option<&Dev> {
        link_of_mac(mac, &self.assessment.observed.links).map(|link| &link.name)
    }
}
