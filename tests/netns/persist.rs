//! The files that we render, fed to their real consumers (`netplan generate`, `ip` as ifup calls it), and the disk's
//! own failures on real mounts. Needs root, iproute2 and netplan.io; fails loudly without.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use eniroute::files::{Disk, File, FileChange};
use eniroute::net::Address;
use eniroute::plan::Desired;
use eniroute::stacks::{
    Rendered, Stack, Stacks, Target, netplan, network_manager, network_scripts, render,
};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;

use crate::guest;
use crate::networkd::lab::Systemd;
use crate::vpc::wait_for;

const CLOUD_INIT_ETH0: &str = "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n      match:\n        \
                               macaddress: 02:00:00:00:00:01\n      set-name: eth0\n";

/// A root folder with one foreign YAML file, and ours rendered beside it.
struct Tree {
    root: TempDir,
    disk: Disk,
}

impl Tree {
    fn new(name: &str, foreign: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::new(root.path()).unwrap();
        disk.commit(&create(&format!("/etc/netplan/{name}"), 0o600, foreign))
            .unwrap();
        Self { root, disk }
    }

    fn render(&self, desired: &Desired) -> Rendered {
        self.render_for(&netplan::STACK, desired)
    }

    fn render_for(&self, backend: &'static Stack, desired: &Desired) -> Rendered {
        let rendered = render(
            &Target {
                disk: &self.disk,
                links: &guest::links(),
            },
            &backend.into(),
            desired,
            &BTreeSet::new(),
        )
        .unwrap();
        for change in self
            .disk
            .plan(rendered.wanted.clone(), &rendered.obsolete)
            .unwrap()
        {
            self.disk.commit(&change).unwrap();
        }
        rendered
    }

    /// Runs the netplan of each release over the tree, this machine's last. Each must succeed, have nothing to say, and
    /// make the same of it.
    fn generate(&self) {
        let made: Vec<_> = Systemd::ALL
            .into_iter()
            .rev()
            .map(|release| self.generate_by(release))
            .collect();
        assert!(made.windows(2).all(|two| two[0] == two[1]), "{made:#?}");
    }

    /// The sections that routing goes by. The releases differ in others of the owner's: `[DHCP]`, now `[DHCPv4]`.
    fn generate_by(&self, release: Systemd) -> BTreeMap<String, Vec<String>> {
        let out = Command::new("sh")
            .args(["-c", &format!("{} --root-dir \"$0\"", release.generator())])
            .arg(self.root.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!((out.status.code(), &*said), (Some(0), ""), "{release:?}");
        let routing = |name: &String| {
            let mut sections = sections(&self.generated(name));
            sections
                .retain(|section| section.starts_with("[Rout") || section.starts_with("[Match"));
            (name.clone(), sections)
        };
        self.units().iter().map(routing).collect()
    }

    fn unit(&self, id: &str) -> String {
        self.generated(&format!("10-netplan-{id}.network"))
    }

    fn link(&self, id: &str) -> String {
        self.generated(&format!("10-netplan-{id}.link"))
    }

    fn generated(&self, name: &str) -> String {
        let path = self.root.path().join("run/systemd/network").join(name);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    fn units(&self) -> Vec<String> {
        names(&self.root.path().join("run/systemd/network"))
            .into_iter()
            .filter(|n| n.ends_with(".network"))
            .collect()
    }
}

fn create(path: &str, mode: u32, text: &str) -> FileChange {
    FileChange::Create(File {
        path: path.into(),
        mode,
        text: text.into(),
    })
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.collect();
    names.sort();
    names
}

/// The sections of a unit, each as one line: `[Route] Destination=... Table=...`, its keys sorted.
fn sections(unit: &str) -> Vec<String> {
    let parts = unit.split('[').skip(1).map(|part| {
        let (name, keys) = part.split_once(']').unwrap();
        let mut keys: Vec<_> = keys.lines().filter(|key| !key.is_empty()).collect();
        keys.sort_unstable();
        format!("[{name}] {}", keys.join(" "))
    });
    parts.collect()
}

fn assert_has(unit: &str, expected: &[&str]) {
    let sections = sections(unit);
    for section in expected {
        assert!(
            sections.iter().any(|s| s == section),
            "{section} is not in {sections:#?}"
        );
    }
}

/// The IPv6 subnet's route is in a drop-in: netplan would give it a scope, of which networkd warns.
const ETH1: [&str; 8] = [
    "[Route] Destination=10.0.0.0/20 Metric=10001 PreferredSource=10.0.0.20 Scope=link",
    "[Route] Destination=0.0.0.0/0 Gateway=10.0.0.1 GatewayOnLink=true Metric=10001",
    "[Route] Destination=10.0.3.16/28 Table=10001 Type=throw",
    "[Route] Destination=10.0.0.0/20 PreferredSource=10.0.0.20 Scope=link Table=10001",
    "[Route] Destination=0.0.0.0/0 Gateway=10.0.0.1 GatewayOnLink=true Table=10001",
    "[Route] Destination=::/0 Gateway=fe80:ec2::1 GatewayOnLink=true Table=10001",
    "[RoutingPolicyRule] From=10.0.3.16/28 Priority=10001 Table=10001",
    "[RoutingPolicyRule] From=2001:db8:0:a::200 Priority=10001 Table=10001",
];

#[test]
fn netplan_takes_a_complete_definition_and_the_primary_s_additions() {
    let tree = Tree::new("50-cloud-init.yaml", CLOUD_INIT_ETH0);
    assert_eq!(tree.render(&guest::desired()).notes, [""; 0]);
    tree.generate();

    let eth1 = tree.unit("eniroute-eth1");
    assert_has(&eth1, &ETH1);
    assert_has(
        &eth1,
        &["[RoutingPolicyRule] From=10.0.0.11 Priority=10000 Table=10000"],
    );
    let beside = "/etc/systemd/network/10-netplan-eniroute-eth1.network.d/60-eniroute-eth1.conf";
    let beside = tree.disk.read(beside).unwrap().unwrap();
    assert_eq!(
        sections(&beside),
        ["[Route] Destination=2001:db8:0:a::/64 Table=10001"]
    );
    assert_eq!(
        sections(&eth1)[0],
        "[Match] PermanentMACAddress=02:00:00:00:00:02"
    );
    let network = "[Network] Address=10.0.0.20/32 Address=10.0.0.21/32 Address=2001:db8:0:a::200/128 IPv6AcceptRA=no \
                   LinkLocalAddressing=ipv6";
    assert_has(&eth1, &[network]);

    assert_has(
        &tree.unit("eth0"),
        &["[Network] DHCP=ipv4 LinkLocalAddressing=ipv6"],
    );
    let drop_in = tree
        .disk
        .read("/etc/systemd/network/10-netplan-eth0.network.d/60-eniroute-eth0.conf")
        .unwrap()
        .unwrap();
    let narrow = "[Route] Destination=10.1.0.0/20 Gateway=10.0.0.1 GatewayOnLink=yes PreferredSource=10.0.0.10 Table=10000";
    assert_has(&drop_in, &[narrow, "[Network] Address=10.0.0.11/32"]);
    assert!(!drop_in.contains("[RoutingPolicyRule]"), "{drop_in}");
}

#[test]
fn netplan_merges_our_additions_into_cloud_init_s_definition() {
    let foreign = format!(
        "{CLOUD_INIT_ETH0}    ens6:\n      dhcp4: true\n      dhcp6: false\n      dhcp4-overrides: {{route-metric: 200}}\n      \
         match:\n        macaddress: 02:00:00:00:00:02\n      set-name: eth1\n"
    );
    let tree = Tree::new("50-cloud-init.yaml", &foreign);
    tree.render(&guest::desired());
    tree.generate();

    assert_eq!(
        tree.units(),
        ["eniroute-eth2", "ens6", "eth0"].map(|id| format!("10-netplan-{id}.network"))
    );
    let ens6 = tree.unit("ens6");
    assert_has(&ens6, &ETH1);
    let network = "[Network] Address=10.0.0.20/32 Address=10.0.0.21/32 Address=2001:db8:0:a::200/128 DHCP=ipv4 \
                   LinkLocalAddressing=ipv6";
    assert_has(&ens6, &[network, "[DHCP] RouteMetric=200 UseMTU=true"]);
    // The primary's rules stand in the complete definition.
    assert_has(
        &tree.unit("eniroute-eth2"),
        &["[RoutingPolicyRule] From=10.0.0.10 Priority=10000 Table=10000"],
    );
    assert!(!ens6.contains("Table=10000\n"), "{ens6}");
}

#[test]
fn netplan_generates_cloud_init_s_own_policy_routing_and_our_addresses_beside_it() {
    let tree = Tree::new("50-cloud-init.yaml", guest::CLOUD_INIT_24_1);
    tree.generate();
    let alone = [tree.unit("eth0"), tree.unit("eth1"), tree.link("eth1")];
    assert_eq!(tree.render(&guest::desired()).notes, [""; 0]);
    tree.generate();
    let ours = ["10.0.0.20/32", "10.0.0.21/32", "2001:db8:0:a::200/128"]
        .map(|ip| format!("Address={ip}\n"));
    let eth1 = tree.unit("eth1");
    assert!(ours.iter().all(|address| eth1.contains(address)), "{eth1}");
    let without = ours
        .iter()
        .fold(eth1, |unit, address| unit.replace(address, ""));
    assert_eq!(alone, [tree.unit("eth0"), without, tree.link("eth1")]);
    assert_has(
        &alone[1],
        &["[Route] Destination=0.0.0.0/0 Gateway=10.0.0.1 Table=101"],
    );
    let drop_in = "/etc/systemd/network/10-netplan-eth1.network.d/60-eniroute-eth1.conf";
    let drop_in = tree.disk.read(drop_in).unwrap().unwrap();
    assert_has(
        &drop_in,
        &["[Route] Gateway=10.0.0.1 GatewayOnLink=yes Table=10001"],
    );
    assert_eq!(
        tree.units(),
        ["eniroute-eth2", "eth0", "eth1"].map(|id| format!("10-netplan-{id}.network"))
    );
}

#[test]
fn where_netplan_hands_an_interface_to_networkmanager_its_keyfile_owns_it() {
    let foreign = format!("{CLOUD_INIT_ETH0}    eth1: {{renderer: NetworkManager, dhcp4: true}}\n");
    let tree = Tree::new("50-cloud-init.yaml", &foreign);
    tree.disk
        .commit(&create("/usr/sbin/netplan", 0o755, ""))
        .unwrap();
    tree.generate();
    let keyfile = "/run/NetworkManager/system-connections/netplan-eth1.nmconnection";
    assert!(tree.disk.exists(keyfile));
    let (desired, links) = (guest::desired(), guest::links());
    let stacks = Stacks::find(&tree.disk, &desired, &links).unwrap();
    assert_eq!(
        stacks.used(&desired),
        [&netplan::STACK, &network_manager::STACK]
    );
    let rendered = render(
        &Target {
            disk: &tree.disk,
            links: &links,
        },
        &stacks,
        &desired,
        &BTreeSet::new(),
    )
    .unwrap();
    assert!(
        rendered
            .wanted
            .iter()
            .all(|file| !file.path.to_string_lossy().contains("eth1")),
        "{:?}",
        rendered.wanted
    );
    assert!(
        rendered.notes[0].starts_with("eth1 (eni-1): ") && rendered.notes[0].contains(keyfile),
        "{:?}",
        rendered.notes
    );
}

#[test]
fn an_owner_s_match_survives_whatever_its_file_is_called() {
    let foreign = CLOUD_INIT_ETH0.replace("    eth0:", "    nic0:");
    for name in ["50-a.yaml", "90-b.yaml", "99-late.yaml"] {
        let tree = Tree::new(name, &foreign);
        tree.generate();
        let alone = [tree.unit("nic0"), tree.link("nic0")];
        tree.render(&guest::desired());
        tree.generate();
        assert_eq!(alone, [tree.unit("nic0"), tree.link("nic0")], "{name}");
        let drop_in = "/etc/systemd/network/10-netplan-nic0.network.d/60-eniroute-eth0.conf";
        assert!(
            tree.disk
                .read(drop_in)
                .unwrap()
                .unwrap()
                .contains("Table=10000"),
            "{name}"
        );
    }
}

#[test]
fn netplan_puts_our_definitions_before_debian_s_catch_all() {
    let catch_all = "network:\n  version: 2\n  ethernets:\n    all-eth:\n      match: {name: 'eth*'}\n      dhcp4: true\n";
    let tree = Tree::new("90-default.yaml", catch_all);
    tree.render(&guest::desired());
    tree.generate();

    let expected = ["a-eniroute-eth1", "a-eniroute-eth2", "all-eth"]
        .map(|id| format!("10-netplan-{id}.network"));
    assert_eq!(tree.units(), expected);
    // The first route waits for eniroute, as the primary's table does: a catch-all can hold neither.
    let eth1 = tree.unit("a-eniroute-eth1");
    assert_has(&eth1, &ETH1[1..]);
    assert!(!sections(&eth1).contains(&ETH1[0].to_owned()), "{eth1}");
    assert!(!tree.unit("all-eth").contains("1000"));
}

#[test]
fn netplan_takes_the_bands_and_leaves_the_suppressing_rules_to_the_drop_in() {
    let tree = Tree::new("50-cloud-init.yaml", CLOUD_INIT_ETH0);
    let mut eth2 = guest::eth2();
    eth2.rules = guest::bands("10.1.0.30", 10002).into();
    tree.render(&Desired {
        enis: vec![eth2],
        ..Desired::default()
    });
    tree.generate();

    assert_has(
        &tree.unit("eniroute-eth2"),
        &["[RoutingPolicyRule] From=10.1.0.30 Priority=20002 Table=10002"],
    );
    let drop_in = tree
        .disk
        .read("/etc/systemd/network/10-netplan-eniroute-eth2.network.d/60-eniroute-eth2.conf")
        .unwrap();
    let main = "[RoutingPolicyRule] From=10.1.0.30 Priority=15002 SuppressPrefixLength=1 Table=254";
    assert_has(&drop_in.unwrap(), &[main]);
}

/// Runs a command; it must succeed and have nothing to say on stderr. Returns its lines.
fn run(program: &str, words: &str) -> Vec<String> {
    let out = Command::new(program)
        .args(words.split_whitespace())
        .output();
    let out = out.unwrap_or_else(|e| panic!("this test needs {program}: {e}"));
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(
        (out.status.code(), stderr.as_ref()),
        (Some(0), ""),
        "{program} {words}"
    );
    String::from_utf8_lossy(&out.stdout)
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// What ifup-routes does with a route or rule file: `ip OBJECT add LINE` for every line, in their order.
fn ifup_routes(tree: &Tree, name: &str, object: &str) {
    let text = tree
        .disk
        .read(format!("/etc/sysconfig/network-scripts/{name}"))
        .unwrap()
        .unwrap();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        run("ip", &format!("{object} add {line}"));
    }
}

#[test]
fn the_kernel_takes_every_line_of_the_network_scripts_in_its_order() {
    unshare(CloneFlags::CLONE_NEWNET).expect("this test needs root: it makes a network namespace");
    let tree = Tree::new("unused.yaml", "");
    let mut eth1 = guest::eth1();
    eth1.rules.extend(guest::bands("10.0.0.22", 10001));
    eth1.rules.extend(guest::passing(1));
    tree.render_for(
        &network_scripts::STACK,
        &Desired {
            enis: vec![eth1],
            ..Desired::default()
        },
    );

    run("ip", "link add eth1 type veth peer name peer");
    run("ip", "link set eth1 up");
    for address in [
        "10.0.0.20/32",
        "10.0.0.21/32",
        "2001:db8:0:a::200/128 nodad noprefixroute",
    ] {
        run("ip", &format!("address add {address} dev eth1"));
    }
    for (name, object) in [
        ("route-eth1", "-4 route"),
        ("route6-eth1", "-6 route"),
        ("rule-eth1", "-4 rule"),
        ("rule6-eth1", "-6 rule"),
    ] {
        ifup_routes(&tree, name, object);
    }
    let table = [
        "default via 10.0.0.1 dev eth1 linkdown",
        "10.0.0.0/20 dev eth1 scope link src 10.0.0.20 linkdown",
        "throw 10.0.3.16/28",
    ];
    assert_eq!(run("ip", "-4 route show table 10001"), table);
    let rules = run("ip", "-4 rule show");
    assert_eq!(
        rules.iter().filter(|rule| rule.contains("10.0.")).count(),
        6,
        "{rules:#?}"
    );
    assert!(
        rules.contains(&"15001:\tfrom 10.0.0.22 lookup main suppress_prefixlength 1".to_owned()),
        "{rules:#?}"
    );
    for rules in [rules, run("ip", "-6 rule show")] {
        for line in [
            "10001:\tfrom all fwmark 0x2000000/0xff000000 lookup 10001",
            "15001:\tfrom all iif eth1 lookup main suppress_prefixlength 0",
            "20001:\tfrom all iif eth1 lookup 10001",
        ] {
            assert!(rules.contains(&line.to_owned()), "{line}: {rules:#?}");
        }
    }
}

#[test]
fn a_shell_reads_the_ifcfg_file_as_it_is_meant() {
    let tree = Tree::new("unused.yaml", "");
    let mut eth1 = guest::eth1();
    eth1.addresses.push(Address::host(
        &eth1.dev,
        "2001:db8:0:a::201".parse().unwrap(),
    ));
    eth1.addresses.push(Address::host(
        &eth1.dev,
        "2001:db8:0:a::202".parse().unwrap(),
    ));
    tree.render_for(
        &network_scripts::STACK,
        &Desired {
            enis: vec![eth1],
            ..Desired::default()
        },
    );

    let script = tree.root.path().join("source.sh");
    let ifcfg = tree
        .root
        .path()
        .join("etc/sysconfig/network-scripts/ifcfg-eth1");
    let echo = "echo $DEVICE $HWADDR $IPADDR/$PREFIX $IPADDR1/$PREFIX1; echo $IPV6ADDR_SECONDARIES";
    fs::write(&script, format!(". {}\n{echo}\n", ifcfg.display())).unwrap();
    let lines = run("sh", &script.display().to_string());
    let expected = [
        "eth1 02:00:00:00:00:02 10.0.0.20/32 10.0.0.21/32",
        "2001:db8:0:a::201/128 2001:db8:0:a::202/128",
    ];
    assert_eq!(lines, expected);
}

/// A small file system of its own, seen by this test's thread alone.
fn small_disk(size: &str) -> (TempDir, Disk) {
    unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS)
        .expect("this test needs root: it mounts a file system");
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_PRIVATE | MsFlags::MS_REC, none).unwrap();
    let root = tempfile::tempdir().unwrap();
    mount(
        Some("tmpfs"),
        root.path(),
        Some("tmpfs"),
        MsFlags::empty(),
        Some(size),
    )
    .unwrap();
    let disk = Disk::new(root.path()).unwrap();
    (root, disk)
}

/// Nothing but the old file, whole, may be there after a failed replacement.
fn assert_untouched(root: &TempDir, disk: &Disk, failure: &str, wanted: &str) {
    let why = disk
        .commit(&create("/etc/a.yaml", 0o600, wanted))
        .unwrap_err()
        .to_string();
    assert!(
        why.starts_with("/etc/a.yaml: ") && why.contains(failure),
        "{why}"
    );
    assert_eq!(disk.read("/etc/a.yaml").unwrap().as_deref(), Some("old\n"));
    assert_eq!(names(&root.path().join("etc")), ["a.yaml"]);
    let mode = fs::metadata(root.path().join("etc/a.yaml"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn a_full_disk_keeps_the_old_file_and_no_other() {
    let (root, disk) = small_disk("size=64k");
    disk.commit(&create("/etc/a.yaml", 0o600, "old\n")).unwrap();
    assert_untouched(
        &root,
        &disk,
        "No space left on device",
        &"x".repeat(1 << 20),
    );
}

/// Mounts the disk at `root` read-only. A program that another test's thread has forked holds our open files until it
/// executes: so long the kernel says EBUSY.
fn make_read_only(root: &Path) {
    let none = None::<&str>;
    wait_for("a disk that nobody writes to", || {
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        match mount(none, root, none, flags, none) {
            Err(Errno::EBUSY) => false,
            done => {
                done.unwrap();
                true
            }
        }
    });
}

#[test]
fn a_read_only_disk_keeps_the_old_file_and_no_other() {
    let (root, disk) = small_disk("size=64k");
    disk.commit(&create("/etc/a.yaml", 0o600, "old\n")).unwrap();
    make_read_only(root.path());
    assert_untouched(&root, &disk, "Read-only file system", "new\n");
    let delete = FileChange::Delete {
        path: "/etc/a.yaml".into(),
        old: "old\n".into(),
    };
    assert!(
        disk.commit(&delete)
            .unwrap_err()
            .to_string()
            .contains("Read-only file system")
    );
}
