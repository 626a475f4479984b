//! An ENI's slot in the marks of packets and of connections: their top byte.

use super::{CARDS, Number};
use crate::net::Mark;

/// The bits of a mark that are eniroute's; all others are left as they are.
pub const MARKS: u32 = 0xff00_0000;

/// A connection that has this bit is a client's, and decided: no slot has it.
pub const DECIDED: u32 = 0x8000_0000;

/// On the first card, so many devices have a slot; on each other one, two (their ENIs are made for EFA).
const FIRST_CARD: u32 = 62;
const OTHER_CARDS: u32 = 2;

/// The value of the top byte: 0 is none, and 0x7f is systemd-imdsd's (`0x7fff0815`). It follows from an ENI's place alone, so
/// that it stays whatever other ENIs come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u8);

impl Slot {
    /// 1 to 62 on the first network card, 64 to 125 on the others; `None` for an ENI that has no slot.
    pub fn of(number: Number) -> Option<Self> {
        let slot = match number.place() {
            (device, 0) => Some(device + 1).filter(|_| device < FIRST_CARD),
            (device, card) => {
                let slot = FIRST_CARD + OTHER_CARDS * card + device;
                Some(slot).filter(|_| device < OTHER_CARDS && card < CARDS)
            }
        };
        slot.and_then(|slot| u8::try_from(slot).ok()).map(Self)
    }

    /// As it stands in chains' names and maps.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// What a connection that came in by this ENI is marked with, decided or not.
    pub fn arrived(self) -> Mark {
        Mark {
            mask: MARKS & !DECIDED,
            ..self.mark()
        }
    }

    /// What a packet of this ENI is marked with.
    pub fn mark(self) -> Mark {
        Mark {
            value: u32::from(self.0) << 24,
            mask: MARKS,
        }
    }
}
