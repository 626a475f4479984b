//! What EC2 attaches beside plain ENIs of one VPC with a /64: interfaces that have no address of a VPC, device 0 of a
//! further card, IPv6 ranges of other sizes, VPCs that overlap, subnets without IPv4, links with another MTU. Whatever
//! there is of them works, and nothing that is lacking stops the others.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::instance::{Instance, Run, neighbours_reach};
use crate::life::{end, start};
use crate::vpc::{EniId, EniSpec, Fault, SubnetId, Vpc};

/// Of the interface without addresses.
const STRANGE: &str = "06:00:00:00:00:77";

/// A host with a primary and a secondary ENI, on netplan.
fn host() -> (Vpc, Instance, [SubnetId; 2]) {
    let mut vpc = Vpc::new();
    let subnets = ["10.0.0.0/20", "10.1.0.0/20"].map(|net| vpc.subnet(net, None));
    vpc.attach(EniSpec::new(subnets[0], "eth0").ipv4(["10.0.0.10"]));
    vpc.attach(EniSpec::new(subnets[1], "eth1").ipv4(["10.1.0.20", "10.1.0.21"]));
    let instance = Instance::with_netplan(vpc.guest());
    (vpc, instance, subnets)
}

/// An interface of a secondary network; and an EFA-only one, which has a subnet and no address (amazon-vpc-cni-k8s #3047).
fn strange(subnet: SubnetId) -> [EniSpec; 2] {
    let spec = || {
        EniSpec::new(subnet, "eth7")
            .mac(STRANGE)
            .device_number(1)
            .card(1)
    };
    [spec().without_vpc(), spec()]
}

fn of(status: &Value, mac: &str) -> Value {
    let enis = status["enis"].as_array().unwrap().iter();
    let mut found = enis.filter(|eni| eni["mac"] == mac);
    found
        .next()
        .unwrap_or_else(|| panic!("{mac} is not in {status:#}"))
        .clone()
}

fn assert_left_alone(instance: &Instance) {
    let eni = of(&instance.json("status"), STRANGE);
    assert_eq!(eni["state"], "unmanaged", "{eni:#}");
    let reason = eni["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("no address"), "{eni:#}");
}

fn succeeds(run: &Run) {
    assert!(run.code == 0 && run.stderr.is_empty(), "{run:?}");
}

#[test]
fn an_interface_without_an_address_of_a_vpc_is_left_alone_with_a_reason_and_fails_no_run() {
    for n in 0..2 {
        let (mut vpc, instance, subnets) = host();
        vpc.attach(strange(subnets[1])[n].clone());
        let said = instance.must("apply");
        assert!(said.contains("note: eth7 is left alone: "), "{said}");
        assert_left_alone(&instance);
        neighbours_reach(&mut vpc, &subnets, &["10.0.0.10", "10.1.0.20", "10.1.0.21"]);
        assert!(instance.must("apply").starts_with("nothing to do"));
        assert_eq!(instance.must("refresh"), "");
        succeeds(&instance.eniroute("check"));
        for selector in [STRANGE, "eth7"] {
            succeeds(&instance.eniroute(&format!("apply --eni {selector}")));
        }
        assert!(!instance.host.ip("link show eth7").contains("state UP"));
    }
}

#[test]
fn no_unit_fails_for_an_interface_without_an_address_and_what_is_detached_beside_it_is_taken_away()
{
    for n in 0..2 {
        let (mut vpc, instance, subnets) = host();
        vpc.attach(strange(subnets[1])[n].clone());
        let second: EniId = vpc.attach(EniSpec::new(subnets[1], "eth2").ipv4(["10.1.0.30"]));
        let run = instance.eniroute("apply --service --wait 1");
        succeeds(&run);
        let notes = run.stdout.matches("note: eth7 is left alone").count();
        assert_eq!(notes, 1, "{run:?}");
        neighbours_reach(&mut vpc, &subnets, &["10.1.0.20", "10.1.0.30"]);
        let run = instance.eniroute("hotplug add eth7 --wait 1");
        succeeds(&run);
        assert!(run.stdout.contains("note: eth7 is left alone"), "{run:?}");
        succeeds(&instance.eniroute("hotplug change --wait 1"));
        vpc.detach(second);
        assert!(instance.must("refresh").contains("rule"));
        assert!(!instance.host.ip("rule").contains("10.1.0.30"));
    }
}

#[test]
fn an_entry_of_the_configuration_may_mean_an_interface_without_an_address() {
    for entry in [
        "exclude = [\"eth7\"]\n".to_owned(),
        format!("exclude = [\"{STRANGE}\"]\n"),
        "[eni.eth7]\nmtu_internet = 1500\n".to_owned(),
    ] {
        let (mut vpc, instance, subnets) = host();
        vpc.attach(strange(subnets[1])[0].clone());
        instance.write("etc/eniroute.toml", &entry);
        let said = instance.must("apply");
        assert!(!said.contains("no ENI is"), "{entry}: {said}");
        assert_left_alone(&instance);
        neighbours_reach(&mut vpc, &subnets, &["10.1.0.20"]);
    }
}

/// The longest that a boot's run waits for an address, by far.
const PATIENT: Duration = Duration::from_secs(15);

#[test]
fn a_boot_does_not_wait_for_an_interface_without_an_address() {
    let (mut vpc, instance, subnets) = host();
    vpc.attach(strange(subnets[1])[0].clone());
    let begin = Instant::now();
    let boot = start(&instance, "apply --service --wait 60");
    while !neighbour_reaches(&mut vpc, subnets[1], "10.1.0.21") {
        assert!(
            instance.is_soon(begin.elapsed(), PATIENT),
            "the others wait with it"
        );
    }
    let run = end(boot);
    let took = begin.elapsed();
    succeeds(&run);
    assert!(instance.is_soon(took, PATIENT), "{took:?}");
    assert!(run.stdout.contains("note: eth7 is left alone: "), "{run:?}");
    assert_left_alone(&instance);
}

fn neighbour_reaches(vpc: &mut Vpc, subnet: SubnetId, address: &str) -> bool {
    vpc.neighbour(subnet).ping(&[address]).is_empty()
}

#[test]
fn a_refresh_is_as_cheap_where_an_interface_has_no_address() {
    for n in 0..2 {
        let (mut vpc, instance, subnets) = host();
        let eni = vpc.attach(strange(subnets[1])[n].clone());
        instance.must("apply");
        for unplugged in [false, true] {
            if unplugged {
                vpc.unplug(eni);
                instance.must("hotplug remove eth7");
                instance.must("refresh");
            }
            let disk = instance.disk_state();
            for _ in 0..3 {
                vpc.imds().clear_log();
                assert_eq!(instance.must("refresh"), "");
                let log = vpc.imds().log();
                assert!(log.len() <= 2 + 2 * 3, "{} requests: {log:?}", log.len());
                assert_eq!(instance.disk_state(), disk);
            }
        }
        assert_left_alone(&instance);
    }
}

#[test]
fn a_hot_plug_that_waits_for_an_address_holds_up_no_other() {
    let (mut vpc, instance, subnets) = host();
    instance.must("apply");
    vpc.attach(strange(subnets[1])[0].clone());
    let waiting = start(&instance, "hotplug add eth7 --wait 6");
    vpc.attach(EniSpec::new(subnets[1], "eth2").ipv4(["10.1.0.30"]));
    let begin = Instant::now();
    let other = start(&instance, "hotplug add eth2 --wait 30");
    while !neighbour_reaches(&mut vpc, subnets[1], "10.1.0.30") {
        let is_soon = instance.is_soon(begin.elapsed(), Duration::from_secs(5));
        assert!(is_soon, "it waits with it");
    }
    for run in [end(waiting), end(other)] {
        succeeds(&run);
    }
    assert_left_alone(&instance);
}

/// An EFA-only device has no interface either.
#[test]
fn an_interface_without_an_address_needs_no_link() {
    for n in 0..2 {
        let (mut vpc, instance, subnets) = host();
        let strange = vpc.attach(strange(subnets[1])[n].clone());
        vpc.unplug(strange);
        succeeds(&instance.eniroute("apply --service --wait 1"));
        assert_left_alone(&instance);
        neighbours_reach(&mut vpc, &subnets, &["10.0.0.10", "10.1.0.20"]);
        assert_eq!(instance.must("refresh"), "");
    }
}

/// All that it looked like was an attach that was not done.
#[test]
fn an_interface_that_gets_its_address_later_is_configured() {
    let (mut vpc, instance, subnets) = host();
    let late = vpc.attach(strange(subnets[1])[1].clone());
    instance.must("apply");
    assert_left_alone(&instance);
    vpc.assign(late, "10.1.0.70");
    assert!(instance.must("refresh").contains("eth7"));
    neighbours_reach(&mut vpc, &subnets, &["10.1.0.70", "10.1.0.20"]);
    // And once it has been ours, that its address is not told is a fault again, and costs it nothing.
    vpc.imds()
        .fault(Fault::absent(&format!("{STRANGE}/local-ipv4s")));
    assert_eq!(instance.eniroute("apply").code, 1);
    neighbours_reach(&mut vpc, &subnets, &["10.1.0.70"]);
}

/// Whatever an emulator leaves out: keys that are listed and 404, or say nothing, and so the folder.
#[test]
fn what_stays_404_or_empty_for_two_minutes_is_left_alone_and_until_then_it_is_late() {
    for key in [
        "local-ipv4s",
        "subnet-ipv4-cidr-block",
        "interface-id",
        "device-number",
        "",
    ] {
        let what = format!("{STRANGE}/{key}");
        let what = what.trim_end_matches('/');
        for fault in [Fault::late(what), Fault::empty(what)] {
            is_late_and_then_left_alone(&fault);
        }
    }
}

fn is_late_and_then_left_alone(fault: &Fault) {
    let (mut vpc, instance, subnets) = host();
    let spec = EniSpec::new(subnets[1], "eth7").mac(STRANGE);
    vpc.attach(spec.ipv4(["10.1.0.70"]));
    vpc.imds().fault(fault.clone());
    let run = instance.eniroute("apply");
    assert!(
        run.code == 1 && run.stderr.contains(STRANGE),
        "{fault:?}: {run:?}"
    );
    neighbours_reach(&mut vpc, &subnets, &["10.0.0.10", "10.1.0.20"]);
    let index = instance.host.sh("cat /sys/class/net/eth7/ifindex");
    let seen = instance
        .host
        .sh("echo $(($(cut -d. -f1 /proc/uptime) - 130))000000");
    let record = format!("run/udev/data/n{}", index.trim());
    instance.write(&record, &format!("I:{}\n", seen.trim()));
    let said = instance.must("apply");
    assert!(
        said.contains("note: eth7 is left alone: "),
        "{fault:?}: {said}"
    );
    assert_eq!(of(&instance.json("status"), STRANGE)["state"], "unmanaged");
    assert_eq!(instance.must("refresh"), "", "{fault:?}");
    neighbours_reach(&mut vpc, &subnets, &["10.0.0.10", "10.1.0.20"]);
}

/// The primary's, too: it lacks nothing that others need.
#[test]
fn a_key_of_the_primary_that_says_nothing_stops_no_other_eni() {
    for key in ["interface-id", "local-ipv4s", "subnet-ipv4-cidr-block"] {
        let (mut vpc, instance, subnets) = host();
        let fault = Fault::empty(&format!("06:00:00:00:00:00/{key}"));
        vpc.imds().fault(fault);
        let run = instance.eniroute("apply");
        assert!(
            run.code == 1 && run.stderr.contains("06:00:00:00:00:00"),
            "{key}: {run:?}"
        );
        neighbours_reach(&mut vpc, &subnets, &["10.0.0.10", "10.1.0.20", "10.1.0.21"]);
    }
}

#[test]
fn a_line_of_the_list_that_is_no_mac_stops_nothing() {
    let (mut vpc, instance, subnets) = host();
    let list = "/latest/meta-data/network/interfaces/macs/";
    let listed = vpc.imds().text_of(list).unwrap();
    let strange = "00:00:00:00:fe:80:00:00:00:00:00:00:06:a6:9a:4a:98:c6:00:01:02:03/";
    let more = Fault::value(
        "network/interfaces/macs",
        &format!("{strange}\n{listed}\nextra/"),
    );
    vpc.imds().fault(more);
    instance.must("apply");
    neighbours_reach(&mut vpc, &subnets, &["10.0.0.10", "10.1.0.20", "10.1.0.21"]);
    assert_eq!(instance.must("refresh"), "");
}

#[test]
fn device_0_of_a_further_card_is_an_eni_like_any_other() {
    let (mut vpc, instance, subnets) = host();
    for (card, name, ip) in [(1, "eth5", "10.1.0.50"), (7, "eth6", "10.1.0.60")] {
        let spec = EniSpec::new(subnets[1], name).ipv4([ip]).device_number(0);
        vpc.attach(spec.card(card));
    }
    instance.must("apply");
    let rules = instance.host.ip("rule");
    for rule in [
        "10100:\tfrom 10.1.0.50 lookup 10100",
        "10700:\tfrom 10.1.0.60 lookup 10700",
    ] {
        assert!(rules.contains(rule), "{rules}");
    }
    neighbours_reach(
        &mut vpc,
        &subnets,
        &["10.0.0.10", "10.1.0.20", "10.1.0.50", "10.1.0.60"],
    );
    assert!(instance.must("apply").starts_with("nothing to do"));
}

#[test]
fn ipv6_subnets_of_other_sizes_and_with_several_ranges_answer_all_over() {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:a000::/44"));
    let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b0::/60"));
    vpc.add_ipv6(b, "2001:db8:0:100::/56");
    let eth0 = EniSpec::new(a, "eth0").ipv4(["10.0.0.10"]);
    vpc.attach(eth0.ipv6(["2001:db8:a00f:ffff::10"]));
    let addresses = [
        "2001:db8:0:b0::20",
        "2001:db8:0:bf::21",
        "2001:db8:0:1ff::22",
    ];
    let eth1 = EniSpec::new(b, "eth1").ipv4(["10.1.0.20"]).ipv6(addresses);
    vpc.attach(eth1.prefix6("2001:db8:0:b8:1::/80"));
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    let table = instance.host.ip("-6 route show table 10001");
    for subnet in [
        "2001:db8:0:b0::/60 dev eth1",
        "2001:db8:0:100::/56 dev eth1",
    ] {
        assert!(table.contains(subnet), "{table}");
    }
    let all = [&addresses[..], &["2001:db8:a00f:ffff::10", "10.1.0.20"]].concat();
    neighbours_reach(&mut vpc, &[a, b], &all);
    let silent = vpc.inet().ping(&all[..4]);
    assert!(silent.is_empty(), "from the Internet: {silent:?}");
    assert!(instance.must("apply").starts_with("nothing to do"));
    succeeds(&instance.eniroute("check"));
}

/// Two VPCs, of which each has a host with any address of the range that they share.
fn overlapping(mine: &str, theirs: &str, own: &str) -> (Vpc, Instance, [SubnetId; 2]) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet(mine, None);
    let b = vpc.subnet_of("vpc-0fedcba9876543210", theirs);
    let eth0 = EniSpec::new(a, "eth0").ipv4(["10.0.4.10"]);
    vpc.attach(eth0.public("10.0.4.10", "203.0.113.10"));
    let eth1 = EniSpec::new(b, "eth1").ipv4([own]);
    vpc.attach(eth1.public(own, "203.0.113.20"));
    vpc.lies_in(a, "10.0.4.10");
    vpc.lies_in(b, own);
    let instance = Instance::with_netplan(vpc.guest());
    (vpc, instance, [a, b])
}

#[test]
fn of_vpcs_that_overlap_each_is_answered_by_its_own_eni() {
    for (mine, theirs, own) in [
        ("10.0.4.0/24", "10.0.4.0/24", "10.0.4.20"),
        ("10.0.0.0/20", "10.0.4.0/24", "10.0.4.20"),
        ("10.0.4.0/24", "10.0.0.0/20", "10.0.7.20"),
    ] {
        let (vpc, instance, [a, b]) = overlapping(mine, theirs, own);
        instance.must("apply");
        // The same address in both of them.
        let hosts = [(a, "in-a", "10.0.4.10"), (b, "in-b", own)];
        for (subnet, name, target) in hosts {
            let host = vpc.instance(subnet, name, &["10.0.4.99"]);
            let silent = host.ping(&[target]);
            assert!(
                silent.is_empty(),
                "{mine}, {theirs}: {target} from {name}\n{}",
                instance.host.dump()
            );
        }
        let silent = vpc.inet().ping(&["203.0.113.10", "203.0.113.20"]);
        assert!(silent.is_empty(), "{mine}, {theirs}: {silent:?}");
        assert_eq!(vpc.spoofed(), 0, "{mine}, {theirs}");
        assert!(instance.must("apply").starts_with("nothing to do"));
        let run = instance.eniroute("check --verbose");
        assert!(
            run.stdout.contains("M3"),
            "one kernel cannot tell unbound traffic: {run:?}"
        );
    }
}

/// Before, the rule for all of the prefix came first, and took the packets of an address that is another VPC's.
#[test]
fn a_delegated_prefix_leaves_out_what_is_an_eni_s_of_another_vpc() {
    for first in [true, false] {
        let mut vpc = Vpc::new();
        let [a, c] = ["10.0.4.0/24", "10.1.0.0/24"].map(|net| vpc.subnet(net, None));
        let b = vpc.subnet_of("vpc-0fedcba9876543210", "10.0.4.0/24");
        let mut attach = |dev: &str, is_delegated: bool| {
            vpc.attach(match is_delegated {
                true => EniSpec::new(a, dev)
                    .ipv4(["10.0.4.10"])
                    .prefix4("10.0.4.16/28"),
                false => EniSpec::new(c, dev).ipv4(["10.1.0.10"]),
            });
        };
        attach("eth0", first);
        attach("eth1", !first);
        vpc.attach(EniSpec::new(b, "eth2").ipv4(["10.0.4.20", "10.0.4.23"]));
        let instance = Instance::with_netplan(vpc.guest());
        instance.must("apply");
        let host = vpc.instance(b, "in-b", &["10.0.4.99"]);
        let silent = host.ping(&["10.0.4.20", "10.0.4.23"]);
        assert!(silent.is_empty(), "{silent:?}\n{}", instance.host.dump());
        let rules = instance.host.ip("rule");
        let number = if first { 10000 } else { 10001 };
        for part in ["16/30", "21", "22", "24/29"] {
            let rule = format!("{number}:\tfrom 10.0.4.{part} lookup {number} proto static");
            assert!(rules.contains(&rule), "{rule}\n{rules}");
        }
        assert!(instance.must("apply").starts_with("nothing to do"));
        let run = instance.eniroute("check");
        assert!(
            run.stdout.contains("M3") && !run.stdout.contains("R3"),
            "{run:?}"
        );
        let why = instance.must("explain 10.0.4.20");
        assert!(why.contains("eth2"), "{why}");
    }
}

#[test]
fn an_address_that_both_vpcs_have_given_is_the_primary_s_and_the_other_eni_is_named() {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.4.0/24", None);
    let b = vpc.subnet_of("vpc-0fedcba9876543210", "10.0.4.0/24");
    vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.4.10"]));
    vpc.attach(EniSpec::new(b, "eth1").ipv4(["10.0.4.10"]));
    let instance = Instance::with_netplan(vpc.guest());
    let run = instance.eniroute("apply");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("10.0.4.10 belongs to another ENI"),
        "{run:?}"
    );
    let host = vpc.instance(a, "in-a", &["10.0.4.99"]);
    assert!(host.ping(&["10.0.4.10"]).is_empty());
}

/// The lease of an IPv6-only subnet's host is of 169.254.0.0/16, by a gateway beyond the link, and leads to the services
/// of the instance alone.
#[test]
fn in_subnets_without_ipv4_the_metadata_is_reached_by_the_link_local_lease() {
    let mut vpc = Vpc::new();
    let [a, b] = ["a", "b"].map(|net| vpc.subnet_ipv6_only(&format!("2001:db8:0:{net}::/64")));
    vpc.attach(EniSpec::new(a, "eth0").ipv6(["2001:db8:0:a::10"]));
    vpc.attach(EniSpec::new(b, "eth1").ipv6(["2001:db8:0:b::20", "2001:db8:0:b::21"]));
    vpc.lease_link_local(vpc.first_eni(), "169.254.7.9");
    let instance = Instance::with_netplan(vpc.guest());
    let lease = || {
        let shown = instance.host.ip("-4 address show eth0");
        let (lease, _) = shown.split_once(" valid_lft ").unwrap();
        lease.to_owned()
    };
    let before = lease();
    instance.must("apply");
    let addresses = ["2001:db8:0:a::10", "2001:db8:0:b::20", "2001:db8:0:b::21"];
    neighbours_reach(&mut vpc, &[a, b], &addresses);
    assert_eq!(lease(), before);
    assert!(instance.must("apply").starts_with("nothing to do"));
    assert_eq!(instance.must("refresh"), "");
    assert!(!instance.host.ip("-4 rule").contains("lookup 100"));
}

#[test]
fn metadata_by_ipv6_alone_is_enough() {
    let mut vpc = Vpc::new();
    let [a, b] = ["a", "b"].map(|net| vpc.subnet_ipv6_only(&format!("2001:db8:0:{net}::/64")));
    vpc.enable_imds_ipv6();
    vpc.attach(EniSpec::new(a, "eth0").ipv6(["2001:db8:0:a::10"]));
    vpc.attach(EniSpec::new(b, "eth1").ipv6(["2001:db8:0:b::20"]));
    let instance = Instance::with_netplan(vpc.guest());
    assert_eq!(
        instance.host.ip("-4 route"),
        "",
        "no way to 169.254.169.254"
    );
    let begin = Instant::now();
    instance.must("apply");
    let took = begin.elapsed();
    let is_soon = instance.is_soon(took, Duration::from_secs(1));
    assert!(is_soon, "nobody waits for a way that is none: {took:?}");
    neighbours_reach(&mut vpc, &[a, b], &["2001:db8:0:a::10", "2001:db8:0:b::20"]);
    assert_eq!(instance.must("refresh"), "");
    let asked = vpc.imds().log();
    assert!(
        asked.iter().all(|request| request.from.is_ipv6()),
        "{asked:?}"
    );
}

/// As the mlx5 ENIs have it (amazon-ec2-net-utils #143): the link's own is what counts, and it stays.
#[test]
fn a_link_with_an_mtu_of_8500_keeps_it_and_carries_packets_of_that_size() {
    let mut vpc = Vpc::new();
    let [a, b] = ["10.0.0.0/20", "10.1.0.0/20"].map(|net| vpc.subnet(net, None));
    vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.0.10"]).mtu(8500));
    vpc.attach(EniSpec::new(b, "eth1").ipv4(["10.1.0.20"]).mtu(8500));
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    for dev in ["eth0", "eth1"] {
        assert!(
            instance
                .host
                .ip(&format!("link show {dev}"))
                .contains("mtu 8500")
        );
    }
    let host = instance.host.clone();
    let neighbour = vpc.neighbour(b);
    let mine = vpc.describe(b).gateway().unwrap();
    let large = |host: &crate::vpc::Host, from: &str, size: u32, to: &str| {
        let size = size.to_string();
        let words = [
            "-M", "do", "-c", "1", "-W", "2", "-I", from, "-s", &size, to,
        ];
        host.command("ping").args(words).output().status.success()
    };
    assert!(large(&host, "10.1.0.20", 8500 - 28, &mine.to_string()));
    assert!(!large(&host, "10.1.0.20", 8501 - 28, &mine.to_string()));
    assert!(neighbour.ping(&["10.1.0.20", "10.0.0.10"]).is_empty());
    let run = instance.eniroute("check");
    assert!(run.code == 0 && !run.stdout.contains("L4"), "{run:?}");
}
