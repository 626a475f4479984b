//! A DHCP client that is not ours, on an ENI that is: cloud-init runs dhcpcd on every secondary ENI at each boot, to learn
//! of the gateway, and ends it. The address is then a lease that nobody renews. Whether eniroute runs before it or after
//! it: not a ping is lost when the lease ends. dhclient and udhcpc are of other images, with scripts of their own.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::instance::Instance;
use crate::life::{change, link_socket};
use crate::vpc::{Background, EniSpec, SubnetId, Vpc, wait_for};

const NOBODY: [std::net::IpAddr; 0] = [];
const PUBLIC: &str = "203.0.113.30";

/// Where the files go, by the look of the disk; nothing at all, for a host without a stack.
const STACKS: [&[(&str, &str)]; 3] = [
    &[
        ("usr/sbin/netplan", ""),
        (
            "etc/netplan/50-cloud-init.yaml",
            "network: {version: 2, ethernets: {eth0: {dhcp4: true}}}\n",
        ),
    ],
    &[
        ("run/systemd/netif/state", ""),
        (
            "etc/systemd/network/20-eth0.network",
            "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n",
        ),
    ],
    &[],
];

struct Lab {
    vpc: Vpc,
    instance: Instance,
    subnets: [SubnetId; 2],
}

impl Lab {
    fn new(disk: &[(&str, &str)]) -> Self {
        let mut vpc = Vpc::new();
        let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
        let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
        vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.0.10"]));
        let eth1 = EniSpec::new(b, "eth1")
            .ipv4(["10.1.0.30"])
            .ipv6(["2001:db8:0:b::300"]);
        vpc.attach(eth1.public("10.1.0.30", PUBLIC).mac("06:00:00:00:00:01"));
        let instance = Instance::bare(vpc.guest());
        disk.iter()
            .for_each(|(path, text)| instance.write(path, text));
        Self {
            vpc,
            instance,
            subnets: [a, b],
        }
    }

    /// From the Internet, one every 20 ms.
    fn pings(&self) -> Background {
        let pings = self
            .vpc
            .inet()
            .command("ping")
            .args(["-i", "0.02", PUBLIC])
            .background();
        wait_for("answers", || pings.log().lines().count() > 15);
        pings
    }

    fn addresses(&self) -> String {
        self.instance
            .host
            .ip("-o address show dev eth1 scope global")
    }

    /// And some answers: on a busy machine it may be over before the first one.
    fn await_end_of_lease(&self, pings: &Background) {
        let deadline = Instant::now() + Duration::from_secs(15);
        while self.addresses().contains("dynamic") {
            assert!(Instant::now() < deadline, "{}", self.addresses());
            sleep(Duration::from_millis(50));
        }
        sleep(Duration::from_millis(300));
        wait_for("answers", || pings.log().lines().count() > 30);
    }

    fn all_answer(&mut self) {
        for subnet in self.subnets {
            let dead =
                self.vpc
                    .neighbour(subnet)
                    .ping(&["10.0.0.10", "10.1.0.30", "2001:db8:0:b::300"]);
            assert_eq!(dead, NOBODY, "{}", self.instance.host.dump());
        }
    }
}

/// How many are missing between the first answer and the last, and among those the longest row.
fn lost(pings: &Background) -> (usize, usize) {
    let log = pings.log();
    let number = |line: &str| {
        line.split_once("icmp_seq=")?
            .1
            .split(' ')
            .next()?
            .parse::<usize>()
            .ok()
    };
    let answered: BTreeSet<usize> = log.lines().filter_map(number).collect();
    let (first, last) = (answered.first().unwrap(), answered.last().unwrap());
    assert!(answered.len() > 20, "{log}");
    let gaps = answered
        .iter()
        .zip(answered.iter().skip(1))
        .map(|(one, next)| next - one - 1);
    (last - first + 1 - answered.len(), gaps.max().unwrap())
}

#[test]
fn a_lease_that_ends_costs_no_ping_on_any_stack_and_whoever_came_first() {
    for disk in STACKS {
        for (before, lease) in [
            (false, "10.1.0.30/20"),
            (true, "10.1.0.30/20"),
            (true, "10.1.0.30/32"),
        ] {
            let mut lab = Lab::new(disk);
            let host = lab.instance.host.clone();
            let take = format!("address replace {lease} dev eth1 valid_lft 4 preferred_lft 4");
            if before {
                lab.instance.must("apply");
                host.ip(&take);
                lab.instance.must("refresh");
            } else {
                host.ip("link set eth1 up");
                host.ip(&take);
                lab.instance.must("apply");
            }
            lab.all_answer();
            assert!(
                lab.addresses().contains("10.1.0.30/32"),
                "{}",
                lab.addresses()
            );
            let pings = lab.pings();
            lab.await_end_of_lease(&pings);
            assert_eq!(lost(&pings), (0, 0), "{lease}, {disk:?}, {}", host.dump());
            lab.all_answer();
            lab.instance.must("refresh");
            assert!(
                lab.instance
                    .must("apply")
                    .starts_with("nothing to do: 2 ENIs are as EC2 describes them\n")
            );
            lab.instance.must("remove");
            assert!(
                !lab.addresses().contains("10.1.0.30"),
                "{}",
                lab.addresses()
            );
        }
    }
}

/// The kernel knows an IPv6 address once, whatever its length: it is ours for good before it ends, and the client's as long
/// as that renews it.
#[test]
fn an_ipv6_address_is_made_to_stay_only_when_nobody_renews_it() {
    let mut lab = Lab::new(STACKS[0]);
    lab.instance.must("apply");
    let take = |seconds: u32| {
        let words = format!(
            "-6 address change 2001:db8:0:b::300/128 dev eth1 valid_lft {seconds} preferred_lft {seconds}"
        );
        lab.instance.host.ip(&words);
    };
    take(450);
    assert_eq!(lab.instance.must("refresh"), "", "a client is at work");
    take(40);
    assert!(
        lab.instance
            .must("plan")
            .contains("ip -6 address replace 2001:db8:0:b::300/128 dev eth1")
    );
    assert!(lab.instance.must("refresh").contains("kernel: 1 address"));
    let stays = lab.addresses();
    let stays = stays
        .lines()
        .find(|line| line.contains("2001:db8:0:b::300"));
    let is_for_good = |line: &str| line.contains("valid_lft forever preferred_lft forever");
    assert!(stays.is_some_and(is_for_good), "{stays:?}");
    lab.all_answer();
    assert_eq!(lab.instance.must("refresh"), "");
}

#[test]
fn a_renewed_lease_of_an_owner_s_client_is_left_alone_beside_ours() {
    let lab = Lab::new(STACKS[0]);
    let renew = "ip address replace 10.1.0.30/20 dev eth1 valid_lft 3600 preferred_lft 3600";
    lab.instance
        .host
        .sh(&format!("ip link set eth1 up; {renew}"));
    lab.instance.must("apply");
    for _ in 0..2 {
        lab.instance.host.sh(renew);
        assert_eq!(lab.instance.must("refresh"), "");
    }
    assert!(
        lab.addresses().contains("10.1.0.30/20") && lab.addresses().contains("dynamic"),
        "{}",
        lab.addresses()
    );
    lab.instance.must("remove");
    assert!(
        lab.addresses().contains("10.1.0.30/20") && !lab.addresses().contains("/32"),
        "{}",
        lab.addresses()
    );
}

/// The VPC's DHCP: an hour's lease.
fn served(lab: &Lab) -> Background {
    let served = lab.vpc.router().command("dnsmasq").args([
        "--no-daemon",
        "--port=0",
        "--conf-file=/dev/null",
    ]);
    let served = served.args([
        "--leasefile-ro",
        "--user=root",
        "--dhcp-authoritative",
        "--interface=subnet1",
    ]);
    let served = served.args([
        "--dhcp-range=10.1.0.0,static,1h",
        "--dhcp-host=06:00:00:00:00:01,10.1.0.30",
    ]);
    served.background()
}

/// Runs a client of `folder` below target/, which sees none of this machine's state, name and resolver, and changes none.
fn client(lab: &Lab, folder: &str, script: &str) {
    let _server = served(lab);
    let tree = format!("{}/target/{folder}", env!("CARGO_MANIFEST_DIR"));
    assert!(
        std::path::Path::new(&tree).exists(),
        "{tree} is not there: run tests/setup"
    );
    lab.instance.host.sh(&format!(
        "unshare --mount --uts bash -euc 'mount -t tmpfs none /run; mount -t tmpfs none /var/lib
         touch /run/resolv.conf; mount --bind /run/resolv.conf $(readlink -f /etc/resolv.conf)
         tree={tree} PATH=$PATH:{tree}/bin:{tree}/sbin
         {script}'"
    ));
}

/// As cloud-init calls it, and ended once it has a lease.
fn dhcpcd(lab: &Lab) {
    client(
        lab,
        "dhcpcd",
        "timeout 20 $tree/usr/sbin/dhcpcd --config /dev/null --ipv4only --waitip --persistent --noarp --script=/bin/true eth1
         kill $(cat /run/dhcpcd/eth1-4.pid); sleep 0.2",
    );
}

/// With its own script. It is killed once it has a lease, as when its unit goes.
fn dhclient(lab: &Lab) {
    client(
        lab,
        "dhclient",
        "timeout 20 $tree/sbin/dhclient -4 -1 -cf /dev/null -sf $tree/sbin/dhclient-script -lf /run/leases -pf /run/pid eth1
         for n in $(seq 50); do [ -s /run/pid ] && break; sleep 0.1; done
         kill -KILL $(cat /run/pid)",
    );
}

/// With its own script, which flushes the link first. `-q`: it ends once it has a lease, which stays for good.
fn udhcpc(lab: &Lab) {
    client(
        lab,
        "udhcpc",
        "timeout 20 busybox udhcpc -q -n -f -s $tree/etc/udhcpc/default.script -i eth1",
    );
}

/// The same, and its lease comes to its end while it runs: its script flushes the link.
fn udhcpc_to_the_end(lab: &Lab) {
    client(
        lab,
        "udhcpc",
        "timeout 20 busybox udhcpc -n -f -p /run/pid -s $tree/etc/udhcpc/default.script -i eth1 >/run/log 2>&1 &
         until grep -q obtained /run/log; do sleep 0.1; done
         kill -USR2 $(cat /run/pid); sleep 0.5; kill $(cat /run/pid); sleep 0.2",
    );
}

/// As if the hour were over.
fn shorten(lab: &Lab) {
    assert!(
        lab.addresses().contains("10.1.0.30/20"),
        "dhcpcd has a lease: {}",
        lab.addresses()
    );
    lab.instance
        .host
        .ip("address change 10.1.0.30/20 dev eth1 noprefixroute valid_lft 3 preferred_lft 3");
}

#[test]
fn cloud_init_s_dhcpcd_before_eniroute_costs_no_ping_when_its_lease_ends() {
    let mut lab = Lab::new(STACKS[0]);
    lab.instance.host.ip("link set eth1 up");
    dhcpcd(&lab);
    lab.instance.must("apply");
    lab.all_answer();
    let pings = lab.pings();
    shorten(&lab);
    lab.await_end_of_lease(&pings);
    assert_eq!(lost(&pings), (0, 0), "{}", lab.instance.host.dump());
    lab.all_answer();
}

/// What the others do to the link is repaired as with dhcpcd, whether they or eniroute came first.
#[test]
fn dhclient_s_lease_ends_and_the_address_stays() {
    for first in [true, false] {
        let mut lab = Lab::new(STACKS[0]);
        lab.instance.host.ip("link set eth1 up");
        if first {
            lab.instance.must("apply");
        }
        dhclient(&lab);
        lab.instance.must("apply");
        lab.all_answer();
        let pings = lab.pings();
        shorten(&lab);
        lab.await_end_of_lease(&pings);
        assert_eq!(lost(&pings), (0, 0), "{}", lab.instance.host.dump());
        lab.all_answer();
        // Its subnet's route in main was the client's, and went with the lease.
        lab.instance.must("refresh");
        let said = lab.instance.must("apply");
        assert!(said.starts_with("nothing to do"), "{first}: {said}");
    }
}

#[test]
fn udhcpc_flushes_the_link_and_what_it_took_away_is_back_at_once() {
    for client in [udhcpc, udhcpc_to_the_end] {
        let mut lab = Lab::new(STACKS[0]);
        lab.instance.must("apply");
        let socket = link_socket(&lab.instance);
        client(&lab);
        assert!(hears(&socket, Duration::ZERO), "the socket has heard of it");
        let run = change(&lab.instance, &socket);
        assert!(run.code == 0 && run.stdout.contains("kernel:"), "{run:?}");
        lab.all_answer();
        assert!(
            lab.addresses().contains("10.1.0.30/"),
            "{}",
            lab.addresses()
        );
        assert!(lab.instance.must("apply").starts_with("nothing to do"));
        lab.instance.must("remove");
    }
}

fn hears(socket: &OwnedFd, within: Duration) -> bool {
    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::try_from(within).unwrap()).unwrap() > 0
}

/// dhcpcd deletes our address, and the kernel all IPv4 routes with it: the link's socket tells, and at once all is back.
#[test]
fn cloud_init_s_dhcpcd_after_eniroute_is_repaired_at_once_and_its_lease_ends_unnoticed() {
    let mut lab = Lab::new(STACKS[0]);
    lab.instance.must("apply");
    let socket = link_socket(&lab.instance);
    let pings = lab.pings();
    let host = lab.instance.host.clone();
    dhcpcd(&lab);
    assert!(
        !host.ip("route show table 10001").contains("default"),
        "dhcpcd has taken it away"
    );
    assert!(
        hears(&socket, Duration::ZERO),
        "and the socket has heard of it"
    );
    let begin = Instant::now();
    let run = change(&lab.instance, &socket);
    assert!(run.code == 0 && run.stdout.contains("kernel:"), "{run:?}");
    // A look at changed links lasts half a second at least; the work is done before that is over.
    let took = begin.elapsed();
    let is_soon = lab.instance.is_soon(took, Duration::from_secs(2));
    assert!(is_soon, "{took:?}");
    assert!(
        host.ip("route show table 10001")
            .contains("default via 10.1.0.1"),
        "{}",
        host.dump()
    );
    assert!(
        lab.addresses().contains("10.1.0.30/32"),
        "{}",
        lab.addresses()
    );
    drop(pings);
    lab.all_answer();
    let pings = lab.pings();
    shorten(&lab);
    lab.await_end_of_lease(&pings);
    assert_eq!(lost(&pings), (0, 0), "{}", host.dump());
}

/// From the deletion to the first answer, with a service that is started as soon as its socket can be read.
#[test]
fn an_address_that_somebody_deletes_answers_again_within_a_second() {
    for command in [
        "ip address del 10.1.0.30/32 dev eth1",
        "ip address flush dev eth1 scope global",
        "ip address del 10.1.0.30/32 dev eth1; ip address add 10.1.0.30/20 dev eth1 valid_lft 3600 preferred_lft 3600",
    ] {
        let mut lab = Lab::new(STACKS[0]);
        lab.instance.must("apply");
        let socket = link_socket(&lab.instance);
        let pings = lab.pings();
        lab.instance.host.sh(command);
        assert!(hears(&socket, Duration::from_secs(1)), "{command}");
        assert_eq!(change(&lab.instance, &socket).code, 0);
        sleep(Duration::from_millis(300));
        let (_, longest) = lost(&pings);
        let took = Duration::from_millis(20) * u32::try_from(longest).unwrap();
        let is_soon = lab.instance.is_soon(took, Duration::from_millis(1001));
        assert!(longest > 0 && is_soon, "{command}: {took:?}");
        lab.all_answer();
    }
}

/// Containers come and go with links and addresses of their own: none of that is ours, or asks EC2 anything.
#[test]
fn addresses_of_others_start_no_work() {
    let lab = Lab::new(STACKS[0]);
    lab.instance.must("apply");
    let socket = link_socket(&lab.instance);
    lab.instance.host.sh(
        "ip link add stray type veth peer name other; ip address add 192.0.2.1/24 dev stray; ip link set stray up
         ip address del 192.0.2.1/24 dev stray; ip -6 address add 2001:db8:9::1/64 dev stray nodad
         ip -6 address del 2001:db8:9::1/64 dev stray; ip address add 192.0.2.9/32 dev lo; ip address del 192.0.2.9/32 dev lo",
    );
    lab.vpc.imds().clear_log();
    let dump = lab.instance.host.dump();
    let run = change(&lab.instance, &socket);
    assert!(
        run.code == 0 && run.stdout.is_empty() && run.stderr.is_empty(),
        "{run:?}"
    );
    assert_eq!(
        (lab.vpc.imds().log().len(), lab.instance.host.dump()),
        (0, dump)
    );
}
