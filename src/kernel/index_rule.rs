//! Rules of the rule index: written and read in place, without the detour by attributes of their own: there can be ten
//! thousand of them.

use std::io::Cursor;

use ipnet::IpNet;
use neli::FromBytesWithInput;
use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;
use neli::err::DeError;
use neli::rtnl::Fibmsg;

use super::attributes::{attribute, ip_of, ip_value};
use super::request::{BATCH, Request};
use super::{ABSENT, Kernel};
use crate::error::Result as Outcome;
use crate::net::Family;
use crate::net::index_rule::{IndexRule, PROTOCOL, Packets, Step, is_place};

/// `struct fib_rule_hdr`: family, lengths of destination and source, type of service, table, two reserved, action; flags.
const HEADER: usize = 12;
/// `FIB_RULE_INVERT`
const INVERT: u32 = 2;
/// `FR_ACT_TO_TBL`, `FR_ACT_GOTO`, `FR_ACT_NOP`
const ACTIONS: [u8; 3] = [1, 2, 3];
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// What the kernel reports for a rule without `suppress_prefixlength` or `suppress_ifgroup`.
const NOT_SUPPRESSING: u32 = u32::MAX;
/// The interface by which the host's own packets come in, for a rule.
const LOOPBACK: &[u8] = b"lo\0";

const SRC: u16 = 2;
const IIFNAME: u16 = 3;
const GOTO: u16 = 4;
const PRIORITY: u16 = 6;
const FWMARK: u16 = 10;
const SUPPRESS_IFGROUP: u16 = 13;
const SUPPRESS_PREFIXLEN: u16 = 14;
const TABLE: u16 = 15;
const FWMASK: u16 = 16;
const PAD: u16 = 18;
const FRA_PROTOCOL: u16 = 21;

impl Kernel {
    /// Takes `gone` away, then makes `added`, in this order. What is so already is passed over.
    ///
    /// # Errors
    /// [`crate::error::Error::Kernel`]: the first change that failed; none was tried after those sent along with it.
    pub fn change_index(&mut self, gone: &[IndexRule], added: &[IndexRule]) -> Outcome<()> {
        let removals = gone.iter().map(|rule| (rule, Rtm::Delrule));
        let requests: Vec<One> = removals
            .chain(added.iter().map(|rule| (rule, Rtm::Newrule)))
            .collect();
        let mut some = requests.chunks(BATCH);
        some.try_for_each(|some| self.change_some(some))
    }

    fn change_some(&mut self, some: &[One]) -> Outcome<()> {
        let written: Vec<Request> = some.iter().map(request).collect();
        let refused = self.socket.changes(&written);
        let refused = refused.map_err(|refusal| refusal.of("change the rule index"))?;
        let failed = some.iter().zip(refused);
        let failed = failed.filter_map(|(one, refusal)| Some((one, refusal?)));
        let mut failed = failed.filter(|(_, refusal)| !refusal.is(&ABSENT));
        let first = failed.next();
        first.map_or(Ok(()), |(one, refusal)| Err(refusal.of(command(one))))
    }
}

/// A rule, and whether it comes or goes.
type One<'a> = (&'a IndexRule, Rtm);

fn request((rule, kind): &One) -> Request {
    // Without `EXCL`, the kernel does not compare it with every rule there is.
    let flags = match kind {
        Rtm::Newrule => NlmF::REQUEST | NlmF::CREATE,
        _ => NlmF::REQUEST,
    };
    Request::raw(*kind, flags, encode(rule))
}

fn command((rule, kind): &One) -> String {
    match kind {
        Rtm::Delrule => rule.remove_command(),
        _ => rule.add_command(),
    }
}

/// A rule in a list: one of the index, or another one, in full.
#[derive(Debug)]
pub(super) enum Row {
    Index(IndexRule),
    Other(Fibmsg),
}

impl FromBytesWithInput for Row {
    type Input = usize;

    fn from_bytes_with_input(
        buffer: &mut Cursor<impl AsRef<[u8]>>,
        length: usize,
    ) -> Result<Self, DeError> {
        let start = buffer.position() as usize;
        let message = buffer.get_ref().as_ref().get(start..start + length);
        if let Some(rule) = message.and_then(decode) {
            buffer.set_position((start + length) as u64);
            return Ok(Self::Index(rule));
        }
        Fibmsg::from_bytes_with_input(buffer, length).map(Self::Other)
    }
}

/// The message that makes or names a rule.
fn encode(rule: &IndexRule) -> Vec<u8> {
    let source = source(rule.packets);
    let length = source.map_or(0, |net| net.prefix_len());
    let mut message = Message(vec![family(rule), 0, length, 0, 0, 0, 0, action(rule.step)]);
    message.0.extend(flags(rule.packets).to_ne_bytes());
    message.number(PRIORITY, rule.priority);
    message.add(FRA_PROTOCOL, &[PROTOCOL]);
    message.source(source);
    message.selector(rule.packets);
    message.step(rule.step);
    message.0
}

/// A message that is being written.
struct Message(Vec<u8>);

impl Message {
    fn add(&mut self, kind: u16, value: &[u8]) {
        self.0.extend(attribute(kind, value));
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    fn number(&mut self, kind: u16, value: u32) {
        self.add(kind, &value.to_ne_bytes());
    }

    fn source(&mut self, source: Option<IpNet>) {
        if let Some(net) = source {
            self.add(SRC, &ip_value(net.addr()));
        }
    }

    fn selector(&mut self, packets: Packets) {
        match packets {
            Packets::Marked(mask) => {
                self.number(FWMARK, 0);
                self.number(FWMASK, mask);
            }
            Packets::Received => self.add(IIFNAME, LOOPBACK),
            Packets::All | Packets::From(_) | Packets::NotFrom(_) => {}
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Goto(target) => self.number(GOTO, target),
            Step::Lookup { table, suppress } => self.lookup(table, suppress),
            Step::Nop => {}
        }
    }

    fn lookup(&mut self, table: u32, suppress: Option<u32>) {
        self.number(TABLE, table);
        if let Some(length) = suppress {
            self.number(SUPPRESS_PREFIXLEN, length);
        }
    }
}

fn family(rule: &IndexRule) -> u8 {
    match rule.family {
        Family::Ipv4 => AF_INET,
        Family::Ipv6 => AF_INET6,
    }
}

fn flags(packets: Packets) -> u32 {
    match packets {
        Packets::All | Packets::From(_) => 0,
        Packets::Marked(_) | Packets::Received | Packets::NotFrom(_) => INVERT,
    }
}

fn source(packets: Packets) -> Option<IpNet> {
    match packets {
        Packets::From(net) | Packets::NotFrom(net) => Some(net),
        Packets::All | Packets::Marked(_) | Packets::Received => None,
    }
}

fn action(step: Step) -> u8 {
    let [lookup, goto, nop] = ACTIONS;
    match step {
        Step::Lookup { .. } => lookup,
        Step::Goto(_) => goto,
        Step::Nop => nop,
    }
}

/// What a rule's attributes say, as far as the index has such rules.
#[derive(Default)]
struct Said {
    priority: u32,
    from: Option<std::net::IpAddr>,
    iif: bool,
    goto: Option<u32>,
    mark: Option<u32>,
    mask: Option<u32>,
    suppress: Option<u32>,
    table: u32,
    /// Linux before 4.17 does not say.
    protocol: Option<u8>,
}

impl Said {
    /// `None`: the index has no such rule.
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
            TABLE => self.table = number()?,
            FRA_PROTOCOL => self.protocol = value.first().copied(),
            SUPPRESS_IFGROUP if number()? == NOT_SUPPRESSING => {}
            PAD => {}
            _ => return None,
        }
        Some(())
    }

    fn packets(&self, is_inverted: bool, length: u8) -> Option<Packets> {
        let net = self.from.filter(|_| length > 0);
        let net = net.map(|ip| IpNet::new(ip, length).map(|net| net.trunc()));
        let net = net.transpose().ok()?;
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
                table: self.table,
                suppress: self.suppress,
            },
            Step::Goto(self.goto.unwrap_or(0)),
            Step::Nop,
        ];
        let place = ACTIONS.iter().position(|one| *one == action)?;
        steps.get(place).copied()
    }
}

/// `None` for a rule that the index does not have.
fn decode(message: &[u8]) -> Option<IndexRule> {
    let (header, attributes) = message.split_first_chunk::<HEADER>()?;
    let &[
        family,
        to_length,
        from_length,
        tos,
        _,
        _,
        _,
        kind,
        a,
        b,
        c,
        d,
    ] = header;
    let said = Said::of(attributes)?;
    let is_its = is_place(said.priority) && said.protocol.is_none_or(|number| number == PROTOCOL);
    let is_inverted = u32::from_ne_bytes([a, b, c, d]) & INVERT != 0;
    if !is_its || to_length > 0 || tos > 0 {
        return None;
    }
    Some(IndexRule {
        priority: said.priority,
        family: match family {
            AF_INET => Family::Ipv4,
            AF_INET6 => Family::Ipv6,
            _ => return None,
        },
        packets: said.packets(is_inverted, from_length)?,
        step: said.step(kind)?,
    })
}
