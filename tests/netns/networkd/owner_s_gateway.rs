//! An owner's own route by a gateway beside its DHCP client, as people write it: without on-link. Until the lease is there
//! the kernel refuses it, and networkd waits; a subnet of ours in another table must not make it go ahead.

use super::lab::{Lab, Systemd};
use super::{CLOUD_INIT_ETH0, Files, NETWORKD_ETH0, NOBODY, YAML};

const ETH1: (&str, &str) = (
    "/etc/systemd/network/30-eth1.network",
    "[Match]\nName=eth1\n[Network]\nDHCP=ipv4\n[DHCPv4]\nRouteMetric=200\n[Route]\nDestination=192.0.2.0/24\n\
     Gateway=10.0.0.1\n",
);

const YAML_ETH1: &str = "    eth1:\n      dhcp4: true\n      dhcp4-overrides: {route-metric: 200}\n      \
                         routes: [{to: 192.0.2.0/24, via: 10.0.0.1}]\n";

fn assert_boots(systemd: Systemd, files: Files) {
    let mut lab = Lab::of(systemd, files);
    lab.attach_eth1();
    lab.boot(&["eth0", "eth1"]);
    lab.apply();
    lab.power_off();
    lab.boot(&["eth0", "eth1"]);
    assert!(lab.record("eth1").contains("ADMIN_STATE=configured"));
    let routes = lab.guest.ip("-4 route show table main");
    assert!(
        routes.contains("192.0.2.0/24 via 10.0.0.1 dev eth1"),
        "{routes}"
    );
    assert!(
        routes.contains("default via 10.0.0.1 dev eth1 proto dhcp"),
        "{routes}"
    );
    let all = ["10.0.0.10", "10.0.0.20", "10.0.0.21"];
    assert_eq!(lab.vpc.neighbour(lab.subnets[1]).ping(&all[1..]), NOBODY);
    lab.apply();
    assert_eq!(lab.vpc.neighbour(lab.subnets[1]).ping(&all), NOBODY);
    let again = lab.apply();
    assert!(
        !again.contains("ip -") && !again.contains("reload"),
        "{again}"
    );
}

#[test]
fn networkd_configures_an_eni_whose_owner_has_a_route_by_its_gateway() {
    for systemd in Systemd::ALL {
        assert_boots(systemd, &[NETWORKD_ETH0[0], ETH1]);
    }
}

#[test]
fn netplan_configures_an_eni_whose_owner_has_a_route_by_its_gateway() {
    let yaml = format!("{CLOUD_INIT_ETH0}{YAML_ETH1}");
    assert_boots(Systemd::Installed, &[(YAML, &yaml)]);
}
