//! A rule as the kernel tells it. What eniroute never writes is kept in `ip`'s words, for people to read: what has no
//! word is said to have none, and nothing is left out.

use std::net::IpAddr;

use ipnet::IpNet;
use neli::consts::rtnl::*;
use neli::rtnl::*;

use super::{Attributes, family, ip, number, text, value};
use crate::net::{self, Rule};

/// What the kernel reports for a rule without `suppress_prefixlength` or `suppress_ifgroup`.
const NOT_SUPPRESSING: u32 = u32::MAX;

/// `None` for another family's: without IPv6 the kernel may answer for all that it has.
pub fn rule(message: &Fibmsg) -> Option<Rule> {
    let attributes = message.rtattrs();
    let net = |kind, length| {
        let net = ip(attributes, kind).and_then(|ip: IpAddr| IpNet::new(ip, length).ok());
        net.filter(|net| net.prefix_len() > 0).map(|net| net.trunc())
    };
    let mut rule = Rule {
        priority: number(attributes, Frattr::Priority).unwrap_or(0),
        family: family(*message.fib_family())?,
        from: net(Frattr::Src, *message.fib_src_len()),
        table: number(attributes, Frattr::Table).unwrap_or_else(|| u8::from(*message.fib_table()).into()),
        suppress_prefixlength: suppressed(attributes, Frattr::SuppressPrefixlen),
        to: net(Frattr::Dst, *message.fib_dst_len()),
        foreign: None,
    };
    rule.foreign = is_foreign(message).then(|| words(message, &rule).into());
    Some(rule)
}

fn suppressed(attributes: &Attributes<Frattr>, kind: Frattr) -> Option<u32> {
    number(attributes, kind).filter(|number| *number != NOT_SUPPRESSING)
}

/// Anything but `from`, `lookup`, `suppress_prefixlength`, `priority` and `protocol`: selectors that this program
/// has never heard of count too.
fn is_foreign(message: &Fibmsg) -> bool {
    let selective = *message.fib_dst_len() > 0 || *message.fib_tos() > 0 || message.fib_flags().contains(Frf::INVERT);
    selective
        || *message.fib_action() != FrAct::FrActToTbl
        || message.rtattrs().iter().any(|attribute| match *attribute.rta_type() {
            Frattr::Src | Frattr::Table | Frattr::Priority | Frattr::Protocol => false,
            Frattr::SuppressPrefixlen | Frattr::Pad => false,
            Frattr::SuppressIfgroup => *attribute.rta_payload().as_ref() != NOT_SUPPRESSING.to_ne_bytes(),
            _ => true,
        })
}

/// All that the rule says but for its priority, as `ip rule add` takes it.
fn words(message: &Fibmsg, rule: &Rule) -> String {
    let attributes = message.rtattrs();
    let tos = *message.fib_tos();
    let mut words: Vec<String> = Vec::new();
    words.extend(message.fib_flags().contains(Frf::INVERT).then(|| "not".to_owned()));
    words.push(net::From(rule.from).to_string());
    words.extend(rule.to.map(|to| format!("to {to}")));
    words.extend((tos > 0).then(|| format!("tos {tos:#04x}")));
    words.extend(SELECTORS.iter().filter_map(|(name, kind, form)| {
        Some(format!("{name}{}{}", form(attributes, *kind)?, mask(attributes, *kind)))
    }));
    words.extend(action(message, rule));
    words.extend(rule.suppress_prefixlength.map(|length| format!("suppress_prefixlength {length}")));
    words.extend(suppressed(attributes, Frattr::SuppressIfgroup).map(|group| format!("suppress_ifgroup {group}")));
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
        other => format!("(of action {}, which `ip` has no word for)", u8::from(other)),
    })
}

type Form = fn(&Attributes<Frattr>, Frattr) -> Option<String>;

/// Selectors in `ip`'s order, with what stands behind the word.
const SELECTORS: [(&str, Frattr, Form); 12] = [
    ("fwmark", Frattr::Fwmark, mark),
    ("iif", Frattr::Iifname, name),
    ("oif", Frattr::Oifname, name),
    ("l3mdev", Frattr::L3mdev, |list, kind| value(list, kind).map(|_| String::new())),
    ("uidrange", Frattr::UidRange, |list, kind| {
        range(value(list, kind)?, 4).map(|[low, high]| format!(" {low}-{high}"))
    }),
    ("ipproto", Frattr::IpProto, byte),
    ("sport", Frattr::SportRange, ports),
    ("dport", Frattr::DportRange, ports),
    ("dscp", Frattr::Dscp, byte),
    ("flowlabel", Frattr::Flowlabel, |list, kind| big_endian(value(list, kind)?).map(|label| format!(" {label:#x}"))),
    ("tun_id", Frattr::TunId, |list, kind| big_endian(value(list, kind)?).map(|id| format!(" {id}"))),
    ("realms", Frattr::Flow, |list, kind| number(list, kind).map(|flow| format!(" {}/{}", flow >> 16, flow & 0xffff))),
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
const SAID: [Frattr; 14] = [
    Frattr::Src,
    Frattr::Dst,
    Frattr::Table,
    Frattr::Priority,
    Frattr::Protocol,
    Frattr::SuppressPrefixlen,
    Frattr::SuppressIfgroup,
    Frattr::Pad,
    Frattr::Goto,
    Frattr::Fwmask,
    Frattr::SportMask,
    Frattr::DportMask,
    Frattr::DscpMask,
    Frattr::FlowlabelMask,
];

fn has_nameless(attributes: &Attributes<Frattr>) -> bool {
    let is_said = |kind: Frattr| {
        let in_words =
            |(_, selector, form): &(&str, Frattr, Form)| *selector == kind && form(attributes, kind).is_some();
        // The mask is said with the mark.
        SAID.contains(&kind) || kind == Frattr::Fwmask || SELECTORS.iter().any(in_words)
    };
    attributes.iter().any(|attribute| !is_said(*attribute.rta_type()))
}

/// A mark of 0 is not told by the kernel; its mask is.
fn mark(attributes: &Attributes<Frattr>, kind: Frattr) -> Option<String> {
    let (mark, mask) = (number(attributes, kind), number(attributes, Frattr::Fwmask));
    match (mark, mask.filter(|mask| *mask != u32::MAX)) {
        (None, None) => None,
        (mark, None) => mark.map(|mark| format!(" {mark:#x}")),
        (mark, Some(mask)) => Some(format!(" {:#x}/{mask:#x}", mark.unwrap_or(0))),
    }
}

fn name(attributes: &Attributes<Frattr>, kind: Frattr) -> Option<String> {
    value(attributes, kind).map(|name| format!(" {}", text(name)))
}

fn byte(attributes: &Attributes<Frattr>, kind: Frattr) -> Option<String> {
    let [byte] = value(attributes, kind)? else { return None };
    Some(format!(" {byte}"))
}

fn ports(attributes: &Attributes<Frattr>, kind: Frattr) -> Option<String> {
    let [low, high] = range(value(attributes, kind)?, 2)?;
    Some(if low == high { format!(" {low}") } else { format!(" {low}-{high}") })
}

/// A number of any length.
fn big_endian(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// Two numbers of so many bytes each (`struct fib_rule_port_range`, `struct fib_rule_uid_range`).
fn range(bytes: &[u8], size: usize) -> Option<[u32; 2]> {
    let of = |bytes: &[u8]| match bytes.len() {
        2 => Some(u16::from_ne_bytes(bytes.try_into().ok()?).into()),
        _ => Some(u32::from_ne_bytes(bytes.try_into().ok()?)),
    };
    let (low, high) = bytes.split_at_checked(size).filter(|(_, high)| high.len() == size)?;
    Some([of(low)?, of(high)?])
}

#[cfg(test)]
mod tests {
    use neli::types::Buffer;

    use super::*;

    fn attribute<T: RtaType>(kind: T, value: &[u8]) -> Rtattr<T, Buffer> {
        RtattrBuilder::default().rta_type(kind).rta_payload(value.to_vec()).build().unwrap()
    }

    fn fibmsg(attributes: impl IntoIterator<Item = Rtattr<Frattr, Buffer>>) -> Fibmsg {
        FibmsgBuilder::default()
            .fib_family(RtAddrFamily::Inet)
            .fib_dst_len(0)
            .fib_src_len(32)
            .fib_tos(0)
            .fib_table(RtTable::Main)
            .fib_action(FrAct::FrActToTbl)
            .rtattrs(attributes.into_iter().collect())
            .build()
            .unwrap()
    }

    #[test]
    fn a_selector_of_a_newer_kernel_makes_a_rule_foreign() {
        let from = || attribute(Frattr::Src, &[10, 0, 0, 1]);
        let newer = fibmsg([from(), attribute(Frattr::UnrecognizedConst(99), &[1])]);
        let words = rule(&newer).unwrap().foreign.unwrap();
        assert_eq!(&*words, "from 10.0.0.1 lookup main (and what `ip` has no word for)");
        assert_eq!(rule(&fibmsg([from()])).unwrap().foreign, None);
    }

    #[test]
    fn a_rule_of_an_older_kernel_has_only_the_headers_table() {
        let rule = rule(&fibmsg([attribute(Frattr::Src, &[10, 0, 0, 1])])).unwrap();
        assert_eq!((rule.table, rule.suppress_prefixlength), (254, None));
        assert_eq!(rule.from, Some("10.0.0.1/32".parse().unwrap()));
    }

    #[test]
    fn a_cut_attribute_is_an_absent_one() {
        let rule = rule(&fibmsg([attribute(Frattr::Src, &[10, 0]), attribute(Frattr::Priority, &[1])])).unwrap();
        assert_eq!((rule.from, rule.priority), (None, 0));
    }

    /// As `ip` of iproute2 6.14 and later takes them.
    #[test]
    fn masks_stand_behind_what_they_mask_unless_they_take_all_bits() {
        let words = |attributes: &[(Frattr, &[u8])]| {
            let list = attributes.iter().map(|(kind, value)| attribute(*kind, value));
            rule(&fibmsg(list.collect::<Vec<_>>())).unwrap().foreign.unwrap().to_string()
        };
        let port = [80_u16.to_ne_bytes(), 80_u16.to_ne_bytes()].concat();
        let said = words(&[(Frattr::SportRange, &port), (Frattr::SportMask, &0xffff_u16.to_ne_bytes())]);
        assert_eq!(said, "from all sport 80 lookup main");
        let said = words(&[(Frattr::DportRange, &port), (Frattr::DportMask, &0xf0_u16.to_ne_bytes())]);
        assert_eq!(said, "from all dport 80/0xf0 lookup main");
        let said = words(&[(Frattr::Dscp, &[10]), (Frattr::DscpMask, &[0x3f])]);
        assert_eq!(said, "from all dscp 10 lookup main");
        let said = words(&[(Frattr::Flowlabel, &[0, 1, 0, 0]), (Frattr::FlowlabelMask, &[0, 0xf, 0, 0])]);
        assert_eq!(said, "from all flowlabel 0x10000/0xf0000 lookup main");
    }
}
