//! Which stack runs each ENI's interface: told by the record that each stack keeps of it under /run, by netplan's
//! YAML, by a file of ours from an earlier run, and only then by what configures the host; and what each stack's files
//! are to hold. Finding out reads the disk only, dividing is pure.

use std::collections::BTreeMap;

use super::STACKS;
use super::rendering::{Renderer, Share, primary_with_rules};
use super::stack::{Claim, Host, Stack};
use crate::error::Result;
use crate::files::Disk;
use crate::net::{Dev, Link, MAIN, Mac, Route};
use crate::object::Object;
use crate::plan::{Desired, Planned};
use crate::stacks::{NO_FILES, own_files};

/// The stack of the host, and that of each interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stacks {
    host: &'static Stack,
    each: BTreeMap<Mac, &'static Stack>,
    /// What was seen on the way, one sentence each.
    pub reasons: Vec<String>,
}

/// One stack for all, as `--backend` wants it.
impl From<&'static Stack> for Stacks {
    fn from(host: &'static Stack) -> Self {
        Self {
            host,
            each: BTreeMap::new(),
            reasons: Vec::new(),
        }
    }
}

impl Stacks {
    /// Looks for each ENI of `desired`. Errors: a file that cannot be read, or YAML that netplan could not parse.
    pub fn find(disk: &Disk, desired: &Desired, links: &[Link]) -> Result<Self> {
        let mut stacks = Self::detect(disk)?;
        let own = own_files(disk)?;
        let host = Host {
            disk,
            links,
            stack: stacks.host,
            own: &own,
        };
        let witnesses = STACKS
            .iter()
            .map(|stack| (stack.witness)(host))
            .collect::<Result<Vec<_>>>()?;
        for planned in &desired.enis {
            let claims = witnesses
                .iter()
                .map(|witness| witness.claims(planned))
                .collect::<Result<Vec<_>>>()?;
            let (stack, why) = match claims.into_iter().flatten().min_by_key(|claim| claim.sure) {
                Some(Claim { stack, why, .. }) => (stack, why),
                None => (
                    host.stack,
                    "no stack has a record of it, and that one configures the host".to_owned(),
                ),
            };
            stacks
                .reasons
                .push(format!("{} is for {stack}: {why}", planned.dev));
            stacks.each.insert(planned.eni.mac, stack);
        }
        Ok(stacks)
    }

    /// The stack of the host, with one sentence per stack that was looked for: the first in the list that runs it.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn detect(disk: &Disk) -> Result<Self> {
        let mut reasons = Vec::new();
        for stack in STACKS.iter().copied() {
            let found = (stack.runs_host)(disk)?;
            reasons.push(format!("{stack}: {}", found.why));
            if found.yes {
                return Ok(Self {
                    reasons,
                    ..Self::from(stack)
                });
            }
        }
        reasons.push(NO_FILES.to_owned());
        Ok(Self {
            reasons,
            ..Self::from(&super::NONE)
        })
    }

    /// The stack of this ENI's interface.
    pub fn of(&self, planned: &Planned) -> &'static Stack {
        self.each
            .get(&planned.eni.mac)
            .copied()
            .unwrap_or(self.host)
    }

    /// Those that files are for, each once, in the order of the list; the host's where there is no ENI.
    pub fn used(&self, desired: &Desired) -> Vec<&'static Stack> {
        let is_used = |stack: &Stack| desired.enis.iter().any(|planned| self.of(planned) == stack);
        let used: Vec<_> = super::all().filter(|stack| is_used(stack)).collect();
        if used.is_empty() {
            vec![self.host]
        } else {
            used
        }
    }
}

/// The renderers of the stacks that files are for.
#[derive(Default)]
pub struct Renderers(pub Vec<(&'static Stack, Box<dyn Renderer>)>);

impl Renderers {
    /// The renderer of this stack; `None` where no files are written for it.
    pub fn of(&self, stack: &Stack) -> Option<&dyn Renderer> {
        self.0
            .iter()
            .find(|(other, _)| *other == stack)
            .map(|(_, renderer)| &**renderer)
    }

    /// Whether the files of this stack hold all of these objects, where they have this share.
    fn hold(&self, stack: &Stack, share: &Share, objects: impl Iterator<Item = Object>) -> bool {
        let holds = |renderer: &dyn Renderer| {
            let held = renderer.render(share).holds;
            objects.into_iter().all(|object| held.contains(&object))
        };
        self.of(stack).is_some_and(holds)
    }
}

/// Why a secondary ENI's subnets are not in main at a boot.
const HELD_BACK: &str = "no file holds the primary's own table, without which its answers to these subnets would leave by \
     the wrong ENI";

/// What files can make of the plan, and what is held back of it. Where no file can hold the primary's routes, the subnets of the others stay out of
/// main, too: else the primary's answers to their neighbours would leave by the wrong ENI until eniroute runs.
pub fn for_the_boot(
    desired: &Desired,
    stacks: &Stacks,
    renderers: &Renderers,
) -> (Desired, Vec<(Dev, String)>) {
    let mut desired = desired.clone();
    let mut held_back = Vec::new();
    let has_room = |primary: &Planned| {
        let share = Share {
            enis: vec![primary],
            rules_of: None,
        };
        let routes = primary.routes.iter().cloned().map(Object::Route);
        renderers.hold(stacks.of(primary), &share, routes)
    };
    let mut primaries = desired.enis.iter().filter(|planned| planned.eni.primary);
    if primaries.all(has_room) {
        return (desired, held_back);
    }
    let is_subnet = |route: &Route| route.table == MAIN && route.via.is_none();
    for planned in desired
        .enis
        .iter_mut()
        .filter(|planned| !planned.eni.primary)
    {
        if planned.routes.iter().any(is_subnet) {
            held_back.push((planned.dev.clone(), HELD_BACK.to_owned()));
        }
        planned.routes.retain(|route| !is_subnet(route));
        planned.left_to_owner.retain(|route| !is_subnet(route));
    }
    (desired, held_back)
}

/// Each renderer's share, in their order. The primary's rules go to its own stack, if that can hold them, else to any
/// other; where none can, its own says so.
pub fn divide<'a>(desired: &'a Desired, stacks: &Stacks, renderers: &Renderers) -> Vec<Share<'a>> {
    let enis_of = |stack: &Stack| {
        let enis = desired.enis.iter();
        enis.filter(|planned| stacks.of(planned) == stack)
            .collect::<Vec<_>>()
    };
    let carrier = primary_with_rules(desired).map(|primary| {
        let own = stacks.of(primary);
        let holds = |stack: &&'static Stack| {
            let mut enis = enis_of(stack);
            enis.retain(|planned| !(planned.eni.primary && stack.primary_last));
            let share = Share {
                enis,
                rules_of: Some(primary),
            };
            renderers.hold(
                stack,
                &share,
                primary.rules.iter().cloned().map(Object::Rule),
            )
        };
        let mut all = [own].into_iter().chain(stacks.used(desired));
        (primary, all.find(holds).unwrap_or(own))
    });
    let share = |stack: &'static Stack| Share {
        enis: enis_of(stack),
        rules_of: carrier
            .filter(|(_, carrier)| *carrier == stack)
            .map(|(primary, _)| primary),
    };
    renderers.0.iter().map(|(stack, _)| share(stack)).collect()
}

#[cfg(test)]
#[path = "assign_tests.rs"]
mod tests;
