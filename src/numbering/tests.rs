//! Rules and whose they are, by their numbers and their form.

use ipnet::IpNet;

use super::*;
use crate::net::{Extra, Family, MAIN, Mark, Rule};

fn sources() -> [IpNet; 3] {
    ["10.0.0.1/32", "10.0.0.16/28", "2001:db8::/80"].map(|net| net.parse().unwrap())
}

#[test]
fn a_rule_of_any_band_and_number_is_known_by_its_form_in_either_family() {
    let numbers: Vec<Number> = (0..32)
        .flat_map(|card| (0..100).map(move |device| Number::new(device, card)))
        .collect();
    for band in Band::SOURCES {
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
    let rules = Band::SOURCES.map(|band| rule(band, Number::new(1, 0), sources()[0]).to_string());
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
        own.clone().with(Extra {
            mark: Some(Mark { value: 1, mask: 1 }),
            ..Extra::NONE
        }),
        own.clone().with(Extra {
            iif: Some("eth0".into()),
            ..Extra::NONE
        }),
        own.with(Extra {
            foreign: Some("from 10.0.0.1 iif eth0 lookup 10001".into()),
            ..Extra::NONE
        }),
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

#[test]
fn each_eni_has_a_slot_of_its_own_that_its_place_alone_tells() {
    let places = (0..32).flat_map(|card| (0..100).map(move |device| (device, card)));
    let slots: Vec<_> = places
        .filter_map(|(device, card)| Slot::of(Number::new(device, card)))
        .map(|slot| slot.number())
        .collect();
    let mut distinct = slots.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), slots.len());
    assert_eq!(slots.len(), 62 + 31 * 2);
    assert!(!slots.contains(&0) && !slots.contains(&0x7f), "{slots:?}");
    let slot = |device, card| Slot::of(Number::new(device, card)).map(|slot| slot.number());
    assert_eq!(slot(0, 0), Some(1));
    assert_eq!(slot(61, 0), Some(62));
    assert_eq!(slot(0, 1), Some(64));
    assert_eq!(slot(1, 31), Some(125));
    for (device, card) in [(62, 0), (2, 1), (99, 31), (0, 32), (u32::MAX, u32::MAX)] {
        assert_eq!(slot(device, card), None, "{device} {card}");
    }
}

#[test]
fn the_rules_of_a_router_are_known_by_their_form_whatever_their_interface_and_their_way_out() {
    let (eth1, out) = ("eth1".into(), Number::new(2, 0).table());
    for family in [Family::Ipv4, Family::Ipv6] {
        for number in [Number::new(0, 0), Number::new(1, 0), Number::new(1, 31)] {
            let [own, main] = marked(number, family).unwrap();
            assert_eq!(owner(&own), Some((number, Band::Marked)), "{own}");
            assert_eq!(owner(&main), Some((number, Band::MarkedMain)), "{main}");
            for out in [number.table(), out, MAIN] {
                let [main, onward] = arrived(number, &eth1, out, family);
                assert_eq!(owner(&main), Some((number, Band::ArrivedMain)), "{main}");
                assert_eq!(owner(&onward), Some((number, Band::Arrived)), "{onward}");
            }
        }
    }
    let number = Number::new(1, 0);
    let [main, onward] = arrived(number, &eth1, out, Family::Ipv4);
    let [own, marked_main] = marked(number, Family::Ipv4).unwrap();
    let words = [own, marked_main, main, onward].map(|rule| rule.to_string());
    assert_eq!(
        words,
        [
            "from all fwmark 0x2000000/0xff000000 lookup 10001 priority 10001",
            "from all fwmark 0x2000000/0xff000000 lookup main priority 15001",
            "from all iif eth1 lookup main suppress_prefixlength 0 priority 15001",
            "from all iif eth1 lookup 10002 priority 20001",
        ]
    );
}

#[test]
fn a_router_s_rule_that_differs_in_anything_is_no_eni_s() {
    let number = Number::new(1, 0);
    let [mark, _] = marked(number, Family::Ipv4).unwrap();
    let [main, onward] = arrived(number, &"eth1".into(), number.table(), Family::Ipv4);
    let wide = Mark {
        value: 0x0200_0000,
        mask: u32::MAX,
    };
    let others = [
        mark.clone().with(Extra {
            mark: Some(wide),
            ..Extra::NONE
        }),
        Rule {
            priority: 10_002,
            table: 10_002,
            ..mark.clone()
        },
        mark.clone().with(Extra {
            iif: Some("eth1".into()),
            ..mark.extra().clone()
        }),
        mark.with(Extra::NONE),
        Rule {
            suppress_prefixlength: Some(1),
            ..main
        },
        Rule {
            table: 13_200,
            ..onward.clone()
        },
        onward.with(Extra::NONE),
    ];
    for other in others {
        assert_eq!(owner(&other), None, "{other}");
    }
    assert_eq!(marked(Number::new(62, 0), Family::Ipv4), None);
}
