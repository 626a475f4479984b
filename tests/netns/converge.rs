//! A second run changes nothing, `remove` takes everything back, and nothing foreign is ever touched.

use std::path::Path;
use std::time::Duration;

use crate::instance::{Instance, changed};
use crate::support::lab::Lab;
use crate::vpc::{EniSpec, Host, wait_for};

/// The primary in both families, too, and eth1 with a prefix.
fn lab() -> Lab {
    Lab::of(|[a, b]| {
        [
            Lab::eth0(a).ipv6(["2001:db8:0:a::100"]),
            Lab::eth1(b).prefix4("10.1.3.16/28"),
        ]
    })
}

/// What `ip monitor` sees of links, addresses, routes and rules while `work` is done.
fn monitored(host: &Host, work: impl FnOnce()) -> String {
    let monitor = host
        .command("ip")
        .args(["monitor", "link", "address", "route", "rule"])
        .background();
    // The monitor says nothing when it is ready, nor when it has told all, so it is shown something until it has seen it.
    let show = |mtu: &str| host.ip(&format!("link set lo mtu {mtu}"));
    wait_for("the monitor", || {
        show("65000");
        show("65001");
        monitor.log().contains("mtu 65001")
    });
    show("65002");
    work();
    show("65536");
    wait_for("the end", || monitor.log().contains("mtu 65536"));
    let log = monitor.log();
    let (_, log) = log.split_once("mtu 65002").unwrap();
    let lines = log.lines().skip(1);
    let others = lines.filter(|line| !line.contains(": lo:") && !line.contains("link/loopback"));
    others.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_second_run_writes_nothing_to_the_kernel_and_nothing_to_the_disk() {
    for config in ["", "main_routes_first = true\n"] {
        let Lab {
            vpc: _vpc,
            instance,
            ..
        } = lab();
        instance.write("etc/eniroute.toml", config);
        let seen = monitored(&instance.host, || drop(instance.must("apply")));
        assert!(
            seen.contains("10.1.0.31/32") && seen.contains("table 10001"),
            "the monitor sees changes: {seen}"
        );

        // The kernel itself still tries the link-local addresses of links that have just come up.
        instance.host.settle();
        let disk = instance.disk_state();
        let seen = monitored(&instance.host, || {
            assert_eq!(
                instance.must("apply"),
                "nothing to do: 2 ENIs are as EC2 describes them\n"
            );
            assert_eq!(
                instance.must("plan"),
                "nothing to do: 2 ENIs are as EC2 describes them\n"
            );
        });
        assert_eq!(seen, "");
        assert_eq!(instance.disk_state(), disk);
    }
}

#[test]
fn remove_returns_the_host_to_what_it_was() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = lab();
    let (dump, disk) = (instance.host.dump(), instance.disk_state());
    instance.must("apply");
    assert_ne!(instance.host.dump(), dump);
    let said = instance.must("remove");
    assert!(
        said.contains("removed") && said.contains("delete /etc/netplan/60-eniroute-eth1.yaml"),
        "{said}"
    );
    assert_eq!(changed(&dump, &instance.host.dump()), [] as [String; 0]);
    let files = |state: &[(std::path::PathBuf, u64, std::time::SystemTime)]| -> Vec<_> {
        let files = state
            .iter()
            .map(|(path, ..)| path.clone())
            .filter(|path| path.is_file());
        files
            .filter(|path| !path.ends_with("run/eniroute.lock"))
            .collect::<Vec<_>>()
    };
    assert_eq!(files(&instance.disk_state()), files(&disk));
    assert_eq!(instance.must("remove"), "nothing to remove\n");
}

#[test]
fn remove_without_the_kernel_takes_the_files_and_leaves_all_else_to_the_next_boot() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = lab();
    let before = instance.host.dump();
    instance.must("apply");
    let applied = instance.host.dump();
    let said = instance.must("remove --no-kernel");
    assert!(
        said.contains("delete /etc/netplan/60-eniroute-eth1.yaml"),
        "{said}"
    );
    assert_eq!(instance.host.dump(), applied);
    assert!(!instance.has("etc/netplan/60-eniroute-eth1.yaml"));
    assert!(
        !instance.has("run/eniroute/metadata.json"),
        "the units would go on"
    );
    // What is in the kernel is not forgotten.
    instance.must("remove");
    assert_eq!(changed(&before, &instance.host.dump()), [] as [String; 0]);
}

#[test]
fn remove_needs_no_metadata() {
    let Lab { vpc, instance, .. } = lab();
    let dump = instance.host.dump();
    instance.must("apply");
    vpc.imds().fault(crate::vpc::Fault::Dead);
    instance.must("remove");
    assert_eq!(changed(&dump, &instance.host.dump()), [] as [String; 0]);
}

#[test]
fn remove_of_one_eni_leaves_the_others() {
    let Lab { vpc, instance, .. } = lab();
    let mut vpc = vpc;
    let c = vpc.subnet("10.2.0.0/20", None);
    vpc.attach(EniSpec::new(c, "eth2").ipv4(["10.2.0.40"]));
    instance.must("apply");
    // Named twice, it is still one.
    instance.must("remove --eni 2 --eni 10.2.0.40");
    let rules = instance.host.ip("rule");
    assert!(
        rules.contains("lookup 10001") && !rules.contains("lookup 10002"),
        "{rules}"
    );
    assert!(
        instance.has("etc/netplan/60-eniroute-eth1.yaml")
            && !instance.has("etc/netplan/60-eniroute-eth2.yaml")
    );
    assert!(instance.host.ip("address show eth1").contains("10.1.0.30"));
    assert!(!instance.host.ip("address show eth2").contains("10.2.0.40"));

    // The primary's rules stand in a stanza of eth1: nothing may go on to configure that at the next boot.
    instance.must("remove --eni eth1");
    let left = instance.host.sh(&format!(
        "grep -rl eniroute-eth1 {}/etc || true",
        instance.root().display()
    ));
    assert_eq!(left, "");
}

const FOREIGN: &str = "\
rule add from 10.8.0.0/16 lookup 100 priority 10050
rule add from 10.0.0.10 fwmark 7 lookup 10001 priority 10001
rule add to 10.8.0.0/16 lookup 10001 priority 10001
rule add from 10.9.0.0/16 lookup 10002 priority 9999
rule add from 10.1.0.30 lookup 101
route add 10.8.0.0/16 via 10.0.0.1 dev eth0 metric 10001
route add 10.9.0.0/16 via 10.0.0.1 dev eth0 table 13200
address add 192.0.2.1/32 dev eth0
-6 rule add from 2001:db8:9::/48 lookup 100 priority 10060
";

#[test]
fn what_others_made_is_neither_changed_nor_removed() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = lab();
    instance.host.ip_batch(FOREIGN);
    instance.write("etc/netplan/99-mine.yaml", "network: {version: 2}\n");
    let dump = instance.host.dump();
    instance.must("apply");
    let lost: Vec<_> = changed(&dump, &instance.host.dump())
        .into_iter()
        .filter(|line| line.starts_with('-'))
        .collect();
    assert_eq!(
        lost,
        [
            "-eth1 <BROADCAST,MULTICAST> mtu 9001 state DOWN mode DEFAULT group default qlen 1000 link/ether 06:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff link-netns router"
        ],
        "only eth1's state may change"
    );
    instance.must("remove");
    assert_eq!(changed(&dump, &instance.host.dump()), [] as [String; 0]);
    assert_eq!(
        instance.read("etc/netplan/99-mine.yaml"),
        "network: {version: 2}\n"
    );
}

#[test]
fn an_address_that_was_there_before_stays_after_remove() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = lab();
    instance.host.ip("link set eth1 up");
    instance
        .host
        .ip("address add 10.1.0.30/20 dev eth1 noprefixroute");
    instance.must("apply");
    assert!(
        !instance
            .host
            .ip("address show eth1")
            .contains("10.1.0.30/32"),
        "the /20 is there, so it is there"
    );
    instance.must("remove");
    assert!(
        instance
            .host
            .ip("address show eth1")
            .contains("10.1.0.30/20")
    );
}

#[test]
fn what_ec2_assigns_and_unassigns_follows() {
    let Lab {
        mut vpc,
        instance,
        enis: [_, second],
        ..
    } = lab();
    instance.must("apply");
    vpc.assign(second, "10.1.0.32");
    vpc.assign(second, "2001:db8:0:b::301");
    vpc.unassign(second, "10.1.0.31");
    vpc.unassign(second, "10.1.3.16/28");
    instance.must("apply");
    let dump = instance.host.dump();
    assert!(
        dump.contains("10.1.0.32/32") && dump.contains("from 10.1.0.32 lookup 10001"),
        "{dump}"
    );
    assert!(
        dump.contains("2001:db8:0:b::301/128")
            && dump.contains("from 2001:db8:0:b::301 lookup 10001")
    );
    assert!(
        !dump.contains("10.1.0.31") && !dump.contains("10.1.3.16"),
        "{dump}"
    );
    let file = instance.read("etc/netplan/60-eniroute-eth1.yaml");
    assert!(
        file.contains("10.1.0.32/32") && !file.contains("10.1.0.31") && !file.contains("10.1.3.16"),
        "{file}"
    );
}

#[test]
fn a_detached_eni_leaves_nothing_behind() {
    let Lab {
        mut vpc,
        instance,
        enis: [_, second],
        ..
    } = lab();
    let before = instance.host.dump();
    instance.must("apply");
    vpc.detach(second);
    instance.must("apply");
    let left = instance.host.dump();
    assert!(
        !left.contains("lookup 1000") && !left.contains("table 1000"),
        "{left}"
    );
    assert!(!instance.has("etc/netplan/60-eniroute-eth1.yaml"));
    assert!(
        changed(&before, &left)
            .iter()
            .all(|line| line.contains("eth1") || line.contains("10.0.0.11")),
        "{left}"
    );
    vpc.reattach(second, "eth7");
    instance.must("apply");
    assert!(
        instance
            .host
            .dump()
            .contains("default via 10.1.0.1 dev eth7 table 10001")
    );
    assert!(
        instance.has("etc/netplan/60-eniroute-eth7.yaml")
            && !instance.has("etc/netplan/60-eniroute-eth1.yaml")
    );
}

#[test]
fn an_upper_device_with_a_copied_mac_is_left_alone() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = lab();
    instance.host.ip_batch(
        "link add upper0 type bridge\nlink set upper0 address 06:00:00:00:00:01\n\
         link add link eth1 name upper1 type macvlan mode passthru\n",
    );
    instance.must("apply");
    let dump = instance.host.dump();
    assert!(
        dump.contains("10.1.0.30/32") && !dump.contains("dev upper"),
        "{dump}"
    );
    let addresses = instance.host.ip("-br address");
    let upper: Vec<_> = addresses
        .lines()
        .filter(|line| line.starts_with("upper"))
        .collect();
    assert!(
        upper.iter().all(|line| !line.contains("10.1.0")),
        "{addresses}"
    );
}

#[test]
fn a_port_of_a_bridge_is_left_to_the_bridge() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = lab();
    instance
        .host
        .ip_batch("link add br-ex type bridge\nlink set eth1 master br-ex\n");
    let dump = instance.host.dump();
    instance.must("apply");
    let changes = changed(&dump, &instance.host.dump());
    let is_primary_s =
        |line: &String| line.contains("10000") || line.starts_with("+eth0 inet 10.0.0.11/32");
    assert!(
        !changes.is_empty() && changes.iter().all(is_primary_s),
        "{changes:?}"
    );
    assert!(instance.must("status").contains("unmanaged"));
}

#[test]
fn an_excluded_eni_loses_what_we_made_and_the_primary_keeps_its_way_to_the_neighbours_there() {
    let Lab {
        mut vpc,
        instance,
        enis: [_, second],
        ..
    } = lab();
    instance.must("apply");
    let dump = instance.host.dump();
    instance.write("etc/eniroute.toml", "exclude = [\"eth1\"]\n");
    vpc.assign(second, "10.1.0.99");
    instance.must("apply");
    let lost = changed(&dump, &instance.host.dump());
    let is_eth1_s = |line: &String| line.contains("eth1") || line.contains("10001");
    assert!(!lost.is_empty() && lost.iter().all(is_eth1_s), "{lost:#?}");
    let left = instance.host.dump();
    assert!(
        !left.contains("10.1.0.30/32") && !left.contains("lookup 10001"),
        "{left}"
    );
    assert!(!instance.has("etc/netplan/60-eniroute-eth1.yaml"));
}

#[test]
fn two_runs_at_once_wait_for_each_other() {
    let Lab { vpc, instance, .. } = lab();
    vpc.imds()
        .fault(crate::vpc::Fault::Slow(Duration::from_millis(20)));
    let binary = env!("CARGO_BIN_EXE_eniroute");
    let root = instance.root().display();
    let said = instance.host.sh(&format!(
        "for i in 1 2 3 4; do {binary} --root {root} apply & done; for j in $(jobs -p); do wait $j; done"
    ));
    assert_eq!(said.matches("nothing to do").count(), 3, "{said}");
    assert_eq!(
        instance
            .host
            .ip("rule")
            .matches("from 10.1.0.30 lookup 10001")
            .count(),
        1
    );
}

/// By flock's word.
pub fn is_held(instance: &Instance, lock: &Path) -> bool {
    let lock = lock.display().to_string();
    let flock = instance.host.command("flock");
    let ended = flock.args(["--nonblock", &lock, "true"]).output();
    !ended.status.success()
}

#[test]
fn a_run_gives_up_when_another_holds_the_lock_for_too_long() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = lab();
    let lock = instance.root().join("run/eniroute.lock");
    let _holder = instance
        .host
        .command("flock")
        .args([&lock.display().to_string(), "sleep", "60"])
        .background();
    wait_for("the holder", || is_held(&instance, &lock));
    let dump = instance.host.dump();
    let run = instance.eniroute("apply --wait 0.3");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("/run/eniroute.lock") && run.stderr.contains("--wait"),
        "{run:?}"
    );
    assert_eq!(instance.host.dump(), dump);
}

#[test]
fn a_kill_at_any_moment_is_mended_by_the_next_run() {
    let Lab { vpc, instance, .. } = lab();
    vpc.imds()
        .fault(crate::vpc::Fault::Slow(Duration::from_millis(2)));
    let before = instance.host.dump();
    let (binary, root) = (
        env!("CARGO_BIN_EXE_eniroute"),
        instance.root().display().to_string(),
    );
    instance.must("apply");
    let after = instance.host.dump();
    instance.must("remove");
    for delay in (0..100).step_by(4) {
        instance.host.sh(&format!(
            "timeout -s KILL 0.{delay:03} {binary} --root {root} apply >/dev/null 2>&1 || true"
        ));
        let yaml = instance.root().join("etc/netplan/60-eniroute-eth1.yaml");
        let whole = std::fs::read_to_string(&yaml).map_or(true, |text| {
            text.starts_with("# Written by eniroute") && text.ends_with('\n')
        });
        assert!(whole, "half a file after {delay} ms");
        instance.must("apply");
        assert_eq!(
            changed(&after, &instance.host.dump()),
            [] as [String; 0],
            "killed after {delay} ms"
        );
        instance.must("remove");
        assert_eq!(
            changed(&before, &instance.host.dump()),
            [] as [String; 0],
            "killed after {delay} ms"
        );
    }
}

/// cloud-init writes such rules since 24.1; a rule without a priority lands before all others.
#[test]
fn rules_not_made_by_eniroute_for_our_addresses_are_reported() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = lab();
    instance
        .host
        .ip("rule add from 10.1.0.30 lookup 101 priority 32765");
    instance.must("apply");
    let status = instance.must("status");
    assert!(
        status.contains(
            "from eth1's addresses to table 101 (1 of them, the first is `from 10.1.0.30"
        ) && status.contains("): eniroute's come first"),
        "{status}"
    );
    instance.host.ip("rule del from 10.1.0.30 lookup 101");
    instance.host.ip("rule add from 10.1.0.30 lookup 101");
    let status = instance.must("status");
    assert!(
        status.contains("they come before eniroute's, which are never asked"),
        "{status}"
    );
}
