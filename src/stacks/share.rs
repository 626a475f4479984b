//! What one stack is to say, on a host where each interface may be run by a stack of its own. Pure.

use std::collections::BTreeMap;

use crate::net::{MAIN, Route};
use crate::plan::{Desired, Planned};
use crate::stacks::{Backend, Renderer, Stacks};

/// One stack's share of the plan.
#[derive(Clone, Debug, Default)]
pub struct Share<'a> {
    /// The ENIs whose interfaces the stack runs, the primary one first.
    pub enis: Vec<&'a Planned>,
    /// The primary ENI, whichever stack runs it, where this stack is to hold its rules: they are global.
    pub guest: Option<&'a Planned>,
}

impl<'a> Share<'a> {
    /// Everything, where one stack runs the whole host.
    pub fn whole(desired: &'a Desired) -> Self {
        Self { enis: desired.enis.iter().collect(), guest: guest(desired) }
    }

    /// `planned` with those rules that its own files are to hold: a secondary ENI's its own, and the primary's,
    /// too, if it is the one that `bears` them.
    pub fn with_rules(&self, planned: &Planned, bears: bool) -> Planned {
        let own = planned.rules.iter().filter(|_| !planned.eni.primary);
        let guests = self.guest.iter().filter(|_| bears).flat_map(|guest| &guest.rules);
        Planned { rules: own.chain(guests).cloned().collect(), ..planned.clone() }
    }
}

/// The primary ENI, if it has rules.
fn guest(desired: &Desired) -> Option<&Planned> {
    desired.enis.iter().find(|planned| planned.eni.primary && !planned.rules.is_empty())
}

/// What files can make of the plan. Where no file can hold the primary's routes, the subnets of the others stay out of
/// main, too: else the primary's answers to their neighbours would leave by the wrong ENI until eniroute runs.
pub fn for_the_boot(desired: &Desired, stacks: &Stacks, renderers: &BTreeMap<Backend, Box<dyn Renderer>>) -> Desired {
    let mut desired = desired.clone();
    let holds = |primary: &Planned| renderers.get(&stacks.of(primary)).is_some_and(|r| r.holds_routes(primary));
    let waits = desired.enis.iter().any(|planned| planned.eni.primary && !planned.routes.is_empty() && !holds(planned));
    if waits {
        let is_subnet = |route: &Route| route.table == MAIN && route.via.is_none();
        for planned in desired.enis.iter_mut().filter(|planned| !planned.eni.primary) {
            planned.routes.retain(|route| !is_subnet(route));
            planned.left_to_owner.retain(|route| !is_subnet(route));
        }
    }
    desired
}

/// Each renderer's share. The primary's rules go to its own stack, if that can hold them, else to any other; where
/// none can, its own says so.
pub fn divide<'a>(
    desired: &'a Desired,
    stacks: &Stacks,
    renderers: &BTreeMap<Backend, Box<dyn Renderer>>,
) -> BTreeMap<Backend, Share<'a>> {
    let mut shares: BTreeMap<Backend, Share> = renderers.keys().map(|backend| (*backend, Share::default())).collect();
    for planned in &desired.enis {
        if let Some(share) = shares.get_mut(&stacks.of(planned)) {
            share.enis.push(planned);
        }
    }
    if let Some(guest) = guest(desired) {
        let own = stacks.of(guest);
        let holds = |backend: &Backend| {
            let renderer = renderers.get(backend);
            let mut enis = desired.enis.iter().filter(|planned| stacks.of(planned) == *backend);
            renderer.is_some_and(|renderer| enis.any(|planned| renderer.holds_rules(planned)))
        };
        let host = [own].into_iter().chain(stacks.used(desired)).find(holds).unwrap_or(own);
        if let Some(share) = shares.get_mut(&host) {
            share.guest = Some(guest);
        }
    }
    shares
}
