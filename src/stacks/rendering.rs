//! What a stack's renderer gets, and what it returns: files, the objects that these bring up at a boot, and why they do
//! not hold the others. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::File;
use crate::gather::Gather;
use crate::net::{Declared, Dev};
use crate::object::Object;
use crate::plan::{Desired, Planned};

/// One stack's share of the plan.
#[derive(Clone, Debug)]
pub struct Share<'a> {
    /// All of it, with the ENIs whose interfaces other stacks run, or nobody.
    pub desired: &'a Desired,
    /// The ENIs whose interfaces the stack runs, the primary one first.
    pub enis: Vec<&'a Planned>,
    /// The primary ENI, whichever stack runs it, where this stack is to hold its rules: they are global.
    pub rules_of: Option<&'a Planned>,
}

impl<'a> Share<'a> {
    /// Everything, where one stack runs the whole host.
    pub fn whole(desired: &'a Desired) -> Self {
        Self {
            desired,
            enis: desired.enis.iter().gathered(),
            rules_of: primary_with_rules(desired),
        }
    }

    /// `planned` with those rules that its own files are to hold: a secondary ENI's its own, and the primary's,
    /// too, if it is the one that `carries` them.
    pub fn with_rules(&self, planned: &Planned, carries: bool) -> Planned {
        let own = planned.rules.iter().filter(|_| !planned.eni.primary);
        let guests = self
            .rules_of
            .iter()
            .filter(|_| carries)
            .flat_map(|guest| &guest.rules);
        Planned {
            rules: own.chain(guests).cloned().gathered(),
            ..planned.clone()
        }
    }

    /// All of its ENIs, with the primary's rules at `carrier`.
    pub fn with_rules_at(&self, carrier: Option<&Planned>) -> impl Iterator<Item = Planned> {
        let carrier = carrier.map(|carrier| carrier.eni.mac);
        let enis = self.enis.iter();
        enis.map(move |planned| self.with_rules(planned, carrier == Some(planned.eni.mac)))
    }
}

/// The primary ENI, if it has rules.
pub fn primary_with_rules(desired: &Desired) -> Option<&Planned> {
    desired
        .enis
        .iter()
        .find(|planned| planned.eni.primary && !planned.rules.is_empty())
}

/// One stack's notation. What the stack says already is read when the renderer is made; rendering is pure.
pub trait Renderer {
    /// Every file of ours for `share`, each with one ENI's name in its first line (`marker.rs`).
    fn render(&self, share: &Share) -> Rendering;

    /// What the owner of this ENI's interface says of it in the stack's files.
    fn declared(&self, planned: &Planned) -> Option<Declared>;
}

/// What a renderer has to say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rendering {
    pub files: Vec<File>,
    /// The objects that the files bring up at a boot. What is in neither this nor `owned` is left to the boot service.
    pub holds: Vec<Object>,
    /// Objects whose place is a file of somebody else's, which brings them up at a boot, or lacks what a note names.
    pub owned: BTreeSet<Object>,
    /// The definition that holds each secondary ENI's part, as the program that loads it calls it, where one does: for
    /// systemd-networkd its .network unit.
    pub definitions: BTreeMap<Dev, String>,
    /// Interfaces whose whole definition is ours: no owner is left that keeps anything of theirs.
    pub complete: BTreeSet<Dev>,
    /// Why the files do not hold all of an ENI: its interface, and the reason, as it follows "because".
    pub limits: Vec<(Dev, String)>,
}

impl Rendering {
    /// Adds a file, which has the addresses, routes and rules of `part`.
    pub fn add(&mut self, file: File, part: &Planned) {
        self.files.push(file);
        self.holds.extend(part.objects().filter(Object::is_lasting));
    }

    /// The whole definition of this ENI's interface is ours.
    pub fn complete(&mut self, planned: &Planned) {
        self.complete.insert(planned.dev.clone());
        self.hold_link(planned);
    }

    /// The files bring the link of this ENI up, with its setting.
    pub fn hold_link(&mut self, planned: &Planned) {
        self.holds.extend(planned.link());
    }

    /// The definition of this ENI's interface is its owner's, who brings the link up.
    pub fn leave_to_owner(&mut self, planned: &Planned) {
        self.owned.extend(planned.link());
    }

    /// Renders an ENI under the name that its owner's file gives the interface at the next boot: what is held is held for
    /// today's.
    pub fn under(
        &mut self,
        planned: &Planned,
        name: &Dev,
        render: impl FnOnce(&Planned, &mut Self),
    ) {
        let (named, mut inner) = (planned.under(name), Self::default());
        render(&named, &mut inner);
        let [now, then] = [planned, &named].map(|planned| planned.without_owner());
        for (now, then) in now.objects().zip(then.objects()) {
            let is_held = inner.holds.contains(&then);
            self.holds.extend(is_held.then(|| now.clone()));
            self.owned
                .extend(inner.owned.contains(&then).then_some(now));
        }
        let today = || planned.dev.clone();
        self.files.extend(inner.files);
        self.complete.extend(inner.complete.iter().map(|_| today()));
        let limits = inner.limits.into_iter();
        self.limits.extend(limits.map(|(_, why)| (today(), why)));
    }

    /// This ENI has no place in the files: its interface is its owner's alone.
    pub fn refuse(&mut self, planned: &Planned, why: String) {
        self.limit(planned, why);
        self.leave_to_owner(planned);
    }

    /// The files do not hold all of this ENI.
    pub fn limit(&mut self, planned: &Planned, why: String) {
        self.limits.push((planned.dev.clone(), why));
    }
}

/// The part of an ENI that `keep` takes of its addresses, routes and rules.
pub fn part(planned: &Planned, keep: &dyn Fn(&Object) -> bool) -> Planned {
    let mut part = planned.clone();
    part.addresses
        .retain(|one| keep(&Object::Address(one.clone())));
    part.routes.retain(|one| keep(&Object::from(one.clone())));
    part.rules.retain(|one| keep(&Object::Rule(one.clone())));
    part
}

/// The rules of an ENI alone.
pub fn rules(planned: &Planned) -> Planned {
    part(planned, &|object| matches!(object, Object::Rule(_)))
}
