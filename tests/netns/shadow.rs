//! Rules and routes of others that decide before eniroute's do: told once, with whose they are.

use std::net::IpAddr;

use crate::instance::Instance;
use crate::vpc::{EniSpec, SubnetId, Vpc};

struct Host {
    vpc: Vpc,
    instance: Instance,
    subnets: [SubnetId; 2],
}

impl Host {
    fn new(config: &str) -> Self {
        let mut vpc = Vpc::new();
        let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
        let b = vpc.subnet("10.1.0.0/20", None);
        let eth0 = EniSpec::new(a, "eth0").ipv4(["10.0.0.10"]);
        vpc.attach(eth0.public("10.0.0.10", "203.0.113.10"));
        let eth1 = EniSpec::new(b, "eth1").ipv4(["10.1.0.20", "10.1.0.21"]);
        vpc.attach(eth1.public("10.1.0.20", "203.0.113.20"));
        let instance = Instance::with_netplan(vpc.guest());
        instance.write("etc/eniroute.toml", config);
        // The metadata service is reached whatever a VPN does.
        instance.host.ip("route add 169.254.169.254 dev eth0");
        instance.host.ip("link add vpn0 type bridge");
        instance.host.ip("link set vpn0 up");
        Self {
            vpc,
            instance,
            subnets: [a, b],
        }
    }

    fn add(&self, lines: &[&str]) {
        for line in lines {
            self.instance.host.ip(line);
        }
    }
}

/// The notes about ways, one line each.
fn notes(said: &str) -> Vec<&str> {
    let is_meant = |line: &&str| line.contains("would leave") || line.contains("never asked");
    said.lines().filter(is_meant).collect()
}

const WG_QUICK: [&str; 3] = [
    "route add default dev vpn0 table 51820",
    "rule add not fwmark 51820 table 51820",
    "rule add table main suppress_prefixlength 0",
];

#[test]
fn apply_names_the_rule_that_comes_first_and_its_maker_once_an_eni() {
    for (lines, words) in [
        (
            &WG_QUICK[..],
            "by vpn0, and should leave by eth1: the rule `not from all fwmark 0xca6c lookup 51820 priority 9999` \
             (as wg-quick (WireGuard) makes it) comes before eniroute's",
        ),
        (
            &[
                "route add default dev vpn0 table 52",
                "rule add table 52 priority 5270",
            ],
            "`from all lookup 52 priority 5270` (as Tailscale makes it)",
        ),
        (
            &["rule add from 10.1.0.0/20 table main priority 700 protocol 18"],
            "by eth0, and should leave by eth1: the rule `from 10.1.0.0/20 lookup main priority 700` (as keepalived makes it)",
        ),
        (
            &["rule add from 10.1.0.0/20 table main priority 700 protocol 99"],
            "(protocol 99, not created by eniroute)",
        ),
        (
            &["rule add from 10.1.0.0/20 prohibit priority 700"],
            "would leave not at all, and should leave by eth1: the rule `from 10.1.0.0/20 prohibit priority 700`",
        ),
    ] {
        let host = Host::new("");
        let said = host.instance.must("apply");
        assert_eq!(notes(&said), [""; 0], "{said}");
        host.add(lines);
        let said = host.instance.must("apply");
        let of_eth1: Vec<_> = notes(&said)
            .into_iter()
            .filter(|note| note.contains("leave by eth1"))
            .collect();
        assert_eq!(of_eth1.len(), 1, "{said}");
        assert!(of_eth1[0].contains(words), "{words}: {said}");
        assert!(
            of_eth1[0].contains("from 1 more of its addresses"),
            "{said}"
        );
        assert!(said.contains("eth1: misrouted 2"), "{said}");
        let status = host.instance.must("status");
        assert!(status.contains("misrouted 2"), "{status}");
    }
}

#[test]
fn main_s_specific_routes_before_eniroute_s_are_told_too() {
    let host = Host::new("");
    host.instance.must("apply");
    host.add(&["rule add table main suppress_prefixlength 0"]);
    let said = host.instance.must("apply");
    assert!(
        said.contains(
            "packets from 10.1.0.20 to 10.0.0.1 would leave by eth0, and should leave by eth1"
        ),
        "{said}"
    );
}

#[test]
fn a_refresh_says_it_once_and_again_when_it_has_come_back() {
    let host = Host::new("");
    host.instance.must("apply");
    assert_eq!(host.instance.must("refresh"), "");
    for _ in 0..2 {
        host.add(&WG_QUICK);
        let said = host.instance.must("refresh");
        assert!(said.contains("as wg-quick (WireGuard) makes it"), "{said}");
        assert_eq!(notes(&said).len(), 2, "one an ENI: {said}");
        for _ in 0..3 {
            assert_eq!(host.instance.must("refresh"), "");
        }
        host.add(&["rule del priority 9999", "rule del priority 9998"]);
        host.add(&["route del default table 51820"]);
        assert_eq!(host.instance.must("refresh"), "");
    }
}

#[test]
fn a_hot_plug_says_it_of_the_new_eni() {
    let mut host = Host::new("");
    host.instance.must("apply");
    host.add(&["rule add from 10.1.0.0/20 table main priority 700"]);
    host.instance.must("refresh");
    let spec = EniSpec::new(host.subnets[1], "eth2").ipv4(["10.1.0.30"]);
    host.vpc.attach(spec);
    let said = host.instance.must("hotplug add eth2 --wait 5");
    let notes = notes(&said);
    assert_eq!(notes.len(), 1, "{said}");
    assert!(
        notes[0].contains("10.1.0.30") && notes[0].contains("priority 700"),
        "{said}"
    );
}

#[test]
fn unbound_traffic_by_another_eni_than_the_primary_is_a_note() {
    let host = Host::new("");
    let said = host.instance.must("apply");
    assert!(!said.contains("choose no address"), "{said}");
    host.add(&["route add default via 10.1.0.1 dev eth1 onlink metric 0"]);
    host.add(&[
        "route del default via 10.0.0.1",
        "route add default via 10.0.0.1 dev eth0 metric 50",
    ]);
    let said = host.instance.must("apply");
    let words = "IPv4 traffic of programs that choose no address would leave by eth1, and not by the primary ENI's eth0";
    assert!(said.contains(words), "{said}");
    assert_eq!(host.instance.must("refresh"), "", "it has been told");
}

/// As VPNs put them before a default.
const HALVES: [&str; 2] = ["0.0.0.0/1", "128.0.0.0/1"];

#[test]
fn a_vpn_s_halves_of_everything_are_no_specific_routes() {
    let host = Host::new("main_routes_first = true\n");
    for half in HALVES {
        host.add(&[&format!("route add {half} dev vpn0")]);
    }
    host.instance.must("apply");
    assert_eq!(host.vpc.inet().ping(&["203.0.113.20"]), [] as [IpAddr; 0]);
}

#[test]
fn rules_that_an_earlier_version_made_give_way_without_a_gap() {
    let host = Host::new("main_routes_first = true\n");
    host.instance.must("apply");
    let rules = host.instance.host.ip("rule show priority 15001");
    assert_eq!(
        rules.matches("suppress_prefixlength 1").count(),
        2,
        "{rules}"
    );
    let ledger = host.instance.read("var/lib/eniroute/ledger.json");
    let old = ledger.replace(
        "\"suppress_prefixlength\": 1",
        "\"suppress_prefixlength\": 0",
    );
    let old = old.replace("\"suppress_prefixlength\":1", "\"suppress_prefixlength\":0");
    assert_ne!(old, ledger);
    host.instance.write("var/lib/eniroute/ledger.json", &old);
    for ip in ["10.1.0.20", "10.1.0.21"] {
        let rule = |length| {
            format!(
                "from {ip} lookup main suppress_prefixlength {length} priority 15001 protocol static"
            )
        };
        host.add(&[
            &format!("rule add {}", rule(0)),
            &format!("rule del {}", rule(1)),
        ]);
    }
    let run: serde_json::Value = host.instance.json("apply");
    let changes: Vec<_> = run["kernel"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c.as_str().unwrap())
        .collect();
    let position = |what: &str| {
        changes
            .iter()
            .position(|change| change.contains(what))
            .unwrap()
    };
    let added = position("rule add from 10.1.0.20 lookup main suppress_prefixlength 1");
    let deleted = position("rule del from 10.1.0.20 lookup main suppress_prefixlength 0");
    assert!(added < deleted, "{changes:?}");
    assert_eq!(host.instance.host.ip("rule show priority 15001"), rules);
}

#[test]
fn a_secondary_s_halves_of_everything_in_main_do_not_take_the_primary_s_answers() {
    let host = Host::new("");
    host.instance.must("apply");
    for half in HALVES {
        host.add(&[&format!("route add {half} via 10.1.0.1 dev eth1 onlink")]);
    }
    host.instance.must("apply");
    assert_eq!(
        host.vpc.inet().ping(&["203.0.113.10", "203.0.113.20"]),
        [] as [IpAddr; 0]
    );
    let host = Host::new("");
    host.add(&["link set eth1 up"]);
    host.add(&[&format!(
        "route add {} via 10.1.0.1 dev eth1 onlink",
        HALVES[1]
    )]);
    host.instance.must("apply");
    assert_eq!(host.vpc.inet().ping(&["203.0.113.10"]), [] as [IpAddr; 0]);
}

#[test]
fn a_rule_with_one_selector_more_than_ours_does_not_keep_ours() {
    let host = Host::new("");
    host.add(&["rule add from 10.1.0.20 ipproto tcp lookup 10001 priority 10001"]);
    host.instance.must("apply");
    host.instance.must("remove");
    let rules = host.instance.host.ip("rule show priority 10001");
    assert_eq!(rules.lines().count(), 1, "{rules}");
    assert!(rules.contains("ipproto tcp"), "{rules}");
}
