//! The text of the table, held against nft itself.

use std::net::Ipv4Addr;

use eniroute::config::Wishes;
use eniroute::net::Family;
use eniroute::net::nft::Nft;
use eniroute::numbering::{Number, Slot};
use eniroute::plan::egress::Range;
use eniroute::plan::nft::{Entry, Filter, Lead, Port};

use crate::check::{findings, with_code};
use crate::nat::{FIRST, Lab, S3, SECOND, changing};
use crate::vpc::{Host, Vpc};

fn slot(number: u32) -> Slot {
    Slot::of(Number::new(number, 0)).unwrap()
}

/// Two ENIs with so many addresses each, all of them one pool, with every wish.
fn filter(addresses: u8, wishes: Wishes) -> Filter {
    let own = |eni: u8| (0..addresses).map(move |last| Ipv4Addr::new(10, 0, eni, 10 + last));
    let port = |eni: u8| Port {
        dev: format!("eth{eni}").into(),
        slot: slot(eni.into()),
        addresses: own(eni).collect(),
    };
    let leads = |family| {
        [None, Some("eth1".into())].map(|dev| Lead {
            family,
            dev,
            slot: slot(1),
        })
    };
    let pool = (0..2_u8).flat_map(|eni| own(eni).map(move |ip| (ip, slot(eni.into()))));
    let nets = |nets: &[&str]| {
        nets.iter()
            .map(|net| net.parse().unwrap())
            .collect::<Vec<ipnet::IpNet>>()
    };
    let clients = nets(&["10.1.0.0/16", "2001:db8:1::/64"]);
    Filter {
        ports: vec![port(0), port(1)],
        leads: [Family::Ipv4, Family::Ipv6]
            .into_iter()
            .flat_map(leads)
            .collect(),
        entries: vec![Entry {
            key: "e_1".to_owned(),
            place: String::new(),
            drained: vec![([10, 0, 0, 9].into(), slot(0))],
            absent: Vec::new(),
            clients: clients.into_iter().map(Range::from).collect(),
            pool: pool.collect(),
            ipv6: Some(slot(1)),
            not_to: nets(&["10.8.0.0/16", "2001:db8:8::/48"]),
            wishes,
        }],
        exempt: nets(&["10.0.0.0/16", "169.254.0.0/16", "fe80::/10"]),
        is_router: false,
    }
}

const USUAL: Wishes = Wishes {
    resets: false,
    random_ports: false,
    mss: 1460,
    idle: 350,
    limit: None,
};

const OTHER: Wishes = Wishes {
    resets: true,
    random_ports: true,
    mss: 0,
    idle: 60,
    limit: Some(100),
};

fn load(host: &Host, nft: &Nft) {
    host.command("nft").args(["-f", "-"]).input(&nft.text).run();
}

#[test]
fn nft_takes_every_table_checks_it_and_takes_it_again_with_the_same_result() {
    let vpc = Vpc::new();
    let host = vpc.guest();
    for wishes in [USUAL, OTHER] {
        for addresses in [1, 2, 4] {
            let table = filter(addresses, wishes).table();
            host.command("nft")
                .args(["-c", "-f", "-"])
                .input(&table.text)
                .run();
            load(&host, &table);
            let listed = host.sh("nft -s list table inet eniroute");
            load(&host, &table);
            assert_eq!(host.sh("nft -s list table inet eniroute"), listed);
            host.sh("nft delete table inet eniroute");
        }
    }
}

/// The nft of Debian 11 and of Debian 13, which tests/consumers unpacks, in the place of this machine's.
const RELEASES: [(&str, &str); 2] = [("bullseye", "v0.9.8"), ("trixie", "v1.1.3")];

fn install(host: &Host, release: &str) {
    let tree = format!(
        concat!(env!("CARGO_MANIFEST_DIR"), "/target/nft-{}"),
        release
    );
    assert!(
        std::fs::exists(&tree).unwrap(),
        "{tree} is not there: run tests/setup"
    );
    let libraries = format!("{tree}/lib/x86_64-linux-gnu:{tree}/usr/lib/x86_64-linux-gnu");
    host.sh(&format!(
        "mount -t tmpfs none /mnt
        cat >/mnt/nft <<SH
#!/bin/sh
exec {tree}/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path {libraries} {tree}/usr/sbin/nft \"\\$@\"
SH
        chmod 755 /mnt/nft
        mount --bind /mnt/nft $(readlink -f /usr/sbin/nft)"
    ));
}

#[test]
fn the_nft_of_an_older_and_of_a_newer_debian_take_every_table_and_take_it_again() {
    for (release, version) in RELEASES {
        let vpc = Vpc::new();
        let host = vpc.guest();
        install(&host, release);
        let said = host.sh("nft --version");
        assert!(said.contains(version), "{said}");
        for wishes in [USUAL, OTHER] {
            for addresses in [1, 2, 4] {
                let table = filter(addresses, wishes).table();
                load(&host, &table);
                let listed = host.sh("nft -s list table inet eniroute");
                load(&host, &table);
                assert_eq!(host.sh("nft -s list table inet eniroute"), listed);
                host.sh("nft delete table inet eniroute");
            }
        }
    }
}

#[test]
fn clients_are_served_by_the_nft_of_an_older_and_of_a_newer_debian_as_by_this_machine_s() {
    let parts = |release: Option<&str>| {
        let lab = Lab::bare();
        if let Some(release) = release {
            install(&lab.instance.host, release);
        }
        served(&lab);
        let listed = lab.instance.host.sh("nft -s list table inet eniroute");
        let is_part = |line: &&str| line.ends_with(" {") && !line.contains("stands_");
        let mut parts: Vec<String> = listed.lines().filter(is_part).map(str::to_owned).collect();
        parts.sort();
        parts
    };
    let own = parts(None);
    assert!(
        own.iter().any(|part| part == "\tchain postrouting {"),
        "{own:?}"
    );
    for (release, _) in RELEASES {
        assert_eq!(parts(Some(release)), own, "{release}");
    }
}

/// Who is seen as whom, over reloads in which counters go on, and a run that finds nothing to do.
fn served(lab: &Lab) {
    let instance = &lab.instance;
    lab.configure(S3);
    instance.must("apply --backend none");
    assert_eq!(lab.all_seen(), [FIRST, SECOND, ""]);
    let again = instance.json("apply --backend none");
    assert_eq!(again["kernel"], serde_json::json!([]));
    let counted = || instance.host.sh("nft list counters table inet eniroute");
    let sent = |listed: &str| {
        let of = listed.split("counter ");
        let of = of.filter(|part| part.contains("_out {"));
        let packets = of.map(|part| {
            let words = part.split_whitespace();
            let mut count = words.skip_while(|word| *word != "packets");
            count.nth(1).unwrap().parse::<u64>().unwrap()
        });
        packets.sum::<u64>()
    };
    let before = sent(&counted());
    assert!(before > 0);
    lab.configure(&changing(1));
    instance.must("apply --backend none");
    assert!(sent(&counted()) >= before, "counters outlive a reload");
    lab.configure(S3);
    instance.must("apply --backend none");
    assert_eq!(lab.all_seen(), [FIRST, SECOND, ""]);
    let found = findings(instance);
    assert!(with_code(&found, "N8").is_empty(), "{found:?}");
    assert_eq!(lab.vpc.without_public_address(), 0);
}
