//! Whose record it is, and what of it stands.

use std::collections::BTreeMap;

use super::*;
use crate::metadata::Incomplete;

const THIS: &str = "i-0000000000000000a";
const OTHER: &str = "i-0000000000000000b";

fn mac(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, number])
}

fn eni(number: u8) -> Eni {
    Eni {
        mac: mac(number),
        id: format!("eni-{number}"),
        primary: number == 0,
        device_number: number.into(),
        network_card: 0,
        ipv4: vec![format!("10.0.0.1{number}").parse().unwrap()],
        ipv6: vec![],
        ipv4_prefixes: vec![],
        ipv6_prefixes: vec![],
        subnet_ipv4: Some("10.0.0.0/20".parse().unwrap()),
        subnet_ipv6: vec![],
        vpc: None,
        vpc_ranges: Vec::new(),
        public: BTreeMap::new(),
    }
}

fn link(number: u8) -> Link {
    Link {
        index: number.into(),
        name: format!("eth{number}").as_str().into(),
        altnames: Vec::new(),
        mac: Some(mac(number)),
        permanent_mac: None,
        kind: None,
        master: None,
        ipv6: true,
        up: false,
    }
}

fn told(numbers: &[u8]) -> Metadata {
    Metadata {
        enis: numbers.iter().map(|n| eni(*n)).collect(),
        ..Metadata::default()
    }
}

fn links(numbers: &[u8]) -> Vec<Link> {
    numbers.iter().map(|n| link(*n)).collect()
}

fn record(instance: Option<&str>) -> Record {
    Record::default().after(
        &told(&[0, 1, 2]),
        instance.map(str::to_owned),
        &links(&[0, 1, 2]),
    )
}

fn recalled(record: Record, instance: Option<&str>, there: &[u8]) -> Option<Vec<u8>> {
    let metadata = record.recall(instance, &links(there))?;
    assert!(
        metadata
            .enis
            .iter()
            .all(|eni| metadata.recalled.contains(&eni.mac))
    );
    Some(metadata.enis.iter().map(|eni| eni.mac.0[5]).collect())
}

#[test]
fn the_enis_whose_nics_are_there_are_recalled() {
    assert_eq!(
        recalled(record(Some(THIS)), Some(THIS), &[0, 1, 2]),
        Some(vec![0, 1, 2])
    );
    assert_eq!(
        recalled(record(Some(THIS)), Some(THIS), &[2, 0, 9]),
        Some(vec![0, 2])
    );
    assert_eq!(
        recalled(record(Some(THIS)), Some(THIS), &[1]),
        Some(vec![1]),
        "the primary's driver is late"
    );
    assert_eq!(recalled(record(Some(THIS)), Some(THIS), &[9]), None);
    assert_eq!(recalled(Record::default(), Some(THIS), &[0]), None);
}

#[test]
fn nothing_is_recalled_on_another_instance_even_where_an_eni_has_moved_there() {
    assert_eq!(recalled(record(Some(THIS)), Some(OTHER), &[0, 1, 2]), None);
    for (then, now) in [(None, None), (Some(THIS), None), (None, Some(THIS))] {
        assert_eq!(
            recalled(record(then), now, &[0, 1]),
            Some(vec![0, 1]),
            "{then:?} {now:?}"
        );
        assert_eq!(
            recalled(record(then), now, &[1, 2, 9]),
            None,
            "{then:?} {now:?}: the primary's NIC is not there"
        );
    }
}

#[test]
fn of_what_is_not_told_the_last_word_stands_while_the_interface_is_there() {
    let macs = |record: Record| {
        record
            .enis
            .iter()
            .map(|eni| eni.mac.0[5])
            .collect::<Vec<_>>()
    };
    let this = || Some(THIS.to_owned());
    assert_eq!(
        macs(record(Some(THIS)).after(&told(&[0, 1]), this(), &links(&[0, 1]))),
        [0, 1],
        "detached"
    );
    assert_eq!(
        macs(record(Some(THIS)).after(&told(&[1]), this(), &links(&[0, 1, 2]))),
        [0, 1, 2],
        "the primary first, whatever was told"
    );
    assert_eq!(
        macs(record(Some(THIS)).after(&told(&[0, 1]), this(), &links(&[0, 1, 2]))),
        [0, 1, 2],
        "forgotten"
    );
    let late = Incomplete {
        mac: mac(2),
        key: "local-ipv4s".to_owned(),
        why: "late".to_owned(),
        lack: crate::error::Lack::Late,
    };
    let metadata = Metadata {
        incomplete: vec![late],
        ..told(&[0, 1])
    };
    assert_eq!(
        macs(record(Some(THIS)).after(&metadata, this(), &links(&[0, 1, 2]))),
        [0, 1, 2],
        "late"
    );
    let other = record(Some(THIS)).after(&told(&[0]), Some(OTHER.to_owned()), &links(&[0, 1]));
    assert_eq!(
        (macs(other.clone()), other.instance.as_deref()),
        (vec![0], Some(OTHER)),
        "an image's"
    );
    let primary_late = record(Some(THIS)).after(&told(&[1]), this(), &links(&[0, 1]));
    assert_eq!(primary_late.primary, Some(mac(0)));
}

fn beside(record: Record, said: Metadata, there: &[u8]) -> (Vec<u8>, Vec<u8>, Vec<String>) {
    let metadata = record.beside(
        Metadata {
            primary: Some(mac(0)),
            ..said
        },
        Some(THIS),
        &links(there),
    );
    let told = metadata
        .incomplete
        .iter()
        .map(ToString::to_string)
        .collect();
    let last = |macs: Vec<Mac>| macs.iter().map(|mac| mac.0[5]).collect();
    (
        last(metadata.enis.iter().map(|eni| eni.mac).collect()),
        last(metadata.recalled.into_iter().collect()),
        told,
    )
}

#[test]
fn an_eni_that_is_told_late_is_recalled_beside_the_others_and_stays_incomplete() {
    let late = Incomplete {
        mac: mac(2),
        key: "local-ipv4s".to_owned(),
        why: "late".to_owned(),
        lack: crate::error::Lack::Late,
    };
    let said = Metadata {
        incomplete: vec![late.clone()],
        ..told(&[0, 1])
    };
    let (enis, recalled, told_late) = beside(record(Some(THIS)), said, &[0, 1, 2]);
    assert_eq!(
        (enis, recalled, told_late),
        (vec![0, 1, 2], vec![2], vec![late.to_string()])
    );
    let nothing: [String; 0] = [];
    assert_eq!(
        beside(record(Some(THIS)), told(&[1]), &[0, 1, 2]),
        (vec![0, 1, 2], vec![0, 2], nothing.to_vec())
    );
    assert_eq!(
        beside(record(Some(THIS)), told(&[0, 1]), &[0, 1]),
        (vec![0, 1], vec![], nothing.to_vec()),
        "no NIC"
    );
    assert_eq!(
        beside(record(Some(OTHER)), told(&[0]), &[0, 1]),
        (vec![0], vec![], nothing.to_vec()),
        "an image's"
    );
    let mut of_another_primary = record(None);
    of_another_primary.primary = Some(mac(9));
    assert_eq!(
        beside(of_another_primary, told(&[0]), &[0, 1, 9]),
        (vec![0], vec![], nothing.to_vec())
    );
}

#[test]
fn what_is_recalled_gives_way_to_what_is_said_now_and_the_primary_to_nobody() {
    let mut said = told(&[0, 1]);
    said.enis[1].ipv4 = eni(2).ipv4;
    assert_eq!(
        beside(record(Some(THIS)), said, &[0, 1, 2]).0,
        [0, 1],
        "its address"
    );
    let mut said = told(&[0, 1]);
    said.enis[1].device_number = 2;
    assert_eq!(
        beside(record(Some(THIS)), said, &[0, 1, 2]).0,
        [0, 1],
        "its number"
    );
    let mut said = told(&[1, 2]);
    said.enis[0].ipv4 = eni(0).ipv4;
    let (enis, recalled, told) = beside(record(Some(THIS)), said, &[0, 1, 2]);
    assert_eq!((enis, recalled), (vec![0, 2], vec![0]));
    assert!(
        told.len() == 1 && told[0].contains(&mac(1).to_string()),
        "{told:?}"
    );
}

#[test]
fn what_cannot_be_true_is_not_recalled() {
    let mut record = record(Some(THIS));
    record.enis[1].ipv4 = record.enis[0].ipv4.clone();
    record.enis[2].subnet_ipv4 = Some("0.0.0.0/0".parse().unwrap());
    assert_eq!(recalled(record, Some(THIS), &[0, 1, 2]), Some(vec![0]));
}

#[test]
fn an_age_is_told_in_the_largest_unit_that_says_enough() {
    for (seconds, words) in [
        (3, "3 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7200, "2 h"),
        (172_800, "2 days"),
    ] {
        assert_eq!(in_words(Duration::from_secs(seconds)), words);
    }
}
