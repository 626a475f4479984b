//! The life of an ENI: attached while EC2 still publishes it, changed, detached, moved to another instance, many at
//! once; links that go down and up, and interfaces that vanish half way. `eniroute` is called as udev and systemd do.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, socket,
};

use crate::instance::{Instance, Run, changed};
use crate::vpc::{EniId, EniSpec, Fault, RouteTable, SubnetId, Vpc};

const NOBODY: [IpAddr; 0] = [];

/// The bit mask that systemd hands to bind.
fn groups() -> u32 {
    let unit = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/system/eniroute-link.socket"
    ));
    unit.lines()
        .find_map(|line| line.strip_prefix("ListenNetlink=route "))
        .unwrap()
        .parse()
        .unwrap()
}

/// One ENI configured, and room for more: eth1 in a subnet of its own.
struct Life {
    vpc: Vpc,
    instance: Instance,
    subnets: [SubnetId; 2],
}

impl Life {
    fn new() -> Self {
        let mut vpc = Vpc::new();
        let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
        let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
        vpc.attach(
            EniSpec::new(a, "eth0")
                .ipv4(["10.0.0.10"])
                .public("10.0.0.10", "203.0.113.10"),
        );
        let instance = Instance::with_netplan(vpc.guest());
        instance.must("apply");
        Self {
            vpc,
            instance,
            subnets: [a, b],
        }
    }

    fn eth1(&self) -> EniSpec {
        let spec = EniSpec::new(self.subnets[1], "eth1")
            .ipv4(["10.1.0.30", "10.1.0.31"])
            .ipv6(["2001:db8:0:b::300"]);
        spec.public("10.1.0.30", "203.0.113.30")
    }

    /// With eth1 attached and configured.
    fn with_eth1() -> (Self, EniId) {
        let mut life = Self::new();
        let eni = life.vpc.attach(life.eth1());
        life.instance.must("hotplug add eth1");
        life.all_answer();
        (life, eni)
    }

    fn all_answer(&mut self) {
        let all = ["10.0.0.10", "10.1.0.30", "10.1.0.31", "2001:db8:0:b::300"];
        for subnet in self.subnets {
            let dead = self.vpc.neighbour(subnet).ping(&all);
            assert!(
                dead.is_empty(),
                "{dead:?} from {subnet:?}: {}",
                self.instance.host.dump()
            );
        }
        assert_eq!(
            self.vpc.inet().ping(&["203.0.113.10", "203.0.113.30"]),
            NOBODY
        );
        assert_eq!(self.vpc.spoofed(), 0);
    }

    /// Nothing of eth1 is left: kernel, files, ledger.
    fn nothing_of_eth1(&self) {
        let rules = self.instance.host.sh("ip rule; ip -6 rule");
        assert!(
            !rules.contains("10001") && !rules.contains("10.1."),
            "{rules}"
        );
        let routes = self
            .instance
            .host
            .sh("ip route show table all; ip -6 route show table all");
        assert!(
            !routes.contains("10.1.") && !routes.contains("10001"),
            "{routes}"
        );
        assert!(!self.instance.has("etc/netplan/60-eniroute-eth1.yaml"));
        assert!(
            !self
                .instance
                .read("var/lib/eniroute/ledger.json")
                .contains("eth1")
        );
    }

    fn requests(&self) -> usize {
        self.vpc.imds().log().len()
    }
}

/// `eniroute ARGUMENTS`, started now.
pub fn start(instance: &Instance, arguments: &str) -> Child {
    let root = instance.root().display().to_string();
    let words: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
    instance.host.enter(move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eniroute"));
        let command = command
            .args(["--root", &root])
            .args(words)
            .stdin(Stdio::null());
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    })
}

pub fn end(child: Child) -> Run {
    Run::of(child.wait_with_output().unwrap())
}

#[test]
fn an_eni_whose_metadata_is_late_is_configured_as_soon_as_it_is_there() {
    for late in [
        "macs/06:",
        "device-number",
        "local-ipv4s",
        "subnet-ipv4-cidr-block",
        "subnet-ipv6-cidr-blocks",
        "interface-id",
    ] {
        let mut life = Life::new();
        let key = if late.starts_with("macs") { "" } else { late };
        let spec = life.eth1().mac("06:00:00:00:00:77");
        life.vpc.imds().fault(match key {
            "device-number" => Fault::value("macs/06:00:00:00:00:77/device-number", "0"),
            _ => Fault::late(&format!("macs/06:00:00:00:00:77/{key}")),
        });
        life.vpc.attach(spec);
        let run = start(&life.instance, "hotplug add eth1 --wait 30");
        thread::sleep(Duration::from_millis(700));
        assert!(
            !life.instance.host.ip("rule").contains("10001"),
            "{late}: too early"
        );
        let waited = life.requests();
        life.vpc.imds().heal();
        let run = end(run);
        assert!(
            run.code == 0 && run.stderr.is_empty() && run.stdout.contains("kernel:"),
            "{late}: {run:?}"
        );
        life.all_answer();
        assert!(waited < 60, "{late}: {waited} requests within 0.7 s");
        assert_eq!(
            life.instance.must("apply"),
            "nothing to do: 2 ENIs are as EC2 describes them\n"
        );
    }
}

#[test]
fn what_is_complete_does_not_wait_for_an_eni_that_is_not() {
    let (mut life, _) = Life::with_eth1();
    let never = "macs/06:00:00:00:00:77/local-ipv4s";
    life.vpc.imds().fault(Fault::late(never));
    let spec = EniSpec::new(life.subnets[0], "eth2")
        .ipv4(["10.0.0.40"])
        .mac("06:00:00:00:00:77");
    life.vpc.attach(spec);
    let first = start(&life.instance, "hotplug add eth2 --wait 3");
    thread::sleep(Duration::from_millis(300));
    life.vpc
        .attach(EniSpec::new(life.subnets[0], "eth3").ipv4(["10.0.0.41"]));
    let second = start(&life.instance, "hotplug add eth3 --wait 3");
    let before = Instant::now();
    while life.vpc.neighbour(life.subnets[0]).ping(&["10.0.0.41"]) != NOBODY {
        let is_soon = life
            .instance
            .is_soon(before.elapsed(), Duration::from_secs(2));
        assert!(is_soon, "eth3 waits for eth2");
    }
    let run = end(first);
    assert_eq!(run.code, 4, "{run:?}");
    assert!(
        run.stderr.contains("06:00:00:00:00:77") && run.stderr.contains("local-ipv4s"),
        "{run:?}"
    );
    assert_eq!(end(second).code, 0);
}

#[test]
fn an_interface_that_is_no_eni_or_vanishes_while_it_is_waited_for_is_no_failure() {
    let mut life = Life::new();
    let before = life.instance.host.dump();
    life.instance
        .host
        .ip("link add stray type veth peer name other");
    let run = life.instance.eniroute("hotplug add stray --wait 0.3");
    assert!(run.code == 0 && run.stderr.is_empty(), "{run:?}");
    let run = life.instance.eniroute("hotplug add nosuch --wait 0.3");
    assert!(
        run.code == 0 && run.stdout.is_empty() && run.stderr.is_empty(),
        "{run:?}"
    );
    let waiting = start(&life.instance, "hotplug add stray --wait 20");
    thread::sleep(Duration::from_millis(200));
    let moved = Instant::now();
    life.instance.host.ip("link delete stray");
    let run = end(waiting);
    assert!(run.code == 0 && run.stderr.is_empty(), "{run:?}");
    let is_soon = life
        .instance
        .is_soon(moved.elapsed(), Duration::from_secs(5));
    assert!(is_soon, "it goes on waiting for what is gone");
    assert_eq!(
        changed(&before, &life.instance.host.dump()),
        [] as [String; 0]
    );
    assert_eq!(
        life.vpc.neighbour(life.subnets[0]).ping(&["10.0.0.10"]),
        NOBODY
    );
}

/// ECS gives a task an ENI that way.
#[test]
fn an_interface_that_moves_into_a_container_and_back_is_let_go_and_taken_up_again() {
    let (mut life, _) = Life::with_eth1();
    let task = life.vpc.second_guest("task");
    let task = life.vpc.guest_of(task);
    life.instance
        .host
        .ip(&format!("link set eth1 netns {}", task.name()));
    // udev tells of a removal; the metadata goes on listing the ENI.
    for command in [
        "hotplug remove eth1",
        "refresh",
        "hotplug add eth1 --wait 0.2",
        "apply --service --wait 1",
    ] {
        let run = life.instance.eniroute(command);
        assert!(run.code == 0 && run.stderr.is_empty(), "{command}: {run:?}");
        life.nothing_of_eth1();
    }
    task.ip(&format!(
        "link set eth1 netns {}",
        life.instance.host.name()
    ));
    life.instance.must("hotplug add eth1");
    life.all_answer();
}

#[test]
fn an_interface_that_vanishes_half_way_fails_no_unit_and_leaves_nothing() {
    let (mut life, eth1) = Life::with_eth1();
    for delay in [0, 3, 6, 10, 15, 20, 30] {
        life.vpc.unplug(eth1);
        life.instance.must("hotplug remove eth1");
        life.vpc.imds().fault(Fault::Slow(Duration::from_millis(1)));
        life.vpc.reattach(eth1, "eth1");
        let run = start(&life.instance, "hotplug add eth1 --wait 10");
        thread::sleep(Duration::from_millis(delay));
        life.vpc.unplug(eth1);
        let run = end(run);
        assert_eq!(run.code, 0, "unplugged after {delay} ms: {run:?}");
        life.instance.must("hotplug remove eth1");
        life.nothing_of_eth1();
        life.vpc.imds().heal();
        life.vpc.reattach(eth1, "eth1");
        life.instance.must("hotplug add eth1");
    }
    life.all_answer();
}

#[test]
fn twenty_four_enis_at_once_are_a_few_runs_and_every_address_answers() {
    const ENIS: usize = 24;
    let mut life = Life::new();
    life.vpc.imds().clear_log();
    for n in 1..ENIS {
        let spec = EniSpec::new(life.subnets[n % 2], &format!("eth{n}"));
        life.vpc.attach(spec.ipv4([format!("10.{}.1.{n}", n % 2)]));
    }
    let runs: Vec<_> = (1..ENIS)
        .map(|n| start(&life.instance, &format!("hotplug add eth{n} --wait 30")))
        .collect();
    let did = runs
        .into_iter()
        .map(end)
        .inspect(|run| assert!(run.code == 0 && run.stderr.is_empty(), "{run:?}"));
    let working = did.filter(|run| !run.stdout.is_empty()).count();
    let all: Vec<String> = (1..ENIS).map(|n| format!("10.{}.1.{n}", n % 2)).collect();
    for subnet in life.subnets {
        assert_eq!(life.vpc.neighbour(subnet).ping(&all), NOBODY);
    }
    assert_eq!(life.vpc.spoofed(), 0);
    let many = life.requests();
    life.vpc.imds().clear_log();
    assert_eq!(
        life.instance.must("apply"),
        "nothing to do: 24 ENIs are as EC2 describes them\n"
    );
    let one = life.requests();
    assert!(working <= 5, "{working} of 23 runs had work to do");
    assert!(
        many <= 2 * one,
        "{many} requests for 23 events; a full run takes {one}"
    );
}

#[test]
fn a_detached_eni_is_forgotten_whatever_the_metadata_says() {
    // Its metadata is gone, is there still, or cannot be had.
    for fault in [None, Some(None), Some(Some(Fault::Dead))] {
        let (mut life, eth1) = Life::with_eth1();
        life.vpc.unplug(eth1);
        match fault {
            None => life.vpc.forget(eth1),
            Some(Some(fault)) => life.vpc.imds().fault(fault),
            Some(None) => {}
        }
        let run = life.instance.eniroute("hotplug remove eth1 --wait 0.5");
        assert_eq!(run.code, 0, "{run:?}");
        life.nothing_of_eth1();
        // What follows does not bring it back.
        life.vpc.imds().heal();
        life.instance.must("refresh");
        life.nothing_of_eth1();
        // Attached again, under another name.
        life.vpc.forget(eth1);
        life.vpc.reattach(eth1, "eth7");
        life.instance.must("hotplug add eth7");
        life.all_answer();
        assert!(life.instance.has("etc/netplan/60-eniroute-eth7.yaml"));
        assert!(!life.instance.has("etc/netplan/60-eniroute-eth1.yaml"));
    }
}

#[test]
fn a_detachment_needs_no_memory_and_does_not_wait_for_an_attachment() {
    let (mut life, eth1) = Life::with_eth1();
    std::fs::write(
        life.instance.root().join("run/eniroute/metadata.json"),
        "{garbage",
    )
    .unwrap();
    life.instance
        .host
        .ip("link add stray type veth peer name other");
    let waiting = start(&life.instance, "hotplug add stray --wait 4");
    thread::sleep(Duration::from_millis(300));
    std::fs::write(
        life.instance.root().join("run/eniroute/metadata.json"),
        "{\"nics\": {}, \"enis\": []}",
    )
    .unwrap();
    life.vpc.detach(eth1);
    let before = Instant::now();
    life.instance.must("hotplug remove eth1");
    let is_soon = life
        .instance
        .is_soon(before.elapsed(), Duration::from_secs(2));
    assert!(is_soon, "it waits for the other run");
    assert!(!life.instance.host.ip("rule").contains("10001"));
    assert_eq!(end(waiting).code, 0);
    // The other ENI's way to its subnet takes the metadata; a refresh does nothing while the waiting run has the lock.
    life.instance.must("refresh");
    life.nothing_of_eth1();
}

#[test]
fn what_ec2_assigns_is_followed_and_nothing_new_costs_next_to_nothing() {
    let (mut life, eth1) = Life::with_eth1();
    life.instance.must("apply");
    life.vpc.imds().clear_log();
    let (dump, disk) = (life.instance.host.dump(), life.instance.disk_state());
    assert_eq!(life.instance.must("refresh"), "");
    assert!(
        life.requests() <= 2 + 2 * 2,
        "{} requests: {:?}",
        life.requests(),
        life.vpc.imds().log()
    );
    assert_eq!(
        (life.instance.host.dump(), life.instance.disk_state()),
        (dump, disk)
    );

    life.vpc.assign(eth1, "10.1.0.32");
    life.vpc.assign(eth1, "10.1.3.16/28");
    assert!(life.instance.must("refresh").contains("kernel: 1 address"));
    assert_eq!(
        life.vpc.neighbour(life.subnets[0]).ping(&["10.1.0.32"]),
        NOBODY
    );
    assert!(
        life.instance
            .host
            .ip("rule")
            .contains("from 10.1.3.16/28 lookup 10001")
    );
    life.vpc.unassign(eth1, "10.1.0.32");
    life.vpc.unassign(eth1, "2001:db8:0:b::300");
    life.instance.must("refresh");
    assert!(
        !life.instance.host.dump().contains("10.1.0.32")
            && !life.instance.host.dump().contains("b::300")
    );
    assert!(
        !life
            .instance
            .read("etc/netplan/60-eniroute-eth1.yaml")
            .contains("10.1.0.32")
    );
}

#[test]
fn a_refresh_that_cannot_read_takes_nothing_away() {
    for fault in [
        Fault::Dead,
        Fault::BROKEN,
        Fault::REFUSE,
        Fault::late("local-ipv4s"),
        Fault::empty("local-ipv4s"),
    ] {
        let (life, _) = Life::with_eth1();
        let (dump, disk) = (life.instance.host.dump(), life.instance.disk_state());
        life.vpc.imds().fault(fault.clone());
        let run = life.instance.eniroute("refresh --wait 0.3");
        assert!(
            run.code != 0 && !run.stderr.is_empty(),
            "{fault:?}: {run:?}"
        );
        assert_eq!(
            changed(&dump, &life.instance.host.dump()),
            [] as [String; 0],
            "{fault:?}"
        );
        let files = |state: Vec<(std::path::PathBuf, u64, _)>| -> BTreeSet<_> {
            state
                .into_iter()
                .map(|(path, inode, _)| (path, inode))
                .filter(|(path, _)| !path.ends_with("metadata.json"))
                .collect()
        };
        assert_eq!(files(life.instance.disk_state()), files(disk), "{fault:?}");
    }
}

/// A netlink socket that has heard of every change of a link or an address since now, as systemd would open it.
pub fn link_socket(instance: &Instance) -> OwnedFd {
    instance.host.enter(|| {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        );
        let socket = socket.unwrap();
        bind(
            std::os::fd::AsRawFd::as_raw_fd(&socket),
            &NetlinkAddr::new(0, groups()),
        )
        .unwrap();
        socket
    })
}

/// `eniroute hotplug change`, as systemd starts it.
pub fn change(instance: &Instance, socket: &OwnedFd) -> Run {
    let stdin = File::from(socket.try_clone().unwrap());
    let root = instance.root().display().to_string();
    instance.host.enter(move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eniroute"));
        Run::of(
            command
                .args(["--root", &root, "hotplug", "change"])
                .stdin(stdin)
                .output()
                .unwrap(),
        )
    })
}

#[test]
fn a_link_that_was_down_is_repaired_when_it_is_up_again() {
    let (mut life, _) = Life::with_eth1();
    let dump = life.instance.host.dump();
    let socket = link_socket(&life.instance);
    life.instance.host.ip("link set eth1 down");
    let run = change(&life.instance, &socket);
    assert!(
        run.code == 0 && run.stdout.is_empty() && run.stderr.is_empty(),
        "{run:?}"
    );
    assert!(
        life.instance
            .host
            .ip("link show eth1")
            .contains("state DOWN"),
        "a person put it down"
    );
    life.instance.host.ip("link set eth1 up");
    assert_ne!(
        changed(&dump, &life.instance.host.dump()),
        [] as [String; 0],
        "the kernel has dropped the routes"
    );
    let run = change(&life.instance, &socket);
    assert!(run.code == 0 && run.stdout.contains("kernel:"), "{run:?}");
    life.instance.host.settle();
    assert_eq!(
        changed(&dump, &life.instance.host.dump()),
        [] as [String; 0]
    );
    life.all_answer();
    // Our own changes are reported, too: they lead to nothing more.
    life.vpc.imds().clear_log();
    let run = change(&life.instance, &socket);
    assert!(
        run.code == 0 && run.stdout.is_empty() && life.requests() == 0,
        "{run:?}"
    );
    // Nor does what happens to an interface that is no ENI.
    life.instance
        .host
        .ip("link add stray type veth peer name other");
    let run = change(&life.instance, &socket);
    assert!(
        run.code == 0 && run.stdout.is_empty() && life.requests() == 0,
        "{run:?}"
    );
}

/// Debian's dhclient gives main one default only; it may be eth1's, and goes with eth1's link.
#[test]
fn the_primary_answers_also_after_the_link_that_had_the_only_default_went_down() {
    let mut life = Life::new();
    life.vpc.attach(life.eth1().dhcp(true));
    life.instance
        .host
        .sh("ip route flush exact 0.0.0.0/0; ip route add default via 10.1.0.1 dev eth1");
    life.instance.must("hotplug add eth1");
    life.all_answer();
    let socket = link_socket(&life.instance);
    life.instance
        .host
        .sh("ip link set eth1 down; ip link set eth1 up");
    assert!(
        !life.instance.host.ip("route show default").contains("dev"),
        "all defaults are gone"
    );
    assert_eq!(change(&life.instance, &socket).code, 0);
    life.instance.host.settle();
    life.all_answer();
    let said = life.instance.must("apply");
    assert!(
        said.starts_with("nothing to do: 2 ENIs are as EC2 describes them\n")
            && said.contains("would leave by eth1, and not by the primary ENI's eth0"),
        "{said}"
    );
}

#[test]
fn what_would_undo_a_removal_is_said() {
    let (life, _) = Life::with_eth1();
    assert!(
        life.instance
            .must("remove --eni eth1")
            .contains("note: the next run configures it again")
    );
    life.instance.must("apply");
    let wants = life
        .instance
        .root()
        .join("etc/systemd/system/multi-user.target.wants");
    std::fs::create_dir_all(&wants).unwrap();
    std::os::unix::fs::symlink(
        "/lib/systemd/system/eniroute.service",
        wants.join("eniroute.service"),
    )
    .unwrap();
    assert!(
        life.instance
            .must("remove")
            .contains("systemctl disable eniroute.service")
    );
    assert!(
        !life.instance.has("run/eniroute/metadata.json"),
        "the units start nothing from now on"
    );
    assert_eq!(life.instance.must("remove"), "nothing to remove\n");
}

#[test]
fn a_link_that_was_down_is_repaired_by_the_next_refresh_at_the_latest() {
    let (mut life, _) = Life::with_eth1();
    life.instance.host.ip("link set eth1 down");
    life.instance.host.ip("link set eth1 up");
    assert!(life.instance.must("refresh").contains("kernel:"));
    life.instance.host.settle();
    life.all_answer();
}

#[test]
fn an_appliances_eni_moves_to_the_stand_by_which_forwards_and_the_first_stops_claiming() {
    let mut vpc = Vpc::new();
    let [front, back, clients] =
        ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"].map(|net| vpc.subnet(net, None));
    let standby = vpc.second_guest("standby");
    vpc.attach(EniSpec::new(front, "eth0").ipv4(["10.0.0.10"]).unchecked());
    vpc.attach(
        EniSpec::new(front, "eth0")
            .ipv4(["10.0.0.20"])
            .on(standby)
            .unchecked(),
    );
    let service = vpc.attach(
        EniSpec::new(back, "eth1")
            .ipv4(["10.0.1.100", "10.0.1.101"])
            .unchecked(),
    );
    let first = Instance::with_netplan(vpc.guest());
    let second = Instance::with_netplan(vpc.guest_of(standby));
    for instance in [&first, &second] {
        instance.must("apply");
        instance.host.sysctl("net.ipv4.ip_forward", 1);
    }
    let client = vpc.instance(clients, "client", &["10.0.2.50"]);
    vpc.elastic_ip("10.0.2.50", "203.0.113.50");
    vpc.route(RouteTable::Internet, "10.0.2.0/24", service);
    vpc.route(RouteTable::Subnet(clients), "0.0.0.0/0", service);
    let reached = |vpc: &Vpc| vpc.inet().ping(&["203.0.113.50"]).is_empty();
    assert!(
        reached(&vpc) && client.ping(&["8.8.8.8"]) == NOBODY,
        "the first appliance forwards"
    );

    vpc.detach(service);
    first.must("hotplug remove eth1");
    let left = first.host.sh(
        "ip rule; ip route show table all; ip address; cat /proc/sys/net/ipv4/conf/all/forwarding",
    );
    assert!(!left.contains("10.0.1."), "{left}");
    assert!(!reached(&vpc), "nobody has the ENI");
    vpc.move_to(service, standby, "eth5");
    vpc.route(RouteTable::Internet, "10.0.2.0/24", service);
    vpc.route(RouteTable::Subnet(clients), "0.0.0.0/0", service);
    second.must("hotplug add eth5");
    assert!(
        reached(&vpc),
        "the second appliance forwards: {}",
        second.host.dump()
    );
    assert_eq!(client.ping(&["8.8.8.8"]), NOBODY);
    assert_eq!(
        vpc.neighbour(front).ping(&["10.0.1.100", "10.0.1.101"]),
        NOBODY
    );
    first.must("refresh");
    assert!(
        !first
            .host
            .sh("ip rule; ip route show table all; ip address")
            .contains("10.0.1.")
    );
    assert_eq!(vpc.spoofed(), 0);
}
