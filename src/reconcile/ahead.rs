//! What the end of a run that changes nothing is going to look at, looked at while the metadata service is asked.

use log::debug;

use super::assess::Assessment;
use super::findings;
use super::host::Host;
use super::rule_index::Work;
use crate::stacks::{Renderers, Target};

impl Assessment {
    /// Looks at what the end of a run that changes nothing looks at, while there is time. What fails is looked at then.
    pub fn look_ahead(&mut self, host: &mut Host) {
        let target = Target {
            disk: &host.disk,
            links: &self.observed.links,
        };
        if let Some(stacks) = &self.stacks {
            let read = Renderers::read(&target, stacks, &self.desired);
            read.map_or_else(|error| debug!("{error}"), drop);
        }
        self.ahead = findings::all(self, &Work::default(), Some(&mut host.kernel)).ok();
    }
}
