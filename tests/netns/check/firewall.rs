//! Somebody else's packet filter (O2, O3) before clients and appliances: what drops is found, the remedy's own line lets the
//! packets through, and what drops nothing of theirs is not told.

use serde_json::{Value, json};

use super::{findings, remedy, text, the_only, with_code};
use crate::appliance::scene::{PUBLIC, Scene, TWO_ARMS};
use crate::egress::families::talk;
use crate::instance::Instance;
use crate::nat::{B, FIRST, Lab, S3, SECOND, ask, echo};
use crate::vpc::INTERNET;

const NONE: [&Value; 0] = [];

/// What Docker makes, but for its networks.
const DOCKER: &str = "iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER; \
    iptables -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; \
    iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT";

/// Each with the words that its remedy has.
const DROPPING: [(&str, &str); 8] = [
    (
        DOCKER,
        "iptables -I DOCKER-USER -o eth1 -s 172.31.26.176 -j ACCEPT && iptables -I DOCKER-USER -i eth1 -d 172.31.26.176 -j ACCEPT",
    ),
    (
        "iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT; iptables -A FORWARD -s 172.31.0.0/16 -j REJECT",
        "-I FORWARD -o eth1 -s 172.31.26.176 -j ACCEPT",
    ),
    // As ufw has it: pings pass, and nothing else.
    (
        "iptables -P FORWARD DROP; iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; iptables -A FORWARD -p icmp -m icmp --icmp-type 8 -j ACCEPT",
        "-I FORWARD -o eth1 -s 172.31.26.176 -j ACCEPT",
    ),
    (
        "iptables-legacy -P FORWARD DROP",
        "iptables-legacy -I FORWARD -i eth1 -d 172.31.26.176 -j ACCEPT",
    ),
    (
        "iptables-legacy -N OWN; iptables-legacy -A FORWARD -j OWN; iptables-legacy -A OWN -m iprange --src-range 172.31.26.1-172.31.26.200 -j DROP",
        "iptables-legacy -I FORWARD",
    ),
    (
        "nft 'add table inet own; add chain inet own passing { type filter hook forward priority 10; policy drop; }; add rule inet own passing ct state vmap { established : accept, related : accept }'",
        "nft add rule inet own passing oifname eth1 ip saddr 172.31.26.176 accept",
    ),
    (
        "nft 'add table ip own; add chain ip own deep; add chain ip own passing { type filter hook forward priority -10; }; add rule ip own passing goto deep; add rule ip own deep ip protocol icmp accept; add rule ip own deep counter reject'",
        "nft insert rule ip own passing",
    ),
    (
        "nft 'add table ip own; add chain ip own passing { type filter hook forward priority 0; }; add rule ip own passing iifname eth1 ip daddr 172.31.16.0/20 drop'",
        "nft insert rule ip own passing iifname eth1 ip daddr 172.31.26.176 accept",
    ),
];

const CLEAR: &str = "nft list tables | while read -r _ family table; do [ $table = eniroute ] || nft delete table $family $table; done; \
    iptables-legacy -P FORWARD ACCEPT; iptables-legacy -F; iptables-legacy -X";

/// That client's alone: the other leaves by the first ENI.
fn about_second(found: &[Value]) -> Vec<Value> {
    let found = with_code(found, "O2").into_iter();
    found
        .filter(|one| text(one, "what").contains(B))
        .cloned()
        .collect()
}

#[test]
fn a_filter_that_drops_what_clients_send_or_get_is_a_warning_whose_own_line_lets_it_through() {
    let lab = Lab::new(S3);
    assert_eq!(with_code(&findings(&lab.instance), "O2"), NONE);
    let host = &lab.instance.host;
    echo(&lab.vpc.inet());
    let works = || lab.seen(&lab.clients[1]) == SECOND && ask(&lab.clients[1]);
    for (rules, words) in DROPPING {
        host.sh(rules);
        let found = about_second(&findings(&lab.instance));
        let [finding] = &found[..] else {
            panic!("{rules}: {found:#?}")
        };
        assert_eq!(text(finding, "severity"), "warning", "{rules}");
        let line = remedy(finding, "review");
        assert!(line.contains(words), "{rules}: {line}");
        assert!(!works(), "{rules}");
        host.sh(&line);
        assert!(works(), "{rules}: {line}");
        assert_eq!(
            about_second(&findings(&lab.instance)),
            [] as [Value; 0],
            "{line}"
        );
        host.sh(CLEAR);
    }
}

/// Nothing of them drops what the two clients send to the Internet, or get.
const HARMLESS: [&str; 11] = [
    "nft 'add table inet own; add chain inet own passing { type filter hook forward priority 0; policy drop; }; add rule inet own passing ct state established,related accept; add rule inet own passing ip saddr 172.31.16.0/20 accept'",
    "nft 'add table ip own; add chain ip own passing { type filter hook forward priority 0; }; add rule ip own passing ip saddr { 10.0.0.0/8, 172.31.20.9 } drop; add rule ip own passing ip daddr 10.0.0.0/8 drop; add rule ip own passing iifname { wg0, docker0 } drop; add rule ip own passing ct state invalid drop'",
    "nft 'add table ip6 own; add chain ip6 own passing { type filter hook forward priority 0; policy drop; }'",
    "nft 'add table inet own; add chain inet own passing { type filter hook forward priority 0; }; add rule inet own passing meta nfproto ipv6 drop; add rule inet own passing ip6 saddr != 2001:db8::/32 drop'",
    "nft 'add table inet own; add chain inet own passing { type filter hook forward priority 0; policy drop; }; add rule inet own passing iifname \"eth*\" oifname \"eth*\" accept'",
    "nft 'add table inet own; add chain inet own passing { type filter hook forward priority 0; policy drop; }; add rule inet own passing ct mark and 0xff000000 != 0 accept'",
    "nft 'add table inet own; add chain inet own passing { type filter hook forward priority 0; }; add chain inet own no; add rule inet own no drop; add rule inet own passing iifname vmap { wg0 : jump no, docker0 : goto no }'",
    "iptables -P FORWARD DROP; iptables -A FORWARD -m connmark ! --mark 0/0xff000000 -j ACCEPT",
    "iptables -A FORWARD -i docker0 -j DROP; iptables -A FORWARD -i eth+ -m conntrack --ctstate INVALID -j DROP; iptables -A FORWARD ! -s 172.31.0.0/16 ! -d 172.31.0.0/16 -j DROP",
    "iptables-legacy -A FORWARD -i wg0 -j DROP; iptables-legacy -A FORWARD -s 172.31.20.9 -j DROP; iptables-legacy -A INPUT -j ACCEPT",
    "iptables-legacy -P FORWARD DROP; iptables-legacy -A FORWARD -i eth0 -j ACCEPT; iptables-legacy -A FORWARD -i eth1 -j ACCEPT",
];

/// These drop some of it, or nobody can tell from here.
const UNDECIDED: [&str; 4] = [
    "nft 'add table ip own; add set ip own bad { type ipv4_addr; }; add chain ip own passing { type filter hook forward priority 0; }; add rule ip own passing ip saddr @bad drop'",
    "nft 'add table ip own; add chain ip own passing { type filter hook forward priority 0; }; add rule ip own passing tcp dport 25 drop'",
    "nft 'add table ip own; add chain ip own passing { type filter hook forward priority 0; policy drop; }; add rule ip own passing meta l4proto tcp accept'",
    "iptables -A FORWARD -m string --algo bm --string x -j DROP",
];

#[test]
fn what_drops_nothing_of_the_clients_is_not_told_and_what_nobody_can_tell_is_a_hint() {
    let lab = Lab::new(S3);
    let host = &lab.instance.host;
    for rules in HARMLESS {
        host.sh(rules);
        assert_eq!(with_code(&findings(&lab.instance), "O2"), NONE, "{rules}");
        host.sh(CLEAR);
    }
    for rules in UNDECIDED {
        host.sh(rules);
        let found = findings(&lab.instance);
        let rated: Vec<&str> = with_code(&found, "O2")
            .iter()
            .map(|one| text(one, "severity"))
            .collect();
        assert_eq!(rated, ["hint", "hint"], "{rules}");
        host.sh(CLEAR);
    }
}

/// They are seen as they are, and of their TCP conntrack sees half.
#[test]
fn what_drops_ipv6_clients_for_their_state_alone_is_a_warning_whose_line_lets_them_through() {
    let mut lab = Lab::bare();
    lab.configure(&format!(
        "[[egress]]\nfrom = \"2001:db8:0:2::/64\"\nas = \"{FIRST}\"\n"
    ));
    let host = lab.instance.host.clone();
    host.sh("nft 'add table inet own; add chain inet own passing { type filter hook forward priority 0; }; add rule inet own passing ct state invalid drop'");
    let found = findings(&lab.instance);
    assert_eq!(
        with_code(&found, "O2"),
        NONE,
        "its ENI has no IPv6: {found:#?}"
    );
    let client = lab.dual_client("dual", "172.31.20.11", "2001:db8:0:2::11");
    lab.instance.must("apply --backend none");
    host.settle();
    let talks = || talk(&client, &lab.vpc.inet(), INTERNET[1], 3).is_ok();
    assert!(!talks());
    let found = findings(&lab.instance);
    let finding = the_only(&found, "O2");
    assert_eq!(text(finding, "severity"), "warning");
    let line = remedy(finding, "review");
    host.sh(&line);
    assert!(talks(), "{line}");
    assert_eq!(with_code(&findings(&lab.instance), "O2"), NONE);
}

#[test]
fn a_filter_that_drops_both_ways_of_an_appliance_is_found_for_each_path_and_let_through() {
    let scene = Scene::applied(TWO_ARMS, [1, 0]);
    let host = &scene.appliance.host;
    host.sh("nft 'add table inet own; add chain inet own passing { type filter hook forward priority 0; policy drop; }; add rule inet own passing iifname wg0 accept'; iptables -P FORWARD DROP");
    let found = findings(&scene.appliance);
    let found = with_code(&found, "O2");
    assert_eq!(found.len(), 2, "one for each chain: {found:#?}");
    assert!(
        scene
            .vpc
            .inet()
            .ping(&[PUBLIC])
            .contains(&PUBLIC.parse().unwrap())
    );
    for finding in found {
        assert_eq!(text(finding, "severity"), "warning");
        host.sh(&remedy(finding, "review"));
    }
    assert_eq!(with_code(&findings(&scene.appliance), "O2"), NONE);
    scene.assert_passes();
}

#[test]
fn nat_of_others_before_that_of_clients_is_found_and_its_remedy_gives_them_their_address_back() {
    let lab = Lab::new(S3);
    let host = &lab.instance.host;
    let chain = |priority: i32, rule: &str| {
        host.sh(&format!("nft 'add table ip own; add chain ip own post {{ type nat hook postrouting priority {priority}; }}; {rule}'"));
    };
    let masquerade =
        "add rule ip own post ip saddr 172.31.16.0/20 oifname \"eth*\" snat to 172.31.8.209";
    chain(80, masquerade);
    let found = findings(&lab.instance);
    let of_second = with_code(&found, "O3")
        .into_iter()
        .find(|one| text(one, "what").contains(B));
    let finding = of_second.unwrap_or_else(|| panic!("{found:#?}"));
    assert_eq!(
        (&finding["severity"], &finding["object"]),
        (&json!("warning"), &json!("ip own post"))
    );
    assert_eq!(lab.seen(&lab.clients[1]), "", "it has no public address");
    host.sh(&remedy(finding, "review"));
    host.sh("conntrack -F");
    assert_eq!(lab.seen(&lab.clients[1]), SECOND);
    let left = findings(&lab.instance);
    assert!(!text(the_only(&left, "O3"), "what").contains(B));
    for (priority, rule) in [
        (100, masquerade),
        (80, "add rule ip own post ip saddr 172.17.0.0/16 masquerade"),
        (
            80,
            "add rule ip own post ip saddr 172.31.16.0/20 oifname docker0 masquerade",
        ),
        (
            80,
            "add rule ip own post ip saddr 172.31.16.0/20 accept; add rule ip own post masquerade",
        ),
    ] {
        host.sh("nft delete table ip own");
        chain(priority, rule);
        let found = findings(&lab.instance);
        let of_clients = with_code(&found, "O3")
            .into_iter()
            .filter(|one| text(one, "what").contains("clients"));
        assert_eq!(of_clients.count(), 0, "{priority} {rule}: {found:#?}");
    }
}

/// A container is a client by its bridge.
#[test]
fn the_remedy_for_a_container_names_its_bridge() {
    let lab = Lab::bare();
    let container = lab.instance.host.container("docker0", "172.17.0.2/16");
    lab.configure(&format!(
        "[[egress]]\nfrom = \"172.17.0.0/16\"\nas = \"{SECOND}\"\n"
    ));
    lab.instance.must("apply --backend none");
    let instance: &Instance = &lab.instance;
    instance.host.sh("iptables -P FORWARD DROP; iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT");
    let found = findings(instance);
    let line = remedy(the_only(&found, "O2"), "review");
    assert_eq!(
        line,
        "iptables -I FORWARD -i docker0 -s 172.17.0.0/16 -j ACCEPT"
    );
    instance.host.sh(&line);
    assert_eq!(lab.seen(&container), SECOND);
    assert_eq!(with_code(&findings(instance), "O2"), NONE);
}
