//! Flows of NAT clients, and a networkd that starts again.

use std::fs;

use super::NETWORKD_ALL;
use super::lab::{CONFIG, Lab, Systemd};
use super::restarted::run_unit;
use crate::crowd::Crowd;
use crate::vpc::RouteTable;

#[test]
fn fifty_flows_of_nat_clients_outlive_restarts_of_networkd() {
    for systemd in [Systemd::Installed, Systemd::Of("forky")] {
        let mut lab = Lab::of(systemd, NETWORKD_ALL);
        lab.attach_eth1();
        lab.boot(&["eth0", "eth1"]);
        for eni in lab.enis.clone() {
            lab.vpc.check_source(eni, false);
        }
        let private = lab.vpc.subnet("10.2.0.0/20", None);
        lab.vpc
            .route(RouteTable::Subnet(private), "0.0.0.0/0", lab.enis[0]);
        let clients = ["10.2.0.5", "10.2.0.6"];
        let clients = clients.map(|ip| lab.vpc.instance(private, &format!("client-{ip}"), &[ip]));
        let config = "[[egress]]\nfrom = \"10.2.0.5\"\nas = \"eth0\"\n[[egress]]\nfrom = \"10.2.0.6\"\nas = \"eth1\"\n";
        lab.guest.enter(|| fs::write(CONFIG, config).unwrap());
        lab.apply();
        lab.await_configured("eth1");
        let each = [13, 12, 12, 13];
        let mut crowd = Crowd::open(&lab.vpc.inet(), &clients, each);
        for _ in 0..2 {
            lab.restart();
            run_unit(&lab);
            lab.await_configured("eth1");
            assert_eq!(crowd.alive(), each, "{systemd:?}: {}", lab.log());
        }
        assert_eq!(lab.vpc.without_public_address(), 0);
    }
}
