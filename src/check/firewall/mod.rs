//! Somebody else's packet filter, and what the configuration wants to pass: O2 where a chain drops it, O3 where a chain of
//! NAT gives it another address before eniroute's table does. An accept in one table overrides no drop in another.

mod clients;
mod flows;
mod packet;
mod passages;
mod remedy;
mod translated;
mod walk;

use super::walk::Walker;
use crate::gather::Gather;
use crate::net::Family;
use crate::numbering::Owner;
use crate::plan::nft::Entry;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::rulesets::Chain;
use crate::report::{Code, Evidence, Finding, Remedy, Severity};
use clients::Lost;
pub(super) use clients::{Clients, of_entry};
use flows::{Drops, Loss};
use remedy::{Keeper, Line};
use walk::Dropper;

/// What the filters of others have to let through.
const REMEDY: &str = "let it through there: an accept in eniroute's own table does not help";

/// So many clients are named.
const NAMED: usize = 4;

/// Every finding about it.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let walker = Walker::new(&inspection.fib);
    let mut found = translated::of_own(inspection);
    for entry in &inspection.assessment.desired.egress.entries {
        let clients = of_entry(inspection, &walker, entry);
        let chains = inspection.owners.rulesets.foreign("forward");
        for chain in chains.filter(|chain| chain.kind == "filter") {
            let families = chain.families().iter();
            found.extend(
                families.filter_map(|family| of_clients(inspection, chain, (&clients, *family))),
            );
        }
        found.extend(translated::of_clients(inspection, &clients));
    }
    found.extend(passages::findings(inspection));
    found
}

/// The configuration says what is to be forwarded.
pub(super) fn is_configured(inspection: &Inspection) -> bool {
    let entries: &[Entry] = &inspection.assessment.desired.egress.entries;
    !entries.is_empty() || !inspection.passages.all.is_empty()
}

/// O2: of some clients of an entry, those that it is worst for.
fn of_clients(
    inspection: &Inspection,
    chain: &Chain,
    (clients, family): (&[Clients], Family),
) -> Option<Finding> {
    let at = (&inspection.owners.rulesets, chain);
    let clients = clients.iter().filter(|clients| clients.family == family);
    let lost: Vec<(&Clients, Lost)> = clients
        .map(|clients| (clients, clients.lost(at)))
        .gathered();
    let worst = lost.iter().map(|(_, lost)| lost.loss()).max()?;
    let worse = lost.iter().filter(|(_, lost)| lost.loss() == worst);
    let names: Vec<String> = worse
        .clone()
        .map(|(clients, _)| clients.range.to_string())
        .gathered();
    let by = worse
        .clone()
        .map(|(_, lost)| lost.request.or(lost.reply))
        .next()?;
    let lines: Vec<Line> = worse
        .flat_map(|(clients, lost)| clients.lines(lost))
        .gathered();
    let whose = format!("of the clients {} of an [[egress]]", listed(&names));
    let finding = dropped((inspection, chain, family), by, &whose)?;
    Some(with_remedy(
        finding,
        (inspection, chain, family),
        (by, lines),
        // IPv6 clients are answered past this host.
        family == Family::Ipv6,
    ))
}

/// `None`: nothing is dropped.
fn dropped(
    (inspection, chain, family): (&Inspection, &Chain, Family),
    drops: Drops,
    whose: &str,
) -> Option<Finding> {
    let (verb, severity) = match drops.loss {
        Loss::None => return None,
        Loss::Some => ("may drop some", Severity::Hint),
        Loss::All => ("drops the packets", Severity::Warning),
    };
    let name = title(chain);
    let by = drops.by?.words();
    let what = format!("the firewall's chain `{name}` {verb} {whose} ({by})");
    let keeper = keeper(inspection, chain, family);
    Some(
        Finding::new(Code::O2, Owner::Host, what, REMEDY)
            .rated(severity)
            .about(name)
            .is_not(by.clone(), "a rule that accepts it")
            .known_from(Evidence::kernel(keeper.show(), by)),
    )
}

fn with_remedy(
    finding: Finding,
    (inspection, chain, family): (&Inspection, &Chain, Family),
    (drops, lines): (Drops, Vec<Line>),
    is_half: bool,
) -> Finding {
    let keeper = Keeper {
        by_policy: matches!(drops.by, Some(Dropper::Policy)),
        is_half,
        ..keeper(inspection, chain, family)
    };
    let lines = remedy::few(lines, family);
    finding.mended_by(Remedy::review(keeper.accept(&lines)))
}

fn keeper<'a>(inspection: &'a Inspection, chain: &'a Chain, family: Family) -> Keeper<'a> {
    Keeper {
        rulesets: &inspection.owners.rulesets,
        chain,
        family,
        by_policy: false,
        is_half: false,
    }
}

/// As nft takes it.
pub(super) fn title(chain: &Chain) -> String {
    format!("{} {} {}", chain.family, chain.table, chain.name)
}

fn listed(names: &[String]) -> String {
    let (named, rest) = names.split_at(names.len().min(NAMED));
    let more = (!rest.is_empty()).then(|| format!(" and {} more", rest.len()));
    named.join(", ") + &more.unwrap_or_default()
}

#[cfg(test)]
mod tests;
