//! Rules: made, seen and removed, and never another than the one that was named.

use eniroute::net::{Change, Family, Object, Rule};
use serde_json::json;

use super::{ip, ip_json, on_host, rule};

#[test]
fn rules_round_trip() {
    on_host(|host| {
        let suppressing = Rule { suppress_prefixlength: Some(0), table: 254, ..rule(None) };
        for rule in [
            rule(Some("10.0.0.10/32")),
            rule(Some("10.0.16.0/28")),
            rule(Some("2001:db8::10/128")),
            Rule { suppress_prefixlength: Some(0), ..rule(Some("2001:db8:0:0:1::/80")) },
            suppressing.clone(),
            Rule { family: Family::Ipv6, ..suppressing },
        ] {
            host.round_trip(Object::Rule(rule.clone()), |seen| seen.rules.contains(&rule));
        }
    });
}

#[test]
fn ip_shows_our_rules_as_networkd_makes_them() {
    on_host(|host| {
        host.add(Object::Rule(Rule { suppress_prefixlength: Some(0), ..rule(Some("10.0.16.0/28")) }));
        let shown = ip_json("rule show priority 10001").remove(0);
        assert_eq!((&shown["src"], &shown["srclen"]), (&json!("10.0.16.0"), &json!(28)));
        assert_eq!((&shown["table"], &shown["suppress_prefixlen"]), (&json!("10001"), &json!(0)));
        assert_eq!(shown["protocol"], "static");
    });
}

#[test]
fn of_a_rule_that_stands_twice_one_goes_whatever_its_protocol() {
    on_host(|host| {
        ip("rule add from 10.0.0.10 lookup 10001 priority 10001 protocol boot");
        assert!(host.add(Object::Rule(rule(Some("10.0.0.10/32")))), "another protocol makes another rule");
        assert_eq!(host.rules(10001).len(), 2);
        assert!(host.remove(Object::Rule(rule(Some("10.0.0.10/32")))));
        assert_eq!(host.rules(10001), [rule(Some("10.0.0.10/32"))]);
        assert!(host.remove(Object::Rule(rule(Some("10.0.0.10/32")))));
        assert_eq!(host.rules(10001), []);
    });
}

#[test]
fn a_rule_with_more_selectors_is_never_deleted_for_ours() {
    on_host(|host| {
        let ours = rule(Some("10.0.0.10/32"));
        ip("rule add from 10.0.0.10 iif eth2 lookup 10001 priority 10001");
        assert!(!host.remove(Object::Rule(ours.clone())));
        assert!(host.add(Object::Rule(ours.clone())));
        let refused = host.kernel.apply(&Change::Remove(Object::Rule(ours.clone())), &host.links).unwrap_err();
        assert!(
            refused.to_string().contains("could delete `from 10.0.0.10 lookup 10001 priority 10001` instead"),
            "{refused}"
        );
        assert_eq!(host.rules(10001), [Rule { foreign: true, ..ours.clone() }, ours]);
    });
}

#[test]
fn every_other_selector_or_action_makes_a_rule_foreign() {
    on_host(|host| {
        let words = "to 10.9.0.0/16 lookup 10001,iif eth1 lookup 10001,oif eth1 lookup 10001,fwmark 1 lookup 10001,\
            ipproto tcp lookup 10001,sport 80 lookup 10001,dport 80-90 lookup 10001,uidrange 0-10 lookup 10001,\
            not from 10.0.0.1 lookup 10001,tos 0x10 lookup 10001,suppress_ifgroup 7 lookup 10001,\
            tun_id 7 lookup 10001,goto 32766,blackhole,unreachable,prohibit,nop";
        for words in words.split(',') {
            ip(&format!("rule add priority 10001 {}", words.trim()));
            let rules = host.rules(10001);
            assert!(matches!(&rules[..], [rule] if rule.foreign), "{words}: {rules:?}");
            ip("rule flush priority 10001");
        }
        ip("rule add priority 10001 from 10.0.0.0/8 lookup 10001 suppress_prefixlength 0 protocol ra");
        assert!(!host.rules(10001)[0].foreign);
    });
}
