//! N6: a way that the configuration promises, and that the rules do not give: of what clients send, and of the answers to
//! what came in by an ENI. Each by a walk past the rules, with the mark that the packet has.

use std::net::IpAddr;

use super::firewall::{Clients, of_entry};
use super::walk::{Packet, Walk, Walker};
use crate::gather::Gather;
use crate::net::{Dev, Family};
use crate::numbering::{Band, Owner};
use crate::plan::Planned;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::{outside, passages::Passage};
use crate::report::{Code, Evidence, Finding, Remedy};

/// Somebody behind an appliance, of no network of the host's (RFC 5737, RFC 3849).
const SOMEBODY: [[u16; 8]; 2] = [
    [0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201],
    [0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1],
];

/// Every finding about it: one for each ENI, and one for each path.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let walker = Walker::new(&inspection.fib);
    let entries = inspection.assessment.desired.egress.entries.iter();
    let clients: Vec<Clients> = entries
        .flat_map(|entry| of_entry(inspection, &walker, entry))
        .gathered();
    let back = inspection
        .enis()
        .filter_map(|planned| answers(inspection, (&walker, &clients), planned));
    let out = clients
        .iter()
        .filter_map(|clients| requests(inspection, &walker, clients));
    let paths = inspection
        .passages
        .all
        .iter()
        .filter(|path| path.is_path && !inspection.passages.symmetric);
    let paths = paths.filter_map(|path| one_way(inspection, &walker, path));
    let mut found: Vec<Finding> = back.chain(out).chain(paths).gathered();
    found.dedup_by(|one, other| one.what == other.what);
    found
}

/// A packet that is passed on, and how it should leave.
struct Passed<'a> {
    from: IpAddr,
    to: IpAddr,
    iif: &'a str,
    mark: u32,
    by: &'a str,
}

impl Passed<'_> {
    /// How it leaves, where that is surely another way.
    fn astray<'w>(&self, walker: &Walker<'w>) -> Option<Walk<'w>> {
        let packet = Packet {
            iif: Some(self.iif.into()),
            mark: self.mark,
            ..Packet::sent(Some(self.from), self.to)
        };
        let walk = walker.walk(&packet);
        let devs = walk.end.devs();
        let is_right = !devs.is_empty() && devs.iter().all(|dev| ***dev == *self.by);
        let is_sure = walk.uncertain().next().is_none() && !walk.end.is_local();
        (!is_right && is_sure).then_some(walk)
    }

    fn evidence(&self, walk: &Walk) -> Evidence {
        let Self {
            from,
            to,
            iif,
            mark,
            ..
        } = self;
        let rule = walk.decider().map_or_else(
            || "no rule".to_owned(),
            |rule| format!("by the rule `{}`", rule.rule),
        );
        Evidence::kernel(
            format!("ip route get {to} from {from} iif {iif} mark {mark:#x}"),
            rule,
        )
    }
}

/// Answers to what came in by an ENI, wherever they come from, leave by it.
fn answers(
    inspection: &Inspection,
    (walker, clients): (&Walker, &[Clients]),
    planned: &Planned,
) -> Option<Finding> {
    let mark = planned
        .slot()
        .filter(|_| inspection.passages.marks)?
        .mark()
        .value;
    let of_clients = clients.iter().filter(|clients| clients.is_neighbour());
    let of_clients =
        of_clients.map(|clients| (clients.range.first(), clients.departures.first().copied()));
    let somebody = SOMEBODY.map(|ip| (IpAddr::from(ip).to_canonical(), None));
    let is_router = !inspection.passages.all.is_empty();
    let targets = of_clients.chain(somebody.into_iter().filter(|_| is_router));
    let mut astray = targets
        .filter(|(to, _)| has(planned, Family::of(*to)))
        .filter_map(|(to, iif)| {
            let passed = Passed {
                from: outside(Family::of(to)),
                to,
                iif: iif.unwrap_or(&planned.dev),
                mark,
                by: &planned.dev,
            };
            let walk = passed.astray(walker)?;
            let what = format!(
                "answers to {to} for what came in by {} {}, not by {}",
                planned.dev,
                way(&walk),
                planned.dev
            );
            Some(finding((planned, what), &passed, &walk))
        });
    astray.next()
}

fn has(planned: &Planned, family: Family) -> bool {
    planned
        .eni
        .subnets()
        .any(|net| Family::of(net.addr()) == family)
}

/// What a client sends leaves by an ENI of those that it leaves as.
fn requests(inspection: &Inspection, walker: &Walker, clients: &Clients) -> Option<Finding> {
    let from = clients.range.first();
    let enis = inspection
        .enis()
        .filter(|planned| clients.departures.contains(&&*planned.dev));
    let mut astray = enis.filter_map(|planned| {
        let passed = Passed {
            from,
            to: outside(clients.family),
            iif: clients.arrival(),
            mark: planned.slot()?.mark().value,
            by: &planned.dev,
        };
        let walk = passed.astray(walker)?;
        let what = format!(
            "what the client {from} sends {}, not by {}",
            way(&walk),
            planned.dev
        );
        Some(finding((planned, what), &passed, &walk))
    });
    astray.next()
}

/// Without marks only another path leads back.
fn one_way(inspection: &Inspection, walker: &Walker, path: &Passage) -> Option<Finding> {
    let of_dev = |dev: &Dev| inspection.enis().find(|planned| planned.dev == *dev);
    let planned = of_dev(&path.input)?;
    let families = [Family::Ipv4, Family::Ipv6].into_iter();
    let mut astray = families.zip(SOMEBODY).filter(|(family, _)| has(planned, *family)).filter_map(|(family, ip)| {
        let passed = Passed {
            from: outside(family),
            to: IpAddr::from(ip).to_canonical(),
            iif: &path.output,
            mark: 0,
            by: &path.input,
        };
        let walk = passed.astray(walker)?;
        let (input, output) = (&path.input, &path.output);
        let what = format!(
            "what comes in by {input} goes on by {output}, and its answers, which come in by {output}, {}, not by {input}",
            way(&walk)
        );
        let finding = finding((planned, what), &passed, &walk);
        let remedy = format!("add a [[forwarding.path]] with in = {output:?} and out = {input:?}, or set symmetric = true");
        Some(Finding {
            remedy: Some(remedy),
            ..finding
        })
    });
    astray.next()
}

fn way(walk: &Walk) -> String {
    let devs: Vec<String> = walk.end.devs().iter().map(ToString::to_string).gathered();
    match devs.is_empty() {
        true => "would not leave at all".to_owned(),
        false => format!("would leave by {}", devs.join(" or ")),
    }
}

fn finding((planned, what): (&Planned, String), passed: &Passed, walk: &Walk) -> Finding {
    Finding::new(
        Code::N6,
        Owner::Eni(planned.eni.mac),
        what,
        "see which rule comes first",
    )
    .about(passed.by)
    .is_not(way(walk), format!("by {}", passed.by))
    .mended_by(remedy(planned, walk))
    .known_from(passed.evidence(walk))
}

/// Somebody's rule is in the way, or something of eniroute's is gone.
fn remedy(planned: &Planned, walk: &Walk) -> Remedy {
    let rule = walk.decider().map(|rule| &rule.rule);
    match rule.filter(|rule| rule.priority < planned.eni.number().priority(Band::Marked)) {
        Some(rule) => Remedy::review(format!("ip rule del pref {}", rule.priority)),
        None => Remedy::safe("eniroute apply"),
    }
}
