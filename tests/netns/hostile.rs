//! What could cut off a machine whose only access is the network that eniroute configures: swapped names, a lost
//! lease, an ENI that the metadata forgets, a change that fails half-way, IPv6 switched off.

use crate::instance::changed;
use crate::support::lab::Lab;
use crate::vpc::Fault;

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
        let Lab { vpc, instance, .. } = Lab::two_enis();
        instance.must("apply");
        instance.host.ip_batch(SWAP);
        instance.must(command);
        assert!(
            instance.host.ip("link show eth1").contains(",UP"),
            "{command} took the primary down"
        );
        assert!(
            instance
                .host
                .ip("route show default")
                .contains("via 10.0.0.1 dev eth1 proto dhcp"),
            "{command}"
        );
        assert!(vpc.inet().ping(&["203.0.113.10"]).is_empty(), "{command}");
    }
}

#[test]
fn what_was_made_before_the_interfaces_swapped_their_names_is_still_ours() {
    let Lab {
        mut vpc,
        instance,
        enis: [_, second],
        ..
    } = Lab::two_enis();
    instance.must("apply");
    instance
        .host
        .ip_batch(&SWAP.replace("address flush dev eth1\n", ""));
    instance.must("apply");
    assert!(
        vpc.inet()
            .ping(&["203.0.113.10", "203.0.113.30"])
            .is_empty()
    );
    vpc.unassign(second, "10.1.0.31");
    instance.must("apply");
    assert!(!instance.host.ip("address").contains("10.1.0.31"));
    instance.must("remove");
    assert!(
        !instance.host.ip("address").contains("/32"),
        "{}",
        instance.host.ip("address")
    );
}

#[test]
fn a_lost_lease_costs_the_primary_nothing_more() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = Lab::two_enis();
    instance.must("apply");
    let file = instance.read("etc/netplan/60-eniroute-eth0.yaml");
    instance.host.ip("address del 10.0.0.10/20 dev eth0");
    let rules = instance.host.ip("rule");
    let run = instance.eniroute("apply");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stdout.contains("10.0.0.10"),
        "it says what it waits for: {run:?}"
    );
    assert!(
        instance
            .host
            .ip("address show eth0")
            .contains("10.0.0.11/32"),
        "{run:?}"
    );
    assert_eq!(instance.host.ip("rule"), rules);
    assert_eq!(instance.read("etc/netplan/60-eniroute-eth0.yaml"), file);
    assert!(instance.must("status").contains("missing"));
}

/// Rule 1: only a complete answer *for that ENI* may remove anything of it.
#[test]
fn an_eni_whose_interface_is_there_but_which_the_list_forgets_loses_nothing() {
    let Lab {
        mut vpc,
        instance,
        enis: [_, second],
        ..
    } = Lab::two_enis();
    instance.must("apply");
    let (dump, file) = (
        instance.host.dump(),
        instance.read("etc/netplan/60-eniroute-eth1.yaml"),
    );
    vpc.forget(second);
    let said = instance.must("apply");
    assert!(said.contains("eth1"), "{said}");
    assert_eq!(changed(&dump, &instance.host.dump()), [] as [String; 0]);
    assert_eq!(instance.read("etc/netplan/60-eniroute-eth1.yaml"), file);
    vpc.unplug(second);
    instance.must("apply");
    assert!(!instance.host.ip("rule").contains("lookup 1000"));
    assert!(!instance.has("etc/netplan/60-eniroute-eth1.yaml"));
}

#[test]
fn a_run_that_cannot_make_everything_takes_nothing_away() {
    let Lab {
        mut vpc,
        instance,
        enis: [_, second],
        ..
    } = Lab::two_enis();
    instance.must("apply");
    // An address of this host is no gateway.
    instance
        .host
        .ip_batch("route del default dev eth1 table 10001\naddress add 10.1.0.1/32 dev eth1\n");
    vpc.unassign(second, "10.1.0.31");
    let run = instance.eniroute("apply");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stdout.contains("note: nothing was taken away"),
        "{run:?}"
    );
    assert!(
        instance
            .host
            .ip("rule")
            .contains("from 10.1.0.31 lookup 10001")
    );
    assert!(
        instance
            .host
            .ip("address show eth1")
            .contains("10.1.0.31/32")
    );
    instance.host.ip("address del 10.1.0.1/32 dev eth1");
    instance.must("apply");
    assert!(!instance.host.dump().contains("10.1.0.31"));
}

/// It would be a secondary ENI then, and another one would be treated as what the host is reached by.
#[test]
fn another_primary_than_before_is_refused_and_changes_nothing() {
    let Lab {
        vpc,
        instance,
        enis: [_, second],
        ..
    } = Lab::two_enis();
    instance.must("apply");
    let (dump, disk) = (instance.host.dump(), instance.disk_state());
    let other = vpc.mac(second).to_owned();
    vpc.imds().fault(Fault::on(
        "/latest/meta-data/mac",
        Fault::value("mac", &other),
    ));
    for command in ["apply", "plan"] {
        let run = instance.eniroute(command);
        assert_eq!(run.code, 4, "{run:?}");
        assert!(
            run.stderr.contains("/mac: ") && run.stderr.contains(&other),
            "{run:?}"
        );
        assert!(run.stderr.contains("eniroute remove"), "{run:?}");
    }
    assert_eq!(instance.host.dump(), dump);
    assert_eq!(instance.disk_state(), disk);
    vpc.imds().heal();
    instance.must("apply");
}

#[test]
fn an_eni_is_excluded_by_its_public_address_too() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = Lab::two_enis();
    instance.write("etc/eniroute.toml", "exclude = [\"203.0.113.30\"]\n");
    instance.must("apply");
    assert!(!instance.host.ip("rule").contains("10.1.0.30"));
    let said = instance.must("apply");
    assert!(
        said.contains("eth1: unmanaged") && !said.contains("all 2"),
        "{said}"
    );
}

#[test]
fn ipv6_that_is_switched_off_is_left_off_and_costs_ipv4_nothing() {
    for key in ["all", "eth1"] {
        let Lab { vpc, instance, .. } = Lab::two_enis();
        instance
            .host
            .sysctl(&format!("net.ipv6.conf.{key}.disable_ipv6"), 1);
        let said = instance.must("apply");
        assert!(said.contains("IPv6") && said.contains("eth1"), "{said}");
        assert!(
            vpc.inet()
                .ping(&["203.0.113.10", "203.0.113.30"])
                .is_empty()
        );
        assert!(instance.must("apply").starts_with("nothing to do"));
        assert!(!instance.host.ip("-6 rule").contains("2001:db8"), "{said}");
        instance
            .host
            .sysctl(&format!("net.ipv6.conf.{key}.disable_ipv6"), 0);
        instance.must("apply");
        assert!(
            instance
                .host
                .ip("-6 rule")
                .contains("from 2001:db8:0:b::300 lookup 10001")
        );
    }
}

#[test]
fn status_needs_no_root_after_an_apply_either() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = Lab::two_enis();
    instance.must("apply");
    let run = instance.eniroute_as("65534", "status");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

/// The units have no power over modes, and whoever is not root has even less.
#[test]
fn a_file_of_somebody_elses_that_cannot_be_read_costs_no_run_its_kernel_part() {
    for path in ["etc/network/secret", "etc/netplan/90-secret.yaml"] {
        let Lab { vpc, instance, .. } = Lab::two_enis();
        let is_of_the_stack = path.contains("netplan");
        instance.write(path, "10.0.0.51");
        let path = instance.root().join(path);
        let path = path.display();
        instance
            .host
            .sh(&format!("chmod 600 {path}; chown 65534 {path}"));
        instance.host.ip("address add 10.0.0.51/20 dev eth0");
        let run = instance.eniroute("apply");
        assert_eq!(run.code, i32::from(is_of_the_stack), "{run:#?}");
        assert_eq!(
            run.stderr.contains("90-secret"),
            is_of_the_stack,
            "{run:#?}"
        );
        assert!(run.stdout.contains("10.0.0.51"), "{run:#?}");
        let dead = vpc.inet().ping(&["203.0.113.10", "203.0.113.30"]);
        assert!(dead.is_empty(), "{dead:?}: {run:#?}");
        let run = instance.eniroute("status --json");
        assert!(run.code == 0 && run.stdout.contains("\"A2\""), "{run:#?}");
        for (user, command, code) in [("65534", "status", 0), ("65534", "check", 3)] {
            let run = instance.eniroute_as(user, command);
            assert_eq!((run.code, run.stderr.as_str()), (code, ""), "{run:#?}");
            assert!(
                run.stdout.contains("10.0.0.51") || command == "status",
                "{run:#?}"
            );
        }
        let said = instance.eniroute("status -v").stderr;
        assert!(
            said.contains("secret") && said.contains("passed over"),
            "{said}"
        );
    }
}

#[test]
fn a_plan_says_that_apply_would_stand_down() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = Lab::two_enis();
    instance.write(
        "run/systemd/network/70-eth1.network.d/ec2net_policy_4.conf",
        "",
    );
    let said = instance.must("plan");
    assert!(
        said.contains("# ") && said.contains("amazon-ec2-net-utils"),
        "{said}"
    );
}
