//! A boot while the metadata service refuses, is silent or dead: every ENI that was there answers before the service
//! does, whatever the network stack has of it; and when the service is back, nothing was lost.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::instance::Instance;
use crate::life::{change, end, link_socket, start};
use crate::vpc::{EniId, EniSpec, Fault, SubnetId, Vpc};

const ASSET_TAG: &str = "sys/class/dmi/id/board_asset_tag";
const THIS: &str = "i-0000000000000000a\n";
const RECORD: &str = "var/lib/eniroute/metadata.json";
const NAMES: [&str; 3] = ["eth0", "eth1", "eth2"];
const EVERY_ADDRESS: [&str; 7] = [
    "10.0.0.10",
    "10.0.0.11",
    "10.1.0.30",
    "10.1.0.31",
    "2001:db8:0:b::300",
    "10.0.0.20",
    "2001:db8:0:a::200",
];
const PUBLIC: [&str; 5] = [
    "203.0.113.10",
    "203.0.113.20",
    "203.0.113.30",
    "2001:db8:0:b::300",
    "2001:db8:0:a::200",
];

/// Three ENIs on an instance that has been configured once, and boots.
struct Lab {
    vpc: Vpc,
    subnets: [SubnetId; 2],
    enis: [EniId; 3],
    instance: Instance,
    boots: usize,
}

impl Lab {
    fn new(files: &[(&str, &str)]) -> Self {
        let mut vpc = Vpc::new();
        let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
        let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
        let first = EniSpec::new(a, "eth0")
            .ipv4(["10.0.0.10", "10.0.0.11"])
            .public("10.0.0.10", "203.0.113.10");
        let second = EniSpec::new(b, "eth1")
            .ipv4(["10.1.0.30", "10.1.0.31"])
            .ipv6(["2001:db8:0:b::300"]);
        let third = EniSpec::new(a, "eth2")
            .ipv4(["10.0.0.20"])
            .ipv6(["2001:db8:0:a::200"]);
        let second = second.public("10.1.0.30", "203.0.113.30");
        let enis =
            [first, second, third.public("10.0.0.20", "203.0.113.20")].map(|spec| vpc.attach(spec));
        let instance = Instance::bare(vpc.guest());
        files
            .iter()
            .for_each(|(path, text)| instance.write(path, text));
        instance.write(ASSET_TAG, THIS);
        instance.must("apply --service");
        let mut lab = Self {
            vpc,
            subnets: [a, b],
            enis,
            instance,
            boots: 0,
        };
        lab.answer(&[]);
        lab
    }

    /// The kernel forgets all, and so does /run; the disk and the ENIs stay.
    fn reboot(mut self) -> Self {
        self.boots += 1;
        self.enis.iter().for_each(|eni| self.vpc.detach(*eni));
        let guest = self.vpc.second_guest(&format!("boot{}", self.boots));
        self.enis
            .iter()
            .zip(NAMES)
            .for_each(|(eni, name)| self.vpc.move_to(*eni, guest, name));
        fs::remove_dir_all(self.instance.root().join("run/eniroute")).unwrap();
        fs::remove_file(self.instance.root().join("run/eniroute.lock")).unwrap();
        let instance = self.instance.image_on(self.vpc.guest_of(guest));
        Self { instance, ..self }
    }

    fn dead(&mut self, missing: &[&str]) -> Vec<std::net::IpAddr> {
        let there = |all: &[&'static str]| {
            all.iter()
                .copied()
                .filter(|ip| !missing.contains(ip))
                .collect::<Vec<_>>()
        };
        let mut dead = self.vpc.inet().ping(&there(&PUBLIC));
        for subnet in self.subnets {
            dead.extend(self.vpc.neighbour(subnet).ping(&there(&EVERY_ADDRESS)));
        }
        dead
    }

    /// So that a run that waits so many seconds may have ended before the packets of this process have been answered.
    fn is_busy(&self, seconds: u64) -> bool {
        let wait = Duration::from_secs(seconds);
        self.instance.is_soon(wait, Duration::ZERO)
    }

    /// Of the ENI whose interface has this number.
    fn mac(&self, number: usize) -> String {
        self.vpc.mac(self.enis[number]).to_owned()
    }

    fn answer(&mut self, missing: &[&str]) {
        let dead = self.dead(missing);
        assert!(dead.is_empty(), "{dead:?}: {}", self.instance.host.dump());
    }
}

/// The boot's own run under `fault`: every ENI answers while it still asks.
fn boot_under(lab: &mut Lab, fault: &Fault) {
    lab.vpc.imds().fault(fault.clone());
    let began = Instant::now();
    let mut run = start(&lab.instance, "apply --service --wait 8");
    while !lab.dead(&[]).is_empty() {
        let is_soon = lab
            .instance
            .is_soon(began.elapsed(), Duration::from_secs(7));
        assert!(is_soon, "{fault:?}: {}", lab.instance.host.dump());
    }
    assert!(
        run.try_wait().unwrap().is_none() || lab.is_busy(8),
        "{fault:?}: it goes on asking"
    );
    let ended = end(run);
    assert!(
        ended.code == 0 && ended.stdout.contains("what EC2 said last"),
        "{fault:?}: {ended:?}"
    );
    lab.answer(&[]);
}

/// On each stack: what its files were, what of them is another at that boot, and what the stack makes of the kernel.
fn survives(files: &[(&str, &str)], rewritten: &[(&str, &str)], brought_up: &str) {
    let mut lab = Lab::new(files);
    for fault in [Fault::REFUSE, Fault::Blackhole, Fault::Dead] {
        lab = lab.reboot();
        rewritten
            .iter()
            .for_each(|(path, text)| lab.instance.write(path, text));
        lab.instance.host.ip_batch(brought_up);
        boot_under(&mut lab, &fault);
        assert_ne!(
            lab.instance.eniroute("refresh --wait 0.3").code,
            0,
            "{fault:?}"
        );
        lab.answer(&[]);
        lab.vpc.imds().heal();
        lab.instance.must("refresh");
        lab.answer(&[]);
        assert!(
            lab.instance.must("apply").starts_with("nothing to do"),
            "{fault:?}"
        );
    }
}

#[test]
fn on_a_host_without_a_network_stack() {
    survives(&[], &[], "");
}

#[test]
fn on_ifupdown_whose_file_cloud_init_rewrote_without_the_secondary() {
    let path = "etc/network/interfaces.d/50-cloud-init";
    survives(
        &[
            (
                "etc/network/interfaces",
                "source /etc/network/interfaces.d/*\n",
            ),
            (
                path,
                "auto eth0\niface eth0 inet dhcp\n\nauto eth1\niface eth1 inet dhcp\n    metric 200\n",
            ),
        ],
        &[(path, "auto eth0\niface eth0 inet dhcp\n")],
        "",
    );
}

#[test]
fn on_networkmanager_which_gives_the_secondary_its_automatic_profile() {
    survives(
        &[
            ("usr/sbin/NetworkManager", ""),
            (
                "etc/NetworkManager/system-connections/eth1.nmconnection",
                "[connection]\nid=eth1\ntype=ethernet\ninterface-name=eth1\n[ipv4]\nmethod=auto\n",
            ),
        ],
        &[(
            "etc/NetworkManager/system-connections/eth1.nmconnection",
            "",
        )],
        "link set eth1 up\naddress add 10.1.0.30/20 dev eth1 noprefixroute\n\
         route add 10.1.0.0/20 dev eth1 proto kernel src 10.1.0.30 metric 101\n\
         route add default via 10.1.0.1 dev eth1 proto dhcp src 10.1.0.30 metric 101\n",
    );
}

#[test]
fn on_netplan_whose_file_cloud_init_rewrote_without_the_secondary() {
    let path = "etc/netplan/50-cloud-init.yaml";
    survives(
        &[
            ("usr/sbin/netplan", ""),
            (
                path,
                "network: {version: 2, ethernets: {eth0: {dhcp4: true}, eth1: {dhcp4: true}}}\n",
            ),
        ],
        &[(
            path,
            "network: {version: 2, ethernets: {eth0: {dhcp4: true}}}\n",
        )],
        "",
    );
}

#[test]
fn a_service_that_answers_in_time_has_the_last_word_and_nothing_is_recalled() {
    let mut lab = Lab::new(&[]).reboot();
    lab.vpc.unassign(lab.enis[1], "10.1.0.31");
    let said = lab.instance.must("apply --service");
    assert!(!said.contains("what EC2 said last"), "{said}");
    assert!(
        !lab.instance.host.dump().contains("10.1.0.31")
            && !lab.instance.read(RECORD).contains("10.1.0.31")
    );
    lab.answer(&["10.1.0.31"]);
}

#[test]
fn what_ec2_took_away_meanwhile_goes_as_soon_as_the_service_answers() {
    let mut lab = Lab::new(&[]).reboot();
    lab.vpc.unassign(lab.enis[1], "10.1.0.31");
    lab.vpc.imds().fault(Fault::REFUSE);
    let run = start(&lab.instance, "apply --service --wait 20");
    while !lab.instance.host.dump().contains("10.1.0.31") {
        sleep(Duration::from_millis(20));
    }
    lab.vpc.imds().heal();
    let ended = end(run);
    assert!(
        ended.code == 0 && !ended.stdout.contains("what EC2 said last"),
        "{ended:?}"
    );
    assert!(!lab.instance.host.dump().contains("10.1.0.31"), "{ended:?}");
    lab.answer(&["10.1.0.31"]);
}

#[test]
fn by_what_ec2_said_before_this_boot_nothing_is_taken_away() {
    let lab = Lab::new(&[]);
    let record = lab.instance.read(RECORD);
    let mut lab = lab.reboot();
    lab.instance.write(
        RECORD,
        &record.replace("\"10.1.0.30\",\"10.1.0.31\"", "\"10.1.0.30\""),
    );
    assert!(!lab.instance.read(RECORD).contains("10.1.0.31"));
    lab.instance.host.ip_batch(
        "link set eth1 up\naddress add 10.1.0.31/32 dev eth1\nrule add from 10.1.0.31 lookup 10001 priority 10001\n\
         rule add from 10.9.9.9 lookup 10009 priority 10009\n",
    );
    lab.vpc.imds().fault(Fault::REFUSE);
    assert_eq!(lab.instance.eniroute("apply --service --wait 0.5").code, 0);
    for command in ["hotplug remove eth9", "refresh --wait 0.2"] {
        lab.instance.eniroute(command);
        lab.answer(&[]);
        assert!(
            lab.instance
                .host
                .ip("rule")
                .contains("from 10.9.9.9 lookup 10009"),
            "{command}"
        );
    }
    let (rules, socket) = (lab.instance.host.ip("rule"), link_socket(&lab.instance));
    lab.instance.host.ip("link set eth1 down");
    lab.instance.host.ip("link set eth1 up");
    change(&lab.instance, &socket);
    lab.answer(&[]);
    assert_eq!(lab.instance.host.ip("rule"), rules);
    lab.vpc.imds().heal();
    lab.instance.must("refresh");
    lab.answer(&[]);
}

/// At a boot the service answers, but for one ENI: that one answers while the run goes on asking, and EC2's next word on
/// it holds.
fn boots_without(fault: &Fault) {
    let mut lab = Lab::new(&[]).reboot();
    lab.vpc.imds().fault(fault.clone());
    let began = Instant::now();
    let mut run = start(&lab.instance, "apply --service --wait 2");
    while !lab.dead(&[]).is_empty() {
        let is_soon = lab
            .instance
            .is_soon(began.elapsed(), Duration::from_secs(3));
        assert!(is_soon, "{fault:?}: {}", lab.instance.host.dump());
    }
    assert!(
        run.try_wait().unwrap().is_none() || lab.is_busy(2),
        "{fault:?}: it goes on asking"
    );
    let ended = end(run);
    let is_told = ended.stdout.contains("EC2 lists no ENI")
        || ended.code == 4 && ended.stderr.contains("06:");
    assert!(is_told, "{fault:?}: {ended:?}");
    for command in ["refresh", "hotplug remove eth9", "refresh"] {
        lab.instance.eniroute(command);
        lab.answer(&[]);
    }
    lab.vpc.imds().heal();
    lab.instance.must("refresh");
    lab.answer(&[]);
    assert!(
        lab.instance.must("apply").starts_with("nothing to do"),
        "{fault:?}"
    );
    assert!(
        !lab.instance.must("status").contains("incomplete"),
        "{fault:?}"
    );
}

#[test]
fn an_eni_that_alone_is_late_at_a_boot_answers_by_what_ec2_said_last() {
    let [first, second] = [0, 1].map(|number| Lab::new(&[]).mac(number));
    for what in [
        second.clone(),
        format!("{second}/local-ipv4s"),
        format!("{first}/interface-id"),
    ] {
        boots_without(&Fault::late(&what));
    }
}

#[test]
fn an_eni_that_alone_is_not_listed_at_a_boot_answers_by_what_ec2_said_last() {
    boots_without(&Fault::absent(&Lab::new(&[]).mac(1)));
}

#[test]
fn what_ec2_says_anew_of_an_eni_that_was_late_replaces_what_it_said_last() {
    let mut lab = Lab::new(&[]).reboot();
    lab.vpc.unassign(lab.enis[1], "10.1.0.31");
    lab.vpc.imds().fault(Fault::late(&lab.mac(1)));
    let run = start(&lab.instance, "apply --service --wait 20");
    while !lab.instance.host.dump().contains("10.1.0.31") {
        sleep(Duration::from_millis(20));
    }
    lab.vpc.imds().heal();
    let ended = end(run);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!lab.instance.host.dump().contains("10.1.0.31"), "{ended:?}");
    lab.answer(&["10.1.0.31"]);
}

#[test]
fn an_address_that_ec2_has_given_to_another_eni_is_not_recalled() {
    let mut lab = Lab::new(&[]).reboot();
    let (second, third) = (lab.mac(1), lab.mac(2));
    lab.vpc.imds().fault(Fault::late(&third));
    lab.vpc
        .imds()
        .fault(Fault::value(&format!("{second}/local-ipv4s"), "10.0.0.20"));
    lab.vpc.imds().fault(Fault::value(
        &format!("{second}/subnet-ipv4-cidr-block"),
        "10.0.0.0/20",
    ));
    lab.instance.eniroute("apply --service --wait 0.5");
    let rules = lab.instance.host.ip("rule");
    assert!(
        rules.contains("from 10.0.0.20 lookup 10001") && !rules.contains("lookup 10002"),
        "{rules}"
    );
    lab.vpc.imds().heal();
    lab.instance.must("refresh");
    lab.answer(&[]);
}

#[test]
fn a_nic_that_was_late_at_that_boot_is_configured_when_it_comes() {
    let mut lab = Lab::new(&[]).reboot();
    lab.vpc.detach(lab.enis[2]);
    lab.vpc.imds().fault(Fault::REFUSE);
    lab.instance.must("apply --service --wait 0.5");
    lab.answer(&["10.0.0.20", "2001:db8:0:a::200", "203.0.113.20"]);
    lab.vpc.reattach(lab.enis[2], "eth2");
    lab.instance.must("hotplug add eth2 --wait 0.5");
    lab.answer(&[]);
}

#[test]
fn an_image_of_another_instance_recalls_nothing() {
    let lab = Lab::new(&[]).reboot();
    // The very NICs, and yet another instance.
    lab.instance.write(ASSET_TAG, "i-0000000000000000b\n");
    lab.vpc.imds().fault(Fault::REFUSE);
    lab.instance.eniroute("apply --service --wait 0.5");
    assert!(!lab.instance.host.ip("rule").contains("lookup 1000"));
    // No id, and the primary's NIC is another.
    let mut lab = Lab::new(&[]);
    let first = lab.vpc.second_guest("launched");
    lab.vpc.attach(
        EniSpec::new(lab.subnets[0], "eth0")
            .on(first)
            .ipv4(["10.0.0.110"]),
    );
    lab.vpc.detach(lab.enis[1]);
    lab.vpc.move_to(lab.enis[1], first, "eth1");
    let instance = lab.instance.image_on(lab.vpc.guest_of(first));
    instance.write(ASSET_TAG, "\n");
    lab.vpc.imds().fault(Fault::REFUSE);
    instance.eniroute("apply --service --wait 0.5");
    assert!(!instance.host.ip("rule").contains("lookup 1000"));
}

#[test]
fn what_was_removed_or_detached_is_not_recalled() {
    let mut lab = Lab::new(&[]);
    lab.instance.must("remove --eni eth2");
    lab.vpc.detach(lab.enis[1]);
    lab.instance.must("hotplug remove eth1");
    let record = lab.instance.read(RECORD);
    assert!(!record.contains("10.1.0.30"), "{record}");
    lab.instance.must("remove");
    assert!(!lab.instance.has(RECORD));
    let lab = Lab::new(&[]);
    lab.instance.must("remove --eni eth2");
    let record = lab.instance.read(RECORD);
    assert!(
        record.contains("10.1.0.30") && !record.contains("10.0.0.20"),
        "{record}"
    );
}
