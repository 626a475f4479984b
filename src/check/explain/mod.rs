//! The walk of one packet and of its answer, for a person: which rule, which table, which route, which ENI, and what
//! the VPC makes of it. Pure: the kernel's own answers are brought by the caller, and stand beside the walk's.

mod arrival;
mod client;
mod ground;
mod outcome;
mod question;
mod steps;
mod wish;

use std::net::IpAddr;

use super::walk::{End, Packet, Walk, Walker};
use crate::gather::Gather;
use crate::kernel::word::{Asked, Word};
use crate::net::fib::FibRoute;
use crate::net::{Dev, Link};
use crate::report::{KernelReport, Outcome, PacketReport, WayReport};
pub use arrival::settings;
pub use client::client;
pub use ground::Ground;
pub use question::Question;
pub use wish::Wish;

/// A packet, and what the kernel says of it.
#[derive(Clone, Debug)]
pub struct Heard {
    pub packet: Packet,
    pub word: Word,
}

impl Heard {
    /// The source address that the packet has, or that the kernel picks for it.
    pub fn source(&self) -> Option<IpAddr> {
        match &self.word {
            Word::Way(lookup) => self.packet.from.or(lookup.src),
            _ => self.packet.from,
        }
    }
}

/// How to ask the kernel for a packet.
pub fn asked<'a>(ground: &'a Ground, packet: &Packet) -> Asked<'a> {
    Asked {
        to: packet.to,
        from: packet.from,
        iif: packet.iif.as_deref().and_then(|dev| ground.link(dev)),
    }
}

/// The answer to a packet, as it comes back to this host or leaves it; `None` where none is to be expected.
pub fn answer(ground: &Ground, sent: &Heard) -> Option<Packet> {
    let walker = Walker::new(ground.fib);
    let end = walker.walk(&sent.packet).end;
    let source = sent.source()?;
    let back = Packet::sent(Some(sent.packet.to), source);
    let leaves_by = end.devs().first().copied().cloned();
    match (&sent.packet.iif, end.is_local()) {
        (None, true) => None,
        (Some(_), true) => Some(back),
        (Some(_), false) => leaves_by.map(|dev| back.arriving(dev)),
        (None, false) => returned_by(ground, source, leaves_by).map(|dev| back.arriving(dev)),
    }
}

/// The interface by which the answer comes: EC2 goes by the address alone, whatever the packet left by.
fn returned_by(ground: &Ground, source: IpAddr, leaves_by: Option<Dev>) -> Option<Dev> {
    let is_elsewhere = |dev: &Dev| ground.has_metadata && ground.eni_of(dev).is_none();
    match leaves_by {
        Some(dev) if is_elsewhere(&dev) => Some(dev),
        leaves_by => ground.delivered_by(source).or(leaves_by),
    }
}

/// All that is to be said of `address`, for which these packets are; of a socket that is bound to no address, of the one
/// that the kernel picks.
pub fn explained(ground: &Ground, address: IpAddr, packets: &[Heard]) -> PacketReport {
    let walker = Walker::new(ground.fib);
    let unbound = packets.first().filter(|heard| heard.packet.from.is_none());
    let address = unbound.and_then(Heard::source).unwrap_or(address);
    let eni = ground.owner(address);
    let interface = ground.dev_of_address(address);
    PacketReport {
        address,
        interface: interface.map(|dev| dev.to_string()),
        eni: eni.map(|eni| eni.id.clone()),
        public: ground.public_of(address),
        what: ground.sentence(address),
        ways: packets
            .iter()
            .map(|heard| way(ground, &walker, heard))
            .gathered(),
    }
}

fn way(ground: &Ground, walker: &Walker, heard: &Heard) -> WayReport {
    let Heard { packet, word } = heard;
    let walk = walker.walk(packet);
    let (outcome, why) = outcome::of(ground, heard, &walk.end);
    let route = decider(&walk.end);
    let source = heard.source().or_else(|| route?.route.src);
    WayReport {
        from: packet.from,
        to: packet.to,
        iif: packet.iif.as_ref().map(ToString::to_string),
        steps: steps::all(&walk),
        table: walk.end.table(),
        route: route.map(|found| steps::named(&found.route.to_string())),
        protocol: route.map(|found| found.protocol.to_string()),
        interfaces: walk
            .end
            .devs()
            .into_iter()
            .map(ToString::to_string)
            .gathered(),
        source,
        public: public(ground, packet, source, outcome),
        outcome,
        why,
        kernel: KernelReport {
            question: asked(ground, packet).to_string(),
            answer: word.to_string(),
            agrees: agrees(ground, packet, &walk, word),
        },
    }
}

/// The route at which the walk ended.
fn decider<'a>(end: &End<'a>) -> Option<&'a FibRoute> {
    match end {
        End::Route(found) | End::RefusedByRoute(found) => Some(found),
        End::RefusedByRule(_) | End::NoRoute => None,
    }
}

/// The address that the world knows the host's end of the packet by.
fn public(
    ground: &Ground,
    packet: &Packet,
    source: Option<IpAddr>,
    outcome: Outcome,
) -> Option<IpAddr> {
    let (own, other) = match packet.iif {
        Some(_) => (packet.to, packet.from?),
        None => (source?, packet.to),
    };
    let counts = matches!(outcome, Outcome::Passes | Outcome::Arrives) && ground.is_outside(other);
    counts.then(|| ground.seen_as(own)).flatten()
}

/// The kernel, which checks sources as well, comes to the same end, or stops before it.
fn agrees(ground: &Ground, packet: &Packet, walk: &Walk, word: &Word) -> bool {
    match (word, &walk.end) {
        (Word::Local(_), end) => end.is_local(),
        (Word::Way(lookup), End::Route(found)) => {
            let mut ways = found.route.ways();
            ways.any(|(via, dev)| (via, dev) == (lookup.via, &lookup.dev))
        }
        (Word::Way(_), _) => false,
        (Word::Filtered, _) => packet.iif.is_some(),
        (Word::Refused(_), End::Route(_)) => outcome::is_refused_for_its_source(ground, packet),
        (Word::Refused(_), _) => true,
    }
}

impl Packet {
    /// The same, come in by this interface.
    fn arriving(self, dev: Dev) -> Self {
        Self {
            iif: Some(dev),
            ..self
        }
    }
}

impl Ground<'_> {
    fn link(&self, name: &str) -> Option<&Link> {
        let mut links = self.assessment.observed.links.iter();
        links.find(|link| *link.name == *name)
    }
}
