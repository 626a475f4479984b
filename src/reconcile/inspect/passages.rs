//! By which interfaces packets pass this host because its configuration says so.

use crate::config::{Config, ForwardingPath};
use crate::gather::Gather;
use crate::net::{Dev, Link};
use crate::object::Observed;
use crate::plan::{Desired, End, Planned, end};
use crate::reconcile::choices::marker;

/// What comes in by one interface goes on by another, or by the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    pub input: Dev,
    pub output: Dev,
    /// A `[[forwarding.path]]` says so; else that the host forwards at all.
    pub is_path: bool,
}

/// What `[forwarding]` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassageFacts {
    /// Those of paths first. Ends that are not here have none.
    pub all: Vec<Passage>,
    /// Answers leave by the ENI by which the flow's first packet came in.
    pub symmetric: bool,
    /// The configuration goes by marks.
    pub marks: bool,
    /// Whose the upper bytes of marks are, where a program is known to be here that has them for itself.
    pub marker: Option<String>,
}

impl PassageFacts {
    /// Of this configuration.
    pub(super) fn of(config: &Config, desired: &Desired, observed: &Observed) -> Self {
        let links = &observed.links;
        let paths = config.forwarding.paths.iter().filter(|_| config.forwards());
        let mut all: Vec<Passage> = paths
            .filter_map(|path| of_path(path, desired, links))
            .gathered();
        let is_told = !config.forwards() || !config.forwarding.paths.is_empty();
        let rest = desired.enis.iter().filter(|_| !is_told);
        let rest = rest.map(|planned| planned.dev.clone());
        all.extend(rest.map(|dev| Passage {
            input: dev.clone(),
            output: dev,
            is_path: false,
        }));
        Self {
            all,
            symmetric: config.forwarding.symmetric,
            marks: config.marks(),
            marker: marker(observed),
        }
    }
}

fn of_path(path: &ForwardingPath, desired: &Desired, links: &[Link]) -> Option<Passage> {
    Some(Passage {
        input: dev(&path.input, desired, links)?,
        output: dev(&path.output, desired, links)?,
        is_path: true,
    })
}

/// The interface that an end of a path is; `None`: it is not here.
pub fn dev(name: &str, desired: &Desired, links: &[Link]) -> Option<Dev> {
    let enis = || desired.enis.iter();
    match end(name, enis().map(|planned| &planned.eni), links) {
        End::Eni(eni) => {
            let is_it = |planned: &&Planned| planned.eni.mac == eni.mac;
            enis().find(is_it).map(|planned| planned.dev.clone())
        }
        End::Other(dev) => links.iter().any(|link| link.name == dev).then_some(dev),
        End::Absent => None,
    }
}
