//! What is wrong is told as findings, of which the state of each ENI is the summary.

use serde_json::{Value, json};

use crate::support::lab::Lab;
use crate::vpc::EniSpec;

/// The codes of the findings about `eni` (as the report has it), in their order.
fn codes<'a>(report: &'a Value, eni: &Value) -> Vec<&'a str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["owner"] == eni["mac"])
        .map(|finding| finding["code"].as_str().unwrap())
        .collect()
}

#[test]
fn where_all_is_well_there_is_nothing_to_find() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = Lab::in_one_subnet();
    assert_eq!(instance.json("apply")["findings"], json!([]));
    assert_eq!(instance.json("status")["findings"], json!([]));
}

#[test]
fn each_object_that_is_missing_is_found_with_the_command_that_brings_it_back() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = Lab::in_one_subnet();
    instance.must("apply");
    instance.host.ip("address del 10.0.0.21/32 dev eth1");
    instance.host.ip("rule del from 10.0.0.20 lookup 10001");
    instance.host.ip("route del default table 10001");
    let report = instance.json("status");
    let second = &report["enis"][1];
    assert_eq!(
        (&second["state"], &second["count"]),
        (&json!("missing"), &json!(3))
    );
    assert_eq!(codes(&report, second), ["A1", "R4", "R2"]);
    assert_eq!(codes(&report, &report["enis"][0]), [] as [&str; 0]);
    // The route that is missing concerns both, the address that is missing is the worse.
    let states = [
        &second["addresses"][0]["state"],
        &second["addresses"][1]["state"],
    ];
    assert_eq!(states, ["R2", "A1"]);
    for finding in report["findings"].as_array().unwrap() {
        let (remedy, _) = finding["remedy"]
            .as_str()
            .unwrap()
            .split_once("eniroute apply (it does `")
            .map_or_else(
                || panic!("{finding}"),
                |(_, command)| command.rsplit_once('`').unwrap(),
            );
        instance.host.sh(remedy);
    }
    assert_eq!(instance.json("status")["findings"], json!([]));
    assert!(instance.must("apply").starts_with("nothing to do"));
}

#[test]
fn an_address_that_a_rule_of_others_sends_another_way_is_found_with_that_rule() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = Lab::in_one_subnet();
    instance.must("apply");
    instance
        .host
        .ip("rule add from 10.0.0.21 lookup main priority 100");
    let report = instance.json("status");
    let second = &report["enis"][1];
    assert_eq!(
        (&second["state"], &second["count"]),
        (&json!("misrouted"), &json!(1))
    );
    assert_eq!(codes(&report, second), ["R1", "R3"]);
    let whats: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| &finding["what"])
        .collect();
    assert_eq!(
        whats[0],
        "packets from 10.0.0.21 would leave by eth0, and should leave by eth1: the rule `from 10.0.0.21 lookup main \
         priority 100` (protocol unspec, not created by eniroute) comes before eniroute's"
    );
    assert!(
        report["notes"].as_array().unwrap().contains(whats[1]),
        "{report}"
    );
    let table = instance.must("status");
    assert!(table.contains("misrouted 1"));
    let row = table
        .lines()
        .find(|line| line.contains("10.0.0.21"))
        .unwrap();
    assert!(row.ends_with("R1"), "{table}");
}

#[test]
fn an_eni_that_is_left_alone_or_has_no_interface_is_found_with_the_reason() {
    let Lab {
        mut vpc, instance, ..
    } = Lab::in_one_subnet();
    instance.write("etc/eniroute.toml", "exclude = [\"eth1\", \"eth9\"]\n");
    let a = vpc.subnet("10.0.16.0/20", None);
    let gone = vpc.attach(EniSpec::new(a, "eth2").ipv4(["10.0.16.10"]));
    vpc.unplug(gone);
    let report = instance.json("status");
    let states: Vec<_> = report["enis"]
        .as_array()
        .unwrap()
        .iter()
        .map(|eni| &eni["state"])
        .collect();
    assert_eq!(states[1..], ["unmanaged", "no link"]);
    assert_eq!(codes(&report, &report["enis"][1]), ["O5"]);
    assert_eq!(codes(&report, &report["enis"][2]), ["L1"]);
    let host = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["owner"] == "host")
        .unwrap();
    assert_eq!(host["code"], "M6");
    assert!(
        report["notes"].as_array().unwrap().contains(&host["what"]),
        "{report}"
    );
}
