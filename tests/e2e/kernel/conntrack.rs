//! Connections that are ended: those that are meant, of either family, and no other. `conntrack` makes them and lists them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use eniroute::net::Flow;

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
    type Meant = fn(&Flow) -> bool;
    let cases: [(Meant, &[&str]); 6] = [
        (|_| false, &[]),
        (
            |flow| flow.mark >> 24 == 2,
            &["10.0.3.1", "10.0.3.2", "2001:db8::1"],
        ),
        (|flow| flow.from == ip("10.0.3.2"), &["10.0.3.2"]),
        (|flow| flow.from == ip("2001:db8:1::3"), &["2001:db8:1::3"]),
        (
            |flow| flow.answered_at == ip("10.0.1.20"),
            &["10.0.3.1", "10.0.3.2"],
        ),
        (
            |flow| flow.answered_at == ip("2001:db8::2"),
            &["2001:db8::2", "2001:db8:1::3"],
        ),
    ];
    for (is_meant, gone) in cases {
        on_host(move |host| {
            make_all();
            let all = left();
            assert_eq!(all.len(), FLOWS.len());
            assert_eq!(host.kernel.forget_flows(is_meant).unwrap(), 2 * gone.len());
            let gone: BTreeSet<String> = gone.iter().map(ToString::to_string).collect();
            assert_eq!(left(), &all - &gone, "{gone:?}");
            assert_eq!(host.kernel.forget_flows(is_meant).unwrap(), 0);
        });
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
