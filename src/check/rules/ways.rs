//! Each way out of each address: the kernel's answer, the walk that ends there, and what is wrong with it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::check::walk::{Candidates, End, Packet, Walk, Walker};
use crate::eni::{Eni, IPV6_ROUTER};
use crate::gather::{Gather, Order};
use crate::net::fib::Protocol;
use crate::net::{Dev, Family, Mac, Reachability, RouteKind};
use crate::plan::Planned;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::{Answer, Destination};

/// `RTPROT_RA`: a router has advertised itself.
pub(super) const RA: Protocol = Protocol(9);

/// The ways that need a word.
pub(super) struct Ways<'a> {
    /// Those that do not lead there by the ENI of the address, by address, the Internet first.
    pub wrong: Vec<Way<'a>>,
    /// Those of which the walk says something else than the kernel.
    pub differing: Vec<Way<'a>>,
}

/// A packet that would be sent, and what comes of it.
pub(super) struct Way<'a> {
    pub planned: &'a Planned,
    pub answer: &'a Answer,
    pub walk: Walk<'a>,
    pub fault: Option<Fault>,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It leaves by another interface, or not at all.
    Astray,
    /// It is sent to a host that is not in the ENI's subnet, as if it were.
    NoRouter,
    /// It is sent to this address, which is not the subnet's router, and not known to answer.
    Stranger(IpAddr),
    /// It is sent to the subnet's router, which does not answer.
    Silent(IpAddr),
}

impl<'a> Ways<'a> {
    /// Walks each packet that the kernel was asked for.
    pub fn of(inspection: &'a Inspection) -> Self {
        let walker = Walker::new(&inspection.fib);
        let planned: BTreeMap<Mac, &Planned> =
            inspection.enis().map(|one| (one.eni.mac, one)).gathered();
        let mut ways = Self {
            wrong: Vec::new(),
            differing: Vec::new(),
        };
        let same = |a: &Answer, b: &Answer| a.question.from == b.question.from;
        for answers in inspection.answers.chunk_by(same) {
            let Some(first) = answers.first() else {
                continue;
            };
            let from = first.question.from;
            let candidates = walker.candidates(Family::of(from), Some(from));
            let all = answers.iter().filter_map(|answer| {
                let planned = *planned.get(&answer.question.mac)?;
                Some((planned, answer))
            });
            for (planned, answer) in all {
                ways.take(way(inspection, (&walker, &candidates), planned, answer));
            }
        }
        ways
    }

    /// Keeps it if it needs a word.
    fn take(&mut self, way: Way<'a>) {
        if !way.agrees() {
            self.differing.push(way);
        } else if way.fault.is_some() {
            self.wrong.push(way);
        }
    }

    /// The wrong ways, address by address.
    pub fn by_address(&self) -> impl Iterator<Item = &[Way<'a>]> {
        let same = |a: &Way, b: &Way| a.answer.question.from == b.answer.question.from;
        self.wrong.chunk_by(same)
    }
}

fn way<'a>(
    inspection: &Inspection,
    (walker, candidates): (&Walker<'a>, &Candidates<'a>),
    planned: &'a Planned,
    answer: &'a Answer,
) -> Way<'a> {
    let question = &answer.question;
    let packet = Packet::sent(Some(question.from), question.to);
    let walk = walker.walk_by(&packet, candidates);
    let fault = if answer.is_right() {
        let end = &walk.end;
        routers(end).find_map(|(via, dev)| dead_end(inspection, planned, (via, dev), question.to))
    } else {
        Some(Fault::Astray)
    };
    Way {
        planned,
        answer,
        walk,
        fault,
    }
}

impl Way<'_> {
    /// The walk ends where the kernel's answer leads. Where a rule has a selector that is not followed, nothing is said.
    fn agrees(&self) -> bool {
        let mut walked = self.walk.end.devs();
        let mut asked: Vec<&Dev> = self.answer.devs.iter().gathered();
        walked.order();
        asked.order();
        walked == asked || self.walk.uncertain().next().is_some()
    }

    /// Where it goes, in words.
    pub fn destination(&self) -> &'static str {
        match self.answer.question.destination {
            Destination::Internet => "the Internet",
            Destination::Neighbour => "its own subnet",
            Destination::Vpc => "the rest of the VPC",
            Destination::SubnetOf(_) => "another ENI's subnet",
        }
    }

    /// How it leaves, in words.
    pub fn way_out(&self) -> String {
        let devs = self.answer.devs.join(" and ");
        match self.fault {
            _ if devs.is_empty() => "not at all".to_owned(),
            None | Some(Fault::Astray) => format!("by {devs}"),
            Some(Fault::NoRouter) => format!("by {devs} without a router"),
            Some(Fault::Stranger(ip)) => format!("by {devs} to {ip}, which is no router"),
            Some(Fault::Silent(ip)) => format!("by {devs} to {ip}, which does not answer"),
        }
    }
}

/// The router and the interface of each way that the end has.
fn routers<'a>(end: &End<'a>) -> impl Iterator<Item = (Option<IpAddr>, &'a Dev)> {
    let found = match end {
        End::Route(found) if found.route.kind == RouteKind::Unicast => Some(*found),
        _ => None,
    };
    found.into_iter().flat_map(|found| found.route.ways())
}

/// Why a packet that leaves by the right interface does not get there.
fn dead_end(
    inspection: &Inspection,
    planned: &Planned,
    (via, dev): (Option<IpAddr>, &Dev),
    to: IpAddr,
) -> Option<Fault> {
    let Some(via) = via else {
        let is_near = planned.eni.subnets().any(|net| net.contains(&to));
        return (!is_near).then_some(Fault::NoRouter);
    };
    let mut known = inspection.neighbours.iter();
    let known = known.find(|one| one.dev == *dev && one.ip == via);
    match known.map(|one| one.state) {
        Some(Reachability::Answers) => None,
        Some(Reachability::Silent) if is_router(inspection, planned, via) => {
            Some(Fault::Silent(via))
        }
        _ if is_router(inspection, planned, via) => None,
        _ => Some(Fault::Stranger(via)),
    }
}

/// The VPC's router in the ENI's subnet: the first address after the subnet's own, and in IPv6 fe80:ec2::1, or what
/// advertises itself (Amazon VPC user guide, subnet sizing).
fn is_router(inspection: &Inspection, planned: &Planned, ip: IpAddr) -> bool {
    let Planned { eni, dev, .. } = planned;
    let routes = inspection.fib.routes.iter();
    let mut advertised = routes.filter(|listed| listed.protocol == RA);
    ip == IpAddr::V6(IPV6_ROUTER)
        || bases(eni).any(|base| base == ip)
        || advertised.any(|listed| listed.route.ways().any(|way| way == (Some(ip), dev)))
}

fn bases(eni: &Eni) -> impl Iterator<Item = IpAddr> {
    eni.subnets().map(|net| match net {
        IpNet::V4(net) => IpAddr::V4(u32::from(net.network()).wrapping_add(1).into()),
        IpNet::V6(net) => IpAddr::V6(u128::from(net.network()).wrapping_add(1).into()),
    })
}
