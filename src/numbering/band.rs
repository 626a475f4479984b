//! The rules that follow from an ENI's number: which look-up for which packets, at which priority.

use ipnet::IpNet;

use super::slot::Slot;
use super::{BASE, Number};
use crate::net::{Dev, Extra, Family, MAIN, Rule};

/// What a rule looks up for an ENI's packets. The kernel asks in the order of priorities: the bands of all ENIs do not
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
    /// The ENI's table, for packets with its mark.
    Marked,
    /// Main, for packets with its mark: of an ENI whose own table has no default.
    MarkedMain,
    /// Main but for its default routes, for packets that came in by the ENI.
    ArrivedMain,
    /// A table for packets that came in by the ENI: its own, or that of the ENI by which they go on.
    Arrived,
}

impl Band {
    /// Those of an ENI's addresses, for packets from there.
    pub const SOURCES: [Self; 4] = [Self::Own, Self::OwnSpecific, Self::Main, Self::Default];

    /// The priority of ENI 0's rules.
    pub(super) const fn first(self) -> u32 {
        match self {
            Self::Own | Self::OwnSpecific | Self::Marked => BASE,
            Self::Main | Self::MarkedMain | Self::ArrivedMain => BASE + 5_000,
            Self::Default | Self::Arrived => BASE + 10_000,
        }
    }

    /// What it ignores: prefixes that are not longer. In main, a VPN's pair of halves (`0.0.0.0/1`, `128.0.0.0/1`) stands
    /// for a default, too: for what the host itself sends.
    const fn suppressed(self) -> Option<u32> {
        match self {
            Self::Own | Self::Default | Self::Marked | Self::MarkedMain | Self::Arrived => None,
            Self::OwnSpecific | Self::ArrivedMain => Some(0),
            Self::Main => Some(1),
        }
    }

    const fn table(self, number: Number) -> u32 {
        match self {
            Self::Main | Self::MarkedMain | Self::ArrivedMain => MAIN,
            Self::Own | Self::OwnSpecific | Self::Default | Self::Marked | Self::Arrived => {
                number.table()
            }
        }
    }
}

/// The rule of a band of [`Band::SOURCES`] for the ENI `number`, for packets `from` there.
pub fn rule(band: Band, number: Number, from: IpNet) -> Rule {
    Rule {
        from: Some(from),
        ..for_all(band, number, Family::of(from.addr()))
    }
}

/// The rules for packets with the mark of the ENI `number`: its table, then main, for the ENI whose table has no default;
/// `None` where it has no slot.
pub fn marked(number: Number, family: Family) -> Option<[Rule; 2]> {
    let mark = Slot::of(number)?.mark();
    let extra = Extra {
        mark: Some(mark),
        ..Extra::NONE
    };
    let of_mark = |band| for_all(band, number, family).with(extra.clone());
    Some([Band::Marked, Band::MarkedMain].map(of_mark))
}

/// The rules for packets that came in by `dev`, at the priorities of the ENI `number`: main's specific routes, then
/// `table`, which is an ENI's, or main once more.
pub fn arrived(number: Number, dev: &Dev, table: u32, family: Family) -> [Rule; 2] {
    let extra = Extra {
        iif: Some(dev.clone()),
        ..Extra::NONE
    };
    let by_dev = |band| for_all(band, number, family).with(extra.clone());
    let onward = Rule {
        table,
        ..by_dev(Band::Arrived)
    };
    [by_dev(Band::ArrivedMain), onward]
}

fn for_all(band: Band, number: Number, family: Family) -> Rule {
    Rule {
        priority: number.priority(band),
        family,
        from: None,
        table: band.table(number),
        suppress_prefixlength: band.suppressed(),
        extra: None,
    }
}

/// The ENI and the band that this rule is of, if it has the form of one of ours; whether it is one, the ledger tells.
pub fn owner(of: &Rule) -> Option<(Number, Band)> {
    match (of.from, &of.extra().iif) {
        (Some(from), _) => owner_of(of, &Band::SOURCES, |band, number| {
            Some(rule(band, number, from))
        }),
        (None, Some(dev)) => owner_of(of, &[Band::ArrivedMain, Band::Arrived], |band, number| {
            let [main, onward] = arrived(number, dev, of.table, of.family);
            let is_told = of.table == MAIN || Number::of_table(of.table).is_some();
            let onward = Some(onward).filter(|_| is_told);
            if band == Band::Arrived {
                onward
            } else {
                Some(main)
            }
        }),
        (None, None) => owner_of(of, &[Band::Marked, Band::MarkedMain], |band, number| {
            let [own, main] = marked(number, of.family)?;
            Some(if band == Band::Marked { own } else { main })
        }),
    }
}

fn owner_of(
    of: &Rule,
    bands: &[Band],
    form: impl Fn(Band, Number) -> Option<Rule>,
) -> Option<(Number, Band)> {
    bands.iter().find_map(|band| {
        let number = Number::of_table(of.priority.checked_sub(band.first())? + BASE)?;
        let is_its = form(*band, number).is_some_and(|rule| rule == *of);
        is_its.then_some((number, *band))
    })
}
