//! The rules that a packet was held against, for a person: many that are for other addresses are one line.

use crate::check::walk::{Outcome, Reason, Step, Walk};
use crate::gather::Gather;
use crate::net::fib::PolicyRule;
use crate::report::StepReport;

/// `RT_TABLE_LOCAL`
const LOCAL: u32 = 255;

/// Every step, those for other addresses as one where several follow each other.
pub fn all(walk: &Walk) -> Vec<StepReport> {
    let alike = |a: &Step, b: &Step| is_of_others(a) && is_of_others(b);
    walk.steps.chunk_by(alike).filter_map(of_some).gathered()
}

fn of_some(steps: &[Step]) -> Option<StepReport> {
    let (first, last) = (steps.first()?, steps.last()?);
    let is_one = steps.len() == 1;
    Some(StepReport {
        priority: first.rule.rule.priority,
        last: last.rule.rule.priority,
        count: steps.len(),
        rule: is_one.then(|| words(first.rule)),
        decides: last.outcome == Outcome::Decided,
        why: if is_one {
            why(&first.outcome)
        } else {
            of_others(&first.outcome)
        },
    })
}

fn is_of_others(step: &Step) -> bool {
    matches!(step.outcome, Outcome::NotMatched(Reason::From(_)))
}

/// The rule without its priority, which stands before it.
fn words(rule: &PolicyRule) -> String {
    let all = rule.rule.to_string();
    let words = all.strip_suffix(&format!(" priority {}", rule.rule.priority));
    named(words.unwrap_or(&all))
}

/// The words of a rule or route, with the name of the local table. Whether a route is `onlink` is not known of one that
/// was listed.
pub fn named(words: &str) -> String {
    let is_of_local = |word: &str| format!("{word} {LOCAL}");
    let words = words.replace(&is_of_local("lookup"), "lookup local");
    let words = words.replace(&is_of_local("table"), "table local");
    words.replace(" onlink", "")
}

fn why(outcome: &Outcome) -> String {
    match outcome {
        Outcome::NotMatched(reason) => format!("not for it, as {reason}"),
        Outcome::NoRoute => "its table has no route to there".to_owned(),
        Outcome::Thrown(found) => {
            format!("its table has `{}`: the next rule is asked", found.route)
        }
        Outcome::Suppressed(found) => format!("it passes over `{}`", found.route),
        Outcome::Jumped(target) => format!("goes on at rule {target}"),
        Outcome::Nothing => "does nothing".to_owned(),
        Outcome::Decided => "decides".to_owned(),
    }
}

fn of_others(outcome: &Outcome) -> String {
    match outcome {
        Outcome::NotMatched(reason) => format!("for other addresses, as {reason}"),
        _ => why(outcome),
    }
}
