//! What the kernel is asked for, and what it is not.

use super::*;

fn default_route(dst: &str, via: Option<&str>, metric: u32) -> Route {
    Route {
        table: 10001,
        kind: RouteKind::Unicast,
        dst: dst.parse().unwrap(),
        via: via.map(|ip| ip.parse().unwrap()),
        dev: Some("eth1".into()),
        next_hops: Vec::new(),
        object: Default::default(),
        src: None,
        metric,
        mtu: None,
    }
}

#[test]
fn onlink_survives_because_it_is_no_flag_that_neli_knows() {
    let made = encode(
        &default_route("0.0.0.0/0", Some("10.0.0.1"), 0),
        Way::Links(&[2]),
        Verb::Make,
    )
    .unwrap();
    assert_eq!(made.rtm_flags().bits(), 4);
    let deleted = encode(
        &default_route("0.0.0.0/0", Some("10.0.0.1"), 0),
        Way::Links(&[2]),
        Verb::Delete,
    )
    .unwrap();
    assert_eq!(deleted.rtm_flags().bits(), 0);
}

#[test]
fn an_ipv6_route_without_a_metric_gets_the_kernels_own() {
    assert_eq!(metric(&default_route("::/0", None, 0)), 1024);
    assert_eq!(metric(&default_route("::/0", None, 256)), 256);
    assert_eq!(metric(&default_route("0.0.0.0/0", None, 0)), 0);
}

#[test]
fn the_mtu_stands_alone_in_the_nest_of_metrics_and_names_which_ipv4_route_goes() {
    let [low, high] = 1500_u16.to_le_bytes();
    let nest = |dst: &str, mtu, verb| {
        let route = Route {
            mtu,
            ..default_route(dst, None, 0)
        };
        let message = encode(&route, Way::Links(&[2]), verb).unwrap();
        value(message.rtattrs(), Rta::Metrics).map(<[u8]>::to_vec)
    };
    let bytes = |low, high| Some(vec![8, 0, 2, 0, low, high, 0, 0]);
    for dst in ["0.0.0.0/0", "::/0"] {
        assert_eq!(nest(dst, Some(1500), Verb::Make), bytes(low, high));
        assert_eq!(nest(dst, None, Verb::Make), None);
    }
    assert_eq!(
        nest("0.0.0.0/0", Some(1500), Verb::Delete),
        bytes(low, high)
    );
    assert_eq!(nest("0.0.0.0/0", None, Verb::Delete), bytes(0, 0));
    assert_eq!(nest("::/0", Some(1500), Verb::Delete), None);
}

#[test]
fn of_the_metrics_of_others_only_the_mtu_is_read() {
    let number = |kind, value| attribute(kind, &number_value(value));
    let (lock, advmss) = (number(1, 1 << MTU), number(8, 1200));
    for (nest, mtu_in_it) in [
        (
            [lock.clone(), number(MTU, 1400), advmss.clone()].concat(),
            Some(1400),
        ),
        ([lock, advmss].concat(), None),
        (vec![5, 0, 2, 0, 1, 0, 0, 0], None),
        (vec![8, 0, 2], None),
        (Vec::new(), None),
    ] {
        let list = attributes([(Rta::Metrics, Some(nest.clone()))]).unwrap();
        let message = builder(Family::Ipv4).rtattrs(list).build().unwrap();
        assert_eq!(mtu(&message), mtu_in_it, "{nest:?}");
    }
}
