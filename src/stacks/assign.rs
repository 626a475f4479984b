//! Which stack runs each ENI's interface: told by the record that each stack keeps of it under /run, by netplan's
//! YAML, by a file of ours from an earlier run, and only then by what configures the host; and what each stack's files
//! are to hold. Finding out reads the disk only, dividing is pure.

use std::collections::BTreeMap;

use super::STACKS;
use super::stack::{Claim, Host, Renderer, Share, Stack, primary_with_rules};
use crate::error::Result;
use crate::files::Disk;
use crate::net::{Link, MAIN, Mac, Route};
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
}

/// What files can make of the plan. Where no file can hold the primary's routes, the subnets of the others stay out of
/// main, too: else the primary's answers to their neighbours would leave by the wrong ENI until eniroute runs.
pub fn for_the_boot(desired: &Desired, stacks: &Stacks, renderers: &Renderers) -> Desired {
    let mut desired = desired.clone();
    let holds = |primary: &Planned| {
        renderers
            .of(stacks.of(primary))
            .is_some_and(|r| r.holds_routes(primary))
    };
    let waits = desired
        .enis
        .iter()
        .any(|planned| planned.eni.primary && !planned.routes.is_empty() && !holds(planned));
    if waits {
        let is_subnet = |route: &Route| route.table == MAIN && route.via.is_none();
        for planned in desired
            .enis
            .iter_mut()
            .filter(|planned| !planned.eni.primary)
        {
            planned.routes.retain(|route| !is_subnet(route));
            planned.left_to_owner.retain(|route| !is_subnet(route));
        }
    }
    desired
}

/// Each renderer's share, in their order. The primary's rules go to its own stack, if that can hold them, else to any
/// other; where none can, its own says so.
pub fn divide<'a>(desired: &'a Desired, stacks: &Stacks, renderers: &Renderers) -> Vec<Share<'a>> {
    let host = primary_with_rules(desired).map(|primary| {
        let own = stacks.of(primary);
        let holds = |stack: &&'static Stack| {
            let mut enis = desired
                .enis
                .iter()
                .filter(|planned| stacks.of(planned) == *stack);
            renderers
                .of(stack)
                .is_some_and(|renderer| enis.any(|planned| renderer.holds_rules(planned)))
        };
        (
            primary,
            [own]
                .into_iter()
                .chain(stacks.used(desired))
                .find(holds)
                .unwrap_or(own),
        )
    });
    let share = |stack: &'static Stack| Share {
        enis: desired
            .enis
            .iter()
            .filter(|planned| stacks.of(planned) == stack)
            .collect(),
        rules_of: host
            .filter(|(_, host)| *host == stack)
            .map(|(primary, _)| primary),
    };
    renderers.0.iter().map(|(stack, _)| share(stack)).collect()
}

#[cfg(test)]
#[path = "assign_tests.rs"]
mod tests;
