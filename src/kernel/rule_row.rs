//! Rules in a list, read in place, without the detour by attributes of their own: those of the index and those that only look
//! up a table for a source, of which there can be ten thousand.

use std::io::Cursor;
use std::net::IpAddr;

use ipnet::IpNet;
use neli::FromBytesWithInput;
use neli::err::DeError;
use neli::rtnl::Fibmsg;

use super::attributes::ip_of;
use super::index_rule::{
    ACTIONS, AF_INET, AF_INET6, FRA_PROTOCOL, FWMARK, FWMASK, GOTO, HEADER, IIFNAME, INVERT,
    LOOPBACK, PRIORITY, SRC, SUPPRESS_PREFIXLEN, TABLE,
};
use super::reply::in_place;
use super::rule::Standing;
use crate::net::index_rule::{IndexRule, PROTOCOL, Packets, Step, is_form};
use crate::net::{Family, Rule};

/// What the kernel reports for a rule without `suppress_prefixlength` or `suppress_ifgroup`.
const NOT_SUPPRESSING: u32 = u32::MAX;

const SUPPRESS_IFGROUP: u16 = 13;
const PAD: u16 = 18;

/// A rule in a list: one of the index, one that only looks up a table for a source, or another one, in full.
#[derive(Debug)]
pub(super) enum Row {
    Index(IndexRule),
    Plain(Standing),
    Other(Fibmsg),
}

impl FromBytesWithInput for Row {
    type Input = usize;

    fn from_bytes_with_input(
        buffer: &mut Cursor<impl AsRef<[u8]>>,
        length: usize,
    ) -> Result<Self, DeError> {
        match in_place(buffer, length, decode) {
            Some(row) => Ok(row),
            None => Fibmsg::from_bytes_with_input(buffer, length).map(Self::Other),
        }
    }
}

/// What a rule's attributes say, as far as such rules have them.
#[derive(Default)]
struct Said {
    priority: u32,
    from: Option<IpAddr>,
    iif: bool,
    goto: Option<u32>,
    mark: Option<u32>,
    mask: Option<u32>,
    suppress: Option<u32>,
    /// Without it, the header has it.
    table: Option<u32>,
    /// Linux before 4.17 does not say.
    protocol: Option<u8>,
}

impl Said {
    /// `None`: neither the index nor a plain rule says that.
    fn of(mut bytes: &[u8]) -> Option<Self> {
        let mut said = Self::default();
        while !bytes.is_empty() {
            let (header, _) = bytes.split_first_chunk::<4>()?;
            let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
            let kind = u16::from_ne_bytes([header[2], header[3]]);
            said.note(kind, bytes.get(4..length)?)?;
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Some(said)
    }

    fn note(&mut self, kind: u16, value: &[u8]) -> Option<()> {
        let number = || Some(u32::from_ne_bytes(value.try_into().ok()?));
        match kind {
            SRC => self.from = Some(ip_of(value)?),
            IIFNAME if value == LOOPBACK => self.iif = true,
            GOTO => self.goto = Some(number()?),
            PRIORITY => self.priority = number()?,
            FWMARK => self.mark = Some(number()?),
            FWMASK => self.mask = Some(number()?),
            SUPPRESS_PREFIXLEN => {
                self.suppress = Some(number()?).filter(|length| *length != NOT_SUPPRESSING)
            }
            TABLE => self.table = Some(number()?),
            FRA_PROTOCOL => self.protocol = value.first().copied(),
            SUPPRESS_IFGROUP if number()? == NOT_SUPPRESSING => {}
            PAD => {}
            _ => return None,
        }
        Some(())
    }

    /// `None`: it is somebody else's.
    fn of_index(&self, family: Family, header: &[u8; HEADER]) -> Option<IndexRule> {
        let [_, _, length, _, _, _, _, action, ..] = *header;
        let is_made_so = self.protocol.is_none_or(|number| number == PROTOCOL);
        let is_its = |step: &Step| is_made_so && is_form(self.priority, *step);
        let step = self.step(action).filter(is_its)?;
        Some(IndexRule {
            priority: self.priority,
            family,
            packets: self.packets(is_inverted(header), length)?,
            step,
        })
    }

    /// `None`: it does or asks for more than to look up a table for a source.
    fn plain(&self, family: Family, header: &[u8; HEADER]) -> Option<Standing> {
        let [_, _, length, _, table, _, _, action, ..] = *header;
        let is_plain = !self.iif && self.mark.is_none() && self.mask.is_none();
        if !is_plain || is_inverted(header) || action != ACTIONS[0] {
            return None;
        }
        let rule = Rule {
            priority: self.priority,
            family,
            from: self.net(length)?,
            table: self.table.unwrap_or(table.into()),
            suppress_prefixlength: self.suppress,
            extra: None,
        };
        let protocol = self.protocol;
        Some(Standing { rule, protocol })
    }

    /// The source; `None`: it has the length of none.
    fn net(&self, length: u8) -> Option<Option<IpNet>> {
        let net = self.from.filter(|_| length > 0);
        let net = net.map(|ip| IpNet::new(ip, length).map(|net| net.trunc()));
        net.transpose().ok()
    }

    fn packets(&self, is_inverted: bool, length: u8) -> Option<Packets> {
        let net = self.net(length)?;
        Some(match (net, self.mask, self.iif, is_inverted) {
            (None, None, false, false) => Packets::All,
            (Some(net), None, false, false) => Packets::From(net),
            (Some(net), None, false, true) => Packets::NotFrom(net),
            (None, Some(mask), false, true) if self.mark.is_none_or(|mark| mark == 0) => {
                Packets::Marked(mask)
            }
            (None, None, true, true) => Packets::Received,
            _ => return None,
        })
    }

    fn step(&self, action: u8) -> Option<Step> {
        let steps = [
            Step::Lookup {
                table: self.table.unwrap_or(0),
                suppress: self.suppress,
            },
            Step::Goto(self.goto.unwrap_or(0)),
            Step::Nop,
        ];
        let place = ACTIONS.iter().position(|one| *one == action)?;
        steps.get(place).copied()
    }
}

/// `None` for a rule that says more.
fn decode(message: &[u8]) -> Option<Row> {
    let (header, attributes) = message.split_first_chunk::<HEADER>()?;
    let said = Said::of(attributes)?;
    let [family, to_length, _, tos, ..] = *header;
    if to_length > 0 || tos > 0 {
        return None;
    }
    let family = match family {
        AF_INET => Family::Ipv4,
        AF_INET6 => Family::Ipv6,
        _ => return None,
    };
    let of_index = said.of_index(family, header).map(Row::Index);
    of_index.or_else(|| said.plain(family, header).map(Row::Plain))
}

fn is_inverted(header: &[u8; HEADER]) -> bool {
    let [.., a, b, c, d] = *header;
    u32::from_ne_bytes([a, b, c, d]) & INVERT != 0
}
