//! What the metadata service says beside what plans need. It is asked while the host is looked at.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use log::info;

use crate::eni::Details;
use crate::error::Result;
use crate::metadata::imds::Imds;
use crate::metadata::instance::Instance;
use crate::metadata::{Member, details};
use crate::net::Mac;
use crate::reconcile::host::Host;

/// How long the service has.
const PATIENCE: Duration = Duration::from_secs(2);

/// As far as it says.
#[derive(Default)]
pub struct Told {
    pub details: BTreeMap<Mac, Details>,
    pub instance: Instance,
}

impl Told {
    /// Asks for those of `enis` that have an interface here, and meanwhile looks.
    ///
    /// # Errors
    /// What `look` has met with; the kernel cannot be asked for the NICs.
    pub fn beside<T>(
        host: &mut Host,
        mut enis: Vec<Member>,
        look: impl FnOnce(&mut Host) -> Result<T>,
    ) -> Result<(Self, T)> {
        let present = host.present()?;
        enis.retain(|(mac, _)| present.contains(mac));
        let mut service = host.imds.take();
        let mut ask = || Self::ask(service.as_mut(), &enis);
        let (told, seen) = thread::scope(|scope| {
            // A bound of tasks may leave no further thread.
            let asking = thread::Builder::new().spawn_scoped(scope, &mut ask).ok();
            let seen = look(host);
            (asking.and_then(|asking| asking.join().ok()), seen)
        });
        Ok((told.unwrap_or_else(ask), seen?))
    }

    fn ask(service: Option<&mut Imds>, enis: &[Member]) -> Self {
        let Some(imds) = service else {
            return Self::default();
        };
        imds.insist_for(PATIENCE);
        let details = details(imds, enis).unwrap_or_else(|error| {
            info!("{error}; the subnets and security groups of the ENIs are not known");
            BTreeMap::new()
        });
        imds.insist_for(PATIENCE);
        Self {
            details,
            instance: Instance::read(imds),
        }
    }
}
