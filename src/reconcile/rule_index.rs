//! The rule index, kept: what of it would lead astray goes before the rules that it lies over change, and what is missing
//! comes at the very end of a run, so that no first answer waits for it. What to make of it is the plan's to say.

use std::collections::BTreeSet;

use super::assess::Assessment;
use super::executor::Executor;
use super::run::Run;
use crate::code::Code;
use crate::config::RuleIndex;
use crate::gather::{Gather, Order};
use crate::net::index_rule::is_spanned;
use crate::net::{Family, IndexRule, Rule};
use crate::numbering::Owner;
use crate::object::{Change, Object};
use crate::plan::rule_index::{Ground, Obstacle, PAYS_FROM, changes};
use crate::report::{Evidence, Finding, IndexReport, Remedy};

/// What of the index is to go and to come, and what is in its way.
#[derive(Debug, Default)]
pub struct Work {
    pub gone: Vec<IndexRule>,
    pub added: Vec<IndexRule>,
    pub obstacles: Vec<Obstacle>,
}

impl Work {
    /// What there is to do once `ahead` is done.
    pub fn of(assessment: &Assessment, ahead: &[Change]) -> Self {
        let mut work = Self::default();
        let is_made = assessment.ledger.host.rule_index;
        let index = &assessment.observed.index;
        let rules = rules_after(assessment, ahead);
        let ours = ours(assessment);
        // A rule that is about to come is.
        let is_ours = |rule: &Rule| ours.contains(rule) || is_added(ahead, rule);
        for family in [Family::Ipv4, Family::Ipv6] {
            let of_family = |rule: &&&Rule| rule.family == family;
            let rules: Vec<&Rule> = rules.iter().filter(of_family).copied().gathered();
            let its = index.iter().filter(|rule| rule.family == family);
            let standing: Vec<&IndexRule> = its.gathered();
            let ground = Ground {
                family,
                rules: &rules,
                is_ours: &is_ours,
                standing: &standing,
                has_made: is_made,
            };
            work.take(&ground, assessment.rule_index);
        }
        work
    }

    fn take(&mut self, ground: &Ground, mode: RuleIndex) {
        let wanted = match mode {
            RuleIndex::Auto => ground.wanted(),
            RuleIndex::Off => Ok(Vec::new()),
        };
        let wanted = wanted.unwrap_or_else(|obstacle| {
            self.obstacles.push(obstacle);
            Vec::new()
        });
        if ground.has_made || !wanted.is_empty() {
            let (gone, added) = changes(ground.standing, wanted);
            self.gone.extend(gone);
            self.added.extend(added);
        }
    }

    /// Nothing of it is other than it should be.
    pub fn is_none(&self) -> bool {
        self.gone.is_empty() && self.added.is_empty() && self.obstacles.is_empty()
    }

    /// What a report says of it.
    pub fn report(&self) -> Option<IndexReport> {
        let commands = self.gone.iter().map(IndexRule::remove_command);
        let commands = commands.chain(self.added.iter().map(IndexRule::add_command));
        let is_any = !self.gone.is_empty() || !self.added.is_empty();
        is_any.then(|| IndexReport {
            set: self.added.len(),
            removed: self.gone.len(),
            commands: commands.gathered(),
        })
    }
}

/// The rules that an index could span, as they will be.
fn rules_after<'a>(assessment: &'a Assessment, ahead: &'a [Change]) -> Vec<&'a Rule> {
    let gone = ahead.iter().filter_map(|change| match change {
        Change::Remove(object) => object.rule(),
        Change::Add(_) | Change::Replace { .. } => None,
    });
    let gone: BTreeSet<&Rule> = gone.into_set();
    let added = ahead.iter().filter_map(added);
    let observed = assessment.observed.rules.iter();
    let rules = observed.filter(|rule| !gone.contains(rule)).chain(added);
    let mut rules: Vec<&Rule> = rules.filter(|rule| is_spanned(rule.priority)).gathered();
    rules.order();
    rules.dedup();
    rules
}

fn added(change: &Change) -> Option<&Rule> {
    match change {
        Change::Add(object) => object.rule(),
        Change::Remove(_) | Change::Replace { .. } => None,
    }
}

fn is_added(ahead: &[Change], rule: &Rule) -> bool {
    ahead.iter().filter_map(added).any(|added| added == rule)
}

/// The rules that are wanted, or were made.
fn ours(assessment: &Assessment) -> BTreeSet<&Rule> {
    let made = assessment.scope.made.iter().flat_map(|made| &made.objects);
    let of_host = made.chain(&assessment.desired.host);
    let enis = assessment.desired.enis.iter();
    let of_enis = enis.flat_map(|planned| &planned.rules);
    of_host.filter_map(Object::rule).chain(of_enis).into_set()
}

impl Run<'_> {
    /// With all these rules an index will be made: it is written down with them, and not once more before it comes.
    pub(super) fn is_about_to_pay(&self, changes: &[Change]) -> bool {
        let known = &self.assessment;
        let comes = |family| {
            let rules = changes.iter().filter_map(added);
            rules.filter(|rule| rule.family == family).count() >= PAYS_FROM
        };
        known.rule_index == RuleIndex::Auto
            && known.observed.index.is_empty()
            && [Family::Ipv4, Family::Ipv6].into_iter().any(comes)
    }

    /// Before `ahead` is done: what the index would not be right in then goes.
    pub(super) fn loosen_index(&mut self, ahead: &[Change]) {
        let is_rule = |change: &Change| {
            matches!(
                change,
                Change::Add(Object::Rule(_)) | Change::Remove(Object::Rule(_))
            )
        };
        if self.assessment.observed.index.is_empty() || !ahead.iter().any(is_rule) {
            return;
        }
        let work = Work::of(&self.assessment, ahead);
        self.change_index(&work.gone, &[]);
    }

    /// At the end of all: makes of it what is missing, and takes away what is too much. Returns what is left to do.
    pub(super) fn complete_index(&mut self) -> Work {
        let work = Work::of(&self.assessment, &[]);
        match self.change_index(&work.gone, &work.added) {
            true => Work {
                obstacles: work.obstacles,
                ..Work::default()
            },
            false => work,
        }
    }

    fn change_index(&mut self, gone: &[IndexRule], added: &[IndexRule]) -> bool {
        Executor::of(self.host, self.how.wait, &mut self.report).change_index(
            &mut self.assessment,
            gone,
            added,
        )
    }
}

/// In words.
pub fn notes(obstacles: &[Obstacle]) -> Vec<String> {
    obstacles.iter().map(what).gathered()
}

fn what(obstacle: &Obstacle) -> String {
    format!(
        "no rule index is made, because a jump would pass over a rule not created by eniroute (`{obstacle}`)"
    )
}

/// Where it is prevented, or other than it should be, by the `work` that there is.
pub fn findings(assessment: &Assessment, work: &Work) -> Vec<Finding> {
    let prevented = work.obstacles.iter().map(prevented);
    let count = assessment.observed.index.len();
    let (missing, surplus) = (work.added.len(), work.gone.len());
    let is_broken = work.obstacles.is_empty() && (missing > 0 || surplus > 0);
    let broken = is_broken.then(|| {
        let what = format!(
            "the rule index lacks {missing} of its rules, and has {surplus} that it should not have"
        );
        let first = work.added.first().or(work.gone.first());
        let evidence = first.map_or_else(String::new, |rule| format!("first of them: `{rule}`"));
        Finding::new(
            Code::R14,
            Owner::Host,
            what,
            "eniroute apply makes it whole",
        )
        .is_not(
            format!("{count} rules"),
            format!("{} rules", count + missing - surplus),
        )
        .mended_by(Remedy::safe(super::findings::APPLY))
        .known_from(Evidence::kernel("ip rule; ip -6 rule", evidence))
    });
    prevented.chain(broken).gathered()
}

fn prevented(obstacle: &Obstacle) -> Finding {
    let remedy = "take that rule away, or give it a priority below 7000 or above 24000";
    Finding::new(Code::R14, Owner::Host, what(obstacle), remedy)
        .about(obstacle.to_string())
        .is_not("no index", format!("one, from {PAYS_FROM} rules on"))
        .mended_by(Remedy::review(obstacle.remove_command()))
        .known_from(Evidence::kernel(
            "ip rule; ip -6 rule",
            obstacle.to_string(),
        ))
}
