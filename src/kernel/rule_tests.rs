//! Rules as kernels of other ages tell them.

use neli::consts::rtnl::{RtAddrFamily, RtTable, RtaType};
use neli::rtnl::{Rtattr, RtattrBuilder};
use neli::types::Buffer;

use super::*;

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
    let words = decode(&newer).unwrap().foreign.unwrap();
    assert_eq!(
        &*words,
        "from 10.0.0.1 lookup main (and what `ip` has no word for)"
    );
    assert_eq!(decode(&fibmsg([from()])).unwrap().foreign, None);
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
            .foreign
            .unwrap()
            .to_string()
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
