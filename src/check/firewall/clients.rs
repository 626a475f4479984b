//! What the clients of an `[[egress]]` send and get, and what somebody's chain does with it: drops it, or gives it another
//! address first.

use super::flows::{Drops, HALF, Loss, REPLY, REQUEST, Way};
use super::packet::End;
use super::remedy::Line;
use crate::check::walk::{Packet, Walker};
use crate::gather::Gather;
use crate::net::Family;
use crate::numbering::Slot;
use crate::plan::egress::Range;
use crate::plan::nft::Entry;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::rulesets::{Chain, Rulesets};

/// So many of an entry's ranges are looked at.
const LOOKED_AT: usize = 64;

/// Some clients of one family of an entry, all of which come in and leave alike.
pub struct Clients<'a> {
    pub family: Family,
    pub range: Range,
    /// The interface that they come in by, one of these.
    arrivals: Vec<&'a str>,
    /// Those by which they leave.
    pub departures: Vec<&'a str>,
    /// They come in by an ENI.
    is_marked: bool,
}

/// What a chain drops of it.
pub struct Lost<'a> {
    pub request: Drops<'a>,
    pub reply: Drops<'a>,
}

impl Lost<'_> {
    /// The worse one.
    pub fn loss(&self) -> Loss {
        self.request.loss.max(self.reply.loss)
    }
}

/// The clients of an entry.
pub fn of_entry<'a>(
    inspection: &'a Inspection,
    walker: &Walker<'a>,
    entry: &Entry,
) -> Vec<Clients<'a>> {
    let ranges = entry.clients.iter().take(LOOKED_AT);
    let clients = ranges.map(|range| {
        let (arrivals, is_marked) = arrivals(inspection, walker, range);
        Clients {
            family: range.family(),
            range: *range,
            arrivals,
            departures: departures(inspection, entry, range.family()),
            is_marked,
        }
    });
    clients
        .filter(|clients| !clients.departures.is_empty())
        .gathered()
}

/// Which ENI a neighbour's packets come in by, the VPC's route tables decide; a container's come by the interface that leads
/// to it.
fn arrivals<'a>(
    inspection: &'a Inspection,
    walker: &Walker<'a>,
    range: &Range,
) -> (Vec<&'a str>, bool) {
    let enis = || inspection.enis().map(|planned| &*planned.dev);
    let walk = walker.walk(&Packet::sent(None, range.first()));
    let devs = walk.end.devs().into_iter().map(|dev| &**dev);
    let own: Vec<&str> = devs.filter(|dev| enis().all(|eni| eni != *dev)).gathered();
    match own.is_empty() {
        true => (enis().gathered(), true),
        false => (own, false),
    }
}

fn departures<'a>(inspection: &'a Inspection, entry: &Entry, family: Family) -> Vec<&'a str> {
    let slots = slots(entry, family);
    let enis = inspection.enis();
    let meant = enis.filter(|planned| planned.slot().is_some_and(|slot| slots.contains(&slot)));
    meant.map(|planned| &*planned.dev).gathered()
}

fn slots(entry: &Entry, family: Family) -> Vec<Slot> {
    match family {
        Family::Ipv4 => entry.pool.iter().map(|(_, slot)| *slot).gathered(),
        Family::Ipv6 => entry.ipv6.into_iter().gathered(),
    }
}

impl<'a> Clients<'a> {
    /// What a chain drops. IPv6 flows have no answers here.
    pub fn lost<'r>(&self, at: (&'r Rulesets, &'r Chain)) -> Lost<'r> {
        let client = End::These(vec![self.range]);
        let (request, reply) = match self.family {
            Family::Ipv4 => (REQUEST, REPLY),
            Family::Ipv6 => (HALF, &[][..]),
        };
        let over = |judge: &dyn Fn(Way) -> Drops<'r>| {
            let ways = self.ways(&client).map(judge);
            ways.reduce(Drops::either).unwrap_or_default()
        };
        Lost {
            request: over(&|way| way.drops(at, request)),
            reply: over(&|way| way.back().drops(at, reply)),
        }
    }

    /// All that may be theirs.
    pub fn ways<'w>(&'w self, client: &'w End) -> impl Iterator<Item = Way<'w>> {
        let pairs = self
            .arrivals
            .iter()
            .flat_map(|iif| self.departures.iter().map(move |oif| (iif, oif)));
        pairs.map(move |(iif, oif)| Way {
            family: self.family,
            iif,
            oif,
            from: client,
            to: &End::Outside,
            is_marked: self.is_marked,
            is_back: false,
        })
    }

    /// They are reached by an ENI.
    pub fn is_neighbour(&self) -> bool {
        self.is_marked
    }

    /// An interface that they may come in by.
    pub fn arrival(&self) -> &'a str {
        self.arrivals.first().copied().unwrap_or_default()
    }

    fn only_arrival(&self) -> Option<&'a str> {
        match self.arrivals[..] {
            [one] => Some(one),
            _ => None,
        }
    }

    /// What has to be let through of it. Where it is not known by which interface they come, it is not asked for.
    pub fn lines(&self, lost: &Lost) -> Vec<Line<'a>> {
        let arrival = self.only_arrival();
        let client = End::These(vec![self.range]);
        let out = |oif: &&'a str| {
            let oif = Some(*oif).filter(|_| arrival.is_none());
            Line::between(arrival, oif, &client, &End::Outside)
        };
        let back = |iif: &&'a str| Line::between(Some(iif), None, &End::Outside, &client);
        let is_asked = |drops: &Drops| drops.loss != Loss::None;
        let requests = self
            .departures
            .iter()
            .map(out)
            .filter(|_| is_asked(&lost.request));
        let mut requests: Vec<Line> = requests.gathered();
        requests.dedup();
        let replies = self
            .departures
            .iter()
            .map(back)
            .filter(|_| is_asked(&lost.reply));
        requests.into_iter().chain(replies).gathered()
    }

    /// What has to be left alone of it.
    pub fn departing(&self) -> impl Iterator<Item = Line<'a>> {
        let client = End::These(vec![self.range]);
        let lines = self.departures.iter();
        lines.map(move |oif| Line::between(None, Some(oif), &client, &End::Outside))
    }
}
