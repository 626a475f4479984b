//! A router's part of the plan.

use super::tests::{eni, host, shown, with_ipv6};
use super::*;
use crate::config::{Forwarding, ForwardingPath, Standby};
use crate::net::sysctl::{
    ACCEPT_RA, ALL_RP_FILTER, FORCE_FORWARDING, FORWARDING, ROUTER_IPV6, RP_FILTER, SEND_REDIRECTS,
};

fn enis() -> [Eni; 3] {
    [
        eni(0, &["10.0.0.10"], "10.0.0.0/20"),
        eni(1, &["10.1.0.20"], "10.1.0.0/20"),
        eni(2, &["10.2.0.30"], "10.2.0.0/20"),
    ]
}

fn router(paths: &[(&str, &str)]) -> Config {
    let path = |(input, output): &(&str, &str)| ForwardingPath {
        input: (*input).to_owned(),
        output: (*output).to_owned(),
        place: String::new(),
    };
    let forwarding = Forwarding {
        enabled: true,
        paths: paths.iter().map(path).collect(),
        ..Forwarding::default()
    };
    Config {
        forwarding,
        ..Config::default()
    }
}

/// The rules that are not of an address.
fn passing(desired: &Desired, number: usize) -> Vec<String> {
    let rules = desired.enis[number].rules.iter();
    shown(
        &rules
            .filter(|rule| rule.from.is_none())
            .cloned()
            .collect::<Vec<_>>(),
    )
}

#[test]
fn a_one_armed_router_returns_by_mark_and_sends_on_by_the_eni_that_it_came_in_by() {
    let enis = enis();
    let desired = plan(&enis, &host(&enis), &router(&[]));
    assert_eq!(
        passing(&desired, 0),
        [
            "from all fwmark 0x1000000/0xff000000 lookup 10000 priority 10000",
            "from all fwmark 0x1000000/0xff000000 lookup main priority 15000",
        ],
        "before what comes in by another ENI goes on by that one"
    );
    assert_eq!(
        passing(&desired, 2),
        [
            "from all fwmark 0x3000000/0xff000000 lookup 10002 priority 10002",
            "from all iif eth2 lookup main suppress_prefixlength 0 priority 15002",
            "from all iif eth2 lookup 10002 priority 20002",
        ]
    );
}

#[test]
fn a_path_leads_what_comes_in_by_one_end_to_the_table_of_the_other() {
    let enis = enis();
    let config = router(&[
        ("eth1", "eni-00000000000000002"),
        ("2", "eth0"),
        ("10.0.0.10", "eth1"),
    ]);
    let desired = plan(&enis, &host(&enis), &config);
    let last = |number| passing(&desired, number).pop().unwrap();
    assert_eq!(last(0), "from all iif eth0 lookup 10001 priority 20000");
    assert_eq!(last(1), "from all iif eth1 lookup 10002 priority 20001");
    assert_eq!(last(2), "from all iif eth2 lookup 10000 priority 20002");
}

#[test]
fn a_tunnel_is_an_end_of_a_path_there_or_not_and_an_unknown_name_is_none() {
    let enis = enis();
    let config = router(&[
        ("gwi-abc", "eth1"),
        ("eth2", "wg0"),
        ("eth9", "eth1"),
        ("eth1", "eth9"),
    ]);
    let desired = plan(&enis, &host(&enis), &config);
    assert_eq!(
        passing(&desired, 1)[1..],
        [
            "from all iif eth1 lookup main suppress_prefixlength 0 priority 15001",
            "from all iif eth1 lookup 10001 priority 20001",
            "from all iif gwi-abc lookup main suppress_prefixlength 0 priority 15001",
            "from all iif gwi-abc lookup 10001 priority 20001",
        ]
    );
    assert_eq!(
        passing(&desired, 2).pop().unwrap(),
        "from all iif eth2 lookup main priority 20002"
    );
    let all: Vec<String> = (0..3)
        .flat_map(|number| passing(&desired, number))
        .collect();
    assert!(!all.iter().any(|rule| rule.contains("eth9")), "{all:?}");
}

#[test]
fn each_family_that_an_eni_has_gets_its_rules() {
    let [first, second, _] = enis();
    let second = with_ipv6(second, "2001:db8::20", "2001:db8::/64");
    let enis = [first, second];
    let desired = plan(&enis, &host(&enis), &router(&[]));
    let families = |number: usize| {
        let rules = desired.enis[number].rules.iter();
        let passing = rules.filter(|rule| rule.from.is_none());
        passing.map(|rule| rule.family).collect::<Vec<_>>()
    };
    use crate::net::Family::{Ipv4, Ipv6};
    assert_eq!(families(0), [Ipv4, Ipv4]);
    assert_eq!(families(1), [Ipv4, Ipv4, Ipv4, Ipv6, Ipv6, Ipv6]);
}

#[test]
fn without_symmetry_nothing_goes_by_marks_and_disabled_there_is_nothing_at_all() {
    let enis = enis();
    let mut config = router(&[("eth1", "eth2")]);
    config.forwarding.symmetric = false;
    let desired = plan(&enis, &host(&enis), &config);
    assert!(
        !passing(&desired, 1)
            .iter()
            .any(|rule| rule.contains("fwmark"))
    );
    assert_eq!(passing(&desired, 1).len(), 2);
    config.forwarding.enabled = false;
    let plain = plan(&enis, &host(&enis), &Config::default());
    assert_eq!(plan(&enis, &host(&enis), &config), plain);
    assert_eq!(passing(&plain, 1), [""; 0]);
}

/// Of each NIC: its name and its settings' values.
fn with_settings(observed: Observed, of: &[(&str, &str, &str)]) -> Observed {
    let key = |name: &str, dev: &str| match dev {
        "" => Key::of_host(name),
        dev => Key::of_link(name, &dev.into()),
    };
    let settings = of.iter();
    Observed {
        sysctls: settings
            .map(|(name, dev, value)| (key(name, dev), (*value).to_owned()))
            .collect(),
        ..observed
    }
}

fn settings(desired: &Desired, number: usize) -> Vec<String> {
    let settings = desired.enis[number].settings.iter();
    settings
        .map(|one| format!("{}={}", one.key, one.value))
        .collect()
}

#[test]
fn a_router_s_links_pass_on_check_loosely_and_send_no_redirects_and_ip_forward_stays() {
    let enis = enis();
    let observed = with_settings(
        host(&enis),
        &[
            (RP_FILTER, "eth0", "1"),
            (RP_FILTER, "eth1", "0"),
            (RP_FILTER, "eth2", "2"),
            (ALL_RP_FILTER, "", "0"),
        ],
    );
    let desired = plan(&enis, &observed, &router(&[]));
    let of = |dev: &str, filter: &[&str]| {
        let conf = |rest: &str| format!("net/ipv4/conf/{dev}/{rest}");
        let filter = filter
            .iter()
            .map(|value| conf(&format!("rp_filter={value}")));
        let ends = [conf("send_redirects=0"), conf("forwarding=1")];
        let [first, last] = ends;
        [first]
            .into_iter()
            .chain(filter)
            .chain([last])
            .collect::<Vec<_>>()
    };
    assert_eq!(settings(&desired, 0), of("eth0", &["2"]));
    assert_eq!(settings(&desired, 1), of("eth1", &[]), "not checked at all");
    assert_eq!(
        settings(&desired, 2),
        of("eth2", &["2"]),
        "ours, or as good"
    );
    let host_s = desired.host.iter().filter(|one| one.sysctl().is_some());
    let host_s: Vec<String> = host_s.map(Object::add_command).collect();
    assert_eq!(
        host_s,
        [
            "sysctl -qw net/ipv4/conf/all/send_redirects=0",
            "sysctl -qw net/ipv4/conf/default/send_redirects=0",
            "sysctl -qw net/ipv4/icmp_errors_use_inbound_ifaddr=1",
        ]
    );
    let strict = with_settings(
        host(&enis),
        &[(RP_FILTER, "eth1", "0"), (ALL_RP_FILTER, "", "1")],
    );
    let desired = plan(&enis, &strict, &router(&[]));
    assert_eq!(
        settings(&desired, 1),
        of("eth1", &["2"]),
        "the greater one counts"
    );
}

#[test]
fn ipv6_is_passed_on_by_the_link_s_own_switch_where_the_kernel_has_one_and_else_by_the_host_s() {
    let [first, second, _] = enis();
    let second = with_ipv6(second, "2001:db8::20", "2001:db8::/64");
    let enis = [first, second];
    let plan_with =
        |of: &[(&str, &str, &str)]| plan(&enis, &with_settings(host(&enis), of), &router(&[]));
    let router_s = |desired: &Desired| {
        let mut host = desired.host.iter().filter_map(Object::sysctl);
        host.any(|one| *one.key.name == *ROUTER_IPV6)
    };
    let new = plan_with(&[
        (FORCE_FORWARDING, "eth0", "0"),
        (FORCE_FORWARDING, "eth1", "0"),
    ]);
    assert!(!router_s(&new));
    assert!(settings(&new, 1).contains(&"net/ipv6/conf/eth1/force_forwarding=1".to_owned()));
    assert!(
        !settings(&new, 0).iter().any(|one| one.contains("ipv6")),
        "it has none"
    );
    let old = plan_with(&[]);
    assert!(router_s(&old));
    assert!(!settings(&old, 1).iter().any(|one| one.contains("ipv6")));
}

#[test]
fn a_router_goes_on_taking_routes_from_router_advertisements_where_the_kernel_did() {
    let [first, second, _] = enis();
    let enis = [
        with_ipv6(first, "2001:db8::10", "2001:db8::/64"),
        with_ipv6(second, "2001:db8::20", "2001:db8::/64"),
    ];
    for (value, is_told) in [("0", false), ("1", true), ("2", true)] {
        let of = [(ACCEPT_RA, "eth0", value), (ACCEPT_RA, "eth1", value)];
        let desired = plan(&enis, &with_settings(host(&enis), &of), &router(&[]));
        let wanted = "net/ipv6/conf/eth0/accept_ra=2".to_owned();
        assert_eq!(settings(&desired, 0).contains(&wanted), is_told, "{value}");
        let force = ["eth0", "eth1"].map(|dev| (FORCE_FORWARDING, dev, "0"));
        let with_force = [&of[..], &force].concat();
        let new = plan(
            &enis,
            &with_settings(host(&enis), &with_force),
            &router(&[]),
        );
        assert!(
            !settings(&new, 0).contains(&wanted),
            "the host is no router"
        );
        let own = Sysctl::new(Key::accept_ra(&"eth1".into()), "0");
        let objects: Vec<Object> = desired.enis[1].objects().collect();
        assert!(
            objects.contains(&Object::from(own)),
            "a link that is down is ours"
        );
    }
}

#[test]
fn a_stand_by_address_that_has_come_up_is_routed_by_the_eni_that_has_it() {
    let enis = enis();
    let mut config = Config::default();
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let standby = ["10.1.0.50", "192.0.2.1"].map(|text| Standby::Address(ip(text)));
    config.forwarding.standby = standby.into();
    let sources = |observed: &Observed, number: usize| {
        shown(&plan(&enis, observed, &config).enis[number].rules)
    };
    let mut observed = host(&enis);
    assert_eq!(sources(&observed, 1).len(), 1);
    for (dev, net) in [
        ("eth1", "10.1.0.50/20"),
        ("eth2", "192.0.2.1/32"),
        ("eth2", "192.0.2.2/32"),
    ] {
        let (dev, net) = (dev.into(), net.parse().unwrap());
        observed.addresses.push(Address { dev, net });
    }
    assert_eq!(
        sources(&observed, 1)[1..],
        ["from 10.1.0.50 lookup 10001 priority 10001"]
    );
    assert_eq!(
        sources(&observed, 2)[1..],
        ["from 192.0.2.1 lookup 10002 priority 10002"]
    );
    let planned = &plan(&enis, &observed, &config).enis[1];
    assert!(
        !shown(&planned.addresses)
            .iter()
            .any(|one| one.contains("10.1.0.50")),
        "another's"
    );
}

#[test]
fn under_another_name_the_rules_and_settings_of_the_link_follow_and_a_tunnel_s_do_not() {
    let enis = enis();
    let desired = plan(&enis, &host(&enis), &router(&[("tun0", "eth1")]));
    let renamed = desired.enis[1].under(&"lan1".into());
    let rules = shown(&renamed.rules);
    assert!(!rules.iter().any(|rule| rule.contains("eth1")), "{rules:?}");
    assert_eq!(
        rules
            .iter()
            .filter(|rule| rule.contains("iif lan1"))
            .count(),
        2
    );
    assert_eq!(
        rules
            .iter()
            .filter(|rule| rule.contains("iif tun0"))
            .count(),
        2
    );
    let keys: Vec<String> = renamed
        .settings
        .iter()
        .map(|one| one.key.to_string())
        .collect();
    assert!(keys.contains(&FORWARDING.replace('*', "lan1")), "{keys:?}");
    assert!(
        keys.contains(&SEND_REDIRECTS.replace('*', "lan1")),
        "{keys:?}"
    );
}
