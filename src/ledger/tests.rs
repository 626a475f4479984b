//! Whose disk it is, and what belongs to whom.

use super::*;

const THEN: &str = "i-0000000000000000a";

fn ledger(instance: Option<&str>, primary: Option<u8>) -> Ledger {
    let enis = [0, 1].map(|number| (Mac([2, 0, 0, 0, 0, number]), Entry::default())).into();
    Ledger {
        instance: instance.map(str::to_owned),
        primary: primary.map(|n| Mac([2, 0, 0, 0, 0, n])),
        enis,
        ..Ledger::default()
    }
}

fn link(number: u8, kind: Option<&str>) -> Link {
    let mac = Some(Mac([2, 0, 0, 0, 0, number]));
    Link {
        index: 2,
        name: "eth0".into(),
        altnames: Vec::new(),
        mac,
        permanent_mac: None,
        kind: kind.map(str::to_owned),
        master: None,
        ipv6: true,
        accept_ra: true,
        up: false,
    }
}

#[test]
fn the_instance_s_id_decides_where_there_is_one() {
    let ledger = ledger(Some(THEN), Some(0));
    assert_eq!(ledger.of_another(Some(THEN), &[link(9, None)]), None);
    let why = ledger.of_another(Some("i-0000000000000000b"), &[link(0, None)]).unwrap();
    assert!(why.contains(THEN) && why.contains("i-0000000000000000b"), "{why}");
}

#[test]
fn without_an_id_another_instance_has_other_nics() {
    let of_xen = ledger(None, Some(0));
    for id in [None, Some("i-0000000000000000b")] {
        let why = of_xen.of_another(id, &[link(9, None)]).unwrap();
        assert!(why.contains("02:00:00:00:00:00"), "{why}");
    }
    assert!(ledger(Some(THEN), Some(0)).of_another(None, &[link(9, None)]).is_some());
}

#[test]
fn in_doubt_it_is_this_instance_s() {
    let ours = ledger(None, Some(0));
    for links in [
        &[][..],
        &[link(0, None), link(9, None)],
        // The primary's driver is late, and a secondary one of ours is there.
        &[link(1, None), link(9, None)],
        &[link(9, Some("veth"))],
        &[link(9, Some("bridge"))],
    ] {
        assert_eq!(ours.of_another(None, links), None, "{links:?}");
    }
    let old = Ledger::parse(r#"{"enis": {}}"#).unwrap();
    assert_eq!(old.of_another(Some(THEN), &[link(9, None)]), None, "written by a version that noted neither");
}
