use super::*;
use crate::numbering::Number;

fn slot(number: u8) -> Slot {
    Slot::of(Number::new(u32::from(number) - 1, 0)).unwrap()
}

fn port(dev: &str, number: u8, addresses: &[&str]) -> Port {
    Port {
        dev: dev.into(),
        slot: slot(number),
        addresses: addresses.iter().map(|ip| ip.parse().unwrap()).collect(),
    }
}

fn lead(family: Family, dev: Option<&str>, number: u8) -> Lead {
    Lead {
        family,
        dev: dev.map(Into::into),
        slot: slot(number),
    }
}

fn wishes() -> Wishes {
    Wishes {
        resets: false,
        random_ports: false,
        mss: 1460,
        idle: 350,
        limit: None,
    }
}

fn entry(key: &str, clients: &[&str], pool: &[(&str, u8)], ipv6: Option<u8>) -> Entry {
    let clients = clients.iter().map(|net| net.parse::<IpNet>().unwrap());
    Entry {
        key: key.to_owned(),
        clients: clients.map(Range::from).collect(),
        pool: pool
            .iter()
            .map(|(ip, number)| (ip.parse().unwrap(), slot(*number)))
            .collect(),
        ipv6: ipv6.map(slot),
        place: String::new(),
        drained: Vec::new(),
        absent: Vec::new(),
        not_to: Vec::new(),
        wishes: wishes(),
    }
}

/// Two ENIs, a client in both families, and a pool with every wish.
fn filter() -> Filter {
    let a = entry(
        "e_a_1",
        &["172.31.26.176/32", "2001:db8:0:1::a2/128"],
        &[("172.31.8.208", 2)],
        Some(2),
    );
    let b = Entry {
        not_to: ["10.8.0.0/16", "2001:db8:9::/48"]
            .map(|net| net.parse().unwrap())
            .to_vec(),
        wishes: Wishes {
            resets: true,
            random_ports: true,
            mss: 0,
            idle: 60,
            limit: Some(100),
        },
        ..entry(
            "e_b_1",
            &["172.31.24.0/24"],
            &[("172.31.5.10", 1), ("172.31.8.208", 2)],
            None,
        )
    };
    Filter {
        ports: vec![
            port("eth0", 1, &["172.31.5.10"]),
            port("eth1", 2, &["172.31.8.208", "172.31.8.209"]),
        ],
        leads: [Family::Ipv4, Family::Ipv6]
            .map(|family| lead(family, None, 2))
            .to_vec(),
        entries: vec![a, b],
        exempt: ["172.31.0.0/16", "fe80::/10"]
            .map(|net| net.parse().unwrap())
            .to_vec(),
        is_router: false,
    }
}

/// Of a long row of buckets the first two.
fn short(line: &str) -> String {
    match line.match_indices(", ").nth(1) {
        Some((end, _)) if line.contains("jhash") => format!("{}, ... }}", &line[..end]),
        _ => line.to_owned(),
    }
}

#[test]
fn the_whole_table_of_two_entries_is_this() {
    let text = filter().table().text;
    let lines: String = text.lines().map(|line| short(line) + "\n").collect();
    assert_eq!(lines, include_str!("table.nft"));
}

#[test]
fn a_host_that_forwards_and_has_no_clients_only_sends_answers_back_the_way_they_came() {
    let table = Filter {
        entries: Vec::new(),
        is_router: true,
        ..filter()
    };
    let text = table.table().text;
    for word in ["input", "postrouting", "snat", "transit", "reject"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    assert!(text.contains(
        "way_back ct mark & 0xff000000 vmap { 0x01000000 : goto eni_1, 0x02000000 : goto eni_2 }"
    ));
    assert!(text.contains("arrived iifname vmap { \"eth0\" : jump in_1, \"eth1\" : jump in_2 }"));
}

#[test]
fn what_a_rule_leads_to_an_eni_leaves_by_no_other_one() {
    let text = |leads: Vec<Lead>, ports: &[Port]| {
        let filter = Filter {
            ports: ports.to_vec(),
            leads,
            entries: Vec::new(),
            exempt: Vec::new(),
            is_router: true,
        };
        filter.table().text.to_string()
    };
    let ports = filter().ports;
    let leads = vec![
        lead(Family::Ipv4, None, 2),
        lead(Family::Ipv6, Some("eth0"), 2),
    ];
    let guarded = text(leads.clone(), &ports);
    for rule in [
        "forward meta nfproto ipv4 meta mark & 0xff000000 vmap { 0x02000000 : jump only_2 }",
        "forward meta nfproto ipv6 iifname vmap { \"eth0\" : jump onto_2 }",
        "only_2 oifname { \"eth0\" } counter name refused drop",
        "onto_2 oifname { \"eth0\" } goto turned_2",
        "turned_2 fib daddr . mark oifname != \"eth1\" counter name refused drop",
    ] {
        let line = format!("add rule inet eniroute {rule}\n");
        assert!(guarded.contains(&line), "{rule}: {guarded}");
    }
    assert_eq!(guarded.matches("forward meta nfproto").count(), 2);
    for plain in [text(Vec::new(), &ports), text(leads, &ports[1..])] {
        assert!(!plain.contains("drop"), "{plain}");
    }
}

#[test]
fn a_router_with_clients_lets_through_what_is_nobody_s() {
    let router = Filter {
        is_router: true,
        ..filter()
    };
    assert!(filter().table().text.contains("goto transit"));
    assert!(!router.table().text.contains("goto transit"));
}

#[test]
fn an_entry_whose_addresses_are_not_here_lets_nothing_through() {
    let mut filter = filter();
    filter.entries[0].pool.clear();
    filter.entries[0].ipv6 = None;
    let text = filter.table().text;
    let of = |chain: &str| {
        let rules = text
            .lines()
            .filter(|line| line.starts_with(&format!("add rule inet eniroute {chain} ")));
        rules.map(str::to_owned).collect::<Vec<_>>()
    };
    let known = ["ct reply ip daddr", "established", "invalid"];
    let new = |rule: &&String| known.iter().all(|of_a_flow| !rule.contains(of_a_flow));
    let of_new = of("out_1")
        .into_iter()
        .filter(|rule| new(&rule))
        .collect::<Vec<_>>();
    let accepted = of_new.iter().filter(|rule| rule.ends_with(" accept"));
    assert!(
        accepted
            .into_iter()
            .all(|rule| rule.contains("daddr @exempt4")),
        "{of_new:?}"
    );
    assert!(of_new.last().unwrap().ends_with("_refused drop"));
    assert_eq!(
        of("out6_1"),
        ["add rule inet eniroute out6_1 counter name e_a_1_refused drop"]
    );
    assert_eq!(of("nat_1"), [""; 0]);
}

#[test]
fn a_text_depends_on_what_is_to_be_done_and_on_nothing_else() {
    assert_eq!(filter().table(), filter().table());
    let mut other = filter();
    other.entries[1].wishes.idle = 61;
    assert_ne!(filter().table().digest, other.table().digest);
}

#[test]
fn a_text_tells_who_its_clients_are_and_which_addresses_are_the_host_s() {
    let mut filter = filter();
    filter.entries[0]
        .clients
        .push("172.31.30.7-172.31.30.9".parse().unwrap());
    let known = Known::of(&filter.table().text);
    let ip = |text: &str| text.parse().unwrap();
    for client in [
        "172.31.26.176",
        "172.31.24.0",
        "172.31.24.255",
        "172.31.30.8",
    ] {
        assert!(known.has_client(ip(client)), "{client}");
    }
    for other in [
        "172.31.26.175",
        "172.31.23.255",
        "172.31.25.0",
        "172.31.30.10",
        "0.0.0.0",
        "255.255.255.255",
    ] {
        assert!(!known.has_client(ip(other)), "{other}");
    }
    for (to, translates) in [
        ("8.8.8.8", true),
        ("172.31.77.1", false),
        ("10.8.3.4", false),
    ] {
        assert_eq!(known.translates(ip(to)), translates, "{to}");
    }
    assert!(known.is_own(ip("172.31.8.209")) && !known.is_own(ip("172.31.8.210")));
    assert_eq!(Known::of(""), Known::default());
}

#[test]
fn the_guard_is_a_part_of_the_table_that_empties_no_set() {
    let guard = guard_of(&filter().table().text);
    let lines: Vec<&str> = guard.lines().collect();
    assert_eq!(lines[0], "add table inet eniroute");
    for line in [
        "add chain inet eniroute input { type filter hook input priority -5; policy accept; }",
        "flush chain inet eniroute input",
        "add set inet eniroute snat4 { type ipv4_addr; }",
        "add element inet eniroute snat4 { 172.31.5.10, 172.31.8.208 }",
        "add rule inet eniroute unsolicited counter name unsolicited drop",
    ] {
        assert!(lines.contains(&line), "{line}: {guard}");
    }
    assert!(
        !guard.contains("flush set") && !guard.contains("postrouting"),
        "{guard}"
    );
    let marks = Filter {
        entries: Vec::new(),
        ..filter()
    };
    assert_eq!(guard_of(&marks.table().text), "");
}

#[test]
fn what_only_one_entry_gives_an_address_is_decided_by_its_first_packet() {
    let mut filter = filter();
    filter.entries[0].wishes.mss = 0;
    filter.entries[1].pool.pop();
    let of = |filter: &Filter, chain: &str| {
        let text = filter.table().text;
        let head = format!("add rule inet eniroute {chain} ");
        let rules = text.lines().filter_map(|line| line.strip_prefix(&head));
        rules.map(str::to_owned).collect::<Vec<_>>()
    };
    let given = "ct mark & 0x80000000 == 0x80000000 ct reply ip daddr == 172.31.8.208";
    assert_eq!(
        of(&filter, "prerouting")[1],
        format!("{given} goto sent_1_172_31_8_208")
    );
    assert_eq!(
        of(&filter, "sent_1_172_31_8_208"),
        ["counter name e_a_1_172_31_8_208_out meta mark set meta mark & 0x00ffffff | 0x02000000"]
    );
    assert_eq!(
        of(&filter, "answer_1"),
        [
            "ct reply ip daddr == 172.31.8.208 jump got_1_172_31_8_208",
            "goto eni_1"
        ]
    );
    let decides = "ct mark set ct mark & 0x7fffffff | 0x80000000";
    let (first, bounded) = (of(&filter, "new_1"), of(&filter, "new_2"));
    assert!(first[0].starts_with(decides), "{first:?}");
    assert!(bounded.iter().all(|rule| !rule.starts_with(decides)));
    // Whoever had the address, and whoever has it now.
    let was = filter.entries[0].pool[0];
    filter.entries[1].drained.push(was);
    assert!(!of(&filter, "prerouting").concat().contains("goto sent_"));
}
