//! What the primary ENI gets, given what others have made of the host.

use super::routes::route;
use super::tests::{eni, host, in_table, same_subnet, shown, with_ipv6};
use super::*;
use crate::net::{Family, MAIN, NextHop};

#[test]
fn the_primary_gets_a_default_of_its_own_while_another_enis_default_in_main_wins_or_ties() {
    let enis = same_subnet();
    let default = |dev: &str, metric| Route {
        via: Some("10.0.0.1".parse().unwrap()),
        metric,
        ..route(MAIN, Family::Ipv4.everything(), &dev.into())
    };
    let primary = |routes: Vec<Route>| {
        let observed = Observed {
            routes,
            ..host(&enis)
        };
        plan(&enis, &observed, &Config::default()).enis.remove(0)
    };
    // The last two: a client gave eth1 the only default, and that is gone with eth1's link; ours is or will be there.
    let usurped = [
        vec![default("eth0", 100), default("eth1", 100)],
        vec![default("eth1", 0)],
        vec![],
        vec![default("eth1", 10001)],
    ];
    for usurped in usurped {
        let first = primary(usurped);
        assert!(
            in_table(&first, 10000)
                .contains(&"default via 10.0.0.1 dev eth0 onlink table 10000".to_owned())
        );
        assert_eq!(
            shown(&first.rules)[..3],
            [
                "from 10.0.0.10 lookup 10000 suppress_prefixlength 0 priority 10000",
                "from 10.0.0.10 lookup main suppress_prefixlength 1 priority 15000",
                "from 10.0.0.10 lookup 10000 priority 20000"
            ]
        );
    }
    // Half of everything is more specific than any default.
    let usurped = ["0.0.0.0/1", "128.0.0.0/1"].map(|half| Route {
        dst: half.parse().unwrap(),
        ..default("eth1", 500)
    });
    for half in usurped {
        let first = primary(vec![default("eth0", 100), half.clone()]);
        assert_eq!(first.rules[1].suppress_prefixlength, Some(1));
        let own = Route {
            dev: Some("eth0".into()),
            metric: 400,
            ..half.clone()
        };
        let lost = primary(vec![default("eth0", 100), half, own]);
        assert_eq!(
            shown(&lost.rules)[0],
            "from 10.0.0.10 lookup 10000 priority 10000",
            "its own half wins"
        );
    }
    for safe in [
        vec![default("eth0", 100), default("eth1", 200)],
        vec![default("eth0", 100), default("vpn0", 50)],
    ] {
        let first = primary(safe);
        assert!(
            in_table(&first, 10000)
                .iter()
                .all(|route| !route.contains("default"))
        );
        assert_eq!(
            shown(&first.rules)[0],
            "from 10.0.0.10 lookup 10000 priority 10000"
        );
    }
}

/// As systemd-networkd and the kernel merge the routes of two NICs that have one metric.
#[test]
fn each_next_hop_of_a_route_in_main_counts() {
    let enis = same_subnet().map(|eni| {
        let ip = format!("2001:db8:0:a::{}", eni.number());
        with_ipv6(eni, &ip, "2001:db8:0:a::/64")
    });
    let hop = |via: &str, dev: &str| NextHop {
        via: Some(via.parse().unwrap()),
        dev: dev.into(),
        weight: 1,
    };
    let default = |family: Family, hops: Vec<NextHop>| Route {
        dev: None,
        next_hops: hops,
        object: Default::default(),
        metric: 100,
        ..route(MAIN, family.everything(), &"eth0".into())
    };
    let planned = |ipv6: Vec<NextHop>| {
        let ipv4 = default(
            Family::Ipv4,
            vec![hop("10.0.0.1", "eth0"), hop("10.0.0.1", "eth1")],
        );
        let routes = vec![ipv4, default(Family::Ipv6, ipv6)];
        plan(
            &enis,
            &Observed {
                routes,
                ..host(&enis)
            },
            &Config::default(),
        )
        .enis
    };
    let [first, second] = &planned(vec![hop("fe80::1", "eth1"), hop("fe80::1", "eth0")])[..] else {
        panic!()
    };
    for own in [
        "default via 10.0.0.1 dev eth0 onlink table 10000",
        "default via fe80:ec2::1 dev eth0 onlink table 10000 metric 1024",
    ] {
        assert!(
            in_table(first, 10000).contains(&own.to_owned()),
            "{own}: {:?}",
            in_table(first, 10000)
        );
    }
    assert!(
        !in_table(second, MAIN)
            .iter()
            .any(|route| route.starts_with("default")),
        "its owner keeps one"
    );
    let first = &planned(vec![hop("fe80::1", "eth0"), hop("fe80::2", "eth0")])[0];
    assert!(
        !in_table(first, 10000)
            .iter()
            .any(|route| route.starts_with("default via fe80")),
        "two routers, one ENI"
    );
}

const OWN: &str = "2001:db8:0:a::100";

/// A host with a dual-stack primary alone, after `change`.
fn dual_stack(change: impl Fn(&mut Observed), config: &Config) -> Planned {
    let enis = [with_ipv6(
        eni(0, &["10.0.0.10"], "10.0.0.0/20"),
        OWN,
        "2001:db8:0:a::/64",
    )];
    let mut observed = host(&enis);
    let link_local = Address {
        dev: "eth0".into(),
        net: "fe80::1/64".parse().unwrap(),
    };
    observed.addresses.push(link_local);
    change(&mut observed);
    plan(&enis, &observed, config).enis.remove(0)
}

fn own() -> Address {
    Address::host(&"eth0".into(), OWN.parse().unwrap())
}

fn advertised() -> Route {
    Route {
        via: Some("fe80::2".parse().unwrap()),
        ..route(MAIN, Family::Ipv6.everything(), &"eth0".into())
    }
}

#[test]
fn the_primary_s_ipv6_addresses_are_ours_to_bring_where_no_client_does_and_so_is_a_default_where_main_has_none()
 {
    let config = Config::default();
    let own_default = "default via fe80:ec2::1 dev eth0 onlink metric 10000";
    let there = |observed: &mut Observed| observed.addresses.push(own());
    for change in [&(|_: &mut Observed| {}) as &dyn Fn(&mut Observed), &there] {
        let planned = dual_stack(change, &config);
        assert_eq!(planned.addresses, [own()]);
        assert_eq!(in_table(&planned, MAIN), [own_default]);
        assert!(planned.rules.is_empty(), "alone, it needs no table");
    }
    let planned = dual_stack(|observed| observed.routes.push(advertised()), &config);
    assert_eq!((planned.addresses, planned.routes), (vec![own()], vec![]));
    let other_way = |observed: &mut Observed| {
        observed.routes.push(Route {
            dev: Some("tun0".into()),
            ..advertised()
        })
    };
    assert_eq!(
        in_table(&dual_stack(other_way, &config), MAIN),
        [own_default],
        "none by this ENI"
    );
    let planned = dual_stack(
        |_| {},
        &Config {
            main_route: false,
            ..Config::default()
        },
    );
    assert_eq!((planned.addresses, planned.routes), (vec![own()], vec![]));
}

#[test]
fn what_a_dhcpv6_client_brings_is_left_to_it_and_counts_as_lacking_until_then() {
    let by_client = |bound: &'static str| {
        move |observed: &mut Observed| observed.dhcpv6_clients = [bound.parse().unwrap()].into()
    };
    let config = Config::default();
    for bound in ["::", "fe80::1"] {
        let planned = dual_stack(by_client(bound), &config);
        assert_eq!(
            (&planned.addresses[..], &planned.routes[..]),
            (&[][..], &[][..]),
            "bound to {bound}"
        );
        let mut observed = host(std::slice::from_ref(&planned.eni));
        assert_eq!(planned.lacking(&observed), [own().net.addr()]);
        observed.addresses.push(own());
        assert_eq!(planned.lacking(&observed), [] as [IpAddr; 0]);
    }
    assert_eq!(
        dual_stack(by_client("fe80::2"), &config).addresses,
        [own()],
        "another interface's"
    );
    let leased = |left: u32| {
        move |observed: &mut Observed| {
            observed.addresses.push(own());
            observed.expiring.insert(own(), left);
        }
    };
    assert_eq!(
        dual_stack(leased(450), &config).addresses,
        [],
        "a client brought it, and may still be there"
    );
    assert_eq!(
        dual_stack(leased(120), &config).addresses,
        [own()],
        "a client that is there would have renewed it"
    );
}
