//! ENIs that are left alone: by whose word, what they lose by it, and what the primary keeps.

use std::collections::BTreeMap;

use log::{Level, log};
use nix::unistd::geteuid;

use super::assess::Assessment;
use crate::config::Config;
use crate::eni::Eni;
use crate::files::Disk;
use crate::gather::Gather;
use crate::net::{Declared, Dev, Link};
use crate::numbering::Owner;
use crate::object::{Change, Index, Object, Observed};
use crate::plan::{Desired, Skipped, Why, plan};
use crate::stacks::{self, Stacks, Target};

/// The plan, given what the owners of the interfaces say of them, which is noted in `observed`; and the stacks of these
/// owners, where they could be found.
pub fn plan_for_owners(
    enis: &[Eni],
    observed: &mut Observed,
    config: &Config,
    disk: &Disk,
) -> (Desired, Option<Stacks>) {
    let desired = plan(enis, observed, config);
    let (declared, stacks) = declared(disk, &desired, &observed.links);
    observed.declared = declared;
    if observed.declared.is_empty() {
        return (desired, stacks);
    }
    (plan(enis, observed, config), stacks)
}

/// Files that cannot be read cost the files, and not the kernel part. Whoever is not root may read few of them, and
/// changes nothing.
fn declared(
    disk: &Disk,
    desired: &Desired,
    links: &[Link],
) -> (BTreeMap<Dev, Declared>, Option<Stacks>) {
    let target = Target { disk, links };
    let found = Stacks::find(disk, desired, links).and_then(|stacks| {
        let declared = stacks::declared(&target, &stacks, desired)?;
        Ok((declared, Some(stacks)))
    });
    found.unwrap_or_else(|error| {
        let level = if geteuid().is_root() {
            Level::Warn
        } else {
            Level::Info
        };
        log!(
            level,
            "{error}; what the owners of the interfaces want is not known"
        );
        (BTreeMap::new(), None)
    })
}

/// Nothing in the kernel is taken from the primary, which we are reached by, nor from what a CNI has taken over: it may
/// go by what it has found there.
pub fn keeps_kernel(skipped: &Skipped) -> bool {
    match skipped.why {
        Why::NoLink | Why::NoAddress => false,
        Why::Cni(_) => true,
        Why::Excluded | Why::Enslaved(_) | Why::Declared(_) => skipped.eni.primary,
    }
}

/// An ENI that is left alone loses its files, unless it may be attached again. The primary keeps those that it runs by,
/// but none that would give a port what is its holder's.
pub fn keeps_files(skipped: &Skipped) -> bool {
    match skipped.why {
        Why::NoLink | Why::NoAddress | Why::Cni(_) => true,
        Why::Excluded => skipped.eni.primary,
        Why::Enslaved(_) | Why::Declared(_) => false,
    }
}

/// The changes that bring back what a network manager has dropped of the primary in loading our files: another ENI's
/// file may have held its rules until now. `before` is what was there.
pub fn dropped(assessment: &Assessment, before: &Observed) -> Vec<Change> {
    let (then, now) = (Index::new(before), Index::new(&assessment.observed));
    let scope = &assessment.scope;
    let is_kept = |owner: Owner| matches!(owner, Owner::Eni(mac) if scope.keep.contains(&mac));
    let made = scope.made.iter().filter(|made| is_kept(made.owner));
    let lost = |object: &&Object| object.is_lasting() && then.has(object) && !now.has(object);
    let objects = made.flat_map(|made| made.objects.iter().filter(lost));
    objects.cloned().map(Change::Add).gathered()
}
