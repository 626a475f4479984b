//! Other tools at work on the same host: eniroute stands down, or leaves their ENIs alone; nothing of theirs is changed
//! or taken away. Their units and files are stand-ins, their rules and routes are real.

use crate::instance::{Instance, changed};
use crate::vpc::{EniId, EniSpec, Vpc};

/// Three ENIs in one subnet, each with a second address, the last one with a delegated prefix.
fn three_enis() -> (Vpc, Instance, [EniId; 3]) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
    let enis = [0, 1, 2].map(|n| {
        let [first, second] = [0, 1].map(|last| format!("10.0.0.{}{last}", n + 1));
        let spec = EniSpec::new(a, &format!("eth{n}")).ipv4([first.as_str(), &second]);
        let spec = if n == 2 {
            spec.prefix4("10.0.3.16/28")
        } else {
            spec
        };
        vpc.attach(spec.public(&first, format!("203.0.113.{}", n + 1)))
    });
    let instance = Instance::with_netplan(vpc.guest());
    (vpc, instance, enis)
}

/// amazon-ec2-net-utils 2 uses the same numbers as eniroute.
const NET_UTILS: &str = "\
link set eth1 up
address add 10.0.0.20/20 dev eth1
route add default via 10.0.0.1 dev eth1 table 10001 proto dhcp
rule add from 10.0.0.20 lookup 10001 priority 10001
";

/// Paths and texts.
type Files<'a> = &'a [(&'a str, &'a str)];

/// Each with its files and what it has made in the kernel.
const TOOLS: [(&str, Files, &str); 5] = [
    (
        "amazon-ec2-net-utils",
        &[
            (
                "run/systemd/network/70-eth1.network.d/ec2net_policy_4.conf",
                "[RoutingPolicyRule]\nFrom=10.0.0.20\n",
            ),
            (
                "etc/systemd/system/multi-user.target.wants/policy-routes@eth1.service",
                "[Service]\nType=oneshot\n",
            ),
        ],
        NET_UTILS,
    ),
    (
        "nm-cloud-setup",
        &[
            (
                "etc/systemd/system/timers.target.wants/nm-cloud-setup.timer",
                "[Timer]\nOnBootSec=5m\n",
            ),
            (
                "usr/lib/systemd/system/nm-cloud-setup.service.d/10-rh-enable-for-ec2.conf",
                "[Service]\nEnvironment=NM_CLOUD_SETUP_EC2=yes\n",
            ),
        ],
        "rule add from 10.0.0.20 lookup 30401 priority 30401\n",
    ),
    (
        "cloud-netconfig",
        &[(
            "etc/systemd/system/timers.target.wants/cloud-netconfig.timer",
            "[Timer]\nOnBootSec=60\n",
        )],
        "rule add from 10.0.0.20 lookup 30403 priority 30403\n",
    ),
    (
        "the VPC CNI",
        &[("etc/cni/net.d/10-aws.conflist", "{\"name\": \"aws-cni\"}\n")],
        "",
    ),
    (
        "Cilium",
        &[
            (
                "etc/cni/net.d/05-cilium.conflist",
                "{\"name\": \"cilium\"}\n",
            ),
            (
                "run/cilium/state/agent-runtime-config.json",
                "{\"IPAM\": \"eni\"}\n",
            ),
        ],
        "",
    ),
];

#[test]
fn beside_another_tool_the_service_says_one_line_and_nothing_is_changed_or_removed() {
    for (name, files, made) in TOOLS {
        let (_vpc, instance, _) = three_enis();
        files
            .iter()
            .for_each(|(path, text)| instance.write(path, text));
        instance.host.ip_batch(made);
        instance.host.settle();
        let dump = instance.host.dump();
        let said = instance.must("apply --service");
        assert!(
            said.lines().count() == 1 && said.starts_with(name),
            "{name}: {said}"
        );
        let run = instance.eniroute("apply");
        assert!(
            run.code == 2 && run.stderr.contains(name) && run.stderr.contains("--force"),
            "{run:?}"
        );
        instance.must("remove");
        assert_eq!(changed(&dump, &instance.host.dump()), [""; 0], "{name}");
        files
            .iter()
            .for_each(|(path, text)| assert_eq!(instance.read(path), *text, "{name}"));
    }
}

/// What aws-node makes of eth1, and of a pod by each of the primary's and eth1's second addresses.
const VPC_CNI: &str = "\
link add eni1 type veth peer name pod1
link set eni1 up
link set eth1 up
address add 10.0.0.20/20 dev eth1
route del 10.0.0.0/20 dev eth1
route add 10.0.0.1/32 dev eth1 scope link table 2
route add default via 10.0.0.1 dev eth1 table 2
route add 10.0.0.11/32 dev eni1 scope link
route add 10.0.0.21/32 dev eni1 scope link
rule add from all to 10.0.0.11 lookup main priority 512
rule add from all to 10.0.0.21 lookup main priority 512
rule add fwmark 0x80/0x80 lookup main priority 1024
rule add from 10.0.0.21 lookup 2 priority 1536
rule add from 10.0.0.20 lookup 2 priority 32765
";

/// The same of Cilium in its ENI mode, with pods of the primary and of eth1.
const CILIUM: &str = "\
link add lxc1 type veth peer name pod1
link set lxc1 up
link set eth1 up
route add 10.0.0.1/32 dev eth1 scope link table 11
route add default via 10.0.0.1 dev eth1 onlink table 11
route add 10.0.0.11/32 dev lxc1 scope link
route add 10.0.0.21/32 dev lxc1 scope link
rule add from all to 10.0.0.11 lookup main priority 20 protocol kernel
rule add from all to 10.0.0.21 lookup main priority 20 protocol kernel
rule add from 10.0.0.21 to 10.0.0.0/16 lookup 11 priority 111 protocol kernel
rule add fwmark 0x200/0xf00 lookup 2004 priority 9
";

/// Even where the user insists, or where the CNI's files are somewhere else: pods' addresses never become the host's.
#[test]
fn the_enis_of_a_kubernetes_cni_are_left_alone_and_the_others_are_not() {
    for (name, made, conflist) in [
        ("the VPC CNI", VPC_CNI, "etc/cni/net.d/10-aws.conflist"),
        ("Cilium", CILIUM, "etc/cni/net.d/05-cilium.conflist"),
    ] {
        let (vpc, instance, _) = three_enis();
        instance.write(conflist, "{}\n");
        instance.host.ip_batch(made);
        instance.host.settle();
        let dump = instance.host.dump();

        let said = instance.must("apply --force");
        let told = |dev: &str| {
            format!(
                "note: {dev} is left alone: {name} gives its addresses to pods (the rule `ip rule add "
            )
        };
        assert!(
            said.contains(&told("eth0"))
                && said.contains(&told("eth1"))
                && !said.contains(&told("eth2")),
            "{said}"
        );
        assert!(
            vpc.inet().ping(&["203.0.113.3"]).is_empty(),
            "{name}: eth2 is nobody else's"
        );
        let changes = changed(&dump, &instance.host.dump());
        let theirs: Vec<_> = changes
            .iter()
            .filter(|line| line.starts_with('-') && !line.contains("eth2"))
            .collect();
        assert_eq!(theirs, [""; 0], "{name}: nothing of theirs is gone");
        let on_theirs = |line: &&String| {
            ["eth0", "eth1", "10000", "10001"]
                .iter()
                .any(|word| line.contains(word))
        };
        assert_eq!(
            changes.iter().filter(on_theirs).collect::<Vec<_>>(),
            [""; 0],
            "{name}: nothing is added to theirs"
        );
        let status = instance.must("status");
        assert_eq!(status.matches("unmanaged").count(), 2, "{status}");
        assert!(instance.must("apply --force").starts_with("nothing to do"));

        instance.must("remove");
        let left = changed(&dump, &instance.host.dump());
        assert!(
            left.iter().all(|line| line.contains("eth2")),
            "{name}: {left:#?}"
        );
    }
}

/// At the VPC CNI's priority, beside a rule that looks like its rule for an ENI: somebody's VPN, a firewall's marks.
#[test]
fn a_rule_by_an_interface_or_by_another_mark_does_not_make_a_host_the_vpc_cni_s() {
    for words in [
        "iif eth1",
        "fwmark 1",
        "fwmark 0x80/0xff",
        "fwmark 0x80/0x80 iif eth1",
        "to 192.0.2.0/24",
    ] {
        let (vpc, instance, _) = three_enis();
        instance
            .host
            .ip(&format!("rule add {words} lookup main priority 1024"));
        instance
            .host
            .ip("rule add from 10.0.0.20 lookup 2 priority 32765");
        let said = instance.must("apply");
        assert!(!said.contains("left alone"), "{words}: {said}");
        assert!(
            vpc.inet()
                .ping(&["203.0.113.1", "203.0.113.2", "203.0.113.3"])
                .is_empty(),
            "{words}"
        );
    }
}

#[test]
fn an_eni_that_a_cni_takes_over_later_is_left_as_it_is() {
    let (_vpc, instance, _) = three_enis();
    instance.must("apply");
    instance
        .host
        .ip_batch("rule add from 10.0.0.21 lookup 2 priority 1536\n");
    let dump = instance.host.dump();
    let disk = instance.read("etc/netplan/60-eniroute-eth1.yaml");
    let said = instance.must("apply");
    assert!(said.contains("eth1 is left alone: the VPC CNI"), "{said}");
    assert_eq!(instance.must("refresh"), "", "not each minute");
    assert_eq!(changed(&dump, &instance.host.dump()), [""; 0]);
    assert_eq!(instance.read("etc/netplan/60-eniroute-eth1.yaml"), disk);
}

/// A node that joins its cluster after eniroute's run of this boot: the ENIs that the CNI attaches are its own.
#[test]
fn an_eni_that_is_attached_for_a_cni_is_not_taken() {
    let (mut vpc, instance, enis) = three_enis();
    instance.must("apply");
    instance.write("etc/cni/net.d/10-aws.conflist", "{}\n");
    let spec =
        EniSpec::new(vpc.subnet("10.1.0.0/20", None), "eth3").ipv4(["10.1.0.30", "10.1.0.31"]);
    vpc.attach(spec);
    vpc.assign(enis[1], "10.0.0.29");
    let dump = instance.host.dump();
    for command in ["hotplug add eth3", "refresh", "hotplug change"] {
        assert_eq!(instance.must(command), "", "{command}");
        assert_eq!(changed(&dump, &instance.host.dump()), [""; 0], "{command}");
    }
}

#[test]
fn an_entry_of_exclude_that_means_no_eni_is_told_but_not_each_minute() {
    let (mut vpc, instance, enis) = three_enis();
    instance.write(
        "etc/eniroute.toml",
        "exclude = [\"eth2\", \"eth9\", \"eni-0\"]\n",
    );
    for command in ["plan", "apply", "status"] {
        let said = instance.must(command);
        assert!(
            said.contains("`exclude` in the configuration: no ENI is `eth9`"),
            "{command}: {said}"
        );
        assert!(
            said.contains("`eni-0`") && !said.contains("is `eth2`"),
            "{command}: {said}"
        );
    }
    assert_eq!(instance.must("refresh"), "");
    vpc.assign(enis[1], "10.0.0.29");
    assert!(!instance.must("refresh").contains("exclude"));
    assert!(
        instance
            .host
            .ip("rule")
            .contains("from 10.0.0.29 lookup 10001")
    );
}
