//! Group A: EC2's list against the host's, and addresses that will not last.

use serde_json::Value;

use super::{evidence, findings, host, nothing, of_code, one, only, remedy, text};
use crate::instance::Instance;
use crate::vpc::{EniSpec, INTERNET, SubnetId, Vpc, wait_for};

/// One ENI, as in the report of a machine that vanished from the network.
fn lone() -> (Vpc, Instance, SubnetId) {
    let mut vpc = Vpc::new();
    let subnet = vpc.subnet("10.0.0.0/24", None);
    vpc.attach(EniSpec::new(subnet, "eth0").ipv4(["10.0.0.133"]));
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    (vpc, instance, subnet)
}

/// Both families, with a delegated prefix of each on the second ENI.
fn dual(public: bool) -> (Vpc, Instance) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/24", Some("2001:db8:1:1::/64"));
    let b = vpc.subnet("10.0.1.0/24", Some("2001:db8:1:2::/64"));
    let eth0 = EniSpec::new(a, "eth0")
        .ipv4(["10.0.0.133"])
        .ipv6(["2001:db8:1:1::20"]);
    vpc.attach(if public {
        eth0.public("10.0.0.133", "203.0.113.5")
    } else {
        eth0
    });
    vpc.attach(
        EniSpec::new(b, "eth1")
            .ipv4(["10.0.1.20"])
            .ipv6(["2001:db8:1:2::20"]),
    );
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    (vpc, instance)
}

#[test]
fn an_address_that_ec2_does_not_know_is_named_with_what_ec2_expects_and_both_remedies() {
    let (_vpc, instance) = host();
    instance.host.ip("address add 10.0.0.51/24 dev eth0");
    let finding = only(&instance, "A2");
    assert_eq!(
        (text(&finding, "severity"), text(&finding, "address")),
        ("error", "10.0.0.51")
    );
    assert!(
        text(&finding, "expected").contains("10.0.0.133"),
        "{finding:#}"
    );
    let assign = remedy(&finding, "outside");
    assert!(
        assign.starts_with("aws ec2 assign-private-ip-addresses --network-interface-id eni-")
            && assign.contains(" --private-ip-addresses 10.0.0.51 ")
            && assign.ends_with(" --region ap-southeast-2"),
        "{assign}"
    );
    instance.host.sh(&remedy(&finding, "review"));
    nothing(&instance);
}

#[test]
fn the_line_of_the_owner_s_file_that_brings_an_unknown_address_is_named() {
    let (_vpc, instance) = host();
    let path = "etc/netplan/60-mine.yaml";
    let line = "addresses: [10.0.0.51/24]";
    instance.write(
        path,
        &format!("network:\n  ethernets:\n    eth0:\n      {line}\n"),
    );
    instance.host.ip("address add 10.0.0.51/24 dev eth0");
    let finding = one(&instance, "A2");
    let place = format!("/{path}:4: {line}");
    assert!(evidence(&finding).contains(&place), "{finding:#}");
}

/// EC2 hands no packet over that is not from an address of its own, so the metadata service is silent, too.
#[test]
fn on_a_machine_that_vanished_with_the_address_of_its_owner_s_choice_it_says_why_without_metadata()
{
    let (mut vpc, instance, subnet) = lone();
    let neighbour = vpc.neighbour(subnet);
    let unreached = |addresses: &[&str]| neighbour.ping(addresses).len();
    assert_eq!(unreached(&["10.0.0.133"]), 0, "it answers at first");
    instance.host.ip_batch(
        "address del 10.0.0.133/24 dev eth0\naddress add 10.0.0.51/24 dev eth0\n\
         route replace default via 10.0.0.1 dev eth0\n",
    );
    assert_eq!(unreached(&["10.0.0.133", "10.0.0.51"]), 2, "it vanished");
    let run = instance.eniroute("check --wait 1 --json");
    assert_eq!(run.code, 4, "{run:#?}");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let found = |code: &str| {
        let findings = report["findings"].as_array().unwrap();
        let of_code = findings.iter().find(|finding| finding["code"] == code);
        of_code.unwrap_or_else(|| panic!("{code}: {report:#}"))
    };
    assert_eq!(found("A2")["address"], "10.0.0.51");
    assert_eq!(found("A2")["expected"], "10.0.0.133 alone, as EC2 has it");
    assert!(remedy(found("A2"), "outside").contains("assign-private-ip-addresses"));
    assert_eq!(found("A1")["address"], "10.0.0.133");
    assert_eq!(found("M1")["what"], "the metadata service does not answer");
    instance.host.sh(&remedy(found("A2"), "review"));
}

#[test]
fn an_address_of_no_subnet_may_be_reached_by_a_route_table_and_is_a_warning() {
    let (_vpc, instance) = host();
    instance.host.ip("address add 192.168.7.1/24 dev eth0");
    let finding = only(&instance, "A2");
    assert_eq!(text(&finding, "severity"), "warning");
    assert!(remedy(&finding, "outside").contains("--no-source-dest-check"));
    assert_eq!(instance.eniroute("check").code, 0);
    assert_eq!(
        instance.must("apply").matches("192.168.7.1").count(),
        0,
        "no run complains"
    );
    instance.host.sh(&remedy(&finding, "review"));
    nothing(&instance);
}

#[test]
fn what_is_nobody_s_in_a_vpc_is_no_unknown_address() {
    let (_vpc, instance) = host();
    instance.host.ip_batch(
        "link add br0 type bridge\naddress add 172.17.0.1/16 dev br0\nlink set br0 up\n\
         address add 10.0.0.77/24 dev br0\naddress add 169.254.10.1/16 dev eth1\n",
    );
    assert_eq!(of_code(&instance, "A2"), [] as [Value; 0]);
}

#[test]
fn an_address_on_the_interface_of_another_eni_or_on_none_of_them_is_named_with_its_own() {
    let (_vpc, instance) = host();
    instance.host.ip("address add 10.0.1.21/32 dev eth0");
    let finding = only(&instance, "A3");
    assert_eq!(
        (text(&finding, "severity"), text(&finding, "is")),
        ("error", "10.0.1.21/32 on eth0")
    );
    assert_eq!(text(&finding, "expected"), "10.0.1.21 on eth1 alone");
    instance.host.sh(&remedy(&finding, "review"));
    instance
        .host
        .ip_batch("link add d0 type bridge\naddress add 10.0.1.20/32 dev d0\n");
    let finding = only(&instance, "A3");
    assert_eq!(text(&finding, "severity"), "warning");
    instance.host.sh(&remedy(&finding, "review"));
    nothing(&instance);
}

#[test]
fn an_address_that_the_host_lacks_is_one_of_apply_s() {
    let (_vpc, instance) = host();
    instance.host.ip("address del 10.0.1.21/32 dev eth1");
    let finding = one(&instance, "A1");
    assert_eq!(text(&finding, "address"), "10.0.1.21");
    assert!(text(&finding, "expected").contains("10.0.1.21 on eth1"));
    assert!(
        evidence(&finding)
            .iter()
            .any(|line| line.contains("local-ipv4s: 10.0.1.21"))
    );
    assert_eq!(remedy(&finding, "safe"), "eniroute apply");
    instance.must("apply");
    nothing(&instance);
}

#[test]
fn an_address_that_the_kernel_does_not_use_is_a_warning_with_its_flag() {
    let (vpc, instance) = dual(false);
    instance
        .host
        .ip("address change 10.0.1.20/32 dev eth1 preferred_lft 0");
    let finding = only(&instance, "A4");
    assert_eq!(
        (text(&finding, "severity"), text(&finding, "is")),
        ("warning", "deprecated")
    );
    instance.host.sh(&remedy(&finding, "review"));
    nothing(&instance);
    instance
        .host
        .sysctl("net.ipv6.conf.eth1.dad_transmits", 600);
    instance.host.ip_batch(
        "-6 address del 2001:db8:1:2::20/128 dev eth1\n-6 address add 2001:db8:1:2::20/128 dev eth1\n",
    );
    let finding = one(&instance, "A4");
    assert_eq!(text(&finding, "is"), "tentative");
    answer_as_another_host(&vpc, &instance);
    wait_for("dadfailed", || {
        instance
            .host
            .ip("-6 address show dev eth1")
            .contains("dadfailed")
    });
    let finding = one(&instance, "A4");
    assert_eq!(
        (text(&finding, "severity"), text(&finding, "is")),
        ("warning", "dadfailed")
    );
    instance.host.sysctl("net.ipv6.conf.eth1.dad_transmits", 1);
    instance.host.sh(&remedy(&finding, "review"));
    nothing(&instance);
}

/// A neighbour advertisement for 2001:db8:1:2::20, put on the wire of eth1: no guest of the VPC may send it.
fn answer_as_another_host(vpc: &Vpc, instance: &Instance) {
    let port = instance.host.sh("cat /sys/class/net/eth1/iflink");
    let port = port.trim();
    let program = format!(
        "import socket, struct\n\
         own = socket.inet_pton(socket.AF_INET6, '2001:db8:1:2::20')\n\
         every = socket.inet_pton(socket.AF_INET6, 'ff02::1')\n\
         body = struct.pack('!BBHI', 136, 0, 0, 0x20000000) + own + bytes([2, 1, 2, 0, 0, 0, 0, 0x99])\n\
         words = own + every + struct.pack('!II', len(body), 58) + body\n\
         total = sum(struct.unpack('!%dH' % (len(words) // 2), words))\n\
         total = (total & 0xffff) + (total >> 16)\n\
         check = ~((total & 0xffff) + (total >> 16)) & 0xffff\n\
         body = body[:2] + struct.pack('!H', check) + body[4:]\n\
         head = struct.pack('!IHBB', 0x60000000, len(body), 58, 255) + own + every\n\
         wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n\
         wire.bind((socket.if_indextoname({port}), 0))\n\
         wire.send(bytes.fromhex('333300000001020000000099' '86dd') + head + body)\n"
    );
    vpc.router().command("python3").args(["-c", &program]).run();
}

#[test]
fn a_lease_that_nobody_renews_is_an_error_and_one_with_a_client_or_a_manager_is_none() {
    let (mut vpc, instance, _) = lone();
    nothing(&instance);
    let eth0 = vpc.first_eni();
    vpc.abandon_lease(eth0);
    let finding = only(&instance, "A5");
    assert_eq!(
        (text(&finding, "severity"), text(&finding, "address")),
        ("error", "10.0.0.133")
    );
    let index = instance.host.sh("cat /sys/class/net/eth0/ifindex");
    let lease = format!("run/systemd/netif/leases/{}", index.trim());
    instance.write(
        &lease,
        "# This is private data.\nADDRESS=10.0.0.133\nROUTER=10.0.0.1\n",
    );
    nothing(&instance);
    instance.write(&lease, "ADDRESS=10.0.0.132\n");
    // It has no socket at all between two renewals, and is known by its process.
    for (program, dev, renews) in [("udhcpc", "eth0", true), ("udhcpc", "eth7", false)] {
        let client = instance.host.command("busybox");
        let client = client.args([program, "-f", "-i", dev, "-s", "/bin/true", "-O", "mtu"]);
        let client = client.background();
        let expected = usize::from(!renews);
        wait_for(dev, || {
            of_code(&instance, "A5").len() == expected || client.log().contains("not found")
        });
        assert_eq!(
            of_code(&instance, "A5").len(),
            expected,
            "{dev}: {}",
            client.log()
        );
    }
    // dhcpcd and others take what arrives by a packet socket.
    let program = "import socket, time\n\
                   wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x800))\n\
                   wire.bind(('eth0', 0x800))\n\
                   time.sleep(60)\n";
    let client = instance
        .host
        .command("python3")
        .args(["-c", program])
        .background();
    wait_for("a packet socket", || of_code(&instance, "A5").is_empty());
    drop(client);
    instance.host.sh(&remedy(&one(&instance, "A5"), "review"));
    nothing(&instance);
}

/// EC2's leases of IPv6 last for 450 s: when a third of that is left, no client has renewed it.
#[test]
fn an_ipv6_lease_that_ran_down_is_an_error_until_apply_has_the_address_stay() {
    let (_vpc, instance) = dual(false);
    nothing(&instance);
    let ip = "2001:db8:1:1::20";
    let lease = format!(
        "-6 address change {ip}/128 dev eth0 noprefixroute valid_lft 110 preferred_lft 60\n"
    );
    instance.host.ip_batch(&lease);
    // The files do not have it yet, either.
    let finding = one(&instance, "A5");
    assert_eq!(
        (text(&finding, "severity"), text(&finding, "address")),
        ("error", ip)
    );
    assert_eq!(remedy(&finding, "safe"), "eniroute apply");
    instance.must("apply");
    nothing(&instance);
}

/// cloud-init's dhcpcd leaves a lease of an hour on a secondary ENI, and ends.
#[test]
fn a_lease_that_a_probe_has_left_is_one_of_apply_s_and_is_told_once() {
    let (_vpc, instance) = host();
    instance.host.ip_batch(
        "address del 10.0.1.21/32 dev eth1\n\
         address add 10.0.1.21/24 dev eth1 valid_lft 3600 preferred_lft 3600\n",
    );
    let finding = one(&instance, "A5");
    assert_eq!(text(&finding, "address"), "10.0.1.21");
    assert_eq!(of_code(&instance, "A1"), [] as [Value; 0]);
    assert_eq!(remedy(&finding, "safe"), "eniroute apply");
    instance.must("apply");
    assert_eq!(of_code(&instance, "A5"), [] as [Value; 0]);
}

#[test]
fn that_ipv6_is_outbound_only_is_explained_and_nothing_is_called_broken() {
    let (vpc, instance) = dual(true);
    vpc.egress_only_ipv6();
    let finding = only(&instance, "A6");
    assert_eq!(text(&finding, "severity"), "hint");
    assert_eq!(instance.eniroute("check --strict").code, 0);
    let (_vpc, instance) = {
        drop((vpc, instance));
        dual(false)
    };
    nothing(&instance);
}

#[test]
fn an_eni_without_ipv4_is_told_and_is_no_fault() {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/24", None);
    let b = vpc.subnet_ipv6_only("2001:db8:1:2::/64");
    vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.0.133"]));
    vpc.attach(EniSpec::new(b, "eth1").ipv6(["2001:db8:1:2::20"]));
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    let finding = only(&instance, "A7");
    assert_eq!(text(&finding, "severity"), "hint");
    assert_eq!(instance.eniroute("check --strict").code, 0);
}

#[test]
fn a_prefix_that_nobody_uses_is_a_hint_until_a_container_has_an_address_of_it() {
    let mut vpc = Vpc::new();
    let subnet = vpc.subnet("10.0.1.0/24", None);
    vpc.attach(
        EniSpec::new(subnet, "eth0")
            .ipv4(["10.0.1.20"])
            .prefix4("10.0.1.48/28"),
    );
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    let finding = only(&instance, "A8");
    assert_eq!(
        (text(&finding, "severity"), text(&finding, "object")),
        ("hint", "10.0.1.48/28")
    );
    // It has the host forward, which is told, too.
    let _container = instance.host.container("br0", "10.0.1.50/28");
    assert_eq!(of_code(&instance, "A8"), [] as [Value; 0]);
}

#[test]
fn a_default_route_that_gives_unbound_traffic_another_address_is_named_with_the_one_that_is_right()
{
    let mut vpc = Vpc::new();
    let subnet = vpc.subnet("10.0.0.0/24", None);
    vpc.attach(EniSpec::new(subnet, "eth0").ipv4(["10.0.0.133", "10.0.0.134"]));
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    nothing(&instance);
    let source = |address: &str| {
        let way = instance.host.ip(&format!("route get {}", INTERNET[0]));
        assert!(way.contains(&format!("src {address}")), "{way}");
    };
    instance
        .host
        .ip("route replace default via 10.0.0.1 dev eth0 metric 100 src 10.0.0.134");
    source("10.0.0.134");
    let finding = one(&instance, "A9");
    assert_eq!(
        (text(&finding, "severity"), text(&finding, "address")),
        ("warning", "10.0.0.134")
    );
    instance.host.sh(&remedy(&finding, "review"));
    source("10.0.0.133");
    assert_eq!(
        of_code(&instance, "A9"),
        [] as [Value; 0],
        "{:?}",
        findings(&instance)
    );
}
