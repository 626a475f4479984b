//! A rule in `ip`'s words, for people to read, where it says something that eniroute never writes: what has no word is
//! said to have none, and nothing is left out.

use neli::consts::rtnl::{FrAct, Frattr, Frf};
use neli::rtnl::Fibmsg;

use super::attributes::{Attributes, number, text_of, value};
use super::rule::suppressed;
use crate::net::{self, Rule};

/// All that the rule says but for its priority, as `ip rule add` takes it.
pub fn words(message: &Fibmsg, rule: &Rule) -> String {
    let attributes = message.rtattrs();
    let tos = *message.fib_tos();
    let mut words: Vec<String> = Vec::new();
    let is_inverted = message.fib_flags().contains(Frf::INVERT);
    words.extend(is_inverted.then(|| "not".to_owned()));
    words.push(net::From(rule.from).to_string());
    words.extend(rule.extra().to.map(|to| format!("to {to}")));
    words.extend((tos > 0).then(|| format!("tos {tos:#04x}")));
    words.extend(rule.extra().mark.map(|mark| format!("fwmark {mark}")));
    words.extend(SELECTORS.iter().filter_map(|(name, kind, form)| {
        let (value, mask) = (form(attributes, *kind)?, mask(attributes, *kind));
        Some(format!("{name}{value}{mask}"))
    }));
    words.extend(action(message, rule));
    let length = rule.suppress_prefixlength;
    words.extend(length.map(|length| format!("suppress_prefixlength {length}")));
    let group = suppressed(attributes, Frattr::SuppressIfgroup);
    words.extend(group.map(|group| format!("suppress_ifgroup {group}")));
    words.extend(has_nameless(attributes).then(|| "(and what `ip` has no word for)".to_owned()));
    words.join(" ")
}

/// `lookup` needs no word where the table is that of the packet's VRF.
fn action(message: &Fibmsg, rule: &Rule) -> Option<String> {
    let attributes = message.rtattrs();
    Some(match *message.fib_action() {
        FrAct::FrActToTbl if value(attributes, Frattr::L3mdev).is_some() => return None,
        FrAct::FrActToTbl => net::Lookup(rule.table).to_string(),
        FrAct::FrActGoto => format!("goto {}", number(attributes, Frattr::Goto).unwrap_or(0)),
        FrAct::FrActNop => "nop".to_owned(),
        FrAct::FrActBlackhole => "blackhole".to_owned(),
        FrAct::FrActUnreachable => "unreachable".to_owned(),
        FrAct::FrActProhibit => "prohibit".to_owned(),
        other => format!(
            "(of action {}, which `ip` has no word for)",
            u8::from(other)
        ),
    })
}

type Form = fn(&Attributes<Frattr>, Frattr) -> Option<String>;

/// Selectors in `ip`'s order, with what stands behind the word.
const SELECTORS: [(&str, Frattr, Form); 11] = [
    ("iif", Frattr::Iifname, name),
    ("oif", Frattr::Oifname, name),
    ("l3mdev", Frattr::L3mdev, |list, kind| {
        value(list, kind).map(|_| String::new())
    }),
    ("uidrange", Frattr::UidRange, |list, kind| {
        range(value(list, kind)?, 4).map(|[low, high]| format!(" {low}-{high}"))
    }),
    ("ipproto", Frattr::IpProto, byte),
    ("sport", Frattr::SportRange, ports),
    ("dport", Frattr::DportRange, ports),
    ("dscp", Frattr::Dscp, byte),
    ("flowlabel", Frattr::Flowlabel, |list, kind| {
        big_endian(value(list, kind)?).map(|label| format!(" {label:#x}"))
    }),
    ("tun_id", Frattr::TunId, |list, kind| {
        big_endian(value(list, kind)?).map(|id| format!(" {id}"))
    }),
    ("realms", Frattr::Flow, |list, kind| {
        number(list, kind).map(|flow| format!(" {}/{}", flow >> 16, flow & 0xffff))
    }),
];

/// Masks with the selectors that they are of. Newer kernels always tell them; `ip` says a whole one by no word.
const MASKS: [(Frattr, Frattr, u64); 4] = [
    (Frattr::SportRange, Frattr::SportMask, 0xffff),
    (Frattr::DportRange, Frattr::DportMask, 0xffff),
    (Frattr::Dscp, Frattr::DscpMask, 0x3f),
    (Frattr::Flowlabel, Frattr::FlowlabelMask, 0xf_ffff),
];

/// `/0xf0`; nothing for a mask that takes all bits.
fn mask(attributes: &Attributes<Frattr>, kind: Frattr) -> String {
    let of_kind = MASKS.iter().find(|(selector, ..)| *selector == kind);
    let mask = of_kind.and_then(|(_, mask, whole)| {
        let bytes = value(attributes, *mask)?;
        let mask = match *bytes {
            [low, high] => u16::from_ne_bytes([low, high]).into(),
            _ => big_endian(bytes)?,
        };
        (mask != *whole).then(|| format!("/{mask:#x}"))
    });
    mask.unwrap_or_default()
}

/// Attributes whose meaning is in other words.
const SAID: [Frattr; 15] = [
    Frattr::Src,
    Frattr::Dst,
    Frattr::Table,
    Frattr::Priority,
    Frattr::Protocol,
    Frattr::SuppressPrefixlen,
    Frattr::SuppressIfgroup,
    Frattr::Pad,
    Frattr::Goto,
    Frattr::Fwmark,
    Frattr::Fwmask,
    Frattr::SportMask,
    Frattr::DportMask,
    Frattr::DscpMask,
    Frattr::FlowlabelMask,
];

fn has_nameless(attributes: &Attributes<Frattr>) -> bool {
    let is_said = |kind: Frattr| {
        let in_words = |(_, selector, form): &(&str, Frattr, Form)| {
            *selector == kind && form(attributes, kind).is_some()
        };
        SAID.contains(&kind) || SELECTORS.iter().any(in_words)
    };
    attributes
        .iter()
        .any(|attribute| !is_said(*attribute.rta_type()))
}

fn name(attributes: &Attributes<Frattr>, kind: Frattr) -> Option<String> {
    value(attributes, kind).map(|name| format!(" {}", text_of(name)))
}

fn byte(attributes: &Attributes<Frattr>, kind: Frattr) -> Option<String> {
    let [byte] = value(attributes, kind)? else {
        return None;
    };
    Some(format!(" {byte}"))
}

fn ports(attributes: &Attributes<Frattr>, kind: Frattr) -> Option<String> {
    match range(value(attributes, kind)?, 2)? {
        [low, high] if low == high => Some(format!(" {low}")),
        [low, high] => Some(format!(" {low}-{high}")),
    }
}

/// A number of any length.
fn big_endian(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| {
        bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    })
}

/// Two numbers of so many bytes each (`struct fib_rule_port_range`, `struct fib_rule_uid_range`).
fn range(bytes: &[u8], size: usize) -> Option<[u32; 2]> {
    let of = |bytes: &[u8]| match bytes.len() {
        2 => Some(u16::from_ne_bytes(bytes.try_into().ok()?).into()),
        _ => Some(u32::from_ne_bytes(bytes.try_into().ok()?)),
    };
    let (low, high) = bytes
        .split_at_checked(size)
        .filter(|(_, high)| high.len() == size)?;
    Some([of(low)?, of(high)?])
}
