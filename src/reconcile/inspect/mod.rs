//! What `check` and `explain` judge by: all that can be known of the host without changing it. Reads only.

mod addresses;
pub mod boot;
mod counters;
pub mod crowds;
mod destinations;
pub mod forwarding;
pub mod links;
mod lookups;
mod owners;
pub mod passages;
pub mod probes;
pub mod rulesets;
pub mod settings;
mod told;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::unistd::geteuid;

use super::assess::Assessment;
use super::findings;
use super::host::Host;
pub use super::proof::outside;
use super::rule_index::Work;
use super::unproven;
use crate::eni::{Details, Eni};
use crate::error::{Error, Result};
use crate::gather::Gather;
use crate::metadata::instance::Instance;
use crate::net::fib::Fib;
use crate::net::{Dev, Mac, Neighbour, link_of_mac};
use crate::plan::Planned;
use crate::platform;
use crate::report::Finding;
pub use addresses::AddressFacts;
use boot::NextBoot;
pub use counters::{Counted, CounterFacts};
use crowds::Crowd;
pub use destinations::{Destination, Question};
pub use links::LinkFacts;
pub use lookups::Answer;
pub use owners::OwnerFacts;
use passages::PassageFacts;
pub use probes::Probe;
use settings::SettingFacts;
use told::Told;

/// What is known of the host, for judging it.
pub struct Inspection {
    pub assessment: Assessment,
    /// Why the metadata service said nothing; what needs it is then not judged.
    pub refusal: Option<Error>,
    /// Which file tells what the ENIs are judged by, where the service does not.
    pub basis: Option<&'static str>,
    /// The subnet and the security groups of each ENI, as far as the service says.
    pub details: BTreeMap<Mac, Details>,
    /// This run may see all that root may.
    pub is_root: bool,
    /// What a run itself finds.
    pub found: Vec<Finding>,
    /// Every rule and every route of every table.
    pub fib: Fib,
    /// Which way packets would leave, by the kernel's word.
    pub answers: Vec<Answer>,
    /// Who was asked for on the links, and answers.
    pub neighbours: Vec<Neighbour>,
    /// What came of real packets, where they were asked for.
    pub probes: Vec<Probe>,
    /// What every new flow pays for passing the rules; `None`: they are few.
    pub cost: Option<Duration>,
    pub addresses: AddressFacts,
    pub links: LinkFacts,
    /// Which instance this is, and where.
    pub instance: Instance,
    pub counters: CounterFacts,
    /// What the files alone would give.
    pub boot: NextBoot,
    /// Who else is at work.
    pub owners: OwnerFacts,
    /// What is to be passed on.
    pub passages: PassageFacts,
    /// The settings that this needs.
    pub settings: SettingFacts,
    /// Flows of which an address has many to one destination.
    pub crowds: Vec<(Crowd, u64)>,
}

impl Inspection {
    /// Looks at all of it.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn of(host: &mut Host, assessment: Assessment, refusal: Option<Error>) -> Result<Self> {
        let enis = assessment.metadata.enis.iter();
        let enis = enis.filter(|_| refusal.is_none());
        let members = enis.map(|eni| (eni.mac, eni.vpc.clone())).gathered();
        if refusal.is_some() {
            host.imds = None;
        }
        let (told, seen) = Told::beside(host, members, |host| Self::look(host, assessment))?;
        let Told { details, instance } = told;
        let id = instance.id.or_else(|| platform::instance(&host.disk));
        Ok(Self {
            refusal,
            details,
            instance: Instance { id, ..instance },
            ..seen
        })
    }

    /// At all but what the metadata service says.
    fn look(host: &mut Host, mut assessment: Assessment) -> Result<Self> {
        let start = Instant::now();
        let links = LinkFacts::of(host, &assessment)?;
        let mut found = findings::all(&assessment, &Work::of(&assessment, &[]), None)?;
        found.extend(unproven::finding(&host.disk));
        let (fib, answers) = lookups::ask(&assessment, &mut host.kernel)?;
        let neighbours = host.kernel.neighbours(&assessment.observed.links)?;
        let cost = lookups::cost(&assessment, &fib, &mut host.kernel)?;
        let addresses = AddressFacts::of(host, &assessment)?;
        let counters = CounterFacts::since(start, &links);
        let is_root = geteuid().is_root();
        let boot = NextBoot::of(host, &mut assessment, is_root)?;
        let owners = OwnerFacts::of(&host.disk, &assessment, is_root)?;
        let (passages, settings) = passing(host, &assessment)?;
        let table = owners.forwarding.conntrack.as_ref();
        let crowds = crowds::read(&mut host.kernel, &assessment.desired, (table, is_root))?;
        Ok(Self {
            passages,
            settings,
            crowds,
            boot,
            owners,
            addresses,
            links,
            instance: Instance::default(),
            counters,
            assessment,
            refusal: None,
            basis: None,
            is_root,
            details: BTreeMap::new(),
            found,
            fib,
            answers,
            neighbours,
            probes: Vec::new(),
            cost,
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

/// What is to be passed on, and the settings that this needs.
fn passing(host: &Host, assessment: &Assessment) -> Result<(PassageFacts, SettingFacts)> {
    let (desired, observed) = (&assessment.desired, &assessment.observed);
    let passages = PassageFacts::of(&host.config, desired, observed);
    let settings = SettingFacts::read(&host.disk, desired, (&passages, &observed.links))?;
    Ok((passages, settings))
}
