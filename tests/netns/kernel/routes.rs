//! Routes: made, seen, removed and replaced, and the way that a packet takes by them.

use eniroute::kernel::Lookup;
use eniroute::net::{Dev, Family, NextHop, Route, RouteKind};
use eniroute::object::{Change, Object};
use serde_json::json;

use super::{addr, address, dev, ip, ip_json, on_host, route, rule, throw};

#[test]
fn routes_round_trip() {
    on_host(|host| {
        host.add(Object::Address(address("10.0.0.10")));
        let subnet = Route {
            src: Some(addr("10.0.0.10")),
            ..route("10.0.0.0/20", None)
        };
        let main = Route {
            table: 254,
            metric: 10001,
            ..route("0.0.0.0/0", Some("10.0.0.1"))
        };
        for route in [
            subnet,
            main,
            route("0.0.0.0/0", Some("10.0.0.1")),
            route("2001:db8::/64", None),
            route("::/0", Some("fe80:ec2::1")),
            throw("10.0.16.0/28"),
            throw("2001:db8:0:0:1::/80"),
        ] {
            host.round_trip(Object::from(route.clone()), |seen| {
                seen.routes.contains(&route)
            });
        }
    });
}

/// A lock and other metrics of others are no concern of ours.
#[test]
fn the_mtu_of_a_route_is_made_seen_and_replaced_and_its_text_is_ips() {
    for (everything, via) in [("0.0.0.0/0", "10.0.0.1"), ("::/0", "fe80::1")] {
        on_host(move |host| {
            let plain = route(everything, Some(via));
            let with = |mtu| Route {
                mtu: Some(mtu),
                ..plain.clone()
            };
            let ours = with(1500);
            host.round_trip(Object::from(ours.clone()), |seen| {
                seen.routes.contains(&ours)
            });
            assert!(host.add(Object::from(plain.clone())));
            for (old, new) in [(&plain, &ours), (&ours, &with(1400)), (&with(1400), &plain)] {
                assert!(host.replace(old, new).unwrap(), "{old} by {new}");
                assert!(!host.replace(old, new).unwrap(), "{new} stands already");
                assert_eq!(
                    host.routes(10001),
                    std::slice::from_ref(new),
                    "{old} by {new}"
                );
            }
            assert!(
                host.remove(Object::from(ours.clone())),
                "it goes, whatever MTU it has"
            );
            for (change, there) in [
                (Change::Add(Object::from(ours.clone())), vec![ours.clone()]),
                (Change::Remove(Object::from(ours.clone())), vec![]),
            ] {
                ip(change.to_string().strip_prefix("ip ").unwrap());
                assert_eq!(host.routes(10001), there, "{change}");
            }
            let flag = plain.family().flag();
            ip(&format!(
                "{flag} route add default via {via} dev eth1 onlink table 10001 advmss 1200 mtu lock 1500"
            ));
            assert_eq!(host.routes(10001), [ours]);
        });
    }
}

/// As networkd does, which asks the kernel to append.
#[test]
fn of_two_ipv4_routes_that_differ_in_their_mtu_the_one_that_is_meant_goes() {
    on_host(|host| {
        let plain = route("0.0.0.0/0", Some("10.0.0.1"));
        let ours = Route {
            mtu: Some(1500),
            ..plain.clone()
        };
        for (first, second) in [(&plain, &ours), (&ours, &plain)] {
            assert!(host.add(Object::from(first.clone())));
            let words = second.to_string().replace(" onlink", "");
            ip(&format!("route append {words} onlink"));
            assert_eq!(host.routes(10001), [first.clone(), second.clone()]);
            assert!(host.replace(second, first).unwrap());
            assert_eq!(host.routes(10001), std::slice::from_ref(first));
            ip(&format!("route append {words} onlink"));
            assert!(host.replace(first, second).unwrap());
            assert_eq!(host.routes(10001), std::slice::from_ref(second));
            assert!(host.remove(Object::from(second.clone())));
        }
    });
}

#[test]
fn ip_shows_our_routes_as_networkd_makes_them() {
    on_host(|host| {
        host.add(Object::Address(address("10.0.0.10")));
        let objects = [
            route("10.0.0.0/20", None),
            route("0.0.0.0/0", Some("10.0.0.1")),
            throw("10.0.16.0/28"),
        ];
        assert!(
            objects
                .into_iter()
                .all(|route| host.add(Object::from(route)))
        );
        let shown = ip_json("route show table 10001");
        let of = |dst: &str| shown.iter().find(|row| row["dst"] == dst).unwrap();
        assert_eq!(
            (&of("10.0.0.0/20")["scope"], &of("10.0.0.0/20")["protocol"]),
            (&json!("link"), &json!("static"))
        );
        assert_eq!(
            (&of("default")["scope"], &of("default")["flags"]),
            (&json!("global"), &json!(["onlink"]))
        );
        assert_eq!(
            (&of("default")["gateway"], &of("default")["dev"]),
            (&json!("10.0.0.1"), &json!("eth1"))
        );
        assert_eq!(
            (&of("10.0.16.0/28")["type"], &of("10.0.16.0/28")["scope"]),
            (&json!("throw"), &json!("global"))
        );
    });
}

#[test]
fn routes_that_others_made_are_seen_and_removed() {
    on_host(|host| {
        ip("address add 10.0.0.10/20 dev eth1");
        ip("route add default via 10.0.0.1 dev eth1 table 10001 proto dhcp src 10.0.0.10");
        ip("-6 route add default via fe80:ec2::1 dev eth1 onlink table 10001 proto ra");
        ip("route add throw 10.0.16.0/28 table 10001 proto boot");
        let routes = host.routes(10001);
        let dhcp = Route {
            src: Some(addr("10.0.0.10")),
            ..route("0.0.0.0/0", Some("10.0.0.1"))
        };
        assert_eq!(
            routes,
            [
                dhcp,
                throw("10.0.16.0/28"),
                route("::/0", Some("fe80:ec2::1"))
            ]
        );
        for mut route in routes {
            route.src = None;
            assert!(host.remove(Object::from(route)));
        }
        assert_eq!(host.routes(10001), []);
    });
}

#[test]
fn routes_of_other_tables_and_of_the_cache_are_not_seen() {
    on_host(|host| {
        for table in [9999, 10000, 13199, 13200] {
            ip(&format!("route add 10.7.0.0/16 dev eth1 table {table}"));
        }
        let tables: Vec<_> = host
            .observe()
            .routes
            .iter()
            .filter(|r| r.family() == Family::Ipv4)
            .map(|r| r.table)
            .collect();
        assert_eq!(tables, [10000, 13199]);
    });
}

#[test]
fn a_route_that_is_not_plain_equals_none_of_ours() {
    on_host(|host| {
        ip("route add 10.1.0.0/16 table 10001 nexthop dev eth1 nexthop dev eth2");
        ip("route add 10.3.0.0/16 table 10001 via inet6 fe80::1 dev eth1");
        ip("route add blackhole 10.4.0.0/16 table 10001");
        let pathless = |dst| Route {
            dev: None,
            ..route(dst, None)
        };
        assert_eq!(
            host.routes(10001),
            [
                Route {
                    next_hops: vec![hop(None, "eth1"), hop(None, "eth2")],
                    object: Default::default(),
                    ..pathless("10.1.0.0/16")
                },
                route("10.3.0.0/16", Some("fe80::1")),
                Route {
                    kind: RouteKind::Other(6),
                    ..pathless("10.4.0.0/16")
                },
            ]
        );
    });
}

/// The kernel keeps those apart: neither is in the place of the other.
#[test]
fn a_route_for_some_packets_only_leaves_room_for_ours() {
    on_host(|host| {
        ip("route add default table 10001 dev eth2 tos 0x10");
        ip("-6 route add default from 2001:db8:1::/64 dev eth2 table 10001");
        assert_eq!(host.routes(10001), []);
        for ours in [route("0.0.0.0/0", None), route("::/0", Some("fe80:ec2::1"))] {
            host.round_trip(Object::from(ours.clone()), |seen| {
                seen.routes.contains(&ours)
            });
        }
        assert!(ip("route show table 10001").contains("tos"));
        assert!(ip("-6 route show table 10001").contains("from 2001:db8:1::/64"));
    });
}

#[test]
fn ip_accepts_the_words_for_every_kind_of_route() {
    on_host(|host| {
        for kind in "unicast local broadcast anycast multicast blackhole unreachable prohibit throw"
            .split(' ')
        {
            let device = if ["blackhole", "unreachable", "prohibit", "throw"].contains(&kind) {
                ""
            } else {
                "dev eth1"
            };
            for (flag, dst) in [
                ("-4", "10.4.0.0/16"),
                ("-4", "default"),
                ("-6", "2001:db8:4::/48"),
            ] {
                if flag == "-6" && kind == "broadcast" {
                    continue; // IPv6 has none.
                }
                ip(&format!(
                    "{flag} route add {kind} {dst} {device} table 10001 metric 7"
                ));
                let shown = ip(&format!("{flag} route show table 10001"));
                let [route] = &host.routes(10001)[..] else {
                    panic!("{kind} {dst}")
                };
                ip(&format!("{flag} route del {route}"));
                assert_eq!(host.routes(10001), [], "{kind} {dst}: {route}");
                ip(&format!("{flag} route add {route}"));
                assert_eq!(
                    ip(&format!("{flag} route show table 10001")),
                    shown,
                    "{route}"
                );
                ip(&format!("{flag} route flush table 10001"));
            }
        }
    });
}

/// The kernel drops all IPv4 routes of a link with its last address.
#[test]
fn with_the_last_address_of_a_link_no_route_of_another_hand_goes() {
    on_host(|host| {
        for ip in ["10.0.0.10", "10.0.0.11"] {
            host.add(Object::Address(address(ip)));
        }
        host.add(Object::from(route("10.0.0.0/20", None)));
        ip("route add 192.168.0.0/16 via 10.0.0.9 dev eth1 table 10001 proto 93 mtu 1400");
        ip("route add 192.168.1.0/24 via 10.0.0.9 dev eth1 onlink metric 7");
        ip("route add unreachable 192.168.2.0/24 table 10001");
        ip("route add 192.168.3.0/24 dev eth1 scope link table 77");
        ip("route add 192.168.4.0/24 dev eth1 src 10.0.0.11");
        assert!(host.remove(Object::Address(address("10.0.0.11"))));
        assert!(host.remove(Object::from(route("10.0.0.0/20", None))));
        let before = ip("route show table 77") + &ip("route show metric 7");
        assert!(host.remove(Object::Address(address("10.0.0.10"))));
        assert_eq!(
            ip("route show table 77") + &ip("route show metric 7"),
            before
        );
        let table = ip("route show table 10001");
        assert!(
            table.contains("192.168.0.0/16 via 10.0.0.9 dev eth1 proto 93 onlink mtu 1400"),
            "{table}"
        );
        assert!(table.contains("unreachable 192.168.2.0/24"), "{table}");
        assert!(
            !ip("route").contains("192.168.4.0/24"),
            "its source is gone"
        );
    });
}

/// The kernel has no such routes any more, and says so; `ip` still has the words.
#[test]
fn the_words_for_kinds_that_only_older_kernels_have_are_ip_s() {
    for (number, word) in [(10, "nat"), (11, "xresolve")] {
        let old = Route {
            kind: RouteKind::Other(number),
            dev: None,
            ..route("10.4.0.0/16", None)
        };
        assert_eq!(old.to_string(), format!("{word} 10.4.0.0/16 table 10001"));
        on_host(move |_| {
            let words = format!("route add {old}");
            let out = std::process::Command::new("ip")
                .args(words.split_whitespace())
                .output()
                .unwrap();
            // 2 is the kernel's refusal; `ip`'s own is another.
            assert_eq!(
                out.status.code(),
                Some(2),
                "{words}: {}",
                String::from_utf8_lossy(&out.stderr)
            );
        });
    }
    let newer = Route {
        kind: RouteKind::Other(99),
        dev: None,
        ..route("10.4.0.0/16", None)
    };
    assert!(
        newer.to_string().contains("`ip` has no word for"),
        "{newer}"
    );
}

#[test]
fn only_the_very_route_is_removed() {
    on_host(|host| {
        ip("route add default dev eth1 table 10001 metric 100");
        ip("-6 route add 2001:db8:1::/64 via fe80::1 dev eth1 table 10001");
        let before = host.routes(10001);
        for other in [
            route("0.0.0.0/0", None),
            throw("2001:db8:1::/64"),
            route("2001:db8:1::/64", None),
            Route {
                dev: Some(dev("eth2")),
                ..route("2001:db8:1::/64", Some("fe80::1"))
            },
            Route {
                dev: Some(dev("eth9")),
                ..route("2001:db8:1::/64", Some("fe80::1"))
            },
        ] {
            assert!(!host.remove(Object::from(other)));
        }
        assert_eq!(host.routes(10001), before);
    });
}

#[test]
fn of_two_routes_with_one_key_none_is_taken_for_the_other() {
    on_host(|host| {
        let ours = route("2001:db8::/64", None);
        assert!(host.add(Object::from(ours.clone())));
        ip("-6 route append 2001:db8::/64 via fe80::1 dev eth1 table 10001");
        let before = host.routes(10001);
        assert_eq!(before.len(), 2, "{before:?}");
        let refused = host
            .kernel
            .apply(&Change::Remove(Object::from(ours.clone())), &host.links)
            .unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("could delete `2001:db8::/64 via fe80::1"),
            "{refused}"
        );
        let refused = host
            .replace(&ours, &route("2001:db8::/64", Some("fe80::2")))
            .unwrap_err();
        assert!(
            refused.to_string().contains("alone in its place"),
            "{refused}"
        );
        assert_eq!(host.routes(10001), before);
        assert!(host.remove(Object::from(route("2001:db8::/64", Some("fe80::1")))));
        assert_eq!(host.routes(10001), [ours]);
    });
}

#[test]
fn a_route_is_replaced_in_one_step() {
    on_host(|host| {
        for (old, new) in [
            (
                route("0.0.0.0/0", Some("10.0.0.1")),
                route("0.0.0.0/0", Some("10.0.0.2")),
            ),
            (
                route("::/0", Some("fe80:ec2::1")),
                route("::/0", Some("fe80::1")),
            ),
            (
                route("2001:db8::/64", None),
                route("2001:db8::/64", Some("fe80::1")),
            ),
            (
                route("2001:db8:1::/64", Some("fe80::1")),
                throw("2001:db8:1::/64"),
            ),
        ] {
            host.add(Object::Address(address("10.0.0.10")));
            assert!(host.add(Object::from(old.clone())));
            assert!(host.replace(&old, &new).unwrap(), "{old} by {new}");
            assert!(!host.replace(&old, &new).unwrap(), "{new} stands already");
            assert_eq!(
                host.routes(10001),
                std::slice::from_ref(&new),
                "{old} by {new}"
            );
            assert!(host.remove(Object::from(new.clone())));
            assert!(
                host.replace(&old, &new).unwrap(),
                "nothing to replace: {new} is added"
            );
            assert_eq!(host.routes(10001), std::slice::from_ref(&new));
            assert!(host.remove(Object::from(new)));
        }
    });
}

#[test]
fn a_multipath_route_is_replaced_as_a_whole() {
    on_host(|host| {
        ip(
            "-6 route add default table 10001 nexthop via fe80::1 dev eth1 nexthop via fe80::2 dev eth2",
        );
        let old = host.routes(10001).remove(0);
        let new = route("::/0", Some("fe80:ec2::1"));
        assert!(host.replace(&old, &new).unwrap());
        assert_eq!(host.routes(10001), std::slice::from_ref(&new));
        assert!(
            host.replace(&new, &old).unwrap(),
            "and comes back as a whole"
        );
        assert_eq!(host.routes(10001), [old]);
    });
}

fn hop(via: Option<&str>, by: &str) -> NextHop {
    NextHop {
        via: via.map(addr),
        dev: dev(by),
        weight: 1,
    }
}

/// A default of table 10001 by both links, as the kernel tells it.
fn by_both(everything: &str, vias: [&str; 2]) -> Route {
    let next_hops = vec![
        hop(Some(vias[0]), "eth1"),
        NextHop {
            weight: 3,
            ..hop(Some(vias[1]), "eth2")
        },
    ];
    Route {
        dev: None,
        next_hops,
        ..route(everything, None)
    }
}

#[test]
fn a_route_with_several_next_hops_is_made_seen_and_removed_and_its_text_is_ips() {
    for (everything, vias) in [
        ("0.0.0.0/0", ["10.0.0.1", "10.1.0.1"]),
        ("::/0", ["fe80::1", "fe80::2"]),
    ] {
        on_host(move |host| {
            let route = by_both(everything, vias);
            host.round_trip(Object::from(route.clone()), |seen| {
                seen.routes.contains(&route)
            });
            for change in [
                Change::Add(Object::from(route.clone())),
                Change::Remove(Object::from(route.clone())),
            ] {
                assert_eq!(
                    host.routes(10001).len(),
                    usize::from(matches!(change, Change::Remove(_)))
                );
                ip(change.to_string().strip_prefix("ip ").unwrap());
                assert_eq!(
                    host.routes(10001).contains(&route),
                    matches!(change, Change::Add(_)),
                    "{change}"
                );
            }
        });
    }
}

/// As `ip nexthop` makes them, and as the kernel tells of their routes with `nexthop_compat_mode` off: by number only.
#[test]
fn a_route_by_next_hop_objects_has_their_ways() {
    for (everything, vias) in [
        ("0.0.0.0/0", ["10.0.0.1", "10.1.0.1"]),
        ("::/0", ["fe80::1", "fe80::2"]),
    ] {
        for compat in ["0", "1"] {
            on_host(move |host| {
                std::fs::write("/proc/sys/net/ipv4/nexthop_compat_mode", compat).unwrap();
                let flag = if everything.contains(':') { "-6" } else { "-4" };
                ip(&format!("nexthop add id 1 via {} dev eth1 onlink", vias[0]));
                ip(&format!("nexthop add id 2 via {} dev eth2 onlink", vias[1]));
                ip("nexthop add id 3 group 1/2,3");
                ip(&format!("{flag} route add default nhid 3 table 10001"));
                ip(&format!("{flag} route add default nhid 1 table 10002"));
                assert_eq!(
                    host.routes(10001),
                    [by_both(everything, vias)],
                    "compat mode {compat}"
                );
                let single = Route {
                    table: 10002,
                    ..route(everything, Some(vias[0]))
                };
                assert_eq!(host.routes(10002), [single], "compat mode {compat}");
            });
        }
    }
}

/// IPv4's kernel deletes it by the object's number alone, and says "No such process" to its ways.
#[test]
fn a_route_by_a_next_hop_object_is_removed() {
    for (flag, everything, vias) in [
        ("-4", "0.0.0.0/0", ["10.0.0.1", "10.1.0.1"]),
        ("-6", "::/0", ["fe80::1", "fe80::2"]),
    ] {
        for compat in ["0", "1"] {
            on_host(move |host| {
                std::fs::write("/proc/sys/net/ipv4/nexthop_compat_mode", compat).unwrap();
                ip(&format!("nexthop add id 1 via {} dev eth1 onlink", vias[0]));
                ip(&format!("nexthop add id 2 via {} dev eth2 onlink", vias[1]));
                ip("nexthop add id 3 group 1/2,3");
                for (id, route) in [
                    (1, route(everything, Some(vias[0]))),
                    (3, by_both(everything, vias)),
                ] {
                    let words = format!("default nhid {id} table 10001");
                    ip(&format!("{flag} route add {words}"));
                    assert!(host.remove(Object::from(route.clone())), "{words}");
                    assert_eq!(host.routes(10001), [], "{words}, compat mode {compat}");
                    assert!(!host.remove(Object::from(route)), "{words} is gone");
                }
            });
        }
    }
}

#[test]
fn beside_a_route_by_a_next_hop_object_the_very_one_goes() {
    on_host(|host| {
        ip("nexthop add id 1 via 10.0.0.1 dev eth1 onlink");
        ip("nexthop add id 2 via 10.1.0.1 dev eth2 onlink");
        ip("route add default nhid 2 table 10001");
        let (ours, theirs) = (
            route("0.0.0.0/0", Some("10.0.0.1")),
            Route {
                dev: Some(dev("eth2")),
                ..route("0.0.0.0/0", Some("10.1.0.1"))
            },
        );
        ip("route append default via 10.0.0.1 dev eth1 onlink table 10001");
        assert!(host.remove(Object::from(ours.clone())));
        assert_eq!(host.routes(10001), std::slice::from_ref(&theirs));
        // The same way by its words and by an object: first one goes, then the other.
        ip("route append default via 10.1.0.1 dev eth2 onlink table 10001");
        for left in [1, 0] {
            assert!(host.remove(Object::from(theirs.clone())));
            assert_eq!(host.routes(10001).len(), left);
        }
    });
}

#[test]
fn an_ipv6_route_is_not_removed_where_the_kernel_would_take_one_by_a_next_hop_object() {
    on_host(|host| {
        let ours = route("2001:db8::/64", Some("fe80::1"));
        ip("nexthop add id 2 via fe80::2 dev eth2");
        ip("-6 route add 2001:db8::/64 nhid 2 table 10001");
        ip("-6 route append 2001:db8::/64 via fe80::1 dev eth1 table 10001");
        let before = host.routes(10001);
        assert_eq!(before.len(), 2, "{before:?}");
        let removal = Change::Remove(Object::from(ours));
        let refused = host.kernel.apply(&removal, &host.links).unwrap_err();
        let words = "could delete `2001:db8::/64 via fe80::2";
        assert!(refused.to_string().contains(words), "{refused}");
        assert_eq!(host.routes(10001), before);
    });
}

#[test]
fn the_ways_out_are_all_those_of_the_route_that_matches() {
    for compat in ["0", "1"] {
        on_host(move |host| {
            std::fs::write("/proc/sys/net/ipv4/nexthop_compat_mode", compat).unwrap();
            host.add(Object::Address(address("10.0.0.10")));
            host.add(Object::Address(address("2001:db8::10")));
            ip(
                "route add default nexthop via 10.0.0.1 dev eth1 onlink nexthop via 10.1.0.1 dev eth2 onlink",
            );
            ip("nexthop add id 1 via fe80::1 dev eth1");
            ip("nexthop add id 2 via fe80::2 dev eth2");
            ip("nexthop add id 3 group 1/2");
            ip("-6 route add default nhid 3");
            ip("route add 192.0.2.0/24 dev eth2");
            let mut ways = |to: &str, from: &str| {
                let (to, from) = (addr(to), addr(from));
                let alone = host.kernel.ways_out(to, Some(from), &host.links).unwrap();
                // Among many, of which every other one has no way: its source is nobody's.
                let nobodys = (addr("10.9.9.9"), addr("8.8.8.8"));
                let many: Vec<_> = [(from, to), nobodys].repeat(40);
                let all = host.kernel.all_ways_out(&many, &host.links).unwrap();
                assert!(
                    all.chunks(2)
                        .all(|pair| pair == [alone.clone(), Vec::new()])
                );
                assert_eq!(all.len(), 80);
                alone
            };
            assert_eq!(ways("8.8.8.8", "10.0.0.10"), [dev("eth1"), dev("eth2")]);
            assert_eq!(
                ways("2001:db8:9::1", "2001:db8::10"),
                [dev("eth1"), dev("eth2")]
            );
            assert_eq!(ways("192.0.2.1", "10.0.0.10"), [dev("eth2")]);
            ip("route replace unreachable default");
            assert_eq!(ways("8.8.8.8", "10.0.0.10"), [] as [Dev; 0]);
        });
    }
}

#[test]
fn a_route_that_changed_meanwhile_is_not_pushed_out() {
    on_host(|host| {
        ip("route add default dev eth2 table 10001");
        let (old, new) = (
            route("0.0.0.0/0", None),
            route("0.0.0.0/0", Some("10.0.0.1")),
        );
        let refused = host.replace(&old, &new).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("found `default dev eth2 scope link table 10001`"),
            "{refused}"
        );
        let refused = host
            .kernel
            .apply(&Change::Add(Object::from(old)), &host.links)
            .unwrap_err();
        assert!(refused.to_string().contains("File exists"), "{refused}");
    });
}

#[test]
fn the_way_of_a_packet_is_the_kernels_own() {
    on_host(|host| {
        for object in [
            Object::Address(address("10.0.0.10")),
            Object::Address(address("2001:db8::10")),
            Object::from(route("0.0.0.0/0", Some("10.0.0.1"))),
            Object::from(route("::/0", Some("fe80:ec2::1"))),
            Object::Rule(rule(Some("10.0.0.10/32"))),
            Object::Rule(rule(Some("2001:db8::10/128"))),
        ] {
            assert!(host.add(object));
        }
        ip("route add 192.0.2.0/24 dev eth2 metric 5");
        let mut way =
            |to: &str, from: Option<&str>| host.kernel.route_get(addr(to), from.map(addr)).unwrap();
        let bound = way("198.51.100.1", Some("10.0.0.10")).unwrap();
        assert_eq!(
            (&*bound.dev, bound.via, bound.table),
            ("eth1", Some(addr("10.0.0.1")), 10001)
        );
        let bound = way("2001:db8:9::1", Some("2001:db8::10")).unwrap();
        assert_eq!(
            (&*bound.dev, bound.via, bound.table),
            ("eth1", Some(addr("fe80:ec2::1")), 10001)
        );
        let unbound = way("192.0.2.1", None).unwrap();
        assert_eq!(
            unbound,
            Lookup {
                dev: dev("eth2"),
                via: None,
                src: Some(addr("10.0.0.10")),
                table: 254
            }
        );
        let local = way("10.0.0.10", None).unwrap();
        assert_eq!((&*local.dev, local.table), ("lo", 255));
    });
}

#[test]
fn a_packet_that_would_not_leave_has_no_way() {
    on_host(|host| {
        host.add(Object::Address(address("10.0.0.10")));
        for (n, kind) in ["unreachable", "prohibit", "blackhole"]
            .into_iter()
            .enumerate()
        {
            ip(&format!("route add {kind} 10.{n}.0.0/16"));
            ip(&format!("-6 route add {kind} 2001:db8:{n}::/48"));
            assert_eq!(
                host.kernel
                    .route_get(addr(&format!("10.{n}.0.1")), None)
                    .unwrap(),
                None,
                "{kind}"
            );
            assert_eq!(
                host.kernel
                    .route_get(addr(&format!("2001:db8:{n}::1")), None)
                    .unwrap(),
                None,
                "{kind}"
            );
        }
        for (to, from) in [
            ("198.51.100.1", None),
            ("198.51.100.1", Some("10.99.0.1")),
            ("2001:db8:9::1", None),
        ] {
            assert_eq!(
                host.kernel.route_get(addr(to), from.map(addr)).unwrap(),
                None,
                "{to} from {from:?}"
            );
        }
    });
}
