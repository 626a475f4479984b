//! Rules as kernels of other ages tell them.

use std::io::Cursor;

use neli::ToBytes;
use neli::consts::rtnl::{RtAddrFamily, RtTable, RtaType};
use neli::rtnl::{Rtattr, RtattrBuilder};
use neli::types::Buffer;

use super::*;
use crate::net::index_rule;

fn attribute<T: RtaType>(kind: T, value: &[u8]) -> Rtattr<T, Buffer> {
    RtattrBuilder::default()
        .rta_type(kind)
        .rta_payload(value.to_vec())
        .build()
        .unwrap()
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
    let words = decode(&newer).unwrap().extra().foreign.clone().unwrap();
    assert_eq!(
        &*words,
        "from 10.0.0.1 lookup main (and what `ip` has no word for)"
    );
    assert_eq!(decode(&fibmsg([from()])).unwrap().extra().foreign, None);
}

#[test]
fn a_rule_of_an_older_kernel_has_only_the_headers_table() {
    let rule = decode(&fibmsg([attribute(Frattr::Src, &[10, 0, 0, 1])])).unwrap();
    assert_eq!((rule.table, rule.suppress_prefixlength), (254, None));
    assert_eq!(rule.from, Some("10.0.0.1/32".parse().unwrap()));
}

#[test]
fn a_cut_attribute_is_an_absent_one() {
    let rule = decode(&fibmsg([
        attribute(Frattr::Src, &[10, 0]),
        attribute(Frattr::Priority, &[1]),
    ]))
    .unwrap();
    assert_eq!((rule.from, rule.priority), (None, 0));
}

/// As `ip` of iproute2 6.14 and later takes them.
#[test]
fn masks_stand_behind_what_they_mask_unless_they_take_all_bits() {
    let words = |attributes: &[(Frattr, &[u8])]| {
        let list = attributes
            .iter()
            .map(|(kind, value)| attribute(*kind, value));
        decode(&fibmsg(list.collect::<Vec<_>>()))
            .unwrap()
            .extra()
            .foreign
            .as_deref()
            .unwrap()
            .to_owned()
    };
    let port = [80_u16.to_ne_bytes(), 80_u16.to_ne_bytes()].concat();
    let said = words(&[
        (Frattr::SportRange, &port),
        (Frattr::SportMask, &0xffff_u16.to_ne_bytes()),
    ]);
    assert_eq!(said, "from all sport 80 lookup main");
    let said = words(&[
        (Frattr::DportRange, &port),
        (Frattr::DportMask, &0xf0_u16.to_ne_bytes()),
    ]);
    assert_eq!(said, "from all dport 80/0xf0 lookup main");
    let said = words(&[(Frattr::Dscp, &[10]), (Frattr::DscpMask, &[0x3f])]);
    assert_eq!(said, "from all dscp 10 lookup main");
    let said = words(&[
        (Frattr::Flowlabel, &[0, 1, 0, 0]),
        (Frattr::FlowlabelMask, &[0, 0xf, 0, 0]),
    ]);
    assert_eq!(said, "from all flowlabel 0x10000/0xf0000 lookup main");
}

/// A plain rule is read in place, any other one attribute by attribute: both ways it is the same rule.
#[test]
fn a_rule_is_the_same_whichever_way_it_is_read() {
    let plain = [
        fibmsg([attribute(Frattr::Src, &[10, 0, 0, 1])]),
        fibmsg([
            attribute(Frattr::Src, &[10, 0, 0, 1]),
            attribute(Frattr::Priority, &10_001_u32.to_ne_bytes()),
            attribute(Frattr::Table, &10_001_u32.to_ne_bytes()),
            attribute(Frattr::SuppressPrefixlen, &u32::MAX.to_ne_bytes()),
            attribute(Frattr::SuppressIfgroup, &u32::MAX.to_ne_bytes()),
            attribute(Frattr::Protocol, &[STATIC]),
        ]),
        fibmsg([
            attribute(Frattr::Src, &[10, 0, 0, 1]),
            attribute(Frattr::SuppressPrefixlen, &0_u32.to_ne_bytes()),
        ]),
    ];
    let more = [
        fibmsg([attribute(Frattr::Iifname, b"lo\0")]),
        fibmsg([attribute(Frattr::Fwmark, &7_u32.to_ne_bytes())]),
        fibmsg([attribute(Frattr::Fwmask, &7_u32.to_ne_bytes())]),
        fibmsg([attribute(Frattr::UnrecognizedConst(99), &[1])]),
        fibmsg([attribute(Frattr::Src, &[10, 0])]),
    ];
    for message in plain {
        let expected = standing(&message).unwrap();
        let Row::Plain(found) = row(&message) else {
            panic!("{:?}", row(&message));
        };
        assert_eq!(
            (found.rule, found.protocol),
            (expected.rule, expected.protocol)
        );
    }
    for message in more {
        assert!(matches!(row(&message), Row::Other(_)), "{message:?}");
    }
}

/// A message of a list, as it is read.
fn row(message: &Fibmsg) -> Row {
    let mut bytes = Cursor::new(Vec::new());
    message.to_bytes(&mut bytes).unwrap();
    let bytes = bytes.into_inner();
    let length = bytes.len();
    Row::from_bytes_with_input(&mut Cursor::new(bytes), length).unwrap()
}

/// Before Linux 4.17 no rule tells its protocol, and somebody may give `kernel` to theirs.
#[test]
fn a_rule_that_the_index_has_no_use_for_is_somebody_elses_whatever_its_protocol() {
    for protocol in [None, Some(index_rule::PROTOCOL)] {
        for (priority, table, is_its) in [
            (8_000, 52, false),
            (8_000, 10_001, false),
            (9_999, 254, false),
            (23_204, 52, false),
            (23_204, 254, true),
            (23_204, 13_163, true),
            (24_000, 254, false),
        ] {
            let protocol = protocol.map(|number| attribute(Frattr::Protocol, &[number]));
            let said = [
                attribute(Frattr::Src, &[10, 0, 0, 1]),
                attribute(Frattr::Priority, &u32::to_ne_bytes(priority)),
                attribute(Frattr::Table, &u32::to_ne_bytes(table)),
            ];
            let row = row(&fibmsg(said.into_iter().chain(protocol)));
            assert_eq!(matches!(row, Row::Index(_)), is_its, "{row:?}");
            assert_eq!(matches!(row, Row::Plain(_)), !is_its, "{row:?}");
        }
    }
}
