//! Rules: made, seen and removed, and never another than the one that was named.

use eniroute::kernel::Kernel;
use eniroute::net::{Extra, Family, Mark, Rule};
use eniroute::object::{Change, Object};
use serde_json::json;

use super::{ip, ip_json, on_host, rule};

#[test]
fn rules_round_trip() {
    on_host(|host| {
        let suppressing = Rule {
            suppress_prefixlength: Some(0),
            table: 254,
            ..rule(None)
        };
        for rule in [
            rule(Some("10.0.0.10/32")),
            rule(Some("10.0.16.0/28")),
            rule(Some("2001:db8::10/128")),
            Rule {
                suppress_prefixlength: Some(0),
                ..rule(Some("2001:db8:0:0:1::/80"))
            },
            suppressing.clone(),
            Rule {
                family: Family::Ipv6,
                ..suppressing
            },
        ] {
            host.round_trip(Object::Rule(rule.clone()), |seen| {
                seen.rules.contains(&rule)
            });
        }
    });
}

#[test]
fn ip_shows_our_rules_as_networkd_makes_them() {
    on_host(|host| {
        host.add(Object::Rule(Rule {
            suppress_prefixlength: Some(0),
            ..rule(Some("10.0.16.0/28"))
        }));
        let shown = ip_json("rule show priority 10001").remove(0);
        assert_eq!(
            (&shown["src"], &shown["srclen"]),
            (&json!("10.0.16.0"), &json!(28))
        );
        assert_eq!(
            (&shown["table"], &shown["suppress_prefixlen"]),
            (&json!("10001"), &json!(0))
        );
        assert_eq!(shown["protocol"], "static");
    });
}

#[test]
fn of_a_rule_that_stands_twice_ours_goes_first_and_then_the_other() {
    on_host(|host| {
        let ours = || Object::Rule(rule(Some("10.0.0.10/32")));
        ip("rule add from 10.0.0.10 lookup 10001 priority 10001 protocol boot");
        assert!(host.add(ours()), "another protocol makes another rule");
        assert_eq!(host.rules(10001).len(), 2);
        assert!(host.remove(ours()));
        assert_eq!(
            ip("rule show priority 10001").trim_end(),
            "10001:\tfrom 10.0.0.10 lookup 10001 proto boot"
        );
        assert!(host.remove(ours()));
        assert_eq!(host.rules(10001), []);
    });
}

#[test]
fn a_rule_with_more_selectors_is_never_deleted_for_ours() {
    on_host(|host| {
        let ours = rule(Some("10.0.0.10/32"));
        let words = "from 10.0.0.10 oif eth2 lookup 10001 priority 10001";
        ip(&format!("rule add {words} protocol static"));
        assert!(!host.remove(Object::Rule(ours.clone())));
        assert!(host.add(Object::Rule(ours.clone())));
        let refused = host
            .kernel
            .apply(&Change::Remove(Object::Rule(ours.clone())), &host.links)
            .unwrap_err();
        assert!(
            refused
                .to_string()
                .contains(&format!("could delete `{words}` instead")),
            "{refused}"
        );
        let theirs = ours.clone().with(Extra {
            foreign: Some("from 10.0.0.10 oif eth2 lookup 10001".into()),
            ..Extra::NONE
        });
        assert_eq!(host.rules(10001), [theirs, ours]);
    });
}

#[test]
fn a_rule_with_more_selectors_of_another_protocol_does_not_keep_ours() {
    for protocol in ["boot", "99"] {
        for more in [
            "iif eth2",
            "oif eth2",
            "fwmark 0x1/0xff",
            "ipproto tcp",
            "to 10.9.0.0/16",
        ] {
            on_host(move |host| {
                let ours = rule(Some("10.0.0.10/32"));
                ip(&format!(
                    "rule add from 10.0.0.10 {more} lookup 10001 priority 10001 protocol {protocol}"
                ));
                let theirs = ip("rule show priority 10001");
                assert!(host.add(Object::Rule(ours.clone())));
                assert!(host.remove(Object::Rule(ours)), "{more}, {protocol}");
                assert_eq!(ip("rule show priority 10001"), theirs);
            });
        }
    }
}

/// What `ip` takes for one rule, and what it shows of it, must be the same when it is told in our words.
#[test]
fn every_other_selector_or_action_makes_a_rule_foreign_and_ip_accepts_the_words_for_it() {
    on_host(|_| {
        let words = "to 10.9.0.0/16 lookup 10001,oif eth1 lookup 10001,\
            iif eth1 oif eth2 fwmark 7 lookup 10001,to 10.9.0.0/16 fwmark 1 lookup 10001,\
            ipproto tcp lookup 10001,sport 80 lookup 10001,dport 80-90 lookup 10001,uidrange 0-10 lookup 10001,\
            not from 10.0.0.1 lookup 10001,tos 0x10 lookup 10001,suppress_ifgroup 7 lookup 10001,\
            from 10.0.0.1 to 10.2.0.0/16 iif lo tos 0x08 ipproto udp dport 53 suppress_prefixlength 8 lookup 10001,\
            not to 10.9.0.0/16 lookup main,realms 3/7 lookup 10001,l3mdev,from 10.0.0.1 l3mdev,\
            tun_id 7 lookup 10001,goto 32766,from 10.0.0.1 goto 20000,blackhole,unreachable,from 10.0.0.1 prohibit,nop";
        for words in words.split(',') {
            ip(&format!("rule add priority 10001 {}", words.trim()));
            let rules = Kernel::open().unwrap().observe().unwrap().rules;
            let [rule] = &rules
                .iter()
                .filter(|rule| rule.priority == 10001)
                .collect::<Vec<_>>()[..]
            else {
                panic!()
            };
            assert!(rule.extra().foreign.is_some(), "{words}: {rule:?}");
            let shown = ip("rule show priority 10001");
            ip("rule flush priority 10001");
            ip(&format!("rule add {rule}"));
            assert_eq!(ip("rule show priority 10001"), shown, "{words}: {rule}");
            ip("rule flush priority 10001");
        }
    });
}

/// Made by `ip`, told in our words, and made by us: `ip` shows the same each time.
#[test]
fn a_mark_with_its_mask_and_an_interface_there_or_not_are_selectors_that_are_known() {
    on_host(|host| {
        let words = "iif eth1 lookup 10001,iif eth1 lookup main suppress_prefixlength 0,iif gone0 lookup 10002,\
            from 10.0.0.10 fwmark 0x1000000/0xff000000 iif eth1 lookup 10001,iif lo lookup 10001,fwmark 1 lookup 10001,fwmark 0x80/0x80 lookup main,fwmark 0/0xff lookup 10001,fwmark 0 lookup 10001,\
            from 10.0.0.10 fwmark 0x7/0xff suppress_prefixlength 0 lookup 10001";
        for words in words.split(',') {
            ip(&format!("rule add priority 10001 {}", words.trim()));
            let rules = Kernel::open().unwrap().observe().unwrap().rules;
            let [rule] = &rules
                .iter()
                .filter(|rule| rule.priority == 10001)
                .collect::<Vec<_>>()[..]
            else {
                panic!()
            };
            assert_eq!(
                (rule.extra().mark.is_some(), &rule.extra().foreign),
                (
                    words.contains("fwmark") && !words.contains("fwmark 0 "),
                    &None
                ),
                "{words}"
            );
            let shown = ip("rule show priority 10001");
            ip("rule flush priority 10001");
            ip(&format!("rule add {rule}"));
            assert_eq!(ip("rule show priority 10001"), shown, "{words}: {rule}");
            assert!(host.remove(Object::Rule((*rule).clone())), "{rule}");
            assert_eq!(ip("rule show priority 10001"), "");
            assert!(host.add(Object::Rule((*rule).clone())), "{rule}");
            assert_eq!(
                ip("rule show priority 10001").replace(" proto static", ""),
                shown,
                "{words}: {rule}"
            );
            ip("rule flush priority 10001");
        }
    });
}

#[test]
fn a_rule_of_another_mark_is_never_deleted_for_ours() {
    on_host(|host| {
        ip("rule add from 10.0.0.10 fwmark 0x1/0xff lookup 10001 priority 10001 protocol static");
        let unmarked = rule(Some("10.0.0.10/32"));
        let ours = unmarked.clone().with(Extra {
            mark: Some(Mark {
                value: 2,
                mask: 0xff,
            }),
            ..Extra::NONE
        });
        assert!(!host.remove(Object::Rule(ours.clone())));
        assert!(host.add(Object::Rule(ours.clone())) && host.remove(Object::Rule(ours)));
        assert!(host.add(Object::Rule(unmarked.clone())));
        let refused = host
            .kernel
            .apply(&Change::Remove(Object::Rule(unmarked)), &host.links)
            .unwrap_err();
        let other =
            "could delete `from 10.0.0.10 fwmark 0x1/0xff lookup 10001 priority 10001` instead";
        assert!(refused.to_string().contains(other), "{refused}");
    });
}

/// The kernel keeps a rule under the name that it was made with, whatever its interface is called later.
#[test]
fn a_rule_of_an_interface_that_was_renamed_goes_by_its_old_name_and_no_other_with_it() {
    on_host(|host| {
        let by = |dev: &str| {
            rule(None).with(Extra {
                iif: Some(dev.into()),
                ..Extra::NONE
            })
        };
        assert!(host.add(Object::Rule(by("eth1"))));
        ip("link set eth1 down");
        ip("link set eth1 name lan1");
        assert_eq!(host.rules(10001), [by("eth1")]);
        assert!(ip("rule show priority 10001").contains("[detached]"));
        assert!(host.add(Object::Rule(by("lan1"))));
        assert!(!host.remove(Object::Rule(by("eth9"))));
        assert!(host.remove(Object::Rule(by("eth1"))));
        assert_eq!(host.rules(10001), [by("lan1")]);
    });
}

#[test]
fn what_makes_no_difference_to_a_packet_makes_no_rule_foreign() {
    on_host(|host| {
        ip(
            "rule add priority 10001 from 10.0.0.0/8 lookup 10001 suppress_prefixlength 0 protocol ra",
        );
        assert_eq!(host.rules(10001)[0].extra().foreign, None);
    });
}
