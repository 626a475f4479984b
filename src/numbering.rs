//! The number of an ENI, and what is made of it: a route table, a metric in main, the priorities of rules. A rule and
//! whose it is are one subject: [`rule`] makes the rule of a band, and [`owner`] tells it from its form.

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;

use crate::net::{Family, MAIN, Mac, Rule};

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

/// What a rule looks up for an ENI's address. The kernel asks in the order of priorities: the bands of all ENIs do not
/// overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    /// The ENI's table, whatever it has.
    Own,
    /// The ENI's table but for its default route: in the place of [`Band::Own`] where main goes before that.
    OwnSpecific,
    /// Main but for its default routes, and the halves that stand for one.
    Main,
    /// The ENI's table once more, for its default route.
    Default,
}

impl Band {
    /// Every band.
    pub const ALL: [Self; 4] = [Self::Own, Self::OwnSpecific, Self::Main, Self::Default];

    /// The priority of ENI 0's rules.
    const fn first(self) -> u32 {
        match self {
            Self::Own | Self::OwnSpecific => BASE,
            Self::Main => BASE + 5_000,
            Self::Default => BASE + 10_000,
        }
    }

    /// What it ignores: prefixes that are not longer. In main, a VPN's pair of halves (`0.0.0.0/1`, `128.0.0.0/1`) stands
    /// for a default, too.
    const fn suppressed(self) -> Option<u32> {
        match self {
            Self::Own | Self::Default => None,
            Self::OwnSpecific => Some(0),
            Self::Main => Some(1),
        }
    }
}

/// The rule of `band` for the ENI `number`, for packets `from` there.
pub fn rule(band: Band, number: Number, from: IpNet) -> Rule {
    Rule {
        priority: number.priority(band),
        family: Family::of(from.addr()),
        from: Some(from),
        table: if band == Band::Main {
            MAIN
        } else {
            number.table()
        },
        suppress_prefixlength: band.suppressed(),
        mark: None,
        to: None,
        foreign: None,
    }
}

/// The ENI and the band that this rule is of, if it has the form of one of ours; whether it is one, the ledger tells.
pub fn owner(of: &Rule) -> Option<(Number, Band)> {
    let from = of.from?;
    Band::ALL.into_iter().find_map(|band| {
        let number = Number::of_table(of.priority.checked_sub(band.first())? + BASE)?;
        (rule(band, number, from) == *of).then_some((number, band))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Mark;

    fn sources() -> [IpNet; 3] {
        ["10.0.0.1/32", "10.0.0.16/28", "2001:db8::/80"].map(|net| net.parse().unwrap())
    }

    #[test]
    fn a_rule_of_any_band_and_number_is_known_by_its_form_in_either_family() {
        let numbers: Vec<Number> = (0..32)
            .flat_map(|card| (0..100).map(move |device| Number::new(device, card)))
            .collect();
        for band in Band::ALL {
            for (number, from) in numbers
                .iter()
                .flat_map(|number| sources().map(|from| (*number, from)))
            {
                let made = rule(band, number, from);
                assert_eq!(owner(&made), Some((number, band)), "{made}");
                assert_eq!(
                    (made.from, made.family),
                    (Some(from), Family::of(from.addr()))
                );
            }
        }
    }

    #[test]
    fn the_priorities_of_the_bands_are_those_that_the_manual_names() {
        let first_and_last =
            |band| [Number::new(0, 0), Number::new(99, 31)].map(|number| number.priority(band));
        assert_eq!(first_and_last(Band::Own), [10_000, 13_199]);
        assert_eq!(first_and_last(Band::OwnSpecific), [10_000, 13_199]);
        assert_eq!(first_and_last(Band::Main), [15_000, 18_199]);
        assert_eq!(first_and_last(Band::Default), [20_000, 23_199]);
        let rules = Band::ALL.map(|band| rule(band, Number::new(1, 0), sources()[0]).to_string());
        assert_eq!(
            rules,
            [
                "from 10.0.0.1 lookup 10001 priority 10001",
                "from 10.0.0.1 lookup 10001 suppress_prefixlength 0 priority 10001",
                "from 10.0.0.1 lookup main suppress_prefixlength 1 priority 15001",
                "from 10.0.0.1 lookup 10001 priority 20001",
            ]
        );
    }

    #[test]
    fn a_rule_that_differs_in_anything_is_no_eni_s() {
        let own = rule(Band::Own, Number::new(1, 0), sources()[0]);
        let others = [
            Rule {
                from: None,
                ..own.clone()
            },
            Rule {
                priority: 9_999,
                table: 9_999,
                ..own.clone()
            },
            Rule {
                priority: 13_200,
                table: 13_200,
                ..own.clone()
            },
            Rule {
                priority: 15_001,
                ..own.clone()
            },
            Rule {
                priority: 15_001,
                table: MAIN,
                ..own.clone()
            },
            Rule {
                table: MAIN,
                ..own.clone()
            },
            Rule {
                priority: 10_002,
                ..own.clone()
            },
            Rule {
                suppress_prefixlength: Some(8),
                ..own.clone()
            },
            Rule {
                mark: Some(Mark { value: 1, mask: 1 }),
                ..own.clone()
            },
            Rule {
                foreign: Some("from 10.0.0.1 iif eth0 lookup 10001".into()),
                ..own
            },
        ];
        for other in others {
            assert_eq!(owner(&other), None, "{other}");
        }
    }

    #[test]
    fn a_place_that_cannot_be_has_no_table_of_ours() {
        assert_eq!(Number::of_table(Number::new(0, 32).table()), None);
        assert_eq!(
            Number::of_table(Number::new(u32::MAX, u32::MAX).table()),
            None
        );
        assert_eq!(
            Number::of_table(Number::new(3, 1).table()),
            Some(Number::new(103, 0))
        );
    }
}
