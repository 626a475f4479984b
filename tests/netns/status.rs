//! `eniroute status`: where an address lives, what an ENI belongs to, what it costs the metadata service, and metrics.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use eniroute::report::{AddressState, EniReport, Gauges, Membership, Report, State, metrics};
use serde_json::{Value, json};

use crate::instance::Instance;
use crate::support::lab::Lab;
use crate::vpc::{EniSpec, Vpc};

fn two_enis() -> (Vpc, Instance) {
    let eth1 = |subnet| {
        EniSpec::new(subnet, "eth1")
            .ipv4(["10.0.0.20", "10.0.0.21"])
            .ipv6(["2001:db8:0:a::20"])
            .prefix4("10.0.3.16/28")
            .public("10.0.0.21", "203.0.113.21")
    };
    let eth0 = |subnet| {
        let spec = EniSpec::new(subnet, "eth0").ipv4(["10.0.0.10"]);
        spec.public("10.0.0.10", "203.0.113.10")
    };
    let Lab { vpc, instance, .. } = Lab::of(|[a, _]| [eth0(a), eth1(a)]);
    instance.must("apply");
    (vpc, instance)
}

#[test]
fn an_address_is_told_with_where_it_lives_by_its_private_and_by_its_public_name() {
    let (_vpc, instance) = two_enis();
    let id = instance.json("status")["enis"][1]["eni"]
        .as_str()
        .unwrap()
        .to_owned();
    let place = format!("eth1 ({id}, table 10001)");
    for (asked, told) in [
        (
            "10.0.0.20",
            format!("10.0.0.20 is the primary address of {place}: ok\n"),
        ),
        (
            "10.0.0.21",
            format!("10.0.0.21, outside 203.0.113.21, is a secondary address of {place}: ok\n"),
        ),
        (
            "203.0.113.21",
            format!(
                "203.0.113.21 is the public address of 10.0.0.21, a secondary address of {place}: ok\n"
            ),
        ),
        (
            "2001:db8:0:a::20",
            format!("2001:db8:0:a::20 is an IPv6 address of {place}: ok\n"),
        ),
        (
            "10.0.3.17",
            format!("10.0.3.17 is in 10.0.3.16/28, a delegated prefix of {place}\n"),
        ),
    ] {
        assert_eq!(instance.must(&format!("status {asked}")), told);
    }
    let report = instance.json("status 203.0.113.21");
    assert_eq!(report["enis"].as_array().unwrap().len(), 1);
    assert_eq!(
        report["enis"][0]["addresses"],
        json!([{"address": "10.0.0.21", "role": "secondary", "public": ["203.0.113.21"], "state": "ok"}])
    );
    instance.host.ip("rule del from 10.0.0.21 lookup 10001");
    assert!(instance.must("status 10.0.0.21").ends_with(": R2\n"));
    assert!(instance.must("status 10.0.0.20").ends_with(": ok\n"));
}

#[test]
fn an_address_that_is_nobodys_is_refused_with_those_that_there_are() {
    let (_vpc, instance) = two_enis();
    instance.host.ip("address add 10.0.0.51/24 dev eth0");
    for (asked, told) in [
        ("10.0.0.99", "10.0.0.99"),
        ("10.0.0.51", "eth0 has 10.0.0.51/24"),
        ("2001:db8::1", "2001:db8::1"),
        ("eth1", "invalid"),
        ("10.0.0", "invalid"),
    ] {
        let run = instance.eniroute(&format!("status {asked}"));
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:#?}");
        assert!(run.stderr.contains(told), "{run:#?}");
        if told != "invalid" {
            assert!(
                run.stderr.contains("10.0.0.10 (eth0), 10.0.0.20 (eth1)"),
                "{run:#?}"
            );
        }
    }
}

#[test]
fn in_wide_form_each_row_says_what_the_address_is_and_each_eni_what_it_belongs_to() {
    let (_vpc, instance) = two_enis();
    let narrow = instance.must("status");
    let heads = "INTERFACE ENI DEVICE TABLE ADDRESS PUBLIC STATE";
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(narrow.lines().next().unwrap()), heads);
    let wide = instance.eniroute("status -v").stdout;
    let lines: Vec<String> = wide.lines().map(words).collect();
    assert_eq!(lines[0], format!("{heads} ROLE SUBNET GROUPS"));
    let second = lines.iter().find(|line| line.starts_with("eth1 ")).unwrap();
    assert!(
        second.contains(" ok primary subnet-0") && second.ends_with(" sg-0123456789abcdef0"),
        "{wide}"
    );
    for row in [
        "10.0.0.21 203.0.113.21 secondary",
        "2001:db8:0:a::20 - ipv6",
        "10.0.3.16/28 - prefix",
    ] {
        assert!(lines.iter().any(|line| line == row), "{row}: {wide}");
    }
    assert_eq!(instance.json("status")["enis"][1].get("subnet"), None);
}

#[test]
fn public_addresses_cost_no_request_where_an_eni_has_one_private_address_and_else_two_lines_share_them()
 {
    const ENIS: usize = 6;
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/16", None);
    for eni in 0..ENIS {
        // Every other one has one address.
        let count = if eni % 2 == 0 { 1 } else { 20 };
        let private: Vec<String> = (0..count)
            .map(|n| format!("10.0.{eni}.{}", 10 + n))
            .collect();
        let spec = EniSpec::new(a, &format!("eth{eni}")).ipv4(&private);
        let spec = private.iter().enumerate().fold(spec, |spec, (n, ip)| {
            spec.public(ip, format!("203.0.{eni}.{}", 10 + n))
        });
        vpc.attach(spec);
    }
    let instance = Instance::with_netplan(vpc.guest());
    vpc.imds().clear_log();
    let report = instance.json("status");
    let log = vpc.imds().log();
    for eni in report["enis"].as_array().unwrap() {
        for one in eni["addresses"].as_array().unwrap() {
            let expected = one["address"].as_str().unwrap().replace("10.0.", "203.0.");
            assert_eq!(one["public"], json!([expected]));
        }
    }
    let of = |eni: usize| {
        let mac = format!("macs/{}/", report["enis"][eni]["mac"].as_str().unwrap());
        log.iter()
            .filter(move |request| request.path.contains(&mac))
    };
    for eni in 0..ENIS {
        let mapped = of(eni)
            .filter(|request| request.path.contains("ipv4-associations/203"))
            .count();
        assert_eq!(mapped, if eni % 2 == 0 { 0 } else { 20 }, "ENI {eni}");
    }
    assert!(log.len() <= 3 + ENIS * 7 + 3 * 20, "{} requests", log.len());
    // The second line has begun with the other half before the first has come to its end.
    let place = |eni: usize, last: bool| {
        let mac = format!("macs/{}/", report["enis"][eni]["mac"].as_str().unwrap());
        let is_it = |request: &crate::vpc::Request| request.path.contains(&mac);
        if last {
            log.iter().rposition(is_it).unwrap()
        } else {
            log.iter().position(is_it).unwrap()
        }
    };
    assert!(
        place(ENIS / 2, false) < place(ENIS / 2 - 1, true),
        "{log:#?}"
    );
}

/// Name, labels, value.
pub type Sample = (String, Value, f64);

/// The samples of `status --metrics`.
pub fn samples(instance: &Instance) -> Vec<Sample> {
    parsed(&instance.must("status --metrics"))
}

/// As the Prometheus client reads them.
fn parsed(text: &str) -> Vec<Sample> {
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    let program = "import json, sys\n\
                   from prometheus_client.openmetrics.parser import text_string_to_metric_families as read\n\
                   families = list(read(sys.stdin.read()))\n\
                   assert all(family.documentation for family in families)\n\
                   print(json.dumps([[s.name, s.labels, s.value] for f in families for s in f.samples]))\n";
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let out = python.wait_with_output().unwrap();
    assert!(out.status.success(), "{text}");
    serde_json::from_slice(&out.stdout).unwrap()
}

pub fn value(samples: &[Sample], name: &str, label: (&str, &str)) -> f64 {
    let found = samples.iter().find(|(named, labels, _)| {
        named == name && (label.0.is_empty() || labels[label.0] == label.1)
    });
    found
        .unwrap_or_else(|| panic!("{name} {label:?} in {samples:#?}"))
        .2
}

#[test]
fn metrics_tell_each_addresss_state_the_findings_the_last_good_run_and_connections() {
    let (_vpc, instance) = two_enis();
    let good = samples(&instance);
    assert_eq!(value(&good, "eniroute_eni_up", ("interface", "eth1")), 1.0);
    assert_eq!(
        value(&good, "eniroute_address_up", ("public", "203.0.113.21")),
        1.0
    );
    assert_eq!(value(&good, "eniroute_findings", ("code", "R1")), 0.0);
    instance.host.ip("rule del from 10.0.0.21 lookup 10001");
    let bad = samples(&instance);
    assert_eq!(value(&bad, "eniroute_eni_up", ("interface", "eth1")), 0.0);
    assert_eq!(
        value(&bad, "eniroute_address_up", ("address", "10.0.0.21")),
        0.0
    );
    assert_eq!(
        value(&bad, "eniroute_address_up", ("address", "10.0.0.20")),
        1.0
    );
    assert_eq!(value(&bad, "eniroute_address_state", ("state", "R1")), 1.0);
    assert_eq!(value(&bad, "eniroute_findings", ("code", "R1")), 1.0);
    let table = "proc/sys/net/netfilter/nf_conntrack_";
    instance.write(&format!("{table}max"), "262144\n");
    instance.write(&format!("{table}count"), "1234\n");
    std::fs::remove_file(instance.root().join("etc/netplan/60-eniroute-eth1.yaml")).unwrap();
    let bad = samples(&instance);
    assert_eq!(value(&bad, "eniroute_conntrack_limit", ("", "")), 262_144.0);
    assert_eq!(value(&bad, "eniroute_conntrack_entries", ("", "")), 1234.0);
    assert_eq!(
        value(&bad, "eniroute_findings", ("code", "F1")),
        1.0,
        "all that `check` finds"
    );
    let run = instance.eniroute("status --metrics --json");
    assert_eq!(run.code, 2, "{run:#?}");
}

/// No NIC of a test has EC2's counters.
#[test]
fn metrics_tell_ec2_s_limits_as_far_as_a_driver_counts_them() {
    let (_vpc, instance) = two_enis();
    let names = |samples: &[Sample]| {
        let names = samples.iter().map(|(name, ..)| name.clone());
        names.filter(|name| name.contains("allowance")).count()
    };
    assert_eq!(names(&samples(&instance)), 0);
    let counters = [
        ("bw_in_allowance_exceeded", 7),
        ("conntrack_allowance_available", 136_812),
        ("conntrack_allowance_exceeded", 0),
        ("tx_timeout", 3),
    ];
    let counters = counters.map(|(name, value)| (name.to_owned(), value));
    let gauges = Gauges {
        nics: [("eth1".to_owned(), counters.into())].into(),
        ..Gauges::default()
    };
    let report = Report {
        enis: vec![eth1()],
        ..Report::default()
    };
    let samples = parsed(&metrics(&report, &gauges));
    assert_eq!(names(&samples), 3);
    let exceeded = "eniroute_allowance_exceeded_total";
    assert_eq!(value(&samples, exceeded, ("limit", "bw_in")), 7.0);
    assert_eq!(value(&samples, exceeded, ("limit", "conntrack")), 0.0);
    let available = "eniroute_conntrack_allowance_available";
    assert_eq!(value(&samples, available, ("interface", "eth1")), 136_812.0);
}

fn eth1() -> EniReport {
    EniReport {
        interface: Some("eth1".to_owned()),
        eni: Some("eni-0123456789abcdef0".to_owned()),
        mac: "02:00:00:00:00:01".parse().unwrap(),
        primary: false,
        device_number: Some(1),
        network_card: Some(0),
        table: Some(10_001),
        addresses: Vec::new(),
        prefixes: Vec::new(),
        membership: Membership::default(),
        whole: AddressState::default(),
        state: State::Ok,
        reason: None,
    }
}

#[test]
fn the_last_good_run_is_the_last_that_ended_without_an_error_whatever_it_changed() {
    let (vpc, instance) = two_enis();
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    let path = instance.root().join("run/eniroute/last-good-run");
    let last = || {
        let samples = samples(&instance);
        value(
            &samples,
            "eniroute_last_good_run_timestamp_seconds",
            ("", ""),
        )
    };
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs_f64()
    };
    assert!((now() - last()).abs() < 60.0);
    let set = || {
        std::fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(long_ago)
            .unwrap()
    };
    set();
    assert!(now() - last() > 3000.0);
    vpc.imds().fault(crate::vpc::Fault::Status(403));
    instance.eniroute("refresh --wait 0");
    vpc.imds().heal();
    assert!(now() - last() > 3000.0, "a run that failed was no good one");
    assert_eq!(instance.must("refresh"), "");
    assert!((now() - last()).abs() < 60.0);
}

#[test]
fn a_plan_tells_by_its_exit_code_that_something_would_change_where_that_is_wanted() {
    let (_vpc, instance) = two_enis();
    assert_eq!(instance.eniroute("plan --exit-code").code, 0);
    instance.host.ip("rule del from 10.0.0.21 lookup 10001");
    assert_eq!(instance.eniroute("plan").code, 0);
    let run = instance.eniroute("plan --exit-code");
    assert!(
        run.code == 5 && run.stdout.contains("rule add from 10.0.0.21"),
        "{run:#?}"
    );
    instance.must("apply");
    std::fs::remove_file(instance.root().join("etc/netplan/60-eniroute-eth1.yaml")).unwrap();
    assert_eq!(instance.eniroute("plan --exit-code").code, 5);
    assert_eq!(instance.eniroute("plan --exit-code --eni nosuch").code, 2);
}
