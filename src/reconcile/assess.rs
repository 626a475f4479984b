//! What is known before anything is changed: what the VPC says, what the kernel holds, what we made before, and so
//! what is desired and how far this run may go. Reads only.

use std::collections::BTreeSet;

use log::info;

use super::alone::{keeps_files, keeps_kernel, plan_for_owners};
use super::apart::set_apart;
use super::choices::{Idle, demand_clear, demand_free_marks, demand_meaning, idle, unfollowed};
use super::chosen::{choose, choose_made};
use super::host::Host;
use super::made::{brought_up_to_date, demand_same_primary, made, unlisted};
use super::names;
use super::seen::Seen;
use super::strays::{Stray, claim, strays};
use crate::cli::Selected;
use crate::config::{Config, RuleIndex};
use crate::diff::{Conflict, Scope, conflicts};
use crate::eni::Eni;
use crate::error::Result;
use crate::files::Disk;
use crate::gather::Gather;
use crate::ledger::Ledger;
use crate::metadata::Metadata;
use crate::metadata::cache::Memory;
use crate::net::{Link, Mac, Route};
use crate::object::Observed;
use crate::plan::{Desired, plan};
use crate::report::Finding;
use crate::stacks::Stacks;

/// What is known before anything is changed.
pub struct Assessment {
    pub metadata: Metadata,
    pub observed: Observed,
    /// Routes of others that are on their way back: the plan counts on them.
    pub expected: Vec<Route>,
    /// Of the ENIs that this run is about.
    pub desired: Desired,
    /// What the files are planned from, where it is not what is `desired` now (see `outlook.rs`).
    pub later: Option<Desired>,
    pub ledger: Ledger,
    pub scope: Scope,
    /// ENIs of ours that the metadata does not list although their interface is there.
    pub unlisted: BTreeSet<Mac>,
    /// ENIs whose files stay as they are.
    pub keep: BTreeSet<Mac>,
    /// What of the configuration has no effect.
    pub idle: Vec<Idle>,
    /// Routes that are not ours in the place of ours.
    pub conflicts: Vec<Conflict>,
    /// Addresses that EC2 has not assigned.
    pub strays: Vec<Stray>,
    /// Whether a search tree lies over the rules.
    pub rule_index: RuleIndex,
    /// The stacks of the interfaces, with what they say, as long as nothing has changed; `None`: to be found anew.
    pub stacks: Option<Stacks>,
    /// What is found at the end where nothing changes, as far as that is known already.
    pub ahead: Option<Vec<Finding>>,
    /// What `--eni` chose; `None`: all.
    chosen: Option<BTreeSet<Mac>>,
}

impl Assessment {
    /// What `metadata` means for this host as the kernel has it now.
    pub fn of(host: &mut Host, metadata: Metadata, selected: &Selected) -> Result<Self> {
        Self::expecting(host, metadata, selected, Vec::new())
    }

    /// The same where these routes of others are on their way back: the plan counts on them.
    pub fn expecting(
        host: &mut Host,
        metadata: Metadata,
        selected: &Selected,
        expected: Vec<Route>,
    ) -> Result<Self> {
        let mut seen = Seen::of(host)?;
        seen.expected = absent(expected, &seen.observed);
        Self::by(host, seen, metadata, selected)
    }

    /// The same by what has been seen of the host already.
    pub fn by(
        host: &mut Host,
        seen: Seen,
        metadata: Metadata,
        selected: &Selected,
    ) -> Result<Self> {
        let (ledger, mut observed) = (seen.ledger, seen.observed);
        let unresolved = names::resolve(host).tell(&mut observed);
        let metadata = accepted(metadata, &ledger, &host.disk, &observed.links)?;
        let (desired, stacks) = planned(host, &metadata, &mut observed, &seen.expected)?;
        let mut ledger = brought_up_to_date(ledger, &host.disk, &desired, &observed);
        let mut strays = strays(&host.disk, &metadata, &desired, &observed);
        strays.retain(|stray| !host.config.forwarding.is_standby(stray.address.net.addr()));
        claim(&mut ledger, &host.disk, &metadata, &strays);
        let chosen = choose(&selected.enis, &metadata, &observed.links)?;
        let unlisted = unlisted(&ledger, &metadata, &observed.links);
        let scope = Scope {
            complete: is_complete(&metadata) && unlisted.is_empty(),
            ..reach(&metadata, &desired, chosen.as_ref())
        };
        let mut idle = idle(&host.config, &metadata, &observed.links);
        idle.extend(unfollowed(&desired, unresolved));
        let mut assessment = Self {
            conflicts: Vec::new(),
            idle: if scope.complete { idle } else { Vec::new() },
            keep: unlisted.clone(),
            metadata,
            observed,
            expected: seen.expected,
            desired,
            later: None,
            ledger,
            scope,
            unlisted,
            strays,
            rule_index: host.config.rule_index,
            stacks,
            ahead: None,
            chosen,
        };
        assessment.narrow();
        assessment.compare();
        Ok(assessment)
    }

    fn compare(&mut self) {
        self.count_made();
        self.conflicts = conflicts(&self.desired, &self.observed, &self.scope);
    }

    /// Sets what was made apart from what is wanted, by the ledger as it is.
    pub fn count_made(&mut self) {
        self.scope.made = made(&self.ledger, &self.observed.links, &self.desired);
    }

    /// Everything that we made, or what we made for the selected ENIs; nothing is desired.
    pub fn of_what_we_made(host: &mut Host, selected: &Selected) -> Result<Self> {
        let Seen {
            ledger, observed, ..
        } = Seen::of(host)?;
        let Host { disk, config, .. } = host;
        // What EC2 said last tells what files of ours have brought up, should the ledger be lost.
        let remembered = plan(&Memory::load(disk).enis, &observed, config);
        let ledger = brought_up_to_date(ledger, disk, &remembered, &observed);
        let chosen = choose_made(&selected.enis, &ledger, &observed.links)?;
        let scope = Scope {
            only: chosen.clone(),
            complete: true,
            made: made(&ledger, &observed.links, &Desired::default()),
            ..Scope::default()
        };
        Ok(Self {
            keep: not_chosen(&ledger, chosen.as_ref()).into_set(),
            metadata: Metadata::default(),
            observed,
            expected: Vec::new(),
            desired: Desired::default(),
            later: None,
            ledger,
            scope,
            unlisted: BTreeSet::new(),
            idle: Vec::new(),
            conflicts: Vec::new(),
            strays: Vec::new(),
            rule_index: host.config.rule_index,
            stacks: None,
            ahead: None,
            chosen,
        })
    }

    /// Leaves the ENIs that were not chosen, and those that cannot be planned, as they are on disk.
    fn narrow(&mut self) {
        let Self {
            metadata,
            keep,
            desired,
            ..
        } = self;
        let stays = desired
            .skipped
            .iter()
            .filter(|skipped| keeps_files(skipped));
        let untold = metadata.incomplete.iter().chain(&metadata.apart);
        keep.extend(untold.map(|late| late.mac));
        keep.extend(stays.map(|skipped| skipped.eni.mac));
        keep.retain(|mac| !metadata.recalled.contains(mac));
        let Some(chosen) = &self.chosen else { return };
        let is_meant = |eni: &Eni| eni.primary || chosen.contains(&eni.mac);
        let others = metadata.enis.iter().filter(|eni| !is_meant(eni));
        keep.extend(others.map(|eni| eni.mac));
        keep.extend(not_chosen(&self.ledger, Some(chosen)));
        desired.enis.retain(|planned| is_meant(&planned.eni));
        for planned in &desired.enis {
            keep.remove(&planned.eni.mac);
        }
    }

    /// The plan for what is observed by now, of the ENIs that this run is about.
    pub fn planned_now(&self, config: &Config) -> Desired {
        let mut now = plan(&self.metadata.enis, &self.observed, config);
        let is_meant = |mac| self.desired.enis.iter().any(|one| one.eni.mac == mac);
        now.enis.retain(|planned| is_meant(planned.eni.mac));
        now
    }

    /// Nothing is wanted: this run takes away what we made.
    pub fn is_removal(&self) -> bool {
        self.metadata.enis.is_empty() && self.desired.enis.is_empty()
    }

    /// This run is about every ENI, and what belongs to none.
    pub fn is_about_all(&self) -> bool {
        self.chosen.is_none()
    }

    /// Whether this run is about this ENI.
    pub fn is_meant(&self, mac: Mac) -> bool {
        self.chosen
            .as_ref()
            .is_none_or(|chosen| chosen.contains(&mac))
    }
}

/// The plan, with the routes that are on their way back.
fn planned(
    host: &Host,
    metadata: &Metadata,
    observed: &mut Observed,
    expected: &[Route],
) -> Result<(Desired, Option<Stacks>)> {
    let count = observed.routes.len();
    observed.routes.extend(expected.iter().cloned());
    let (mut desired, stacks) = plan_for_owners(&metadata.enis, observed, &host.config, &host.disk);
    observed.routes.truncate(count);
    demand_clear(&host.config, &desired, observed)?;
    if !host.is_judging {
        demand_free_marks(&host.config, observed)?;
    }
    log_decisions(&desired);
    if !is_complete(metadata) {
        desired.keep_table(observed);
    } else if host.is_strict {
        demand_meaning(&desired)?;
    }
    Ok((desired, stacks))
}

/// What the metadata says, where it is of this instance, and without what it will not say.
fn accepted(metadata: Metadata, ledger: &Ledger, disk: &Disk, links: &[Link]) -> Result<Metadata> {
    demand_same_primary(ledger, &metadata, links)?;
    Ok(set_apart(metadata, ledger, disk, links))
}

/// ENIs of ours that were not chosen; none where no choice was made.
fn not_chosen(ledger: &Ledger, chosen: Option<&BTreeSet<Mac>>) -> impl Iterator<Item = Mac> {
    let is_other = move |mac: &&Mac| chosen.is_some_and(|chosen| !chosen.contains(mac));
    ledger.enis.keys().filter(is_other).copied()
}

/// Everything that EC2 lists could be read in this boot.
fn is_complete(metadata: &Metadata) -> bool {
    metadata.incomplete.is_empty() && metadata.recalled.is_empty()
}

/// Those of `routes` that are not there.
fn absent(routes: Vec<Route>, observed: &Observed) -> Vec<Route> {
    let there: BTreeSet<&Route> = observed.routes.iter().into_set();
    let routes = routes.into_iter();
    routes.filter(|route| !there.contains(route)).gathered()
}

fn log_decisions(desired: &Desired) {
    for planned in &desired.enis {
        info!(
            "{} is {} ({}), table {}",
            planned.dev,
            planned.eni.id,
            planned.eni.mac,
            planned.eni.number().table()
        );
    }
    for skipped in &desired.skipped {
        info!(
            "{} ({}) is left alone: {}",
            skipped.eni.id, skipped.eni.mac, skipped.why
        );
    }
}

/// Which ENIs a run may change, and of which it takes nothing away.
fn reach(metadata: &Metadata, desired: &Desired, chosen: Option<&BTreeSet<Mac>>) -> Scope {
    let primary = metadata.enis.iter().find(|eni| eni.primary);
    let with_primary = |chosen: &BTreeSet<Mac>| {
        let chosen = chosen.iter().copied();
        chosen.chain(primary.map(|eni| eni.mac)).into_set()
    };
    let kept = desired
        .skipped
        .iter()
        .filter(|skipped| keeps_kernel(skipped));
    let kept = kept.map(|skipped| skipped.eni.mac);
    Scope {
        only: chosen.map(with_primary),
        keep: kept.chain(metadata.recalled.iter().copied()).into_set(),
        ..Scope::default()
    }
}
