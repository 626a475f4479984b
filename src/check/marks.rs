//! N9: the bits of marks that eniroute goes by are somebody else's, too.

use super::firewall::title;
use crate::gather::Gather;
use crate::net::fib::PolicyRule;
use crate::numbering::{MARKS, Owner};
use crate::reconcile::Inspection;
use crate::reconcile::inspect::rulesets::{Chain, FilterRule, Written};
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// Where eniroute's own chain marks packets.
const OWN: i64 = -145;

/// What chains of programs are called that have the upper bytes for themselves.
const MARKERS: [(&str, &str); 2] = [("cali-", "Calico"), ("CILIUM_", "Cilium")];

const REMEDY: &str =
    "have it leave the top byte of marks alone (a mask of 0x00ffffff), or forward on another host";

/// Every finding about it, where the configuration goes by marks.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    if !inspection.passages.marks {
        return Vec::new();
    }
    if let Some(marker) = &inspection.passages.marker {
        return vec![program(marker.clone())];
    }
    let chains = || {
        inspection
            .owners
            .rulesets
            .chains
            .iter()
            .filter(|chain| !chain.is_ours())
    };
    if let Some(found) = chains().find_map(by_name) {
        return vec![found];
    }
    let writing = chains().filter_map(written);
    let rules = inspection.fib.rules.iter();
    let reading = rules.filter(|rule| is_read(inspection, rule)).map(read);
    writing.chain(reading).gathered()
}

fn by_name(chain: &Chain) -> Option<Finding> {
    let (_, name) = MARKERS
        .iter()
        .find(|(begin, _)| chain.name.starts_with(begin))?;
    Some(program(format!(
        "{name} (its chain {} is here)",
        title(chain)
    )))
}

/// Nothing that is forwarded by marks works, and `apply` refuses it.
fn program(marker: String) -> Finding {
    let what = format!(
        "{marker} has the top byte of marks for itself, which [[egress]] and [forwarding] go by"
    );
    finding(what)
        .rated(Severity::Error)
        .about(marker.split(' ').next().unwrap_or_default())
        .is_not(
            "the same bits for two",
            format!("{MARKS:#x} for eniroute alone"),
        )
}

fn finding(what: String) -> Finding {
    Finding::new(Code::N9, Owner::Host, what, REMEDY)
}

/// A rule of a firewall that sets them, or loses what eniroute has set.
fn written(chain: &Chain) -> Option<Finding> {
    let clashes = |rule: &&FilterRule| rule.writes.is_some_and(|writes| clashes(chain, writes));
    let rule = chain.rules.iter().find(clashes)?;
    let name = title(chain);
    let what = format!("a rule in `{name}` writes into the top byte of marks, which is eniroute's");
    let shown = format!("nft -a list chain {name}");
    Some(
        finding(what)
            .about(name)
            .is_not(&rule.text, format!("a mask without {MARKS:#x}"))
            .mended_by(Remedy::review(shown.clone()))
            .known_from(Evidence::kernel(shown, &rule.text)),
    )
}

/// What comes before eniroute's chain is written over by it; what is set for no more than the host's own packets matters
/// only with bits of eniroute's.
fn clashes(chain: &Chain, writes: Written) -> bool {
    let is_behind = chain.hook == "prerouting" && chain.priority > OWN;
    let loses = writes.mask & MARKS != 0 && (writes.to_connection || is_behind);
    writes.value & MARKS != 0 || loses
}

/// A rule of routing that is not eniroute's, and for packets with eniroute's marks.
fn is_read(inspection: &Inspection, rule: &PolicyRule) -> bool {
    let Some(mark) = rule.mark().filter(|mark| mark.mask & MARKS != 0) else {
        return false;
    };
    let mut enis = inspection.enis();
    let is_own = inspection
        .enis()
        .any(|planned| planned.rules.contains(&rule.rule));
    let mut slots = enis.by_ref().filter_map(crate::plan::Planned::slot);
    let is_for = slots.any(|slot| (slot.mark().value ^ mark.value) & mark.mask & MARKS == 0);
    is_for && !is_own && !rule.is_inverted
}

fn read(rule: &PolicyRule) -> Finding {
    let shown = rule.rule.to_string();
    let what = format!(
        "the rule `{shown}`, not created by eniroute, is for packets with eniroute's marks"
    );
    finding(what)
        .about(shown.clone())
        .is_not(
            "a rule for the same bits",
            format!("a rule for marks without {MARKS:#x}"),
        )
        .mended_by(Remedy::review(format!(
            "ip rule del pref {}",
            rule.rule.priority
        )))
        .known_from(Evidence::kernel("ip rule", shown))
}
