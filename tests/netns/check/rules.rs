//! Rules and routes (R): each finding provoked, and absent on a good host.

use serde_json::{Value, json};

use super::findings;
use crate::instance::Instance;
use crate::vpc::{EniId, EniSpec, Vpc};

/// Two ENIs in two subnets, both families.
fn host() -> (Vpc, Instance, EniId) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/24", Some("2001:db8:0:a::/64"));
    let b = vpc.subnet("10.0.1.0/24", Some("2001:db8:0:b::/64"));
    let eth0 = EniSpec::new(a, "eth0").ipv4(["10.0.0.10", "10.0.0.11"]);
    vpc.attach(eth0.ipv6(["2001:db8:0:a::10"]));
    let eth1 = EniSpec::new(b, "eth1").ipv4(["10.0.1.20", "10.0.1.21"]);
    let eth1 = vpc.attach(eth1.ipv6(["2001:db8:0:b::20"]));
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    assert_eq!(of_group(&instance), [] as [Value; 0]);
    (vpc, instance, eth1)
}

fn of_group(instance: &Instance) -> Vec<Value> {
    let all = findings(instance).into_iter();
    all.filter(|finding| text(&finding["code"]).starts_with('R'))
        .collect()
}

fn of_code(instance: &Instance, code: &str) -> Vec<Value> {
    let all = findings(instance).into_iter();
    all.filter(|finding| finding["code"] == code).collect()
}

fn the(instance: &Instance, code: &str) -> Value {
    let found = of_code(instance, code);
    assert_eq!(found.len(), 1, "{code}: {:#?}", findings(instance));
    found[0].clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The commands of a finding that change what somebody else has made.
fn to_review(finding: &Value) -> Vec<String> {
    let remedies = finding["remedies"].as_array().unwrap().iter();
    remedies
        .filter(|remedy| remedy["applicability"] == "review")
        .map(|remedy| text(&remedy["command"]))
        .collect()
}

#[test]
fn an_address_whose_packets_leave_by_another_eni_is_named_once_with_the_rule_and_its_maker() {
    let (_vpc, instance, _) = host();
    // Without a priority: before the first rule that is there.
    instance.host.ip("rule add from 10.0.1.20 lookup main");
    assert!(instance.host.ip("rule").contains("9999:"));
    let stray = the(&instance, "R1");
    assert_eq!(stray["address"], "10.0.1.20");
    assert_eq!(stray["severity"], "error");
    let what = text(&stray["what"]);
    for part in [
        "from 10.0.1.20 lookup main",
        "priority 9999",
        "without a priority",
    ] {
        assert!(what.contains(part), "{part}: {what}");
    }
    assert!(
        text(&stray["is"]).contains("to the Internet: by eth0"),
        "{stray:#?}"
    );
    assert_eq!(stray["expected"], "by eth1");
    let shadow = the(&instance, "R3");
    assert!(text(&shadow["what"]).contains("10.0.1.20"), "{shadow:#?}");
    assert_eq!(instance.eniroute("check").code, 3);
    let [command] = &to_review(&shadow)[..] else {
        panic!("one command: {shadow:#?}")
    };
    instance.host.sh(command);
    assert_eq!(of_group(&instance), [] as [Value; 0]);
}

#[test]
fn a_rule_that_leads_many_addresses_astray_is_one_finding_beside_one_for_each_address() {
    let (_vpc, instance, _) = host();
    instance
        .host
        .ip("rule add from 10.0.1.0/24 to 8.8.0.0/16 lookup main pref 500");
    assert_eq!(of_code(&instance, "R1").len(), 2);
    let assert_shadowed = || {
        let shadow = the(&instance, "R3");
        assert!(
            text(&shadow["what"]).contains("10.0.1.20, 10.0.1.21"),
            "{shadow:#?}"
        );
    };
    assert_shadowed();
    instance.host.ip("rule del pref 500");
    // Eniroute's are there, and nobody asks them.
    for target in [32766, 32767] {
        let jump = format!("from 10.0.1.0/24 goto {target}");
        instance.host.ip(&format!("rule add {jump} pref 500"));
        assert_shadowed();
        let stray = of_code(&instance, "R1").remove(0);
        assert!(
            text(&stray["what"]).contains(&format!("{jump} priority 500")),
            "{stray:#?}"
        );
        instance.host.ip("rule del pref 500");
    }
    // What is for marked packets only, or comes later, is none.
    instance
        .host
        .ip("rule add from 10.0.1.0/24 fwmark 0x1 lookup main pref 500");
    instance
        .host
        .ip("rule add from 10.0.1.20 lookup main pref 30000");
    let errors = of_group(&instance).into_iter();
    let errors: Vec<Value> = errors
        .filter(|found| found["severity"] == "error")
        .collect();
    assert_eq!(errors, [] as [Value; 0]);
}

#[test]
fn a_missing_rule_is_an_error_where_packets_go_astray_and_a_warning_where_they_do_not() {
    let (_vpc, instance, _) = host();
    instance.host.ip("rule del from 10.0.1.20 lookup 10001");
    let missing = the(&instance, "R2");
    assert_eq!(
        (&missing["address"], &missing["severity"]),
        (&"10.0.1.20".into(), &"error".into())
    );
    let stray = the(&instance, "R1");
    assert!(
        text(&stray["what"]).contains("from 10.0.1.20 lookup 10001 priority 10001` is missing")
    );
    // A jump from behind its place has no part in that.
    instance.host.ip("rule add from all goto 32766 pref 30000");
    assert_eq!(the(&instance, "R1"), stray);
    instance.host.ip("rule del pref 30000");
    instance.must("apply");
    assert_eq!(of_group(&instance), [] as [Value; 0]);
    // Another rule does the same.
    instance
        .host
        .ip("rule add from 10.0.1.20 lookup 10001 pref 10500");
    instance
        .host
        .ip("rule del from 10.0.1.20 lookup 10001 pref 10001");
    assert_eq!(the(&instance, "R2")["severity"], "warning");
    assert_eq!(of_code(&instance, "R1"), [] as [Value; 0]);
}

#[test]
fn a_rule_in_the_place_of_eniroutes_that_leads_elsewhere_and_one_that_is_there_twice_are_told() {
    let (_vpc, instance, _) = host();
    instance
        .host
        .ip("rule add from 10.0.1.21 lookup 100 pref 10001");
    let other = the(&instance, "R2");
    assert!(text(&other["is"]).contains("lookup 100"), "{other:#?}");
    assert_eq!(other["expected"], "lookup 10001");
    instance.host.ip("rule del from 10.0.1.21 lookup 100");
    instance
        .host
        .ip("rule add from 10.0.1.21 lookup 10001 pref 10001 protocol boot");
    let twice = the(&instance, "R2");
    assert!(text(&twice["what"]).contains("2 times"), "{twice:#?}");
}

#[test]
fn a_table_without_a_default_and_a_router_that_is_none_are_errors_of_each_address() {
    let (_vpc, instance, _) = host();
    let host = &instance.host;
    host.ip("route del default table 10001");
    let stray = &of_code(&instance, "R1")[0];
    assert!(
        text(&stray["what"]).contains("would leave by eth0"),
        "{stray:#?}"
    );
    assert_eq!(of_code(&instance, "R4")[0]["severity"], "error");
    host.ip("route add default via 10.0.1.77 dev eth1 table 10001");
    let found = of_code(&instance, "R4").into_iter();
    let found: Vec<Value> = found.filter(|one| one["address"] == "10.0.1.20").collect();
    assert!(
        text(&found[0]["what"]).contains("10.0.1.77, which is no router"),
        "{found:#?}"
    );
    assert_eq!(
        of_code(&instance, "R11").len(),
        1,
        "it stands in the place of ours"
    );
    host.ip("route replace default via 10.0.1.1 dev eth1 table 10001");
    host.ip("neighbour replace 10.0.1.1 dev eth1 nud failed");
    let found = of_code(&instance, "R4").into_iter();
    let found: Vec<Value> = found.filter(|one| one["address"] == "10.0.1.20").collect();
    assert!(
        text(&found[0]["what"]).contains("10.0.1.1, which does not answer"),
        "{found:#?}"
    );
    host.ip("neighbour flush dev eth1");
    instance.must("apply");
    assert_eq!(of_group(&instance), [] as [Value; 0]);
}

#[test]
fn rules_of_an_eni_that_is_gone_are_told_until_a_run_takes_them_away() {
    let (mut vpc, instance, eth1) = host();
    vpc.detach(eth1);
    let left = the(&instance, "R5");
    assert!(text(&left["what"]).contains("3 rules"), "{left:#?}");
    instance.must("apply");
    assert_eq!(of_code(&instance, "R5"), [] as [Value; 0]);
}

#[test]
fn a_default_of_main_before_or_beside_the_primarys_is_told() {
    let (_vpc, instance, _) = host();
    let host = &instance.host;
    host.ip("route add default via 10.0.1.1 dev eth1 metric 5");
    let other = the(&instance, "R6");
    assert!(
        text(&other["is"]).contains("via 10.0.1.1 dev eth1"),
        "{other:#?}"
    );
    host.ip("route del default via 10.0.1.1 dev eth1 metric 5");
    let metric = host.ip("route show default dev eth0");
    let metric = metric
        .split("metric ")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    host.ip(&format!(
        "route append default via 10.0.1.1 dev eth1 metric {metric}"
    ));
    assert!(text(&the(&instance, "R6")["what"]).contains("beside"));
    host.ip(&format!(
        "route del default via 10.0.1.1 dev eth1 metric {metric}"
    ));
    assert_eq!(of_group(&instance), [] as [Value; 0]);
}

#[test]
fn a_containers_network_that_a_secondary_eni_does_not_reach_is_told_unless_mains_routes_go_first() {
    let (_vpc, instance, _) = host();
    let host = &instance.host;
    host.ip_batch("link add docker0 type bridge\nlink set docker0 up\naddress add 172.17.0.1/16 dev docker0\n");
    let hidden = the(&instance, "R7");
    assert!(
        text(&hidden["what"]).contains("172.17.0.0/16"),
        "{hidden:#?}"
    );
    assert!(
        text(&hidden["remedy"]).contains("main_routes_first"),
        "{hidden:#?}"
    );
    assert_eq!(
        hidden["severity"], "hint",
        "an ordinary host with containers"
    );
    assert_eq!(instance.eniroute("check --strict").code, 0);
    host.ip("route add 192.168.99.0/24 via 172.17.0.9 dev docker0");
    assert_eq!(the(&instance, "R7")["severity"], "warning");
    let [command] = &to_review(&hidden)[..] else {
        panic!("one command: {hidden:#?}")
    };
    let (command, apply) = command.split_once(" && ").unwrap();
    assert_eq!(apply, "eniroute apply");
    instance.write("etc/eniroute.toml", "[eni.eth1]\nmtu_internet = 1500\n");
    let folder = format!("{}/etc/", instance.root().display());
    host.sh(&command.replace("/etc/", &folder));
    instance.must("apply");
    assert_eq!(of_code(&instance, "R7"), [] as [Value; 0]);
}

#[test]
fn a_route_that_refuses_is_named_and_so_is_systemds_lock_of_the_metadata_service() {
    let (_vpc, instance, _) = host();
    let host = &instance.host;
    host.ip("route add prohibit 8.8.8.0/24 table 10001");
    let refused = the(&instance, "R8");
    assert!(
        text(&refused["what"]).contains("prohibit 8.8.8.0/24"),
        "{refused:#?}"
    );
    assert!(text(&of_code(&instance, "R1")[0]["what"]).contains("not at all"));
    let [command] = &to_review(&refused)[..] else {
        panic!("one command: {refused:#?}")
    };
    host.sh(command);
    assert_eq!(of_group(&instance), [] as [Value; 0]);
    host.ip("route add prohibit 169.254.169.254");
    let locked = the(&instance, "R8");
    assert_eq!(locked["severity"], "warning");
    assert!(
        text(&locked["what"]).contains("systemd-imdsd"),
        "{locked:#?}"
    );
}

#[test]
fn a_default_that_a_router_advertised_to_a_secondary_eni_and_its_setting_are_told() {
    let (_vpc, instance, _) = host();
    instance
        .host
        .ip("-6 route add default via fe80::1 dev eth1 proto ra metric 5000");
    let advertised = the(&instance, "R9");
    assert!(
        text(&advertised["is"]).contains("dev eth1"),
        "{advertised:#?}"
    );
    instance
        .host
        .ip("-6 route del default via fe80::1 dev eth1 proto ra metric 5000");
    // Of a link that is up it is its owner's choice.
    instance.host.ip("link set eth1 down");
    instance.host.sysctl("net.ipv6.conf.eth1.accept_ra", 1);
    assert_eq!(the(&instance, "R9")["severity"], "warning");
    instance.must("apply");
    assert_eq!(of_group(&instance), [] as [Value; 0]);
}

#[test]
fn more_than_a_thousand_rules_are_counted_and_what_they_cost_is_measured() {
    let (_vpc, instance, _) = host();
    let rules = (0..1100).map(|n| {
        let (third, last) = (n / 200, 1 + n % 200);
        format!("rule add from 192.168.{third}.{last} lookup main pref 30000\n")
    });
    instance.host.ip_batch(&rules.collect::<String>());
    let many = the(&instance, "R10");
    assert_eq!(many["severity"], "hint");
    assert!(text(&many["what"]).contains(" ns "), "{many:#?}");
    assert_eq!(instance.eniroute("check").code, 0);
}

#[test]
fn changes_that_nothing_has_proven_are_told() {
    let (_vpc, instance, _) = host();
    let boot = instance.host.sh("cat /proc/sys/kernel/random/boot_id");
    let left = json!({
        "boot": boot.trim(), "changes": [], "baseline": {"held": [], "lookups": [], "ways": []},
        "ledger": {"enis": {}}, "before": null,
    });
    instance.write("run/eniroute/unproven.json", &left.to_string());
    let unproven = the(&instance, "R12");
    assert_eq!(unproven["evidence"][0]["kind"], "file");
    instance.must("apply");
    assert_eq!(of_code(&instance, "R12"), [] as [Value; 0]);
}

/// The walk knows no groups of interfaces, and says so by what the kernel answers otherwise.
#[test]
fn where_the_own_walk_and_the_kernel_differ_that_is_said_and_nothing_else_is_concluded() {
    let (_vpc, instance, _) = host();
    let host = &instance.host;
    host.ip("link set eth0 group 7");
    host.ip("rule add from 10.0.1.20 lookup main suppress_ifgroup 7 pref 500");
    let found = of_code(&instance, "R13");
    assert!(!found.is_empty());
    let differs = &found[0];
    assert_eq!(
        (&differs["address"], &differs["severity"]),
        (&"10.0.1.20".into(), &"warning".into())
    );
    assert!(
        text(&differs["what"]).contains("by eth1 by the kernel's word, and by eth0"),
        "{differs:#?}"
    );
    assert_eq!(of_code(&instance, "R1"), [] as [Value; 0]);
    host.ip("rule del pref 500");
    assert_eq!(of_group(&instance), [] as [Value; 0]);
}
