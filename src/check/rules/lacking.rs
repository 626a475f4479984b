//! Rules and routes that are missing (R2, R4): how bad that is, and what stands in their place; rules that stand twice.

use super::maker;
use super::ways::Ways;
use crate::gather::Gather;
use crate::net::fib::PolicyRule;
use crate::numbering::Owner;
use crate::reconcile::Inspection;
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// An error where packets of that ENI, or of that address, take a wrong way; else a warning.
pub(super) fn rated(ways: &Ways, finding: &Finding) -> Finding {
    let is_its = |from| finding.address.is_none_or(|address| address == from);
    let is_wrong = ways.wrong.iter().any(|way| {
        let question = &way.answer.question;
        finding.owner == Owner::Eni(question.mac) && is_its(question.from)
    });
    match finding.code {
        Code::R2 | Code::R4 | Code::R9 if !is_wrong => finding.clone().rated(Severity::Warning),
        _ => finding.clone(),
    }
}

/// R2: rules of eniroute's that are there more than once, and rules in their place that lead elsewhere.
pub(super) fn doubles(inspection: &Inspection) -> impl Iterator<Item = Finding> + use<'_> {
    inspection.enis().flat_map(move |planned| {
        let owner = Owner::Eni(planned.eni.mac);
        planned.rules.iter().filter_map(move |wanted| {
            let listed = inspection.fib.rules.iter();
            let place = (wanted.family, wanted.priority, wanted.from);
            let there: Vec<&PolicyRule> = listed
                .filter(|one| (one.rule.family, one.rule.priority, one.rule.from) == place)
                .gathered();
            let same = there.iter().filter(|one| one.rule == *wanted).count();
            let other = there.iter().find(|one| one.rule.table != wanted.table);
            match other {
                _ if same > 1 => Some(twice(owner, there[0], same)),
                Some(other) => Some(elsewhere(owner, other, wanted.table)),
                None => None,
            }
        })
    })
}

fn twice(owner: Owner, rule: &PolicyRule, times: usize) -> Finding {
    let words = &rule.rule;
    let what = format!("the rule `{words}` is there {times} times");
    told(owner, rule, what).is_not(format!("{times} such rules"), "one")
}

fn elsewhere(owner: Owner, rule: &PolicyRule, table: u32) -> Finding {
    let what = format!(
        "{} stands in the place of eniroute's, and leads to another table",
        maker::rule(rule)
    );
    told(owner, rule, what).is_not(rule.rule.to_string(), format!("lookup {table}"))
}

fn told(owner: Owner, rule: &PolicyRule, what: String) -> Finding {
    let words = &rule.rule;
    Finding::new(Code::R2, owner, what, "take away the one that is too many")
        .rated(Severity::Warning)
        .about(words.to_string())
        .mended_by(Remedy::review(words.remove_command()))
        .known_from(Evidence::kernel(
            format!("ip {} rule", rule.family().flag()),
            format!("{}: {words} ({})", words.priority, maker::of_rule(rule)),
        ))
}
