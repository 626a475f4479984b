//! Who reaches whom, with packets: the scenarios that eniroute exists for.

use crate::instance::{Instance, neighbours_reach};
use crate::traffic::under_traffic;
use crate::vpc::{EniSpec, SubnetId, Vpc, wait_for};

const MAIN_FIRST: &str = "main_routes_first = true\n";

/// Scenario S1 as it was reported from Ubuntu: two ENIs in one subnet, an Elastic IP on each.
fn s1() -> (Vpc, SubnetId) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("172.31.32.0/20", None);
    vpc.attach(
        EniSpec::new(a, "eth0")
            .mac("06:ce:dd:28:5b:b8")
            .ipv4(["172.31.37.139"])
            .public("172.31.37.139", "54.178.213.178"),
    );
    vpc.attach(
        EniSpec::new(a, "eth1")
            .mac("06:a6:9a:4a:98:c6")
            .ipv4(["172.31.41.29"])
            .public("172.31.41.29", "3.104.193.180"),
    );
    (vpc, a)
}

const S1_PUBLIC: [&str; 2] = ["54.178.213.178", "3.104.193.180"];

#[test]
fn s1_the_second_elastic_ip_answers() {
    let (mut vpc, a) = s1();
    let instance = Instance::with_netplan(vpc.guest());
    // As the report has it: the second ENI is up and has its address, and does not answer.
    instance.host.ip("link set eth1 up");
    instance
        .host
        .ip("address add 172.31.41.29/20 dev eth1 noprefixroute");
    assert_eq!(
        vpc.inet().ping(&S1_PUBLIC),
        ["3.104.193.180".parse::<std::net::IpAddr>().unwrap()]
    );
    assert!(
        vpc.spoofed() > 0,
        "the answers of eth1 must have left by eth0"
    );

    instance.must("apply");
    let spoofed = vpc.spoofed();
    assert_eq!(vpc.inet().ping(&S1_PUBLIC), [] as [std::net::IpAddr; 0]);
    neighbours_reach(&mut vpc, &[a], &["172.31.37.139", "172.31.41.29"]);
    assert_eq!(vpc.spoofed(), spoofed);
    assert!(instance.host.ip("link show eth1").contains("mtu 9001"));
}

#[test]
fn s1_status_tells_both_elastic_ips() {
    let (vpc, _) = s1();
    let instance = Instance::with_netplan(vpc.guest());
    let before = instance.eniroute("status");
    assert_eq!(before.code, 0, "{before:?}");
    let row = before
        .stdout
        .lines()
        .find(|line| line.starts_with("eth1 "))
        .unwrap();
    assert!(
        row.contains("172.31.41.29") && row.contains("3.104.193.180") && row.contains("missing "),
        "{row}"
    );
    assert!(
        !before.stdout.lines().nth(1).unwrap().contains(" ok"),
        "the primary's narrow table is missing, too"
    );

    instance.must("apply");
    let table = instance.must("status");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0],
        [
            "INTERFACE",
            "ENI",
            "DEVICE",
            "TABLE",
            "ADDRESS",
            "PUBLIC",
            "STATE"
        ]
    );
    assert_eq!(
        rows[1][2..],
        ["0", "10000", "172.31.37.139", "54.178.213.178", "ok"]
    );
    assert_eq!(
        rows[2][2..],
        ["1", "10001", "172.31.41.29", "3.104.193.180", "ok"]
    );
    let json = instance.json("status --eni 3.104.193.180");
    let names: Vec<_> = json["enis"]
        .as_array()
        .unwrap()
        .iter()
        .map(|eni| eni["interface"].clone())
        .collect();
    assert_eq!(names, ["eth1"]);
}

/// The same report from Debian: other names, /24.
#[test]
fn s1_the_way_out_from_the_second_address_is_the_second_interface() {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/24", None);
    vpc.attach(EniSpec::new(a, "ens5").ipv4(["10.0.0.115"]));
    vpc.attach(EniSpec::new(a, "ens6").ipv4(["10.0.0.8"]).dhcp(true));
    let instance = Instance::bare(vpc.guest());
    assert!(instance.way_out("10.0.0.8").contains("dev ens5"));
    instance.must("apply");
    assert!(
        instance
            .way_out("10.0.0.8")
            .contains("via 10.0.0.1 dev ens6 table 10001")
    );
    assert!(instance.way_out("10.0.0.115").contains("dev ens5"));
    assert!(
        !instance
            .host
            .ip("route show table main")
            .contains("metric 10001"),
        "the DHCP client's own default stands"
    );
}

const ADDRESSES: [&str; 10] = [
    "10.0.0.10",
    "10.0.0.11",
    "10.0.0.20",
    "10.0.0.21",
    "10.1.0.30",
    "10.1.0.31",
    "2001:db8:0:a::100",
    "2001:db8:0:a::200",
    "2001:db8:0:b::300",
    "2001:db8:0:b::301",
];

/// Three ENIs: two in one subnet, one in another, all dual stack, with secondary addresses.
fn dual_stack() -> (Vpc, [SubnetId; 2]) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
    let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
    vpc.attach(
        EniSpec::new(a, "eth0")
            .ipv4(["10.0.0.10", "10.0.0.11"])
            .ipv6(["2001:db8:0:a::100"])
            .public("10.0.0.10", "203.0.113.10"),
    );
    vpc.attach(
        EniSpec::new(a, "eth1")
            .ipv4(["10.0.0.20", "10.0.0.21"])
            .ipv6(["2001:db8:0:a::200"])
            .public("10.0.0.21", "203.0.113.21"),
    );
    let third = EniSpec::new(b, "eth2")
        .ipv4(["10.1.0.30", "10.1.0.31"])
        .ipv6(["2001:db8:0:b::300", "2001:db8:0:b::301"]);
    vpc.attach(third.public("10.1.0.30", "203.0.113.30"));
    (vpc, [a, b])
}

fn everybody_reaches_every_address(config: &str) {
    let (mut vpc, subnets) = dual_stack();
    let instance = Instance::with_netplan(vpc.guest());
    instance.write("etc/eniroute.toml", config);
    instance.must("apply");
    neighbours_reach(&mut vpc, &subnets, &ADDRESSES);
    let ipv6: Vec<&str> = ADDRESSES
        .into_iter()
        .filter(|ip| ip.contains(':'))
        .collect();
    let from_outside = [&["203.0.113.10", "203.0.113.21", "203.0.113.30"], &ipv6[..]].concat();
    assert!(
        vpc.inet().ping(&from_outside).is_empty(),
        "{:?}",
        vpc.inet().ping(&from_outside)
    );
    assert_eq!(vpc.spoofed(), 0);
    for (source, dev) in [
        ("10.0.0.11", "eth0"),
        ("10.0.0.21", "eth1"),
        ("10.1.0.31", "eth2"),
        ("2001:db8:0:b::301", "eth2"),
    ] {
        assert!(
            instance.way_out(source).contains(&format!("dev {dev} ")),
            "{source}: {}",
            instance.way_out(source)
        );
    }
}

#[test]
fn neighbours_in_every_subnet_reach_every_address_in_both_families() {
    everybody_reaches_every_address("");
}

#[test]
fn neighbours_in_every_subnet_reach_every_address_with_main_routes_first() {
    everybody_reaches_every_address(MAIN_FIRST);
}

#[test]
fn s5_ipv6_leaves_by_its_own_eni_where_nothing_comes_in() {
    let (vpc, _) = dual_stack();
    vpc.egress_only_ipv6();
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    let outside: std::net::IpAddr = crate::vpc::INTERNET[1].parse().unwrap();
    for source in [
        "2001:db8:0:a::100",
        "2001:db8:0:a::200",
        "2001:db8:0:b::301",
    ] {
        let source = source.parse().unwrap();
        assert_eq!(
            instance.host.seen_by(&vpc.inet(), outside, Some(source)),
            Some(source)
        );
    }
    assert_eq!(vpc.inet().ping(&["203.0.113.30"]).len(), 0);
    assert_eq!(
        vpc.inet().ping(&["2001:db8:0:b::300"]).len(),
        1,
        "inbound IPv6 is refused by the gateway"
    );
    let status = instance.json("status");
    assert!(
        status["enis"]
            .as_array()
            .unwrap()
            .iter()
            .all(|eni| eni["state"] == "ok"),
        "{status:#}"
    );
}

#[test]
fn unbound_traffic_takes_the_primary_and_a_secondarys_subnet_its_own_eni() {
    let (vpc, [_, b]) = dual_stack();
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    assert!(
        instance
            .host
            .ip("route get 8.8.8.8")
            .contains("via 10.0.0.1 dev eth0 src 10.0.0.10")
    );
    assert!(
        instance
            .host
            .ip("route get 10.1.0.99")
            .contains("dev eth2 src 10.1.0.30")
    );
    let other = vpc.instance(b, "other", &["10.1.0.99"]);
    assert_eq!(
        instance
            .host
            .seen_by(&other, "10.1.0.99".parse().unwrap(), None),
        Some("10.1.0.30".parse().unwrap())
    );
}

/// A container behind a bridge on the host, with an address of the host's own choosing.
fn container_reaches(config: &str, host_addresses: &[&str]) {
    let (vpc, _) = dual_stack();
    let instance = Instance::with_netplan(vpc.guest());
    instance.write("etc/eniroute.toml", config);
    let container = instance.host.container("br0", "192.168.77.2/24");
    instance.must("apply");
    for address in host_addresses {
        assert!(
            container.ping(&[address]).is_empty(),
            "container -> {address}"
        );
        assert!(
            instance.host.ping_from(address, "192.168.77.2"),
            "{address} -> container"
        );
    }
}

#[test]
fn a_container_talks_with_the_primary_address_as_before() {
    container_reaches("", &["10.0.0.10", "10.0.0.11"]);
}

#[test]
fn a_container_talks_with_every_address_when_main_routes_come_first() {
    container_reaches(MAIN_FIRST, &ADDRESSES[..6]);
}

/// A container whose address is out of a prefix that EC2 delegated to the second ENI.
fn prefix_container_reaches(config: &str) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/20", None);
    let b = vpc.subnet("10.1.0.0/20", None);
    vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.0.10"]));
    vpc.attach(
        EniSpec::new(b, "eth1")
            .ipv4(["10.1.0.30"])
            .prefix4("10.1.3.16/28")
            .public("10.1.3.18", "203.0.113.18"),
    );
    let instance = Instance::with_netplan(vpc.guest());
    instance.write("etc/eniroute.toml", config);
    let container = instance.host.container("br0", "10.1.3.18/28");
    instance.must("apply");
    for address in ["10.0.0.10", "10.1.0.30"] {
        assert!(
            container.ping(&[address]).is_empty(),
            "container -> {address}"
        );
        assert!(
            instance.host.ping_from(address, "10.1.3.18"),
            "{address} -> container"
        );
    }
    assert!(
        container.ping(&[crate::vpc::INTERNET[0]]).is_empty(),
        "container -> Internet"
    );
    assert!(
        vpc.inet().ping(&["203.0.113.18"]).is_empty(),
        "Internet -> container"
    );
    neighbours_reach(&mut vpc, &[a, b], &["10.1.3.18"]);
    assert_eq!(vpc.spoofed(), 0);
}

#[test]
fn a_container_of_a_delegated_prefix_talks_with_host_and_internet() {
    prefix_container_reaches("");
}

#[test]
fn a_container_of_a_delegated_prefix_talks_with_host_and_internet_when_main_routes_come_first() {
    prefix_container_reaches(MAIN_FIRST);
}

/// As Debian 11's DHCP clients leave it when the second one is quicker: the only default in main is the second ENI's.
#[test]
fn the_primary_answers_although_a_dhcp_client_gave_the_only_default_to_another_eni() {
    for theirs in [
        "default via 10.0.0.1 dev eth1 onlink",
        "default via 10.0.0.1 dev eth1 onlink metric 100",
    ] {
        let (mut vpc, subnets) = dual_stack();
        let instance = Instance::with_netplan(vpc.guest());
        instance.host.ip("link set eth1 up");
        instance
            .host
            .ip("address add 10.0.0.20/20 dev eth1 noprefixroute");
        if !theirs.contains("metric") {
            instance.host.ip("route del default");
        }
        // Before the primary's, which has the same metric.
        instance.host.ip(&format!("route prepend {theirs}"));
        // Of two defaults with one metric the kernel takes whichever gateway it likes better.
        let is_luck = theirs.contains("metric");
        assert!(
            is_luck || vpc.inet().ping(&["203.0.113.10"]).len() == 1,
            "the primary is dead before"
        );
        let container = instance.host.container("br0", "192.168.77.2/24");
        instance.must("apply");
        assert!(
            vpc.inet()
                .ping(&["203.0.113.10", "203.0.113.21", "203.0.113.30"])
                .is_empty()
        );
        neighbours_reach(&mut vpc, &subnets, &ADDRESSES[..6]);
        assert!(
            container.ping(&["10.0.0.10"]).is_empty(),
            "and a container talks with it as before"
        );
        assert!(instance.must("apply").starts_with("nothing to do"));
    }
}

/// EC2's routers advertise themselves in every IPv6 subnet.
#[test]
fn a_router_advertisement_on_a_link_that_we_bring_up_does_not_take_the_primarys_ipv6() {
    let (mut vpc, subnets) = dual_stack();
    let instance = Instance::with_netplan(vpc.guest());
    let before = instance
        .host
        .sh("cat /proc/sys/net/ipv6/conf/eth2/accept_ra");
    instance.must("apply");
    let folder = tempfile::tempdir().unwrap();
    let leases = format!("--dhcp-leasefile={}/leases", folder.path().display());
    let ranges =
        ["a", "b"].map(|subnet| format!("--dhcp-range=2001:db8:0:{subnet}::,static,64,600"));
    let dnsmasq = vpc.router().command("dnsmasq").args([
        "--no-daemon",
        "--port=0",
        "--bind-dynamic",
        "--interface=subnet*",
    ]);
    let advertise = dnsmasq
        .args(["--enable-ra", "--ra-param=subnet*,4,1800", &leases])
        .args(ranges)
        .background();
    // The primary, which does listen, has heard one.
    wait_for("a router advertisement", || {
        instance
            .host
            .ip("-6 route show default dev eth0")
            .contains("expires")
    });
    std::thread::sleep(std::time::Duration::from_secs(1));
    let routes = instance.host.ip("-6 route show default");
    assert!(
        !routes.contains("eth1") && !routes.contains("eth2"),
        "{routes}\n{}",
        advertise.log()
    );
    neighbours_reach(&mut vpc, &subnets, &ADDRESSES);
    assert!(
        vpc.inet()
            .ping(&["2001:db8:0:a::100", "2001:db8:0:b::300"])
            .is_empty()
    );
    drop(advertise);
    instance.must("remove");
    assert_eq!(
        instance
            .host
            .sh("cat /proc/sys/net/ipv6/conf/eth2/accept_ra"),
        before
    );
}

/// With these stacks nothing is handed over at run time; with systemd-networkd and NetworkManager see their tests.
#[test]
fn the_connection_that_ssh_uses_loses_nothing_to_apply_and_remove() {
    for backend in ["network-scripts", "ifupdown", "none"] {
        let (vpc, _) = s1();
        let instance = Instance::bare(vpc.guest());
        let lost = under_traffic(&vpc, &instance.host, S1_PUBLIC[0], || {
            instance.must(&format!("apply --backend {backend}"));
            instance.must(&format!("apply --backend {backend}"));
            instance.must("remove");
        });
        assert_eq!(lost, 0, "{backend}");
    }
}
