//! Metadata that cannot be true: the primary answers in both families all along, the other ENIs are right, the message
//! names ENI, key and value, and the next good run repairs.

use std::io::{BufRead, BufReader, Read};
use std::thread::sleep;
use std::time::Duration;

use crate::instance::{Instance, changed};
use crate::life::{end, start};
use crate::vpc::{EniSpec, Fault, SubnetId, Vpc};

const PRIMARY: &str = "06:ce:dd:28:5b:b8";
const SECOND: &str = "06:a6:9a:4a:98:c6";
const EVERY_ADDRESS: [&str; 8] = [
    "10.0.0.10",
    "10.0.0.11",
    "2001:db8:0:a::100",
    "10.0.0.20",
    "2001:db8:0:a::200",
    "10.1.0.30",
    "10.1.0.31",
    "2001:db8:0:b::300",
];
const PUBLIC: [&str; 6] = [
    "203.0.113.10",
    "203.0.113.20",
    "203.0.113.30",
    "2001:db8:0:a::100",
    "2001:db8:0:a::200",
    "2001:db8:0:b::300",
];

/// The primary and the second ENI in one subnet, the third in another.
struct Three {
    vpc: Vpc,
    subnets: [SubnetId; 2],
    instance: Instance,
    /// Frames by a wrong ENI that there may have been: of the packets that have shown a change to be wrong.
    spoofed: u64,
}

impl Three {
    fn new() -> Self {
        let mut vpc = Vpc::new();
        let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
        let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
        let first = EniSpec::new(a, "eth0")
            .mac(PRIMARY)
            .ipv4(["10.0.0.10", "10.0.0.11"])
            .ipv6(["2001:db8:0:a::100"]);
        vpc.attach(first.public("10.0.0.10", "203.0.113.10"));
        let second = EniSpec::new(a, "eth1")
            .mac(SECOND)
            .ipv4(["10.0.0.20"])
            .ipv6(["2001:db8:0:a::200"]);
        vpc.attach(second.public("10.0.0.20", "203.0.113.20"));
        let third = EniSpec::new(b, "eth2")
            .ipv4(["10.1.0.30", "10.1.0.31"])
            .ipv6(["2001:db8:0:b::300"]);
        vpc.attach(third.public("10.1.0.30", "203.0.113.30"));
        let instance = Instance::with_netplan(vpc.guest());
        Self {
            vpc,
            subnets: [a, b],
            instance,
            spoofed: 0,
        }
    }

    /// All but what is `missing` answers: from the Internet, and from a neighbour in each subnet.
    fn answer_but(&mut self, missing: &[&str]) {
        let there = |all: &[&'static str]| {
            all.iter()
                .copied()
                .filter(|ip| !missing.contains(ip))
                .collect::<Vec<_>>()
        };
        let dead = self.vpc.inet().ping(&there(&PUBLIC));
        assert!(
            dead.is_empty(),
            "{dead:?} from the Internet: {}",
            self.instance.host.dump()
        );
        for subnet in self.subnets {
            let dead = self.vpc.neighbour(subnet).ping(&there(&EVERY_ADDRESS));
            assert!(
                dead.is_empty(),
                "{dead:?} from {subnet:?}: {}",
                self.instance.host.dump()
            );
        }
        assert_eq!(self.vpc.spoofed(), self.spoofed);
    }
}

/// A key of the second ENI, and what it says: values that each were accepted once.
const HOSTILE: [(&str, &str, &str); 20] = [
    ("local-ipv4s", "0.0.0.0", "0.0.0.0"),
    ("local-ipv4s", "10.0.0.20\n0.0.0.0", "0.0.0.0"),
    ("local-ipv4s", "10.0.0.10", "10.0.0.10"),
    ("local-ipv4s", "10.0.0.20\n10.0.0.11", "10.0.0.11"),
    ("local-ipv4s", "10.0.0.1", "10.0.0.1"),
    ("local-ipv4s", "10.0.15.255", "10.0.15.255"),
    ("ipv6s", "2001:db8:0:a::100", "2001:db8:0:a::100"),
    ("ipv6s", "2001:0DB8:0:000a:0:0:0:0100", "2001:db8:0:a::100"),
    (
        "ipv6s",
        "2001:db8:0:a::200\n2001:db8:0:a::1",
        "2001:db8:0:a::1",
    ),
    ("ipv6s", "fe80:ec2::1", "fe80:ec2::1"),
    ("ipv6s", "fd00:ec2::254", "fd00:ec2::254"),
    ("ipv4-prefix", "0.0.0.0/0", "0.0.0.0/0"),
    ("ipv4-prefix", "10.0.0.0/20", "10.0.0.0/20"),
    ("ipv4-prefix", "10.0.0.0/28", "10.0.0.0/28"),
    ("ipv6-prefix", "::/0", "::/0"),
    ("ipv6-prefix", "2001:db8:0:a::/64", "2001:db8:0:a::/64"),
    ("ipv6-prefix", "2001:db8:0:a::/80", "2001:db8:0:a::/80"),
    ("subnet-ipv4-cidr-block", "0.0.0.0/0", "0.0.0.0/0"),
    ("subnet-ipv4-cidr-block", "10.0.0.0/16", "10.0.0.0/16"),
    ("subnet-ipv6-cidr-blocks", "2000::/3", "2000::/3"),
];

/// As the service shows it: a key that is not assigned is not listed.
fn say(vpc: &Vpc, key: &str, value: &str) {
    let listing = "device-number\ninterface-id\nipv6s\nlocal-ipv4s\nsubnet-ipv4-cidr-block\nsubnet-ipv6-cidr-blocks\nvpc-id";
    vpc.imds()
        .fault(Fault::value(&format!("{SECOND}/{key}"), value));
    if key.ends_with("-prefix") {
        vpc.imds().fault(Fault::value(
            &format!("macs/{SECOND}"),
            &format!("{listing}\n{key}"),
        ));
    }
}

#[test]
fn at_the_first_run_a_value_that_cannot_be_true_costs_its_own_eni_and_no_other() {
    for (key, value, named) in HOSTILE {
        let mut three = Three::new();
        say(&three.vpc, key, value);
        let run = three.instance.eniroute("apply");
        assert_eq!(run.code, 1, "{key} {value}: {run:?}");
        for words in [SECOND, key, named] {
            assert!(run.stderr.contains(words), "{key} {value}: {run:?}");
        }
        three.answer_but(&["10.0.0.20", "203.0.113.20", "2001:db8:0:a::200"]);
        let status = three.instance.eniroute("status --eni eth1");
        assert!(
            status.stdout.contains("incomplete") && status.stderr.contains(named),
            "{key} {value}: {status:?}"
        );
        three.vpc.imds().heal();
        three.instance.must("apply");
        three.answer_but(&[]);
    }
}

#[test]
fn a_value_that_becomes_untrue_takes_nothing_away_and_is_told_once() {
    let mut three = Three::new();
    three.instance.must("apply");
    let dump = three.instance.host.dump();
    for (key, value, named) in HOSTILE {
        say(&three.vpc, key, value);
        // IPv6 and prefixes are asked for in turns.
        let run = three.instance.eniroute("apply");
        assert!(
            run.code == 1 && run.stderr.contains(named),
            "{key} {value}: {run:?}"
        );
        assert_eq!(
            changed(&dump, &three.instance.host.dump()),
            [""; 0],
            "{key} {value}"
        );
        three.instance.must("refresh");
        three.instance.must("hotplug remove eth9");
        assert_eq!(
            changed(&dump, &three.instance.host.dump()),
            [""; 0],
            "{key} {value}"
        );
        three.vpc.imds().heal();
        three.instance.must("apply");
    }
    three.answer_but(&[]);
}

#[test]
fn a_refresh_tells_of_it_once_and_repairs_when_it_is_over() {
    let mut three = Three::new();
    three.instance.must("apply");
    three.vpc.imds().fault(Fault::value(
        &format!("{SECOND}/local-ipv4s"),
        "10.0.0.20\n10.0.0.10",
    ));
    let run = three.instance.eniroute("refresh");
    assert!(run.code == 1 && run.stderr.contains("10.0.0.10"), "{run:?}");
    assert_eq!(three.instance.must("refresh"), "");
    three.vpc.imds().heal();
    three.vpc.imds().fault(Fault::value(
        &format!("{SECOND}/local-ipv4s"),
        "10.0.0.20\n10.0.0.77",
    ));
    three.instance.must("refresh");
    assert!(
        three
            .instance
            .host
            .ip("rule")
            .contains("from 10.0.0.77 lookup 10001")
    );
    three.vpc.imds().heal();
    three.instance.must("refresh");
    assert!(!three.instance.host.dump().contains("10.0.0.77"));
    three.answer_but(&[]);
}

#[test]
fn nonsense_of_the_primary_takes_nothing_from_it() {
    let mut three = Three::new();
    three.instance.must("apply");
    let dump = three.instance.host.dump();
    for (key, value) in [
        ("local-ipv4s", "0.0.0.0"),
        ("subnet-ipv4-cidr-block", "0.0.0.0/0"),
        ("ipv6s", "ff02::1"),
    ] {
        three
            .vpc
            .imds()
            .fault(Fault::value(&format!("{PRIMARY}/{key}"), value));
        let run = three.instance.eniroute("apply");
        assert!(
            run.code == 1 && run.stderr.contains(PRIMARY) && run.stderr.contains(key),
            "{run:?}"
        );
        assert_eq!(
            changed(&dump, &three.instance.host.dump()),
            [""; 0],
            "{key} {value}"
        );
        three.answer_but(&[]);
        three.vpc.imds().heal();
    }
    three.instance.must("apply");
}

/// Of a primary that EC2 has not published yet nothing is known to judge the others by. The proof knows which NIC is its.
#[test]
fn an_address_of_a_primary_that_is_not_published_yet_is_not_taken_from_it() {
    for (primary, value) in [
        ("interface-id", None),
        ("subnet-ipv4-cidr-block", None),
        ("ipv6s", Some("nonsense")),
    ] {
        let key = format!("{PRIMARY}/{primary}");
        let fault = value.map_or_else(|| Fault::late(&key), |value| Fault::value(&key, value));
        for (list, claimed) in [
            ("ipv6s", "2001:db8:0:a::200\n2001:db8:0:a::100"),
            ("local-ipv4s", "10.0.0.20\n10.0.0.10"),
        ] {
            let mut three = Three::new();
            let dump = three.instance.host.dump();
            three.vpc.imds().fault(fault.clone());
            say(&three.vpc, list, claimed);
            let run = three.instance.eniroute("apply --wait 2");
            assert!(
                run.code == 1 && run.stderr.contains("the primary ENI would be cut off"),
                "{key} {list}: {run:?}"
            );
            assert_eq!(
                changed(&dump, &three.instance.host.dump()),
                [""; 0],
                "{key} {list}"
            );
            // The change was there for a moment, and is proven wrong by a packet.
            three.spoofed = three.vpc.spoofed();
            assert!(three.spoofed <= 2, "{key} {list}: {}", three.spoofed);
            three.vpc.imds().heal();
            three.instance.must("apply");
            three.answer_but(&[]);
        }
    }
}

/// The boot's run, and that of an interface that has appeared, are there to wait for it.
#[test]
fn a_change_that_was_taken_back_while_the_primary_is_late_is_made_rightly_when_it_is_published() {
    for command in ["apply --service --wait 20", "hotplug add eth1 --wait 20"] {
        let mut three = Three::new();
        let dump = three.instance.host.dump();
        three.instance.write(
            "run/eniroute/metadata.json",
            "{\"nics\": {}, \"enis\": []}\n",
        );
        three
            .vpc
            .imds()
            .fault(Fault::late(&format!("{PRIMARY}/interface-id")));
        say(&three.vpc, "local-ipv4s", "10.0.0.20\n10.0.0.10");
        let mut run = start(&three.instance, command);
        let mut said = BufReader::new(run.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("the primary ENI would be cut off") {
            line.clear();
            assert!(
                said.read_line(&mut line).unwrap() > 0,
                "{command}: it has not tried"
            );
        }
        sleep(Duration::from_millis(1000));
        assert!(
            run.try_wait().unwrap().is_none(),
            "{command}: {:?}",
            end(run)
        );
        assert_eq!(
            changed(&dump, &three.instance.host.dump()),
            [""; 0],
            "{command}"
        );
        three.vpc.imds().heal();
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        let ended = end(run);
        assert_eq!(ended.code, 0, "{command}: {ended:?} {rest}");
        let again = rest.contains("the primary ENI would be cut off");
        assert!(!again, "tried once: {ended:?} {rest}");
        // The change was there for a moment, and is proven wrong by a packet.
        three.spoofed = three.vpc.spoofed();
        assert!(three.spoofed <= 2, "{}", three.spoofed);
        three.answer_but(&[]);
    }
}

/// It has no table then, and what it sends to the neighbours of another ENI would leave by that one.
#[test]
fn a_primary_that_is_not_published_yet_answers_the_neighbours_of_the_other_enis() {
    let mut three = Three::new();
    three
        .vpc
        .imds()
        .fault(Fault::late(&format!("{PRIMARY}/interface-id")));
    assert_eq!(three.instance.eniroute("apply").code, 1);
    three.answer_but(&["10.0.0.11"]);
    let dump = three.instance.host.dump();
    three.vpc.imds().heal();
    three.instance.must("apply");
    three.answer_but(&[]);
    three
        .vpc
        .imds()
        .fault(Fault::late(&format!("{PRIMARY}/interface-id")));
    assert_ne!(changed(&dump, &three.instance.host.dump()), [""; 0]);
    let dump = three.instance.host.dump();
    three.instance.eniroute("apply");
    assert_eq!(changed(&dump, &three.instance.host.dump()), [""; 0]);
}

/// The file may come from anywhere: it is judged as what the service says.
#[test]
fn what_is_remembered_is_judged_the_same_way() {
    let mut three = Three::new();
    three.instance.must("apply");
    let path = "run/eniroute/metadata.json";
    let memory = three.instance.read(path);
    three.instance.host.ip("link set eth1 down");
    three.instance.host.ip("link set eth1 up");
    for (old, new) in [
        ("\"10.1.0.31\"", "\"10.0.0.10\""),
        ("\"10.1.0.31\"", "\"0.0.0.0\""),
        ("\"10.1.0.0/20\"", "\"0.0.0.0/0\""),
    ] {
        three.instance.write(path, &memory.replace(old, new));
        three.instance.eniroute("hotplug change");
        three.answer_but(&["10.0.0.20", "203.0.113.20", "2001:db8:0:a::200"]);
    }
    three.instance.must("refresh");
    three.answer_but(&[]);
}

/// An ENI of another VPC, whose subnet has the same addresses: legal.
#[test]
fn overlapping_subnets_of_two_vpcs_are_legal_and_of_one_are_not() {
    let mut three = Three::new();
    let narrow = Fault::value(&format!("{SECOND}/subnet-ipv4-cidr-block"), "10.0.0.16/28");
    three.vpc.imds().fault(narrow);
    let run = three.instance.eniroute("apply");
    assert!(
        run.code == 1
            && run
                .stderr
                .contains("10.0.0.16/28 overlaps with 10.0.0.0/20"),
        "{run:?}"
    );
    three
        .vpc
        .imds()
        .fault(Fault::value(&format!("{SECOND}/vpc-id"), "vpc-0another"));
    three.instance.must("apply");
    assert!(
        three
            .instance
            .host
            .ip("rule")
            .contains("from 10.0.0.20 lookup 10001")
    );
    // Its router is not there in this VPC.
    three.answer_but(&["10.0.0.20", "203.0.113.20"]);
    three.vpc.imds().clear_log();
    three.vpc.imds().heal();
    three.instance.must("apply");
    three.answer_but(&[]);
    let asked = three
        .vpc
        .imds()
        .log()
        .into_iter()
        .filter(|request| request.path.ends_with("vpc-id"));
    assert_eq!(asked.count(), 0, "only where ranges overlap");
}
