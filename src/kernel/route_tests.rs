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
        src: None,
        metric,
    }
}

#[test]
fn onlink_survives_because_it_is_no_flag_that_neli_knows() {
    let made = encode(
        &default_route("0.0.0.0/0", Some("10.0.0.1"), 0),
        &[2],
        Verb::Make,
    )
    .unwrap();
    assert_eq!(made.rtm_flags().bits(), 4);
    let deleted = encode(
        &default_route("0.0.0.0/0", Some("10.0.0.1"), 0),
        &[2],
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
