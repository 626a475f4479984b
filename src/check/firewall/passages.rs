//! O2 of what `[forwarding]` wants to pass. What an appliance filters is its own business: only what lets no flow through at
//! all, from either side, is told.

use super::flows::{Drops, Loss, REPLY, REQUEST, Way};
use super::packet::End;
use super::remedy::Line;
use super::{dropped, with_remedy};
use crate::gather::Gather;
use crate::net::{Family, MAIN};
use crate::plan::egress::Range;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::passages::Passage;
use crate::reconcile::inspect::rulesets::Chain;
use crate::report::Finding;

/// Of each family and each chain.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let chains = inspection.owners.rulesets.foreign("forward");
    let chains = chains.filter(|chain| chain.kind == "filter");
    let chains = chains.flat_map(|chain| {
        let families = chain.families().iter();
        families.map(move |family| (chain, *family))
    });
    let mut found: Vec<Finding> = chains
        .flat_map(|(chain, family)| of_chain(inspection, chain, family))
        .gathered();
    // A chain of both families says the same of both.
    found.dedup_by(|one, other| one == other);
    found
}

/// Without paths, an ENI that is kept from forwarding is one that somebody does not want to.
fn of_chain(inspection: &Inspection, chain: &Chain, family: Family) -> Vec<Finding> {
    let all = inspection.passages.all.iter();
    let lost =
        all.filter_map(|passage| Some((passage, lost(inspection, chain, (passage, family))?)));
    let lost: Vec<(&Passage, Drops)> = lost.gathered();
    let is_open = lost
        .iter()
        .any(|(passage, drops)| !passage.is_path && drops.loss == Loss::None);
    let told = [Loss::All, Loss::Some].into_iter().filter(|_| !is_open);
    let told = told.filter_map(|loss| {
        let lost = lost.iter().filter(|(_, drops)| drops.loss == loss);
        told_of(
            (inspection, chain, family),
            &lost.copied().gathered::<Vec<_>>(),
        )
    });
    told.gathered()
}

/// Of passages with one fate.
fn told_of(at: (&Inspection, &Chain, Family), group: &[(&Passage, Drops)]) -> Option<Finding> {
    let (_, drops) = group.first()?;
    let names = group.iter().map(|(passage, _)| name(passage));
    let names: Vec<String> = names.gathered();
    let whose = format!("that [forwarding] sends on, from {}", names.join(", "));
    let mut lines: Vec<Line> = Vec::new();
    for (Passage { input, output, .. }, _) in group {
        for line in [line(input, output), line(output, input)] {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    let finding = dropped(at, *drops, &whose)?;
    Some(with_remedy(finding, at, (*drops, lines), false))
}

fn name(passage: &Passage) -> String {
    match passage.is_path {
        true => format!("{} to {}", passage.input, passage.output),
        false => passage.input.to_string(),
    }
}

fn line<'a>(iif: &'a str, oif: &'a str) -> Line<'a> {
    Line::between(Some(iif), Some(oif), &End::Outside, &End::Outside)
}

/// What is dropped of that kind of flow of which least is; `None`: there is none of this family.
fn lost<'a>(
    inspection: &'a Inspection,
    chain: &'a Chain,
    (passage, family): (&Passage, Family),
) -> Option<Drops<'a>> {
    let at = (&inspection.owners.rulesets, chain);
    let [inward, outward] =
        [&passage.input, &passage.output].map(|dev| ends(inspection, dev, family));
    let pairs = inward
        .iter()
        .flat_map(|from| outward.iter().map(move |to| (from, to)));
    let kinds = pairs.filter(|(from, to)| from != to).map(|(from, to)| {
        let way = Way {
            family,
            iif: &passage.input,
            oif: &passage.output,
            from,
            to,
            is_marked: inspection.passages.marks && has_eni(inspection, &passage.input),
            is_back: false,
        };
        way.drops(at, REQUEST).or(way.back().drops(at, REPLY))
    });
    kinds.min_by_key(|drops| drops.loss)
}

fn has_eni(inspection: &Inspection, dev: &str) -> bool {
    inspection.enis().any(|planned| *planned.dev == *dev)
}

/// Who is behind an interface: the VPC and the Internet behind an ENI, and behind another what main has routes to.
fn ends(inspection: &Inspection, dev: &str, family: Family) -> Vec<End> {
    let is_its = |range: &Range| range.family() == family;
    let own = inspection.enis().find(|planned| *planned.dev == *dev);
    if let Some(planned) = own {
        let ranges = planned
            .eni
            .vpc_ranges
            .iter()
            .copied()
            .chain(planned.eni.subnets());
        let ranges: Vec<Range> = ranges.map(Range::from).filter(is_its).gathered();
        return match ranges.is_empty() {
            true => Vec::new(),
            false => vec![End::These(ranges), End::Outside],
        };
    }
    let routes = inspection.fib.routes.iter().map(|found| &found.route);
    let routes =
        routes.filter(|route| route.table == MAIN && route.ways().any(|(_, way)| **way == *dev));
    let nets = routes
        .map(|route| route.dst)
        .filter(|net| net.prefix_len() > 0);
    let ranges: Vec<Range> = nets.map(Range::from).filter(is_its).gathered();
    vec![if ranges.is_empty() {
        End::Outside
    } else {
        End::These(ranges)
    }]
}
