//! What changes, what stays, and what is nobody's business.

use super::*;
use crate::config::{Config, EniConfig};
use crate::eni::Eni;
use crate::fuzz::model::applied;
use crate::ledger::Made;
use crate::net::sysctl::{Key, Sysctl};
use crate::net::{Address, Dev, Extra, Family, Link, MAIN, Mac, NextHop, Route, RouteKind, Rule};
use crate::numbering::Owner;
use crate::plan::plan;

fn eni(number: u8, ip: &str) -> Eni {
    Eni {
        mac: Mac([2, 0, 0, 0, 0, number]),
        id: format!("eni-{number}"),
        primary: number == 0,
        device_number: number.into(),
        network_card: 0,
        ipv4: ip.split(' ').map(|ip| ip.parse().unwrap()).collect(),
        ipv6: Vec::new(),
        ipv4_prefixes: Vec::new(),
        ipv6_prefixes: Vec::new(),
        subnet_ipv4: Some("10.0.0.0/20".parse().unwrap()),
        subnet_ipv6: Vec::new(),
        vpc: None,
        vpc_ranges: Vec::new(),
        public: Default::default(),
    }
}

fn link(number: u8) -> Link {
    Link {
        index: number.into(),
        name: format!("eth{number}").into(),
        altnames: Vec::new(),
        mac: Some(Mac([2, 0, 0, 0, 0, number])),
        permanent_mac: None,
        kind: None,
        master: None,
        ipv6: true,
        up: number == 0,
    }
}

/// A host with a leased eth0 and a bare eth1, and the plan for it.
fn fresh() -> (Desired, Observed) {
    let lease = Address {
        dev: "eth0".into(),
        net: "10.0.0.10/20".parse().unwrap(),
    };
    let default = Route {
        table: MAIN,
        kind: RouteKind::Unicast,
        dst: Family::Ipv4.everything(),
        via: Some("10.0.0.1".parse().unwrap()),
        dev: Some("eth0".into()),
        next_hops: Vec::new(),
        object: Default::default(),
        src: None,
        metric: 100,
        mtu: None,
    };
    let links = vec![link(0), link(1)];
    let observed = Observed {
        links,
        addresses: vec![lease],
        routes: vec![default],
        ..Observed::default()
    };
    let desired = plan(
        &[eni(0, "10.0.0.10"), eni(1, "10.0.0.20 10.0.0.21")],
        &observed,
        &Config::default(),
    );
    (desired, observed)
}

fn everything() -> Scope {
    Scope {
        complete: true,
        ..Scope::default()
    }
}

fn mac(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, number])
}

/// All changes allowed, where the ledger has all that `desired` wants.
fn having_made(desired: &Desired) -> Scope {
    let made = desired.enis.iter().map(|planned| Made {
        owner: Owner::Eni(planned.eni.mac),
        objects: planned.objects().collect(),
    });
    Scope {
        made: made.collect(),
        ..everything()
    }
}

fn shown(changes: &[Change]) -> Vec<String> {
    changes.iter().map(Change::to_string).collect()
}

fn rule(text_from: &str, table: u32, priority: u32) -> Rule {
    Rule {
        priority,
        family: Family::Ipv4,
        from: Some(text_from.parse().unwrap()),
        table,
        suppress_prefixlength: None,
        extra: None,
    }
}

#[test]
fn a_bare_eni_is_built_link_addresses_routes_rules() {
    let (desired, observed) = fresh();
    let changes = shown(&diff(&desired, &observed, &everything()));
    assert_eq!(
        changes,
        [
            "ip -4 route add 10.0.0.0/20 dev eth0 scope link src 10.0.0.10 table 10000 proto static",
            "ip -4 rule add from 10.0.0.10 lookup 10000 priority 10000 protocol static",
            "ip link set dev eth1 up",
            "ip -4 address replace 10.0.0.20/32 dev eth1",
            "ip -4 address replace 10.0.0.21/32 dev eth1",
            "ip -4 route add 10.0.0.0/20 dev eth1 scope link src 10.0.0.20 table 10001 proto static",
            "ip -4 route add default via 10.0.0.1 dev eth1 onlink table 10001 proto static",
            "ip -4 route add 10.0.0.0/20 dev eth1 scope link src 10.0.0.20 metric 10001 proto static",
            "ip -4 route add default via 10.0.0.1 dev eth1 onlink metric 10001 proto static",
            "ip -4 rule add from 10.0.0.20 lookup 10001 priority 10001 protocol static",
            "ip -4 rule add from 10.0.0.21 lookup 10001 priority 10001 protocol static",
        ]
    );
}

#[test]
fn a_second_run_has_nothing_to_do() {
    let (desired, observed) = fresh();
    let changes = diff(&desired, &observed, &everything());
    let observed = applied(observed, &changes);
    assert_eq!(diff(&desired, &observed, &everything()), []);
    assert!(missing(&desired, &observed).values().all(Vec::is_empty));
}

#[test]
fn an_address_that_is_there_with_another_prefix_length_is_there() {
    let (desired, mut observed) = fresh();
    observed.addresses.push(Address {
        dev: "eth1".into(),
        net: "10.0.0.20/20".parse().unwrap(),
    });
    let changes = shown(&diff(&desired, &observed, &everything()));
    assert!(
        !changes
            .iter()
            .any(|change| change.contains("address replace 10.0.0.20/")),
        "{changes:#?}"
    );
}

#[test]
fn a_route_of_ours_with_another_gateway_is_replaced_in_one_step() {
    let (desired, observed) = fresh();
    let mut observed = applied(observed.clone(), &diff(&desired, &observed, &everything()));
    let default = observed
        .routes
        .iter_mut()
        .find(|route| route.table == 10001 && route.via.is_some())
        .unwrap();
    default.via = Some("10.0.0.2".parse().unwrap());
    let standing = default.clone();
    let ours = Scope {
        made: vec![Made {
            owner: Owner::Eni(mac(1)),
            objects: [Object::from(standing.clone())].into(),
        }],
        ..everything()
    };
    let changes = shown(&diff(&desired, &observed, &ours));
    assert_eq!(
        changes,
        ["ip -4 route replace default via 10.0.0.1 dev eth1 onlink table 10001 proto static"]
    );
    assert_eq!(conflicts(&desired, &observed, &ours), []);

    assert_eq!(
        diff(&desired, &observed, &everything()),
        [],
        "not made by eniroute"
    );
    let found = conflicts(&desired, &observed, &everything());
    assert_eq!(
        found
            .iter()
            .map(|conflict| &conflict.standing)
            .collect::<Vec<_>>(),
        [&standing]
    );
    let wanted = Route {
        via: Some("10.0.0.1".parse().unwrap()),
        ..standing
    };
    assert_eq!((found[0].owner, &found[0].wanted), (mac(1), &wanted));
    assert_eq!(missing(&desired, &observed)[&Number::new(1, 0)].len(), 1);
}

#[test]
fn an_unassigned_address_goes_with_its_rule_as_far_as_we_had_added_them() {
    let (desired, observed) = fresh();
    let observed = applied(observed.clone(), &diff(&desired, &observed, &everything()));
    let fewer = plan(
        &[eni(0, "10.0.0.10"), eni(1, "10.0.0.20")],
        &observed,
        &Config::default(),
    );
    assert_eq!(
        diff(&fewer, &observed, &everything()),
        [],
        "none of it made by eniroute"
    );

    let ours = "ip -4 rule del from 10.0.0.21 lookup 10001 priority 10001";
    let objects = [Object::Rule(rule("10.0.0.21/32", 10001, 10001))].into();
    let made = vec![Made {
        owner: Owner::Eni(mac(1)),
        objects,
    }];
    assert_eq!(
        shown(&diff(
            &fewer,
            &observed,
            &Scope {
                made,
                ..everything()
            }
        )),
        [ours]
    );
    let changes = shown(&diff(&fewer, &observed, &having_made(&desired)));
    assert_eq!(changes, [ours, "ip -4 address del 10.0.0.21/32 dev eth1"]);
}

#[test]
fn a_detached_eni_leaves_nothing_when_the_answer_was_complete_and_all_when_not() {
    let (desired, observed) = fresh();
    let mut observed = applied(observed.clone(), &diff(&desired, &observed, &everything()));
    observed.links.pop();
    let alone = plan(&[eni(0, "10.0.0.10")], &observed, &Config::default());
    let changes = shown(&diff(&alone, &observed, &having_made(&desired)));
    assert_eq!(
        changes
            .iter()
            .filter(|change| change.contains(" rule del "))
            .count(),
        3,
        "{changes:#?}"
    );
    assert_eq!(
        changes
            .iter()
            .filter(|change| change.contains(" route del "))
            .count(),
        5,
        "{changes:#?}"
    );

    assert_eq!(
        diff(
            &alone,
            &observed,
            &Scope {
                complete: false,
                ..having_made(&desired)
            }
        ),
        []
    );
}

#[test]
fn what_is_not_in_the_ledger_is_never_removed_whatever_its_numbers() {
    let (desired, observed) = fresh();
    let mut observed = applied(observed.clone(), &diff(&desired, &observed, &everything()));
    observed.rules.extend([
        rule("10.8.0.0/16", 100, 10050),
        rule("10.8.0.0/16", 10001, 9999),
        rule("10.8.0.0/16", 10001, 10002),
        Rule {
            from: None,
            ..rule("10.8.0.0/16", 10050, 10050)
        },
        rule("10.8.0.0/16", 10050, 10050).with(Extra {
            foreign: Some("iif eth2 lookup 10050".into()),
            ..Extra::NONE
        }),
        Rule {
            suppress_prefixlength: Some(1),
            ..rule("10.8.0.0/16", 10050, 10050)
        },
        Rule {
            suppress_prefixlength: Some(0),
            ..rule("10.8.0.0/16", MAIN, 30350)
        },
        rule("10.8.0.0/16", 13200, 13200),
        rule("10.8.0.0/16", 10001, 10001),
        rule("10.8.0.0/16", 10007, 10007),
    ]);
    let foreign = Route {
        table: MAIN,
        kind: RouteKind::Unicast,
        dst: "10.9.0.0/16".parse().unwrap(),
        via: None,
        dev: Some("eth1".into()),
        next_hops: Vec::new(),
        object: Default::default(),
        src: None,
        metric: 10001,
        mtu: None,
    };
    observed.routes.push(foreign.clone());
    for table in [10001, 10007, 13200] {
        observed.routes.push(Route {
            table,
            ..foreign.clone()
        });
        observed.routes.push(Route {
            table,
            kind: RouteKind::Throw,
            dev: None,
            metric: 0,
            ..foreign.clone()
        });
    }
    observed.addresses.push(Address {
        dev: "eth1".into(),
        net: "10.0.0.99/32".parse().unwrap(),
    });
    assert_eq!(diff(&desired, &observed, &having_made(&desired)), []);
    let all_gone = applied(
        observed.clone(),
        &diff(&Desired::default(), &observed, &having_made(&desired)),
    );
    let theirs = |all: &Observed| (all.rules.len(), all.routes.len(), all.addresses.len());
    assert_eq!(theirs(&all_gone), (10, 8, 2), "{all_gone:#?}");
}

#[test]
fn a_route_by_another_hand_in_main_stands_even_at_our_metric() {
    let (desired, mut observed) = fresh();
    let theirs = Route {
        table: MAIN,
        kind: RouteKind::Unicast,
        dst: Family::Ipv4.everything(),
        via: Some("10.0.0.9".parse().unwrap()),
        dev: Some("eth0".into()),
        next_hops: Vec::new(),
        object: Default::default(),
        src: None,
        metric: 10001,
        mtu: None,
    };
    observed.routes.push(theirs.clone());
    let changes = shown(&diff(&desired, &observed, &everything()));
    assert!(
        !changes
            .iter()
            .any(|change| change.contains("route replace")),
        "{changes:#?}"
    );

    let made = vec![Made {
        owner: Owner::Eni(mac(1)),
        objects: [Object::from(theirs)].into(),
    }];
    let changes = shown(&diff(
        &desired,
        &observed,
        &Scope {
            made,
            ..everything()
        },
    ));
    assert!(
        changes
            .iter()
            .any(|change| change.contains("route replace default")),
        "{changes:#?}"
    );
}

#[test]
fn only_the_chosen_enis_are_changed_and_kept_ones_lose_nothing() {
    let (desired, observed) = fresh();
    let only = Scope {
        only: Some([mac(0)].into()),
        ..everything()
    };
    assert!(
        shown(&diff(&desired, &observed, &only))
            .iter()
            .all(|change| change.contains("10000"))
    );

    let mut observed = observed;
    let stale = rule("10.0.0.77/32", 10003, 10003);
    observed.rules.push(stale.clone());
    let made = vec![Made {
        owner: Owner::Eni(mac(3)),
        objects: [Object::Rule(stale)].into(),
    }];
    let kept = Scope {
        keep: [mac(3)].into(),
        made: made.clone(),
        ..everything()
    };
    assert!(
        shown(&diff(&desired, &observed, &kept))
            .iter()
            .all(|change| !change.contains(" del "))
    );
    let all = Scope {
        made,
        ..everything()
    };
    assert!(
        shown(&diff(&desired, &observed, &all))
            .iter()
            .any(|change| change.contains("10.0.0.77"))
    );
}

/// An instance may be launched with an ENI as its primary that was a secondary one of the instance before.
#[test]
fn the_primary_keeps_link_and_addresses_whatever_the_ledger_says() {
    let (_, mut observed) = fresh();
    let six = Address {
        dev: "eth0".into(),
        net: "2001:db8::10/128".parse().unwrap(),
    };
    observed.addresses.push(six.clone());
    let mut primary = eni(0, "10.0.0.10");
    primary.ipv6 = vec!["2001:db8::10".parse().unwrap()];
    primary.subnet_ipv6 = vec!["2001:db8::/64".parse().unwrap()];
    let alone = plan(&[primary], &observed, &Config::default());
    let objects: std::collections::BTreeSet<_> =
        [Object::LinkUp("eth0".into()), Object::Address(six)].into();
    let scope = Scope {
        made: vec![Made {
            owner: Owner::Eni(mac(1)),
            objects,
        }],
        ..everything()
    };
    let changes = shown(&diff(&alone, &observed, &scope));
    assert_eq!(
        changes,
        ["ip -6 route add default via fe80:ec2::1 dev eth0 onlink metric 10000 proto static"]
    );
}

#[test]
fn a_link_that_somebody_else_uses_too_is_not_taken_down() {
    let (_, mut observed) = fresh();
    let eth1: Dev = "eth1".into();
    observed.links[1].up = true;
    let ours = Address::host(&eth1, "10.0.0.20".parse().unwrap());
    observed.addresses.push(ours.clone());
    observed.addresses.push(Address {
        dev: eth1.clone(),
        net: "fe80::1/64".parse().unwrap(),
    });
    let objects = [Object::LinkUp(eth1.clone()), Object::Address(ours)].into();
    let scope = Scope {
        made: vec![Made {
            owner: Owner::Eni(mac(1)),
            objects,
        }],
        ..everything()
    };
    let changes = shown(&diff(&Desired::default(), &observed, &scope));
    assert_eq!(
        changes,
        [
            "ip -4 address del 10.0.0.20/32 dev eth1",
            "ip link set dev eth1 down"
        ]
    );

    observed.addresses.push(Address {
        dev: eth1,
        net: "192.0.2.1/24".parse().unwrap(),
    });
    let changes = shown(&diff(&Desired::default(), &observed, &scope));
    assert_eq!(changes, ["ip -4 address del 10.0.0.20/32 dev eth1"]);
}

/// A /32 that came before the lease would become the interface's primary address, and a route cannot have a source
/// that is not there.
#[test]
fn the_primary_waits_for_its_lease_and_loses_nothing_meanwhile() {
    let (_, leased) = fresh();
    let observed = Observed {
        addresses: Vec::new(),
        ..leased.clone()
    };
    let desired = plan(
        &[eni(0, "10.0.0.10 10.0.0.11"), eni(1, "10.0.0.20")],
        &observed,
        &Config::default(),
    );
    let changes = diff(&desired, &observed, &everything());
    assert!(
        shown(&changes)
            .iter()
            .all(|change| change.contains("eth1") || change.contains("10001")),
        "{changes:#?}"
    );
    assert_eq!(missing(&desired, &observed)[&Number::default()].len(), 4);
    assert_eq!(
        desired.enis[0].missing_lease(&observed),
        Some("10.0.0.10".parse().unwrap())
    );

    let second = Address::host(&"eth0".into(), "10.0.0.11".parse().unwrap());
    let observed = Observed {
        addresses: vec![second.clone()],
        ..leased
    };
    let made = vec![Made {
        owner: Owner::Eni(mac(1)),
        objects: [Object::Address(second)].into(),
    }];
    let changes = shown(&diff(
        &desired,
        &observed,
        &Scope {
            made,
            ..everything()
        },
    ));
    assert!(
        !changes.iter().any(|change| change.contains(" del ")),
        "{changes:#?}"
    );
}

#[test]
fn whatever_the_primary_loses_without_our_wish_is_found() {
    let (_, mut before) = fresh();
    let default = Route {
        table: MAIN,
        kind: RouteKind::Unicast,
        dst: Family::Ipv4.everything(),
        via: Some("10.0.0.1".parse().unwrap()),
        dev: Some("eth0".into()),
        next_hops: Vec::new(),
        object: Default::default(),
        src: None,
        metric: 100,
        mtu: None,
    };
    let secondary = Address::host(&"eth0".into(), "10.0.0.11".parse().unwrap());
    before.routes.push(default.clone());
    before.addresses.push(secondary.clone());
    let eth0: Dev = "eth0".into();
    assert_eq!(
        lost_lifeline(&eth0, &lifelines(&eth0, &before), &before, &[]).cloned(),
        None
    );

    let mut after = before.clone();
    after.routes.clear();
    assert_eq!(
        lost_lifeline(&eth0, &lifelines(&eth0, &before), &after, &[]).cloned(),
        Some(Object::from(default))
    );

    let mut after = before.clone();
    after.links[0].up = false;
    assert_eq!(
        lost_lifeline(&eth0, &lifelines(&eth0, &before), &after, &[]).cloned(),
        Some(Object::LinkUp(eth0.clone()))
    );

    let mut after = before.clone();
    after.addresses.pop();
    assert_eq!(
        lost_lifeline(&eth0, &lifelines(&eth0, &before), &after, &[]).cloned(),
        Some(Object::Address(secondary.clone()))
    );
    assert_eq!(
        lost_lifeline(
            &eth0,
            &lifelines(&eth0, &before),
            &after,
            &[Change::Remove(Object::Address(secondary))]
        )
        .cloned(),
        None
    );
}

#[test]
fn of_a_default_with_several_next_hops_the_primary_s_own_is_what_it_must_not_lose() {
    let (_, mut before) = fresh();
    let hop = |dev: &str| NextHop {
        via: Some("fe80:ec2::1".parse().unwrap()),
        dev: dev.into(),
        weight: 1,
    };
    let by = |hops: Vec<NextHop>| Route {
        table: MAIN,
        kind: RouteKind::Unicast,
        dst: Family::Ipv6.everything(),
        via: None,
        dev: None,
        next_hops: hops,
        object: Default::default(),
        src: None,
        metric: 512,
        mtu: None,
    };
    let both = by(vec![hop("eth0"), hop("eth1")]);
    before.routes = vec![both.clone()];
    let with = |route: Route| Observed {
        routes: vec![route],
        ..before.clone()
    };
    let single = |dev: &str| Route {
        via: hop(dev).via,
        dev: Some(dev.into()),
        ..by(Vec::new())
    };
    let lost = |after: Route| {
        lost_lifeline(
            &"eth0".into(),
            &lifelines(&"eth0".into(), &before),
            &with(after),
            &[],
        )
        .cloned()
    };
    assert_eq!(
        lost(single("eth0")),
        None,
        "the other's went, which is none of the primary's"
    );
    assert_eq!(lost(by(vec![hop("eth2"), hop("eth0")])), None);
    assert_eq!(lost(single("eth1")), Some(Object::from(both.clone())));
    assert_eq!(
        lost(Route {
            metric: 9999,
            ..single("eth0")
        }),
        Some(Object::from(both))
    );
}

#[test]
fn what_belongs_to_no_eni_is_made_first_and_goes_last_and_only_with_everything() {
    let (mut desired, mut observed) = fresh();
    let key = Key::of_host("net/ipv4/ip_forward");
    desired.host = vec![Object::from(Sysctl::new(key.clone(), "1"))];
    assert!(
        shown(&diff(&desired, &observed, &everything()))
            .iter()
            .all(|change| !change.contains("ip_forward"))
    );
    observed.sysctls.insert(key.clone(), "0".to_owned());
    let changes = diff(&desired, &observed, &everything());
    assert_eq!(changes[0].to_string(), "sysctl -qw net/ipv4/ip_forward=1");
    assert_eq!(
        changes[0].inverse().to_string(),
        "sysctl -qw net/ipv4/ip_forward=0"
    );

    let observed = applied(observed, &changes);
    assert_eq!(diff(&desired, &observed, &everything()), []);
    let mut ledger = crate::ledger::Ledger::default();
    changes.iter().for_each(|change| ledger.record(change));
    let made = ledger.made(&observed.links, &|_| true);
    let scope = Scope {
        made,
        ..everything()
    };
    assert_eq!(diff(&desired, &observed, &scope), [], "it is wanted");
    desired.host.clear();
    assert_eq!(
        shown(&diff(&desired, &observed, &scope)),
        ["sysctl -qw net/ipv4/ip_forward=0"]
    );
    assert_eq!(
        diff(
            &desired,
            &observed,
            &Scope {
                complete: false,
                ..scope.clone()
            }
        ),
        []
    );
    assert_eq!(
        diff(
            &desired,
            &observed,
            &Scope {
                only: Some([mac(1)].into()),
                ..scope.clone()
            }
        ),
        []
    );
    let by_another_hand = Observed {
        sysctls: [(key, "2".to_owned())].into(),
        ..observed
    };
    assert_eq!(diff(&desired, &by_another_hand, &scope), []);
}

/// The link is up by then, whose owner could want it otherwise.
#[test]
fn a_setting_of_a_link_that_could_not_be_made_is_made_by_the_next_run_and_an_owner_s_stays() {
    let (desired, mut observed) = fresh();
    let key = Key::accept_ra(&"eth1".into());
    observed.links[1].up = true;
    observed.sysctls.insert(key.clone(), "1".to_owned());
    let scope_of = |value: &str| {
        let ours = Sysctl {
            before: Some("1".to_owned()),
            ..Sysctl::new(key.clone(), value)
        };
        let objects = [Object::LinkUp("eth1".into()), Object::from(ours)].into();
        let made = vec![Made {
            owner: Owner::Eni(mac(1)),
            objects,
        }];
        Scope {
            made,
            ..everything()
        }
    };
    let settings = |scope: &Scope| {
        let all = shown(&diff(&desired, &observed, scope));
        all.into_iter()
            .filter(|change| change.starts_with("sysctl"))
            .collect::<Vec<_>>()
    };
    let wanted = "sysctl -qw net/ipv6/conf/eth1/accept_ra=0";
    assert_eq!(settings(&scope_of("1")), [wanted]);
    assert_eq!(settings(&scope_of("0")), [""; 0]);
    assert_eq!(settings(&everything()), [""; 0]);
}

/// The default of eth1's own table, where the rest of `observed` is as it was made.
fn with_mtu(observed: &Observed, mtu: Option<u32>) -> Observed {
    let mut observed = observed.clone();
    let routes = observed.routes.iter_mut();
    routes
        .filter(|route| route.table == 10001 && route.via.is_some())
        .for_each(|route| route.mtu = mtu);
    observed
}

#[test]
fn a_route_of_ours_with_another_mtu_is_replaced_and_goes_with_whichever_it_has() {
    let (desired, observed) = fresh();
    let made = applied(observed.clone(), &diff(&desired, &observed, &everything()));
    let ours = having_made(&desired);
    let changed = with_mtu(&made, Some(1400));
    assert_eq!(
        shown(&diff(&desired, &changed, &ours)),
        ["ip -4 route replace default via 10.0.0.1 dev eth1 onlink table 10001 proto static"]
    );
    assert_eq!(conflicts(&desired, &changed, &ours), []);
    let wish = Config {
        eni: vec![EniConfig {
            selector: "eth1".to_owned(),
            mtu_internet: Some(1500),
            place: String::new(),
        }],
        ..Config::default()
    };
    let enis = [eni(0, "10.0.0.10"), eni(1, "10.0.0.20 10.0.0.21")];
    let wished = plan(&enis, &made, &wish);
    let changes = diff(&wished, &made, &ours);
    assert_eq!(
        shown(&changes),
        [
            "ip -4 route replace default via 10.0.0.1 dev eth1 onlink table 10001 mtu 1500 proto static",
            "ip -4 route replace default via 10.0.0.1 dev eth1 onlink metric 10001 mtu 1500 proto static",
        ]
    );
    let done = applied(made.clone(), &changes);
    assert_eq!(plan(&enis, &done, &wish), wished);
    assert_eq!(diff(&wished, &done, &having_made(&wished)), []);

    let nothing = Desired::default();
    let removed = |observed: &Observed| shown(&diff(&nothing, observed, &ours));
    let (plain, now) = (removed(&made), removed(&changed));
    let others = |line: &&String| !line.contains("default via 10.0.0.1 dev eth1 onlink table");
    assert_eq!(
        plain.iter().filter(others).collect::<Vec<_>>(),
        now.iter().filter(others).collect::<Vec<_>>()
    );
    let its = now.iter().find(|line| !others(line)).unwrap();
    assert_eq!(
        its,
        "ip -4 route del default via 10.0.0.1 dev eth1 onlink table 10001 mtu 1400"
    );
}

/// networkd appends to ours what it takes for the same route.
#[test]
fn a_second_route_that_differs_in_its_mtu_alone_goes() {
    let (desired, observed) = fresh();
    let mut made = applied(observed.clone(), &diff(&desired, &observed, &everything()));
    let ours = having_made(&desired);
    let is_one = |route: &&Route| route.table == 10001 && route.via.is_some();
    let new = made.routes.iter().find(is_one).unwrap().clone();
    let old = Route {
        mtu: Some(1500),
        ..new.clone()
    };
    made.routes.push(old.clone());
    let change = Change::Replace {
        old: old.into(),
        new: new.into(),
    };
    assert_eq!(diff(&desired, &made, &ours), [change]);
    assert_eq!(diff(&desired, &made, &everything()), [], "of others");
    let gone = shown(&diff(&Desired::default(), &made, &ours));
    let defaults = gone
        .iter()
        .filter(|line| line.contains("table 10001") && line.contains("default"));
    assert_eq!(defaults.count(), 2, "{gone:#?}");
}

/// A router of `fresh`'s ENIs, with the settings that a new host has.
fn router() -> (Desired, Observed) {
    let (_, mut observed) = fresh();
    let names = [
        crate::net::sysctl::FORWARDING,
        crate::net::sysctl::SEND_REDIRECTS,
    ];
    for dev in ["eth0", "eth1"] {
        let keys = names.map(|name| Key::of_link(name, &dev.into()));
        let values = keys.into_iter().zip(["0".to_owned(), "1".to_owned()]);
        observed.sysctls.extend(values);
    }
    let errors = Key::of_host(crate::net::sysctl::INBOUND_ERRORS);
    observed.sysctls.insert(errors, "0".to_owned());
    let mut config = Config::default();
    config.forwarding.enabled = true;
    let enis = [eni(0, "10.0.0.10"), eni(1, "10.0.0.20 10.0.0.21")];
    (plan(&enis, &observed, &config), observed)
}

#[test]
fn forwarding_comes_after_all_else_and_goes_before_it_and_the_host_s_settings_go_last() {
    let (desired, observed) = router();
    let changes = diff(&desired, &observed, &everything());
    let made = shown(&changes);
    let last = made.len() - 2;
    assert_eq!(
        made[last..],
        ["eth0", "eth1"].map(|dev| format!("sysctl -qw net/ipv4/conf/{dev}/forwarding=1"))
    );
    assert_eq!(
        made[0],
        "sysctl -qw net/ipv4/icmp_errors_use_inbound_ifaddr=1"
    );
    let then = applied(observed.clone(), &changes);
    assert_eq!(diff(&desired, &then, &everything()), []);
    let mut scope = having_made(&desired);
    scope.made.insert(
        0,
        Made {
            owner: Owner::Host,
            objects: desired.host.iter().cloned().collect(),
        },
    );
    let gone = shown(&diff(&Desired::default(), &then, &scope));
    assert!(
        gone[..2].iter().all(|line| line.contains("/forwarding=")),
        "{gone:?}"
    );
    assert!(
        gone.last()
            .unwrap()
            .contains("icmp_errors_use_inbound_ifaddr"),
        "{gone:?}"
    );
}

#[test]
fn what_is_no_router_any_more_has_its_settings_put_back_the_primary_s_too() {
    let (desired, observed) = router();
    let then = applied(observed.clone(), &diff(&desired, &observed, &everything()));
    let (plain, _) = fresh();
    let back = shown(&diff(&plain, &then, &having_made(&desired)));
    for dev in ["eth0", "eth1"] {
        for name in ["forwarding", "send_redirects"] {
            let key = format!("net/ipv4/conf/{dev}/{name}=");
            assert!(
                back.iter().any(|line| line.contains(&key)),
                "{key}: {back:?}"
            );
        }
    }
}

#[test]
fn a_link_goes_on_passing_packets_where_somebody_has_made_the_whole_host_a_router_meanwhile() {
    let (desired, observed) = router();
    let mut then = applied(observed.clone(), &diff(&desired, &observed, &everything()));
    let key = Key::of_host(crate::net::sysctl::ROUTER);
    then.sysctls.insert(key, "1".to_owned());
    let gone = shown(&diff(&Desired::default(), &then, &having_made(&desired)));
    assert!(
        !gone.iter().any(|line| line.contains("/forwarding=")),
        "{gone:?}"
    );
    assert!(
        gone.iter().any(|line| line.contains("/send_redirects=")),
        "{gone:?}"
    );
}
