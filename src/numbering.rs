//! The number of an ENI, and what is made of it: a route table, a metric in main, a slot in marks, the priorities of rules.
//! A rule and whose it is are one subject: `band.rs` makes the rules of the bands, and tells an owner from the form.

mod band;
mod slot;

use std::fmt;
use std::str::FromStr;

use crate::net::Mac;
pub use band::{Band, arrived, marked, owner, rule};
pub use slot::{DECIDED, MARKS, Slot};

/// The first ENI's table, rule priority and metric in main.
const BASE: u32 = 10_000;

/// Device numbers are unique within one network card only, which has less than so many.
const DEVICES: u32 = 100;

/// An instance has up to so many network cards.
const CARDS: u32 = 32;

/// Whose something is. An ENI's MAC, which it keeps for life, tells it also after it was detached, and had its number
/// taken by another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    Eni(Mac),
    /// It belongs to no ENI.
    Host,
}

/// Device number + 100 * network card: which ENI of an instance, while it is attached there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(u32);

impl Number {
    /// Of an ENI where EC2 says that it is attached, whether that can be or not.
    pub const fn new(device_number: u32, network_card: u32) -> Self {
        Self(
            network_card
                .saturating_mul(DEVICES)
                .saturating_add(device_number),
        )
    }

    /// Whose table this is; `None` for one that no ENI has.
    pub fn of_table(table: u32) -> Option<Self> {
        table
            .checked_sub(BASE)
            .filter(|number| *number < DEVICES * CARDS)
            .map(Self)
    }

    /// Whose routes in main have this metric; `None` where no ENI's have.
    pub fn of_metric(metric: u32) -> Option<Self> {
        Self::of_table(metric)
    }

    /// The device number on its network card, and the card.
    pub(super) const fn place(self) -> (u32, u32) {
        (self.0 % DEVICES, self.0 / DEVICES)
    }

    /// The ENI's route table.
    pub const fn table(self) -> u32 {
        BASE.saturating_add(self.0)
    }

    /// The metric of the ENI's routes in main.
    pub const fn metric(self) -> u32 {
        self.table()
    }

    /// The priority of the ENI's rules of a band.
    pub const fn priority(self, band: Band) -> u32 {
        band.first().saturating_add(self.0)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Number {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests;
