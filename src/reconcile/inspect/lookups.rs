//! Which way packets from each address would leave, by the kernel's word.
//!
//! The kernel looks up a way to the Internet and one to a neighbour for every address. For the other destinations it is
//! asked once for all addresses whose rules are the same but for the address itself: what the kernel answers for one of
//! them it must answer for all, and `check` holds its own walk of every single packet against that answer.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use super::destinations::{Question, questions};
use crate::error::Result;
use crate::gather::Gather;
use crate::kernel::Kernel;
use crate::net::fib::{Fib, PolicyRule};
use crate::net::sources::BySource;
use crate::net::{Dev, Family, Link};
use crate::reconcile::assess::Assessment;
use crate::reconcile::proof::OUTSIDE_IPV4;
use crate::reconcile::rule_index::Work;

/// How often rules and routes are listed anew because they changed while the kernel was asked.
const TRIES: usize = 2;

/// So many rules cost nothing to speak of: what they cost is not measured.
const CHEAP: usize = 1000;
/// How many lookups a measurement takes.
const SAMPLES: u32 = 100;
/// This host itself, which the first rule of all leads to.
const SELF: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// What the kernel says of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub question: Question,
    /// Every interface by which some flows would leave; empty: none would.
    pub devs: Vec<Dev>,
}

impl Answer {
    /// All flows leave by the interface that has the address.
    pub fn is_right(&self) -> bool {
        !self.devs.is_empty() && self.devs.iter().all(|dev| *dev == self.question.dev)
    }
}

/// Every rule and route, and the answers that the kernel gave while they stood.
///
/// # Errors
/// The kernel cannot be asked.
pub(super) fn ask(assessment: &Assessment, kernel: &mut Kernel) -> Result<(Fib, Vec<Answer>)> {
    let links = &assessment.observed.links;
    let questions = questions(assessment);
    let mut fib = fib(assessment, kernel)?;
    let mut answers = Vec::new();
    for _ in 0..TRIES {
        answers = Asker::new(kernel, links, &fib).answers(&questions)?;
        let after = self::fib(assessment, kernel)?;
        if after == fib {
            break;
        }
        fib = after;
    }
    Ok((fib, answers))
}

/// Every rule and route. A rule index that is whole leads where the rules below it do, and is left out: those tell why.
fn fib(assessment: &Assessment, kernel: &mut Kernel) -> Result<Fib> {
    let mut fib = kernel.fib(&assessment.observed.links)?;
    if Work::of(assessment, &[]).is_none() {
        fib.rules.retain(|rule| !rule.is_of_index());
    }
    Ok(fib)
}

/// What a packet that no `from` is for pays for passing all rules; `None` where they are few, or an index leads past them.
///
/// # Errors
/// The kernel cannot be asked.
pub(super) fn cost(
    assessment: &Assessment,
    fib: &Fib,
    kernel: &mut Kernel,
) -> Result<Option<Duration>> {
    let has_index = assessment.observed.index.first().is_some();
    if has_index || fib.rules.len() <= CHEAP {
        return Ok(None);
    }
    let past_all = timed(kernel, OUTSIDE_IPV4)?;
    Ok(Some(past_all.saturating_sub(timed(kernel, SELF)?)))
}

fn timed(kernel: &mut Kernel, to: IpAddr) -> Result<Duration> {
    let begin = Instant::now();
    for _ in 0..SAMPLES {
        kernel.route_get(to, None)?;
    }
    Ok(begin.elapsed() / SAMPLES)
}

/// Asks the kernel, and remembers what it has said of a class of addresses.
struct Asker<'a> {
    kernel: &'a mut Kernel,
    links: &'a [Link],
    rules: BTreeMap<Family, BySource<'a>>,
    /// What the addresses of each class have in common.
    classes: Vec<Vec<Asked>>,
    known: BTreeMap<(usize, IpAddr), Vec<Dev>>,
}

impl<'a> Asker<'a> {
    fn new(kernel: &'a mut Kernel, links: &'a [Link], fib: &'a Fib) -> Self {
        let mut rules: BTreeMap<Family, BySource> = BTreeMap::new();
        for rule in &fib.rules {
            rules.entry(rule.family()).or_default().push(rule);
        }
        Self {
            kernel,
            links,
            rules,
            classes: Vec::new(),
            known: BTreeMap::new(),
        }
    }

    fn answers(mut self, questions: &[Question]) -> Result<Vec<Answer>> {
        let mut answers = Vec::with_capacity(questions.len());
        for of_address in questions.chunk_by(|a, b| a.from == b.from) {
            let class = of_address.first().map(|first| self.class(first.from));
            for question in of_address {
                answers.push(Answer {
                    question: question.clone(),
                    devs: self.answer(question, class.unwrap_or_default())?,
                });
            }
        }
        Ok(answers)
    }

    fn answer(&mut self, question: &Question, class: usize) -> Result<Vec<Dev>> {
        let key = (class, question.to);
        if let Some(known) = self.known.get(&key)
            && !question.destination.is_common()
        {
            return Ok(known.clone());
        }
        let asked = self
            .kernel
            .ways_out(question.to, Some(question.from), self.links)?;
        self.known.insert(key, asked.clone());
        Ok(asked)
    }

    fn class(&mut self, from: IpAddr) -> usize {
        let rules = self.rules.get(&Family::of(from)).into_iter();
        let own = rules.flat_map(|rules| rules.of(Some(from)));
        let class: Vec<Asked> = own.map(|(_, rule)| Asked::of(rule, from)).gathered();
        let known = self.classes.iter().position(|known| *known == class);
        known.unwrap_or_else(|| {
            self.classes.push(class);
            self.classes.len() - 1
        })
    }
}

/// A rule that is asked about packets of an address, as it is for any address of its class.
#[derive(PartialEq)]
struct Asked {
    rule: PolicyRule,
    /// The address is one that the rule is from; of a rule with `not`, it need not be.
    is_from: bool,
}

impl Asked {
    /// A rule from this address alone is, for packets from there, one from everywhere.
    fn of(rule: &PolicyRule, from: IpAddr) -> Self {
        let is_from = rule.rule.from.is_none_or(|net| net.contains(&from));
        let is_its = rule.rule.from == Some(IpNet::from(from));
        let mut rule = rule.clone();
        if is_its && !rule.is_inverted && rule.rule.extra().foreign.is_none() {
            rule.rule.from = None;
        }
        Self { rule, is_from }
    }
}
