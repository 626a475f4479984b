//! What could cut off a machine whose only access is the network that eniroute configures: swapped names, a lost
//! lease, an ENI that the metadata forgets, a change that fails half-way, IPv6 switched off.

use crate::instance::Instance;
use crate::vpc::{EniId, EniSpec, Vpc};

/// The primary ENI with a secondary address, and a second ENI in another subnet, with public addresses.
fn two_enis() -> (Vpc, Instance, EniId) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
    let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
    vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.0.10", "10.0.0.11"]).public("10.0.0.10", "203.0.113.10"));
    let spec = EniSpec::new(b, "eth1").ipv4(["10.1.0.30", "10.1.0.31"]).ipv6(["2001:db8:0:b::300"]);
    let second = vpc.attach(spec.public("10.1.0.30", "203.0.113.30"));
    let instance = Instance::with_netplan(vpc.guest());
    (vpc, instance, second)
}

/// As after a boot that named the interfaces the other way round: the primary has its lease, the second is down.
const SWAP: &str = "\
link set eth0 down
link set eth1 down
address flush dev eth1
link set eth0 name primary
link set eth1 name eth0
link set primary name eth1
link set eth1 up
route add default via 10.0.0.1 dev eth1 proto dhcp src 10.0.0.10 metric 100
";

#[test]
fn interfaces_that_swap_their_names_do_not_take_the_primary_down() {
    for command in ["apply", "remove"] {
        let (vpc, instance, _) = two_enis();
        instance.must("apply");
        instance.host.ip_batch(SWAP);
        instance.must(command);
        assert!(instance.host.ip("link show eth1").contains(",UP"), "{command} took the primary down");
        assert!(instance.host.ip("route show default").contains("via 10.0.0.1 dev eth1 proto dhcp"), "{command}");
        assert!(vpc.inet().ping(&["203.0.113.10"]).is_empty(), "{command}");
    }
}

#[test]
fn what_was_made_before_the_interfaces_swapped_their_names_is_still_ours() {
    let (mut vpc, instance, second) = two_enis();
    instance.must("apply");
    instance.host.ip_batch(&SWAP.replace("address flush dev eth1\n", ""));
    instance.must("apply");
    assert!(vpc.inet().ping(&["203.0.113.10", "203.0.113.30"]).is_empty());
    vpc.unassign(second, "10.1.0.31");
    instance.must("apply");
    assert!(!instance.host.ip("address").contains("10.1.0.31"));
    instance.must("remove");
    assert!(!instance.host.ip("address").contains("/32"), "{}", instance.host.ip("address"));
}

#[test]
fn a_lost_lease_costs_the_primary_nothing_more() {
    let (_vpc, instance, _) = two_enis();
    instance.must("apply");
    let file = instance.read("etc/netplan/60-eniroute-eth0.yaml");
    instance.host.ip("address del 10.0.0.10/20 dev eth0");
    let rules = instance.host.ip("rule");
    let run = instance.eniroute("apply");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("10.0.0.10"), "it says what it waits for: {run:?}");
    assert!(instance.host.ip("address show eth0").contains("10.0.0.11/32"), "{run:?}");
    assert_eq!(instance.host.ip("rule"), rules);
    assert_eq!(instance.read("etc/netplan/60-eniroute-eth0.yaml"), file);
    assert!(instance.must("status").contains("missing"));
}
