//! Whose disk it is, and what belongs to whom.

use super::*;
use crate::net::sysctl::{Key, Sysctl};
use crate::net::{Family, Rule};
use crate::numbering;

const THEN: &str = "i-0000000000000000a";

fn ledger(instance: Option<&str>, primary: Option<u8>) -> Ledger {
    let enis = [0, 1]
        .map(|number| (Mac([2, 0, 0, 0, 0, number]), Entry::default()))
        .into();
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
        up: false,
    }
}

#[test]
fn the_instance_s_id_decides_where_there_is_one() {
    let ledger = ledger(Some(THEN), Some(0));
    assert_eq!(ledger.of_another(Some(THEN), &[link(9, None)]), None);
    let why = ledger
        .of_another(Some("i-0000000000000000b"), &[link(0, None)])
        .unwrap();
    assert!(
        why.contains(THEN) && why.contains("i-0000000000000000b"),
        "{why}"
    );
}

#[test]
fn without_an_id_another_instance_has_other_nics() {
    let of_xen = ledger(None, Some(0));
    for id in [None, Some("i-0000000000000000b")] {
        let why = of_xen.of_another(id, &[link(9, None)]).unwrap();
        assert!(why.contains("02:00:00:00:00:00"), "{why}");
    }
    assert!(
        ledger(Some(THEN), Some(0))
            .of_another(None, &[link(9, None)])
            .is_some()
    );
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
    assert_eq!(
        old.of_another(Some(THEN), &[link(9, None)]),
        None,
        "written by a version that noted neither"
    );
}

#[test]
fn a_ledger_is_read_as_it_was_written_and_says_what_rules_have_in_common_once() {
    let rule = |from: &str, priority, table, suppress_prefixlength| {
        let from: Option<ipnet::IpNet> = Some(from.parse().unwrap());
        let family = from.map(|net| crate::net::Family::of(net.addr())).unwrap();
        let from = from.filter(|net| net.prefix_len() > 0);
        Object::Rule(Rule {
            priority,
            family,
            from,
            table,
            suppress_prefixlength,
            extra: None,
        })
    };
    let mut entry = Entry::default();
    for n in 0..50 {
        for (priority, table, suppress) in [
            (10001, 10001, Some(0)),
            (15001, 254, Some(0)),
            (20001, 10001, None),
        ] {
            entry.note(&rule(&format!("10.0.0.{n}/32"), priority, table, suppress));
        }
    }
    for everything in ["0.0.0.0/0", "::/0", "2001:db8::/80"] {
        entry.note(&rule(everything, 10001, 10001, None));
    }
    let number = Number::new(1, 0);
    let router = [Family::Ipv4, Family::Ipv6].into_iter().flat_map(|family| {
        let arrived = numbering::arrived(number, &"eth1".into(), 10_002, family);
        arrived
            .into_iter()
            .chain(numbering::marked(number, family).unwrap())
    });
    router.for_each(|rule| entry.note(&Object::Rule(rule)));
    let ledger = Ledger {
        enis: [(Mac([2, 0, 0, 0, 0, 1]), entry.clone())].into(),
        ..Ledger::default()
    };
    let text = ledger.text();
    assert_eq!(Ledger::parse(&text).unwrap(), ledger);
    assert!(
        text.len() < 3 * 50 * 16 + 1100,
        "{} bytes: {text}",
        text.len()
    );
    assert_eq!(entry.objects(None).count(), 161);
}

#[test]
fn what_a_value_of_ours_replaces_is_what_was_before_the_first_of_ours() {
    let set = |value: &str, before: &str| {
        let sysctl = Sysctl::new(Key::accept_ra(&"eth1".into()), value);
        Object::from(Sysctl {
            before: Some(before.to_owned()),
            ..sysctl
        })
    };
    let mut entry = Entry::default();
    entry.note(&set("0", "2"));
    entry.note(&set("1", "0"));
    let read: Entry = serde_json::from_str(&serde_json::to_string(&entry).unwrap()).unwrap();
    assert_eq!(
        read.objects(Some(&"eth1".into())).collect::<Vec<_>>(),
        [set("1", "2")]
    );
    entry.note(&set("0", "7"));
    assert_eq!(entry.objects(Some(&"eth2".into())).count(), 1);
    assert_eq!(
        entry.objects(Some(&"eth1".into())).collect::<Vec<_>>(),
        [set("0", "7")],
        "somebody has changed it meanwhile"
    );
}

#[test]
fn what_belongs_to_no_eni_has_an_entry_of_its_own() {
    let forward = Sysctl {
        before: Some("0".to_owned()),
        ..Sysctl::new(Key::of_host("net/ipv4/ip_forward"), "1")
    };
    let forward = Object::from(forward);
    let mut ledger = Ledger::default();
    let nobodys = Object::from(Sysctl::new(Key::accept_ra(&"eth9".into()), "0"));
    ledger.note(&nobodys);
    assert!(ledger.is_empty(), "an interface that is no ENI's");
    ledger.record(&Change::Add(forward.clone()));
    assert!(!ledger.is_empty());
    let read = Ledger::parse(&ledger.text()).unwrap();
    assert_eq!(read, ledger);
    assert_eq!(
        read.made(&[], &|_| true),
        [Made {
            owner: Owner::Host,
            objects: [forward.clone()].into()
        }]
    );
    ledger.record(&Change::Remove(forward));
    assert_eq!(ledger.text(), Ledger::default().text());
}

/// Every field of the file.
const WRITTEN: &str = r#"{"version":1,"primary":"02:00:00:00:00:00","enis":{"02:00:00:00:00:01":{"id":"eni-1","dev":"eth1","table":10001,"gone":true,"settings":{"net/ipv6/conf/*/accept_ra":{"value":"0","before":"1"}},"link_up":true,"addresses":["10.0.0.20/32"],"routes":[{"dst":"0.0.0.0/0","via":"10.0.0.1","metric":10001},{"table":10001,"dst":"10.0.0.0/20","src":"10.0.0.20","metric":0},{"table":10001,"throw":true,"dst":"10.0.0.32/28","metric":0}],"rules":[{"priority":10001,"table":10001,"from":["10.0.0.20/32"]}]}},"host":{"settings":{"net/ipv4/ip_forward":{"value":"1","before":"0"}}}}
"#;

#[test]
fn the_file_is_the_same_for_every_version() {
    let ledger = Ledger::parse(WRITTEN).unwrap();
    let mut link = link(1, None);
    link.name = "ens6".into();
    let commands: Vec<String> = ledger
        .made(&[link], &|_| true)
        .iter()
        .flat_map(|made| &made.objects)
        .map(|object| Change::Remove(object.clone()).to_string())
        .collect();
    assert_eq!(
        commands,
        [
            "sysctl -qw net/ipv4/ip_forward=0",
            "sysctl -qw net/ipv6/conf/ens6/accept_ra=1",
            "ip link set dev ens6 down",
            "ip -4 address del 10.0.0.20/32 dev ens6",
            "ip -4 route del default via 10.0.0.1 dev ens6 onlink metric 10001",
            "ip -4 route del 10.0.0.0/20 dev ens6 scope link src 10.0.0.20 table 10001",
            "ip -4 route del throw 10.0.0.32/28 table 10001",
            "ip -4 rule del from 10.0.0.20 lookup 10001 priority 10001",
        ]
    );
    assert_eq!(ledger.text(), WRITTEN);
}

#[test]
fn a_route_is_listed_with_the_mtu_that_it_had_last_and_an_old_ledger_has_none() {
    let mac = "02:00:00:00:00:01";
    let old = format!(
        r#"{{"version": 1, "enis": {{"{mac}": {{"id": "eni-1", "dev": "eth1", "table": 10001, "link_up": true,
        "addresses": [], "routes": [{{"table": 10001, "dst": "0.0.0.0/0", "via": "10.0.0.1", "metric": 0}}]}}}}}}"#
    );
    let mut ledger = Ledger::parse(&old).unwrap();
    let routes = |ledger: &Ledger| -> Vec<Option<u32>> {
        let objects = ledger.enis[&mac.parse().unwrap()].objects.iter();
        objects
            .filter_map(Object::route)
            .map(|route| route.mtu)
            .collect()
    };
    assert_eq!(routes(&ledger), [None]);
    let made = ledger
        .enis
        .values()
        .next()
        .unwrap()
        .objects(Some(&"eth1".into()))
        .find_map(|object| object.route().cloned());
    let mut route = made.unwrap();
    assert!(!ledger.text().contains("mtu"));
    for mtu in [Some(1500), Some(1400), None, Some(1500)] {
        route.mtu = mtu;
        ledger.note(&Object::from(route.clone()));
        assert_eq!(routes(&ledger), [mtu]);
        assert_eq!(Ledger::parse(&ledger.text()), Ok(ledger.clone()));
    }
}
