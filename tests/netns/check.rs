//! `eniroute check`: what it says of a good host, and of broken ones.

mod addresses;
mod catalogue;
mod cold_start;
mod files;
mod firewall;
mod firewalls;
mod form;
mod forwarding;
mod fresh;
mod links;
mod metadata;
mod nat;
mod owners;
mod performance;
mod probe;
mod profiles;
mod rules;

pub use form::validate;

use serde_json::Value;

use crate::instance::{Instance, Run};
use crate::vpc::{EniSpec, Vpc};

/// A host as in the report of an address that EC2 does not know: one ENI in one subnet, another in a second one.
fn host() -> (Vpc, Instance) {
    let mut vpc = Vpc::new();
    let (a, b) = (
        vpc.subnet("10.0.0.0/24", None),
        vpc.subnet("10.0.1.0/24", None),
    );
    vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.0.133"]));
    vpc.attach(EniSpec::new(b, "eth1").ipv4(["10.0.1.20", "10.0.1.21"]));
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    (vpc, instance)
}

/// What it finds, whatever the exit code.
pub fn findings(instance: &Instance) -> Vec<Value> {
    findings_of(&instance.eniroute("check --json"))
}

/// What a run of `check --json` has found.
fn findings_of(run: &Run) -> Vec<Value> {
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    report["findings"].as_array().unwrap().clone()
}

/// Those of a kind.
pub fn with_code<'a>(findings: &'a [Value], code: &str) -> Vec<&'a Value> {
    let found = findings.iter();
    found.filter(|finding| finding["code"] == code).collect()
}

/// The findings of this code are of this severity: one, or none.
pub fn assert_rated(findings: &[Value], code: &str, severity: Option<&str>, when: &str) {
    let rated: Vec<&Value> = with_code(findings, code)
        .iter()
        .map(|one| &one["severity"])
        .collect();
    let wanted: Vec<&str> = severity.into_iter().collect();
    assert_eq!(rated, wanted, "{when}");
}

/// The only one of a kind.
pub fn the_only<'a>(findings: &'a [Value], code: &str) -> &'a Value {
    let [finding] = with_code(findings, code)[..] else {
        panic!("one {code}: {findings:#?}");
    };
    finding
}

#[test]
fn of_a_good_host_it_says_a_line_for_each_eni_and_what_was_proven() {
    let (_vpc, instance) = host();
    let said = instance.must("check");
    let (proven, assumed) = said.split_once("assumed: ").unwrap();
    assert!(!assumed.contains("eth1:"), "{said}");
    let lines: Vec<&str> = proven.lines().collect();
    assert_eq!(
        lines,
        [
            "eth0: 1 address, 4 ways out, all by their own ENI",
            "eth1: 2 addresses, 8 ways out, all by their own ENI",
        ]
    );
    assert_eq!(findings(&instance), [] as [Value; 0]);
}

#[test]
fn a_link_that_its_owner_alone_brings_up_is_a_hint_while_it_is_up() {
    let (_vpc, instance) = host();
    let yaml = "network: {ethernets: {eth1: {activation-mode: manual}}}\n";
    instance.write("etc/netplan/60-more.yaml", yaml);
    let found = findings(&instance);
    let is_it = |finding: &&Value| finding["code"] == "O6";
    let finding = found.iter().find(is_it).unwrap();
    assert_eq!(finding["severity"], "hint");
    let what = finding["what"].as_str().unwrap();
    assert!(
        what.starts_with("eth1: ") && what.contains("`activation-mode: manual`"),
        "{what}"
    );
}

/// Those of one code.
fn of_code(instance: &Instance, code: &str) -> Vec<Value> {
    let mut found = findings(instance);
    found.retain(|finding| finding["code"] == code);
    found
}

/// The one of that code.
fn one(instance: &Instance, code: &str) -> Value {
    let mut found = of_code(instance, code);
    assert_eq!(found.len(), 1, "{code}: {:?}", findings(instance));
    found.remove(0)
}

/// The only one there is.
fn only(instance: &Instance, code: &str) -> Value {
    let found = findings(instance);
    assert_eq!(found.len(), 1, "{found:#?}");
    one(instance, code)
}

/// Its command of this kind: `safe`, `review`, `outside`.
fn remedy(finding: &Value, applicability: &str) -> String {
    let remedies = finding["remedies"].as_array().unwrap();
    let of_kind = remedies
        .iter()
        .find(|remedy| remedy["applicability"] == applicability);
    let command =
        of_kind.unwrap_or_else(|| panic!("{applicability}: {finding:#}"))["command"].as_str();
    command.unwrap().to_owned()
}

/// What it is known from, as `SOURCE: TEXT`.
fn evidence(finding: &Value) -> Vec<String> {
    let evidence = finding["evidence"].as_array().unwrap();
    let words = |one: &Value| format!("{}: {}", text(one, "source"), text(one, "text"));
    evidence.iter().map(words).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key}: {value:#}"))
}

fn nothing(instance: &Instance) {
    assert_eq!(findings(instance), [] as [Value; 0]);
}
