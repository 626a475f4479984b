//! Which packets have to pass this host, and whether somebody's chain lets them.

use super::packet::{End, Packet};
use super::walk::{Dropper, walk};
use crate::net::Family;
use crate::reconcile::inspect::rulesets::{Chain, Rulesets};

/// How much of something a chain drops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    #[default]
    None,
    /// Some of it, or nobody knows.
    Some,
    All,
}

/// What a chain drops, and by what.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drops<'a> {
    pub loss: Loss,
    pub by: Option<Dropper<'a>>,
}

/// Packets of one direction.
#[derive(Clone, Debug)]
pub struct Way<'a> {
    pub family: Family,
    pub iif: &'a str,
    pub oif: &'a str,
    pub from: &'a End,
    pub to: &'a End,
    pub is_marked: bool,
    /// It is that of answers.
    pub is_back: bool,
}

impl<'a> Way<'a> {
    /// The way of the answers.
    pub fn back(&self) -> Self {
        Self {
            iif: self.oif,
            oif: self.iif,
            from: self.to,
            to: self.from,
            is_back: !self.is_back,
            ..*self
        }
    }

    /// What `chain` drops of packets of these states, each of which has to pass, of both protocols.
    pub fn drops<'r>(&self, at: (&'r Rulesets, &'r Chain), states: &[&'static str]) -> Drops<'r> {
        let [tcp, udp] = ["tcp", "udp"].map(|protocol| self.lost(at, (protocol, states)));
        tcp.either(udp)
    }

    fn lost<'r>(
        &self,
        at: (&'r Rulesets, &'r Chain),
        (protocol, states): (&'static str, &[&'static str]),
    ) -> Drops<'r> {
        let packets = states.iter().map(|state| self.packet(protocol, state));
        let each = packets.map(|packet| dropped(at, &packet));
        each.fold(Drops::default(), Drops::or)
    }

    /// One of them.
    pub fn packet(&self, protocol: &'static str, state: &'static str) -> Packet<'a> {
        Packet {
            family: self.family,
            iif: self.iif,
            oif: self.oif,
            from: self.from,
            to: self.to,
            protocol,
            state,
            is_reply: self.is_back,
            is_marked: self.is_marked,
        }
    }
}

fn dropped<'r>((rulesets, chain): (&'r Rulesets, &'r Chain), packet: &Packet) -> Drops<'r> {
    let fate = walk(rulesets, chain, packet);
    let loss = match fate.drops {
        None => Loss::None,
        Some(_) if fate.is_dropped() => Loss::All,
        Some(_) => Loss::Some,
    };
    Drops {
        loss,
        by: fate.drops,
    }
}

/// The states of answers.
pub const REPLY: &[&str] = &["established"];

/// The states of what is sent.
pub const REQUEST: &[&str] = &["new", "established"];

/// The same where answers do not come this way: conntrack sees half of a flow.
pub const HALF: &[&str] = &["new", "invalid"];

impl Drops<'_> {
    /// The worse one.
    pub fn or(self, other: Self) -> Self {
        if other.loss > self.loss { other } else { self }
    }

    /// Of two ways of which nobody knows which is taken.
    pub fn either(self, other: Self) -> Self {
        let is_same = self.loss == other.loss;
        let loss = if is_same { self.loss } else { Loss::Some };
        let worse = self.or(other);
        Self { loss, ..worse }
    }
}
