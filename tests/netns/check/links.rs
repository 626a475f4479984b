//! Group L: whether each ENI's interface is there, up, and takes what comes.

use serde_json::Value;

use super::{evidence, host, nothing, of_code, one, only, remedy, text};
use crate::instance::Instance;
use crate::vpc::{EniId, EniSpec, Vpc};

/// Two ENIs in one subnet, or in two.
fn pair(one_subnet: bool) -> (Vpc, Instance, [EniId; 2]) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/24", Some("2001:db8:1:1::/64"));
    let b = vpc.subnet("10.0.1.0/24", Some("2001:db8:1:2::/64"));
    let (b, own) = if one_subnet {
        (a, ["10.0.0.20", "2001:db8:1:1::21"])
    } else {
        (b, ["10.0.1.20", "2001:db8:1:2::21"])
    };
    let eth0 = EniSpec::new(a, "eth0").ipv4(["10.0.0.133"]);
    let enis = [
        vpc.attach(eth0.ipv6(["2001:db8:1:1::20"])),
        vpc.attach(EniSpec::new(b, "eth1").ipv4([own[0]]).ipv6([own[1]])),
    ];
    let instance = Instance::with_netplan(vpc.guest());
    // A new network namespace takes these over from the machine.
    for dev in ["all", "eth0", "eth1"] {
        let key = format!("net.ipv4.conf.{dev}.rp_filter");
        instance.host.sysctl(&key, 0);
    }
    instance.must("apply");
    (vpc, instance, enis)
}

#[test]
fn an_eni_without_an_interface_is_named_by_its_id() {
    let (mut vpc, instance, enis) = pair(false);
    vpc.unplug(enis[1]);
    let finding = one(&instance, "L1");
    assert!(
        remedy(&finding, "outside")
            .contains("describe-network-interfaces --network-interface-ids eni-")
    );
    assert!(
        evidence(&finding)[0].contains(vpc.mac(enis[1])),
        "{finding:#}"
    );
    instance.write("sys/bus/pci/devices/0000:00:06.0/vendor", "0x1d0f\n");
    instance.write("sys/bus/pci/devices/0000:00:06.0/device", "0xec20\n");
    assert_eq!(remedy(&one(&instance, "L1"), "review"), "modprobe ena");
}

#[test]
fn an_interface_whose_eni_ec2_does_not_list_is_named() {
    let (mut vpc, instance, enis) = pair(false);
    vpc.forget(enis[1]);
    let finding = one(&instance, "L2");
    assert_eq!(
        (text(&finding, "severity"), text(&finding, "object")),
        ("warning", "eth1")
    );
    assert!(
        remedy(&finding, "outside").contains(vpc.mac(enis[1])),
        "{finding:#}"
    );
}

#[test]
fn a_link_that_is_down_or_has_no_carrier_is_an_error() {
    let (vpc, instance, enis) = pair(false);
    let port = vpc.tap(enis[1]).to_owned();
    vpc.router().ip(&format!("link set {port} down"));
    let finding = one(&instance, "L3");
    assert_eq!(
        (text(&finding, "severity"), text(&finding, "is")),
        ("error", "NO-CARRIER")
    );
    vpc.router().ip(&format!("link set {port} up"));
    instance.host.ip("link set eth1 down");
    assert_eq!(text(&one(&instance, "L3"), "severity"), "error");
    instance.must("apply");
    assert_eq!(of_code(&instance, "L3"), [] as [Value; 0]);
}

#[test]
fn an_mtu_that_differs_is_a_warning_in_one_subnet_a_hint_elsewhere_and_too_large_a_warning() {
    let (_vpc, instance, _) = pair(false);
    instance.host.ip("link set eth1 mtu 1500");
    let finding = only(&instance, "L4");
    assert_eq!(
        (text(&finding, "severity"), text(&finding, "object")),
        ("hint", "eth1")
    );
    instance.host.sh(&remedy(&finding, "review"));
    nothing(&instance);
    instance.host.ip("link set eth1 mtu 9100");
    assert_eq!(text(&only(&instance, "L4"), "severity"), "warning");
    drop((_vpc, instance));
    let (_vpc, instance, _) = pair(true);
    assert_eq!(of_code(&instance, "L4"), [] as [Value; 0]);
    instance.host.ip("link set eth1 mtu 1500");
    assert_eq!(text(&one(&instance, "L4"), "severity"), "warning");
}

#[test]
fn a_host_that_forwards_between_ways_of_different_mtu_hears_of_the_mss_until_it_is_clamped() {
    let (_vpc, instance, _) = pair(false);
    let _container = instance.host.container("docker0", "172.17.0.2/16");
    instance.host.ip("link set docker0 mtu 9001");
    let clamp = || {
        let found = of_code(&instance, "L4").into_iter();
        found
            .filter(|finding| finding["object"] == "forwarding")
            .collect::<Vec<_>>()
    };
    assert_eq!(clamp(), [] as [Value; 0], "all ways have one MTU");
    instance.host.ip("link set docker0 mtu 1500");
    let [finding] = &clamp()[..] else {
        panic!("one: {:?}", clamp())
    };
    assert_eq!(
        text(finding, "severity"),
        "hint",
        "an ordinary host with containers"
    );
    let what = text(finding, "what");
    assert!(what.contains("docker0 mtu 1500"), "{what}");
    instance.write("etc/sysctl.d/60-router.conf", "net.ipv4.ip_forward = 1\n");
    assert_eq!(text(&clamp()[0], "severity"), "warning");
    instance.host.sh(&remedy(&clamp()[0], "review"));
    assert_eq!(clamp(), [] as [Value; 0]);
    instance.host.sh("nft flush ruleset");
    let iptables = "iptables-nft -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu";
    instance.host.sh(iptables);
    assert_eq!(clamp(), [] as [Value; 0]);
    instance.host.sh("nft flush ruleset");
    assert_eq!(clamp().len(), 1);
}

#[test]
fn ipv6_that_is_off_is_an_error_where_it_is_assigned_and_a_warning_for_what_comes() {
    let (_vpc, instance, _) = pair(false);
    instance
        .host
        .sysctl("net.ipv6.conf.default.disable_ipv6", 1);
    let finding = only(&instance, "L5");
    assert_eq!(text(&finding, "severity"), "warning");
    instance.host.sh(&remedy(&finding, "review"));
    nothing(&instance);
    instance.host.sysctl("net.ipv6.conf.eth1.disable_ipv6", 1);
    let finding = one(&instance, "L5");
    assert_eq!(
        (text(&finding, "severity"), text(&finding, "object")),
        ("error", "eth1")
    );
    let known: Vec<String> = evidence(&finding);
    assert!(
        known.contains(&"sysctl net/ipv6/conf/eth1/disable_ipv6: 1".to_owned()),
        "{known:?}"
    );
    instance.host.sh(&remedy(&finding, "review"));
    instance.must("apply");
    nothing(&instance);
}

#[test]
fn a_strict_reverse_path_filter_is_told_only_where_it_drops_something() {
    let (_vpc, instance, _) = pair(false);
    instance.host.sysctl("net.ipv4.conf.all.rp_filter", 1);
    nothing(&instance);
    instance.host.sysctl("net.ipv4.ip_forward", 1);
    let finding = one(&instance, "L6");
    assert_eq!(
        (text(&finding, "severity"), text(&finding, "object")),
        ("warning", "eth1")
    );
    instance.host.sysctl("net.ipv4.ip_forward", 0);
    instance.host.ip("rule del from 10.0.1.20 lookup 10001");
    let finding = one(&instance, "L6");
    assert_eq!(
        (text(&finding, "severity"), text(&finding, "address")),
        ("error", "10.0.1.20")
    );
    instance.host.sh(&remedy(&finding, "review"));
    assert_eq!(of_code(&instance, "L6"), [] as [Value; 0]);
}

#[test]
fn that_enis_of_one_subnet_answer_arp_for_each_other_is_told_once_and_is_no_fault() {
    let (_vpc, instance, _) = pair(true);
    let finding = only(&instance, "L7");
    assert_eq!(
        (text(&finding, "severity"), text(&finding, "object")),
        ("hint", "eth0, eth1")
    );
    assert_eq!(instance.eniroute("check --strict").code, 0);
    instance.host.sysctl("net.ipv4.conf.all.arp_ignore", 1);
    instance.host.sysctl("net.ipv4.conf.all.arp_announce", 2);
    nothing(&instance);
}

#[test]
fn names_in_another_order_than_ec2_s_numbers_are_told() {
    let mut vpc = Vpc::new();
    let (a, b) = (
        vpc.subnet("10.0.0.0/24", None),
        vpc.subnet("10.0.1.0/24", None),
    );
    vpc.attach(EniSpec::new(a, "eth1").ipv4(["10.0.0.133"]));
    vpc.attach(EniSpec::new(b, "eth0").ipv4(["10.0.1.20"]));
    let instance = Instance::bare(vpc.guest());
    instance.eniroute("apply");
    let finding = one(&instance, "L8");
    assert_eq!(text(&finding, "severity"), "warning");
    assert_eq!(text(&finding, "is"), "eth1 is device 0, eth0 is device 1");
    drop((vpc, instance));
    nothing(&host().1);
}
