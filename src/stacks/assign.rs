//! Which stack runs each ENI's interface: told by the record that each stack keeps of it under /run, by netplan's
//! YAML, by a file of ours from an earlier run, and only then by what configures the host; and what each stack's files
//! are to hold. Finding out reads the disk only, dividing is pure.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::STACKS;
use super::gather::Target;
use super::rendering::{Renderer, Rendering, Share, primary_with_rules};
use super::stack::{Claim, Host, Stack, Witness};
use crate::error::Result;
use crate::files::Disk;
use crate::gather::Gather;
use crate::net::{Dev, Link, MAIN, Mac, Route};
use crate::object::Object;
use crate::plan::{Desired, Planned};
use crate::stacks::{NO_FILES, own_files};

/// Why an interface is for the host's stack, as it follows the stack's name.
const UNCLAIMED: &str = "no stack has a record of it, and that one configures the host";

/// The stack of the host, and that of each interface.
pub struct Stacks {
    host: &'static Stack,
    each: BTreeMap<Mac, &'static Stack>,
    /// Each has read its stack's files once: there can be thousands of lines of ours and of what is made of them.
    renderers: RefCell<Vec<Known>>,
    /// What was seen on the way, one sentence each.
    pub reasons: Vec<String>,
}

/// A stack with its renderer, where files are written for it.
type Known = (&'static Stack, Option<Rc<dyn Renderer>>);

/// One stack for all, as `--backend` wants it.
impl From<&'static Stack> for Stacks {
    fn from(host: &'static Stack) -> Self {
        Self {
            host,
            each: BTreeMap::new(),
            renderers: RefCell::default(),
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
            .gathered::<Result<Vec<_>>>()?;
        for planned in &desired.enis {
            let (stack, why) = match surest(&witnesses, planned)? {
                Some(Claim { stack, why, .. }) => (stack, why),
                None => (host.stack, UNCLAIMED.to_owned()),
            };
            let reason = format!("{} is for {stack}: {why}", planned.dev);
            stacks.reasons.push(reason);
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

    /// The renderer of a stack, which reads what the stack says when it is asked for first.
    ///
    /// # Errors
    /// A foreign file that cannot be read or parsed.
    pub fn renderer(
        &self,
        stack: &'static Stack,
        target: &Target,
    ) -> Result<Option<Rc<dyn Renderer>>> {
        let mut known = self.renderers.borrow_mut();
        if let Some((_, renderer)) = known.iter().find(|(other, _)| *other == stack) {
            return Ok(renderer.clone());
        }
        let renderer = (stack.read)(target.disk, target.links)?.map(Rc::from);
        known.push((stack, renderer.clone()));
        Ok(renderer)
    }

    /// The stack of this ENI's interface.
    pub fn of(&self, planned: &Planned) -> &'static Stack {
        self.each
            .get(&planned.eni.mac)
            .copied()
            .unwrap_or(self.host)
    }

    /// The stacks whose words count for this ENI: its own, and netplan, which drives others.
    pub fn speaking_of(&self, planned: &Planned) -> Vec<&'static Stack> {
        let own = self.of(planned);
        let is_driven = own != self.host && *self.host == super::netplan::STACK;
        let driver = Some(self.host).filter(|_| is_driven);
        [own].into_iter().chain(driver).gathered()
    }

    /// All of them, each once.
    pub fn speaking(&self, desired: &Desired) -> Vec<&'static Stack> {
        let enis = desired.enis.iter();
        let all: Vec<_> = enis
            .flat_map(|planned| self.speaking_of(planned))
            .gathered();
        super::all().filter(|stack| all.contains(stack)).gathered()
    }

    /// Those that files are for, each once, in the order of the list; the host's where there is no ENI.
    pub fn used(&self, desired: &Desired) -> Vec<&'static Stack> {
        let is_used = |stack: &Stack| desired.enis.iter().any(|planned| self.of(planned) == stack);
        let used: Vec<_> = super::all().filter(|stack| is_used(stack)).gathered();
        match used[..] {
            [] => vec![self.host],
            _ => used,
        }
    }
}

/// The claim to an ENI's interface that is to be believed.
fn surest(witnesses: &[Box<dyn Witness + '_>], planned: &Planned) -> Result<Option<Claim>> {
    let claims = witnesses.iter().map(|witness| witness.claims(planned));
    let claims = claims.gathered::<Result<Vec<_>>>()?;
    Ok(claims.into_iter().flatten().min_by_key(|claim| claim.sure))
}

/// The renderers of the stacks that files are for.
pub struct Renderers<'a> {
    stacks: &'a Stacks,
    all: Vec<(&'static Stack, Rc<dyn Renderer>)>,
}

impl<'a> Renderers<'a> {
    /// Those of the stacks that `desired` needs, in the order of the list.
    ///
    /// # Errors
    /// A foreign file that cannot be read or parsed.
    pub fn read(target: &Target, stacks: &'a Stacks, desired: &Desired) -> Result<Self> {
        let mut all = Vec::new();
        for stack in stacks.used(desired) {
            let renderer = stacks.renderer(stack, target)?;
            all.extend(renderer.map(|renderer| (stack, renderer)));
        }
        Ok(Self { stacks, all })
    }

    /// No files are written.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// There is a stack for which no files are written.
    pub fn lacks_one(&self, desired: &Desired) -> bool {
        self.all.len() < self.stacks.used(desired).len()
    }

    /// Files are written for this ENI.
    pub fn has_files(&self, planned: &Planned) -> bool {
        self.of(self.stacks.of(planned)).is_some()
    }

    /// What each of them returns for its share.
    pub fn render(&self, shares: &[Share]) -> Vec<Rendering> {
        let pairs = self.all.iter().zip(shares);
        pairs
            .map(|((_, renderer), share)| renderer.render(share))
            .gathered()
    }

    /// The renderer of this stack; `None` where no files are written for it.
    fn of(&self, stack: &Stack) -> Option<&dyn Renderer> {
        let found = self.all.iter().find(|(other, _)| *other == stack);
        found.map(|(_, renderer)| &**renderer)
    }

    /// Whether the files of this stack hold all of these objects, where they have this share.
    fn hold(&self, stack: &Stack, share: &Share, objects: &[Object]) -> bool {
        self.of(stack).is_some_and(|renderer| {
            let held = renderer.render(share).holds;
            objects.iter().all(|object| held.contains(object))
        })
    }

    /// Whether the files of the primary ENI can hold its routes.
    fn hold_routes_of(&self, primary: &Planned, desired: &Desired) -> bool {
        let (enis, rules_of) = (vec![primary], None);
        let share = Share {
            desired,
            enis,
            rules_of,
        };
        let routes: Vec<_> = primary.routes.iter().cloned().map(Object::from).gathered();
        self.hold(self.stacks.of(primary), &share, &routes)
    }

    /// Whether the files of this stack can hold the primary's rules.
    fn hold_rules_of(&self, primary: &Planned, stack: &Stack, desired: &Desired) -> bool {
        let mut enis = self.enis_of(stack, desired);
        enis.retain(|planned| !(planned.eni.primary && stack.primary_last));
        let share = Share {
            desired,
            enis,
            rules_of: Some(primary),
        };
        let rules: Vec<_> = primary.rules.iter().cloned().map(Object::Rule).gathered();
        self.hold(stack, &share, &rules)
    }

    /// The ENIs whose interfaces this stack runs.
    fn enis_of<'d>(&self, stack: &Stack, desired: &'d Desired) -> Vec<&'d Planned> {
        let enis = desired.enis.iter();
        enis.filter(|planned| self.stacks.of(planned) == stack)
            .gathered()
    }

    /// The stack whose files have the primary's rules: its own, if that can hold them, else any other; where none can, its
    /// own says so.
    fn carrier(&self, primary: &Planned, desired: &Desired) -> &'static Stack {
        let own = self.stacks.of(primary);
        let used = self.stacks.used(desired);
        if used == [own] {
            return own;
        }
        let mut all = [own].into_iter().chain(used);
        all.find(|stack| self.hold_rules_of(primary, stack, desired))
            .unwrap_or(own)
    }
}

/// Why a secondary ENI's subnets are not in main at a boot.
const HELD_BACK: &str = "no file holds the primary's own table, without which its answers to these subnets would leave by \
     the wrong ENI";

/// What files can make of the plan, and why that is not all of an ENI. Where no file can hold the primary's routes, the
/// subnets of the others stay out of main, too: else the primary's answers to their neighbours would leave by the wrong
/// ENI until eniroute runs.
pub fn for_the_boot<'a>(
    desired: &'a Desired,
    renderers: &Renderers,
) -> (Cow<'a, Desired>, Vec<(Dev, String)>) {
    let mut limits = Vec::new();
    let mut primaries = desired.enis.iter().filter(|planned| planned.eni.primary);
    if primaries.all(|primary| renderers.hold_routes_of(primary, desired)) {
        return (Cow::Borrowed(desired), limits);
    }
    let mut desired = desired.clone();
    let enis = desired.enis.iter_mut();
    for planned in enis.filter(|planned| !planned.eni.primary) {
        if planned.routes.iter().any(is_subnet_in_main) {
            limits.push((planned.dev.clone(), HELD_BACK.to_owned()));
        }
        let stays = |route: &Route| !is_subnet_in_main(route);
        planned.routes.retain(stays);
        planned.left_to_owner.retain(stays);
    }
    (Cow::Owned(desired), limits)
}

fn is_subnet_in_main(route: &Route) -> bool {
    route.table == MAIN && route.via.is_none()
}

/// Each renderer's share, in their order.
pub fn divide<'a>(desired: &'a Desired, renderers: &Renderers) -> Vec<Share<'a>> {
    let primary = primary_with_rules(desired);
    let carrier = primary.map(|primary| renderers.carrier(primary, desired));
    let share = |stack: &'static Stack| Share {
        desired,
        enis: renderers.enis_of(stack, desired),
        rules_of: primary.filter(|_| carrier == Some(stack)),
    };
    renderers
        .all
        .iter()
        .map(|(stack, _)| share(stack))
        .gathered()
}

#[cfg(test)]
#[path = "assign_tests.rs"]
mod tests;
