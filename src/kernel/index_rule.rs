//! Rules of the rule index, written in place, without the detour by attributes of their own: there can be ten
//! thousand of them.

use ipnet::IpNet;
use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;

use super::attributes::ip_value;
use super::request::{BATCH, Request};
use super::{ABSENT, Kernel};
use crate::error::Result as Outcome;
use crate::gather::Gather;
use crate::net::Family;
use crate::net::index_rule::{IndexRule, PROTOCOL, Packets, Step};

/// `struct fib_rule_hdr`: family, lengths of destination and source, type of service, table, two reserved, action; flags.
pub(super) const HEADER: usize = 12;
/// What the longest of them takes, but for one that suppresses.
const ROOM: usize = 64;
/// `FIB_RULE_INVERT`
pub(super) const INVERT: u32 = 2;
/// `FR_ACT_TO_TBL`, `FR_ACT_GOTO`, `FR_ACT_NOP`
pub(super) const ACTIONS: [u8; 3] = [1, 2, 3];
pub(super) const AF_INET: u8 = 2;
pub(super) const AF_INET6: u8 = 10;
/// The interface by which the host's own packets come in, for a rule.
pub(super) const LOOPBACK: &[u8] = b"lo\0";

pub(super) const SRC: u16 = 2;
pub(super) const IIFNAME: u16 = 3;
pub(super) const GOTO: u16 = 4;
pub(super) const PRIORITY: u16 = 6;
pub(super) const FWMARK: u16 = 10;
pub(super) const SUPPRESS_PREFIXLEN: u16 = 14;
pub(super) const TABLE: u16 = 15;
pub(super) const FWMASK: u16 = 16;
pub(super) const FRA_PROTOCOL: u16 = 21;

impl Kernel {
    /// Takes `gone` away, then makes `added`, in this order. What is so already is passed over.
    ///
    /// # Errors
    /// [`crate::error::Error::Kernel`]: the first change that failed; none was tried after those sent along with it.
    pub fn change_index(&mut self, gone: &[IndexRule], added: &[IndexRule]) -> Outcome<()> {
        let removals = gone.iter().map(|rule| (rule, Rtm::Delrule));
        let requests: Vec<One> = removals
            .chain(added.iter().map(|rule| (rule, Rtm::Newrule)))
            .gathered();
        let mut some = requests.chunks(BATCH);
        some.try_for_each(|some| self.change_some(some))
    }

    fn change_some(&mut self, some: &[One]) -> Outcome<()> {
        let written: Vec<Request> = some.iter().map(request).gathered();
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

/// The message that makes or names a rule.
fn encode(rule: &IndexRule) -> Vec<u8> {
    let source = source(rule.packets);
    let length = source.map_or(0, |net| net.prefix_len());
    let mut message = Message(Vec::with_capacity(ROOM));
    let header = [family(rule), 0, length, 0, 0, 0, 0, action(rule.step)];
    message.0.extend(header);
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
        let length = u16::try_from(4 + value.len()).unwrap_or_default();
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
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
