//! The text of the table, held against nft itself.

use std::net::Ipv4Addr;

use eniroute::config::Wishes;
use eniroute::net::nft::Nft;
use eniroute::numbering::{Number, Slot};
use eniroute::plan::egress::Range;
use eniroute::plan::nft::{Entry, Filter, Port};

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
    let pool = (0..2_u8).flat_map(|eni| own(eni).map(move |ip| (ip, slot(eni.into()))));
    let nets = |nets: &[&str]| {
        nets.iter()
            .map(|net| net.parse().unwrap())
            .collect::<Vec<ipnet::IpNet>>()
    };
    let clients = nets(&["10.1.0.0/16", "2001:db8:1::/64"]);
    Filter {
        ports: vec![port(0), port(1)],
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
