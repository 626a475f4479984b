//! The metadata service asked by each NIC, while leases are on their way: no frame leaves a NIC with another ENI's
//! address, which the VPC drops.

use crate::instance::Instance;
use crate::vpc::{EniSpec, Vpc};

/// Two ENIs whose NICs are up, and no route to the metadata service.
fn starting() -> (Vpc, Instance) {
    let mut vpc = Vpc::new();
    let [a, b] = ["10.0.0.0/20", "10.1.0.0/20"].map(|net| vpc.subnet(net, None));
    vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.0.10"]));
    vpc.attach(EniSpec::new(b, "eth1").ipv4(["10.1.0.30"]));
    let instance = Instance::with_netplan(vpc.guest());
    for dev in ["eth0", "eth1"] {
        instance.host.ip(&format!("address flush dev {dev}"));
        instance.host.ip(&format!("link set {dev} up"));
        // As the kernel has it: a loose filter would want a route back.
        instance
            .host
            .sysctl(&format!("net.ipv4.conf.{dev}.rp_filter"), 0);
    }
    (vpc, instance)
}

#[test]
fn a_nic_whose_lease_is_on_its_way_sends_nothing_with_another_nic_s_address() {
    let (vpc, instance) = starting();
    instance.host.ip("address add 10.1.0.30/20 dev eth1");
    let run = instance.eniroute("status --wait 5");
    assert_eq!(run.code, 0, "{run:#?}");
    assert_eq!((vpc.spoofed(), vpc.wrong_arp()), (0, 0));
}

#[test]
fn without_any_lease_nothing_is_sent_and_the_error_says_why() {
    let (vpc, instance) = starting();
    let run = instance.eniroute("status --wait 0");
    assert_eq!(run.code, 4, "{run:#?}");
    let why = "eth0 has no address of its own yet";
    assert!(run.stderr.contains(why), "{run:#?}");
    assert_eq!((vpc.spoofed(), vpc.wrong_arp()), (0, 0));
}
