//! What the owner of a NIC says already, in forms that are easily misread: with `main_routes_first` beside its own
//! routes, and in units that are for two NICs.

use super::lab::CONFIG;
use super::{Files, YAML, assert_same_thing_twice};
use crate::guest::CLOUD_INIT_24_1;

const MAIN_ROUTES_FIRST: (&str, &str) = (CONFIG, "main_routes_first = true\n");

/// cloud-init's file with routes and rules of its own for eth1, with the MACs of this VPC.
fn cloud_init() -> String {
    let yaml = CLOUD_INIT_24_1.replace("\"02:00:00:00:00:01\"", "'06:00:00:00:00:00'");
    yaml.replace("\"02:00:00:00:00:02\"", "'06:00:00:00:00:01'")
}

/// Rules that netplan cannot say and routes that it would not take are both for a drop-in of one unit, and both are in
/// it.
#[test]
fn netplan_same_thing_twice_with_main_routes_first_beside_cloud_init_s_own_routes() {
    assert_bands_twice(&[(YAML, &cloud_init()), MAIN_ROUTES_FIRST], &["eth0", "eth1"]);
}

/// The primary's rules have no other place then than beside a secondary's owner.
#[test]
fn netplan_same_thing_twice_with_main_routes_first_where_every_secondary_has_an_owner_with_routes() {
    let yaml = cloud_init();
    let (_, eth1) = yaml.split_once("    eth1:\n").unwrap();
    let eth2 = eth1.replace("eth1", "eth2").replace(":01'", ":02'").replace("table: 101", "table: 102");
    let eth2 =
        eth2.replace("10.0.0.0/20", "10.1.0.0/20").replace("10.0.0.1\"", "10.1.0.1\"").replace("10.0.0.2", "10.1.0.3");
    let yaml = format!("{yaml}    eth2:\n{eth2}");
    assert_bands_twice(&[(YAML, &yaml), MAIN_ROUTES_FIRST], &["eth0", "eth1", "eth2"]);
}

fn assert_bands_twice(files: Files, configured: &[&str]) {
    let lab = assert_same_thing_twice(files, configured, |_| false);
    let (rules, routes) = (lab.rules(), lab.guest.ip("-4 route show table 10001"));
    for rule in [
        "10000:\tfrom 10.0.0.11 lookup 10000",
        "10001:\tfrom 10.0.0.20 lookup 10001 suppress_prefixlength 0",
        "15001:\tfrom 10.0.0.21 lookup main suppress_prefixlength 0",
        "20001:\tfrom 10.0.0.20 lookup 10001",
        "20002:\tfrom 10.1.0.31 lookup 10002",
    ] {
        assert!(rules.contains(rule), "{rule} is not in {rules}");
    }
    assert!(routes.contains("default via 10.0.0.1"), "{routes}");
}
