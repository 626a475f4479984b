//! Connections that are ended: those that are meant, of either family, and no other. `conntrack` makes them and lists them.

use std::collections::BTreeSet;

use eniroute::net::{Flows, Mark};

use super::{on_host, run};

/// One connection: who began it, to whom, whom the answers go to, its mark. `conntrack -L` then lists the source.
const FLOWS: [(&str, &str, &str, &str); 7] = [
    ("10.0.3.1", "8.8.8.8", "10.0.1.20", "0x02000000"),
    ("10.0.3.2", "8.8.8.8", "10.0.1.20", "0x02000007"),
    ("10.0.3.3", "8.8.8.8", "10.0.2.30", "0x03000000"),
    ("10.0.4.1", "8.8.8.8", "10.0.4.1", "0x00000002"),
    ("2001:db8::1", "2001:db8::8", "2001:db8::1", "0x02000000"),
    ("2001:db8::2", "2001:db8::8", "2001:db8::2", "0"),
    ("2001:db8:1::3", "2001:db8::8", "2001:db8::2", "0x03000000"),
];

fn make_all() {
    for (port, (from, to, answered, mark)) in (1000..).zip(FLOWS) {
        for protocol in ["tcp --state ESTABLISHED -u ASSURED", "udp"] {
            run(&format!(
                "conntrack -I -p {protocol} -s {from} -d {to} --sport {port} --dport 80 \
                 -r {to} -q {answered} --reply-port-src 80 --reply-port-dst {port} -t 300 -m {mark}"
            ));
        }
    }
}

/// The sources of what is left, each of which has two connections or none.
fn left() -> BTreeSet<String> {
    let listing = ["ipv4", "ipv6"].map(|family| run(&format!("conntrack -L -f {family}")));
    let listing = listing.concat();
    let sources = listing
        .lines()
        .filter_map(|line| line.split("src=").nth(1)?.split(' ').next());
    let sources: Vec<String> = sources.map(str::to_owned).collect();
    let distinct: BTreeSet<String> = sources.iter().cloned().collect();
    assert_eq!(sources.len(), 2 * distinct.len(), "{listing}");
    distinct
}

#[test]
fn connections_are_ended_by_mark_by_source_and_by_whom_they_are_answered_at() {
    let marked = |value| {
        Flows::Marked(Mark {
            value,
            mask: 0xff00_0000,
        })
    };
    let from = |net: &str| Flows::From(net.parse().unwrap());
    let answered = |ip: &str| Flows::AnsweredAt(ip.parse().unwrap());
    for (flows, gone) in [
        (vec![], &[][..]),
        (
            vec![marked(0x0200_0000)],
            &["10.0.3.1", "10.0.3.2", "2001:db8::1"],
        ),
        (vec![marked(0x0500_0000)], &[]),
        (
            vec![from("10.0.3.0/24")],
            &["10.0.3.1", "10.0.3.2", "10.0.3.3"],
        ),
        (vec![from("10.0.3.2/32")], &["10.0.3.2"]),
        (vec![from("2001:db8::/64")], &["2001:db8::1", "2001:db8::2"]),
        (vec![answered("10.0.1.20")], &["10.0.3.1", "10.0.3.2"]),
        (
            vec![answered("2001:db8::2")],
            &["2001:db8::2", "2001:db8:1::3"],
        ),
        (
            vec![
                marked(0x0300_0000),
                from("10.0.4.1/32"),
                answered("10.0.2.30"),
            ],
            &["10.0.3.3", "10.0.4.1", "2001:db8:1::3"],
        ),
    ] {
        on_host(move |host| {
            make_all();
            let all = left();
            assert_eq!(all.len(), FLOWS.len());
            let ended = host.kernel.end_flows(&flows).unwrap();
            assert_eq!(ended, 2 * gone.len(), "{flows:?}");
            let gone: BTreeSet<String> = gone.iter().map(ToString::to_string).collect();
            assert_eq!(left(), &all - &gone, "{flows:?}");
            assert_eq!(host.kernel.end_flows(&flows).unwrap(), 0, "{flows:?}");
        });
    }
}

/// What is printed does what is done.
#[test]
fn the_command_that_ends_connections_is_conntrack_s_own() {
    for (flows, gone) in [
        (
            Flows::Marked(Mark {
                value: 0x0200_0000,
                mask: 0xff00_0000,
            }),
            "10.0.3.1",
        ),
        (Flows::From("10.0.3.0/24".parse().unwrap()), "10.0.3.3"),
        (
            Flows::From("2001:db8:1::3/128".parse().unwrap()),
            "2001:db8:1::3",
        ),
        (Flows::AnsweredAt("10.0.2.30".parse().unwrap()), "10.0.3.3"),
        (
            Flows::AnsweredAt("2001:db8::2".parse().unwrap()),
            "2001:db8::2",
        ),
    ] {
        on_host(move |host| {
            make_all();
            run(&flows.to_string());
            assert!(!left().contains(gone), "{flows}");
            let more = host.kernel.end_flows(std::slice::from_ref(&flows)).unwrap();
            assert_eq!(more, 0, "{flows}");
        });
    }
}
