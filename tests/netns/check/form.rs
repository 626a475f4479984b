//! How `check` says it: on one screen, as JSON that its schema describes, only what is new, without metadata, without root.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{findings, host};
use crate::instance::Instance;
use crate::vpc::{EniSpec, Fault, Vpc};

/// The lines of a terminal in which a reader sees all at once.
const SCREEN: usize = 50;

pub fn report(instance: &Instance, arguments: &str) -> Value {
    let run = instance.eniroute(&format!("check --json {arguments}"));
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:#?}"))
}

fn codes(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| finding["code"].as_str().unwrap())
        .collect()
}

/// Asserts by Python's jsonschema that a report is what its command's schema says.
pub fn validate(report: &Value) {
    let program = "import json, sys, jsonschema\n\
                   report = json.load(sys.stdin)\n\
                   read = lambda name: json.load(open(f'docs/{name}.schema.json'))\n\
                   check, schema = read('check'), read(report.get('command', 'check'))\n\
                   kind = jsonschema.Draft202012Validator\n\
                   kind.check_schema(schema)\n\
                   store = {one['$id']: one for one in (check, schema)}\n\
                   judge = lambda one: kind(one, resolver=jsonschema.RefResolver(schema['$id'], schema, store))\n\
                   branch = {'$ref': check['$id'] + '#/$defs/failure' if 'error' in report else '#/$defs/report'}\n\
                   for error in judge(branch).iter_errors(report): print(error.json_path, error.message)\n\
                   judge(schema).validate(report)\n";
    let mut python = Command::new("/usr/bin/python3")
        .args(["-W", "ignore", "-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    python
        .stdin
        .take()
        .unwrap()
        .write_all(report.to_string().as_bytes())
        .unwrap();
    let out = python.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.is_empty(), "{said}{report:#}");
}

fn assert_fits(text: &str, columns: usize) {
    let is_long = |line: &&str| line.chars().count() > columns;
    assert_eq!(text.lines().find(is_long), None, "{text}");
}

#[test]
fn two_hundred_broken_addresses_are_one_screen_with_the_worst_first() {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/16", None);
    for eni in 0..4 {
        let addresses = (0..50).map(|n| format!("10.0.{eni}.{}", 10 + n));
        vpc.attach(EniSpec::new(a, &format!("eth{eni}")).ipv4(addresses));
    }
    let instance = Instance::with_netplan(vpc.guest());
    let run = instance.eniroute("check");
    assert_eq!(run.code, 3, "{run:#?}");
    assert_fits(&run.stdout, 80);
    assert!(run.stdout.lines().count() <= SCREEN, "{}", run.stdout);
    assert!(run.stdout.contains("more like it: 10.0."), "{}", run.stdout);
    let severities: Vec<&str> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with(char::is_uppercase))
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert!(severities.is_sorted_by_key(|severity| match *severity {
        "error" => 0,
        "warning" => 1,
        _ => 2,
    }));
    let all = report(&instance, "");
    validate(&all);
    assert!(all["findings"].as_array().unwrap().len() > 200);
    let brief = instance.eniroute("check --brief");
    assert_eq!(
        brief.stdout.lines().count(),
        all["findings"].as_array().unwrap().len()
    );
}

#[test]
fn what_cannot_be_seen_from_inside_is_said_once_and_is_no_fault() {
    let (vpc, instance) = host();
    vpc.imds().clear_log();
    let said = instance.must("check");
    let asked = vpc.imds().log().len();
    assert!(asked <= 3 + 12 * 2, "{asked} requests");
    assert_fits(&said, 80);
    assert_eq!(said.matches("assumed: ").count(), 1, "{said}");
    let words: Vec<&str> = said.split_whitespace().collect();
    let said = words.join(" ");
    assert!(said.contains("sg-0123456789abcdef0 (eth0, eth1)"), "{said}");
    for unseen in ["network ACL", "route table", "source/destination check"] {
        assert!(said.contains(unseen), "{said}");
    }
    let code = "M4";
    assert!(
        said.contains(&format!("`eniroute explain {code}`")),
        "{said}"
    );
    assert!(!said.contains("egress-only"), "no IPv6 here: {said}");
    let report = report(&instance, "");
    validate(&report);
    assert_eq!(
        report["enis"][0]["security_groups"],
        json!(["sg-0123456789abcdef0"])
    );
    assert!(
        report["enis"][1]["subnet"]
            .as_str()
            .unwrap()
            .starts_with("subnet-0")
    );
    assert_eq!(instance.must("check --brief"), "");
}

#[test]
fn with_a_baseline_only_what_is_new_is_told_and_counts() {
    let (_vpc, instance) = host();
    instance.host.ip("address add 10.0.0.51/24 dev eth0");
    let earlier = report(&instance, "");
    assert_eq!(codes(&earlier), ["A2"]);
    let file = instance.root().join("earlier.json");
    std::fs::write(&file, earlier.to_string()).unwrap();
    let with_it = format!("--baseline {}", file.display());
    let said = instance.must(&format!("check {with_it}"));
    assert!(
        said.starts_with("1 finding is left out: the baseline has it\n"),
        "{said}"
    );
    instance.host.ip("rule del from 10.0.1.21 lookup 10001");
    let now = report(&instance, &with_it);
    validate(&now);
    assert!(
        !codes(&now).contains(&"A2") && codes(&now).contains(&"R2"),
        "{now:#}"
    );
    assert_eq!(instance.eniroute(&format!("check {with_it}")).code, 3);
}

#[test]
fn a_baseline_that_is_none_is_refused_before_anything_is_asked() {
    let (vpc, instance) = host();
    let status = instance.json("status").to_string();
    vpc.imds().clear_log();
    for (name, text) in [
        ("text", "no JSON"),
        ("empty", ""),
        ("status", &status),
        ("list", "[]"),
    ] {
        let file = instance.root().join(name);
        std::fs::write(&file, text).unwrap();
        let run = instance.eniroute(&format!("check --baseline {}", file.display()));
        assert_eq!(run.code, 2, "{run:#?}");
        assert!(
            run.stderr.contains(name) && run.stderr.contains("check --json"),
            "{run:#?}"
        );
    }
    let run = instance.eniroute("check --json --baseline /nosuch");
    assert_eq!(run.code, 2, "{run:#?}");
    validate(&serde_json::from_str(&run.stdout).unwrap());
    let folder = instance.eniroute(&format!("check --baseline {}", instance.root().display()));
    assert!(
        folder.code == 2 && folder.stderr.contains("directory"),
        "{folder:#?}"
    );
    assert_eq!(vpc.imds().log(), []);
}

#[test]
fn warnings_end_it_with_an_error_only_where_that_is_wanted() {
    let (_vpc, instance) = host();
    instance
        .host
        .ip("rule add from 10.0.1.21 lookup 10001 priority 100");
    let report = report(&instance, "");
    let findings = report["findings"].as_array().unwrap();
    assert!(!findings.is_empty());
    assert!(
        findings
            .iter()
            .all(|finding| finding["severity"] == "warning"),
        "{report:#}"
    );
    assert_eq!(instance.eniroute("check").code, 0);
    assert_eq!(instance.eniroute("check --strict").code, 3);
}

#[test]
fn without_metadata_the_enis_are_judged_by_what_ec2_said_last() {
    let (vpc, instance) = host();
    instance.host.ip("address del 10.0.1.21/32 dev eth1");
    vpc.imds().fault(Fault::Dead);
    for place in [
        "/run/eniroute/metadata.json",
        "/var/lib/eniroute/metadata.json",
    ] {
        let run = instance.eniroute("check --wait 0");
        assert_eq!(run.code, 4, "{run:#?}");
        let words: Vec<&str> = run.stdout.split_whitespace().collect();
        assert!(
            words
                .join(" ")
                .contains(&format!("judged by what EC2 said last ({place})")),
            "{run:#?}"
        );
        let report = report(&instance, "--wait 0");
        validate(&report);
        assert!(codes(&report).contains(&"A1"), "{report:#}");
        assert!(
            report["basis"].as_str().unwrap().contains(place),
            "{report:#}"
        );
        std::fs::remove_file(instance.root().join(&place[1..])).unwrap();
    }
    let report = report(&instance, "--wait 0");
    validate(&report);
    assert_eq!(report["enis"], json!([]));
    assert!(
        report["basis"].as_str().unwrap().contains("no earlier run"),
        "{report:#}"
    );
}

#[test]
fn without_root_it_looks_at_what_it_may_and_says_what_it_did_not_see() {
    let (_vpc, instance) = host();
    instance.host.ip("rule del from 10.0.1.21 lookup 10001");
    instance
        .host
        .sh(&format!("chmod 755 {}", instance.root().display()));
    let nobody = [
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--bounding-set=-all",
    ];
    let command = instance.host.command("setpriv").args(nobody);
    let root = instance.root().display().to_string();
    let out = command
        .args([env!("CARGO_BIN_EXE_eniroute"), "--root", &root, "check"])
        .output();
    let said = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(3), "{out:?}");
    assert!(said.contains("R2 error eth1 10.0.1.21: "), "{said}");
    assert_eq!(said.matches("not seen: ").count(), 1, "{said}");
    assert!(!instance.eniroute("check").stdout.contains("not seen: "));
}

#[test]
fn a_terminal_gets_colours_unless_it_wants_none_and_as_many_columns_as_it_has() {
    let (_vpc, instance) = host();
    instance.host.ip("address add 10.0.0.51/24 dev eth0");
    let command = format!(
        "stty rows 24 columns 72; {} --root {} check",
        env!("CARGO_BIN_EXE_eniroute"),
        instance.root().display()
    );
    let shown = |name: &str, value: &str| {
        let script = instance
            .host
            .command("script")
            .env("TERM", "xterm")
            .env(name, value);
        let out = script
            .args(["--quiet", "--command", &command, "/dev/null"])
            .output();
        String::from_utf8_lossy(&out.stdout).replace('\r', "")
    };
    let coloured = shown("NO_COLOR", "");
    assert!(
        coloured.contains("\u{1b}[1;31mA2 error\u{1b}[0m"),
        "{coloured:?}"
    );
    let narrow = shown("NO_COLOR", "1");
    assert_fits(&narrow, 72);
    assert_ne!(narrow, instance.eniroute("check").stdout);
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let plain = shown(name, value);
        assert!(
            plain.contains("A2 error") && !plain.contains('\u{1b}'),
            "{plain:?}"
        );
    }
    assert!(!instance.eniroute("check").stdout.contains('\u{1b}'));
    assert_eq!(findings(&instance).len(), 1);
}
