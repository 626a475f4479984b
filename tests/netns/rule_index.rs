//! The rule index on an instance: made where it pays, kept by every run, and never in the way of an answer.

use std::net::IpAddr;

use serde_json::Value;

use crate::instance::Instance;
use crate::vpc::{EniId, EniSpec, SubnetId, Vpc};

const ENIS: usize = 3;
const EACH: usize = 24;

fn addresses(eni: usize) -> Vec<String> {
    (0..EACH)
        .map(|host| format!("10.{eni}.0.{}", 10 + host))
        .collect()
}

fn host() -> (Vpc, Instance, Vec<SubnetId>, Vec<EniId>) {
    let mut vpc = Vpc::new();
    let subnets: Vec<SubnetId> = (0..ENIS)
        .map(|eni| vpc.subnet(&format!("10.{eni}.0.0/20"), None))
        .collect();
    let enis = (0..ENIS)
        .map(|eni| {
            let spec = EniSpec::new(subnets[eni], &format!("eth{eni}")).ipv4(addresses(eni));
            vpc.attach(spec)
        })
        .collect();
    let instance = Instance::with_netplan(vpc.guest());
    (vpc, instance, subnets, enis)
}

fn all() -> Vec<String> {
    (0..ENIS).flat_map(addresses).collect()
}

/// The rules of the index, as `ip` shows them.
fn index(instance: &Instance) -> Vec<String> {
    let rules = instance.host.ip("-details rule");
    let its = rules.lines().filter(|line| line.contains("proto kernel"));
    let its =
        its.filter(|line| line.contains("goto") || line.contains("nop") || line.starts_with("23"));
    its.map(str::to_owned).collect()
}

fn of_code(instance: &Instance, code: &str) -> Vec<Value> {
    let said = instance.eniroute("check --json");
    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    let found = report["findings"].as_array().unwrap().iter();
    found
        .filter(|finding| finding["code"] == code)
        .cloned()
        .collect()
}

/// Every address leaves by its own ENI, and unbound packets by the first one.
fn assert_ways_are_right(instance: &Instance, what: &str) {
    for eni in 0..ENIS {
        for address in [
            &addresses(eni)[0],
            &addresses(eni)[EACH / 2],
            &addresses(eni)[EACH - 1],
        ] {
            let way = instance.way_out(address);
            assert!(
                way.contains(&format!("dev eth{eni} ")),
                "{what}: {address}: {way}"
            );
        }
    }
    let unbound = instance.host.ip("route get 8.8.8.8");
    assert!(unbound.contains("dev eth0 "), "{what}: {unbound}");
}

#[test]
fn many_addresses_get_an_index_that_every_run_keeps_and_remove_takes_away() {
    let (mut vpc, instance, subnets, enis) = host();
    let before = instance.host.ip("rule");
    let planned = instance.must("plan");
    assert!(
        planned.contains("\n# rule index: ") && planned.contains(" rules set; -v lists them\n"),
        "{planned}"
    );
    assert!(!planned.contains("goto"), "{planned}");
    let listed = instance.eniroute("plan -v").stdout;
    assert!(
        listed.contains("ip -4 rule add from all nop priority 24000 protocol kernel\n"),
        "{listed}"
    );
    assert!(instance.must("apply").contains("\nrule index: "));
    let made = index(&instance);
    assert!(made.len() > ENIS * EACH, "{made:#?}");
    assert!(
        made.iter()
            .any(|line| line.starts_with("7000:\tnot from 10.0.0.0/14 goto 24000")),
        "{made:#?}"
    );
    for subnet in &subnets {
        assert_eq!(vpc.neighbour(*subnet).ping(&all()), [] as [IpAddr; 0]);
    }
    assert_eq!(vpc.spoofed(), 0);

    let (dump, disk) = (instance.host.dump(), instance.disk_state());
    assert_eq!(
        instance.must("apply"),
        "nothing to do: 3 ENIs are as EC2 describes them\n"
    );
    assert_eq!(instance.must("refresh"), "");
    assert_eq!(
        instance.must("plan"),
        "# nothing to do: 3 ENIs are as EC2 describes them\n".replace("# ", "")
    );
    assert_eq!((instance.host.dump(), instance.disk_state()), (dump, disk));
    assert_eq!(of_code(&instance, "R14"), [] as [Value; 0]);
    assert_eq!(instance.eniroute("check").code, 0);
    let explained = instance
        .eniroute(&format!("explain {}", addresses(2)[3]))
        .stdout;
    assert!(
        explained.contains("goes on at rule") && explained.contains("lookup 10002"),
        "{explained}"
    );

    // An address more, beyond all that the index covers, answers at once and is in it then.
    vpc.assign(enis[1], "10.1.14.77");
    assert!(instance.must("refresh").contains("rule index: "));
    let way = instance.way_out("10.1.14.77");
    assert!(way.contains("dev eth1 "), "{way}");
    let more = index(&instance);
    assert!(
        more.iter()
            .any(|line| line.contains("from 10.1.14.77 goto 23")),
        "{more:#?}"
    );
    let changed = more.iter().filter(|line| !made.contains(line)).count();
    assert!(changed <= 12, "{changed} rules for one address");
    vpc.unassign(enis[1], "10.1.14.77");
    instance.must("refresh");
    assert_eq!(index(&instance).len(), made.len());

    instance.write("etc/eniroute.toml", "rule_index = \"off\"\n");
    assert!(instance.must("apply").contains("rule index: "));
    assert_eq!(index(&instance), [] as [String; 0]);
    assert_ways_are_right(&instance, "without an index");
    instance.write("etc/eniroute.toml", "");
    instance.must("refresh");
    assert_eq!(index(&instance).len(), made.len());
    instance.must("remove --eni eth2");
    assert_eq!(index(&instance), [] as [String; 0], "48 rules need none");
    instance.must("apply");
    instance.must("remove");
    assert_eq!(instance.host.ip("rule"), before);
    assert!(!instance.has("var/lib/eniroute/ledger.json"));
}

#[test]
fn a_rule_of_others_that_would_be_jumped_over_prevents_an_index_and_is_named() {
    let (_vpc, instance, ..) = host();
    instance
        .host
        .ip("rule add to 10.77.0.0/16 lookup 52 pref 8000");
    let said = instance.must("apply");
    assert!(
        said.contains("no rule index") && said.contains("to 10.77.0.0/16 lookup 52 priority 8000"),
        "{said}"
    );
    assert_eq!(index(&instance), [] as [String; 0]);
    let found = of_code(&instance, "R14");
    assert_eq!((&found[0]["severity"], found.len()), (&"hint".into(), 1));
    assert!(
        found[0]
            .to_string()
            .contains("ip -4 rule del from all to 10.77.0.0/16 lookup 52 priority 8000"),
        "{found:#?}"
    );
    assert_eq!(instance.eniroute("check").code, 0);
    assert_eq!(instance.must("refresh"), "", "it is told once");
    instance.host.ip("rule del pref 8000");
    instance.must("refresh");
    assert!(!index(&instance).is_empty());
    // One that comes later makes the index go, whatever its protocol; and one without a priority lands before it.
    let other = "from 192.0.2.8 lookup 52 pref 8000 protocol kernel";
    instance.host.ip(&format!("rule add {other}"));
    let said = instance.must("refresh");
    assert!(
        said.contains("192.0.2.8") && index(&instance).is_empty(),
        "{said}"
    );
    instance.host.ip(&format!("rule del {other}"));
    instance.must("refresh");
    assert!(!index(&instance).is_empty());
    instance.host.ip("rule add from 192.0.2.9 lookup 52");
    assert!(instance.host.ip("rule").contains("6999:\tfrom 192.0.2.9"));
    assert_eq!(instance.must("refresh"), "");
    instance
        .host
        .ip("rule add from 192.0.2.10 lookup 52 pref 12000");
    let said = instance.must("refresh");
    assert!(
        said.contains("192.0.2.10") && index(&instance).is_empty(),
        "{said}"
    );
    assert_ways_are_right(&instance, "without an index");
}

#[test]
fn a_run_that_is_killed_at_any_request_to_the_kernel_leaves_the_ways_right_and_the_next_one_ends_it()
 {
    let (_vpc, instance, ..) = host();
    let root = instance.root().display().to_string();
    for is_removal in [false, true] {
        for nth in 1.. {
            let (before, after) = if is_removal {
                ("", "rule_index = \"off\"\n")
            } else {
                ("rule_index = \"off\"\n", "")
            };
            instance.write("etc/eniroute.toml", before);
            instance.must("apply");
            instance.write("etc/eniroute.toml", after);
            let inject = format!("inject=sendto:signal=KILL:when={nth}");
            let strace = ["-f", "-o", "/dev/null", "-e", "trace=sendto", "-e", &inject];
            let command = instance.host.command("strace").args(strace);
            let out = command
                .args([env!("CARGO_BIN_EXE_eniroute"), "--root", &root, "apply"])
                .output();
            assert_ways_are_right(&instance, &format!("killed at request {nth}"));
            if out.status.success() {
                assert!(nth > 6, "{nth}");
                break;
            }
        }
        instance.must("apply");
        assert_eq!(index(&instance).is_empty(), is_removal);
        assert_eq!(of_code(&instance, "R14"), [] as [Value; 0]);
    }
}

#[test]
fn an_index_that_has_lost_rules_is_found_and_made_whole() {
    let (_vpc, instance, ..) = host();
    instance.must("apply");
    let whole = index(&instance).len();
    instance.host.ip("rule del not from 10.0.0.0/14 pref 7000");
    instance.host.ip("rule del pref 24000");
    assert_ways_are_right(&instance, "without its entrance and its end");
    let found = of_code(&instance, "R14");
    assert!(
        found[0]["what"]
            .as_str()
            .unwrap()
            .contains("lacks 2 of its rules"),
        "{found:#?}"
    );
    assert!(instance.must("refresh").contains("rule index: 2 rules set"));
    assert_eq!(index(&instance).len(), whole);
    assert_eq!(of_code(&instance, "R14"), [] as [Value; 0]);
}

#[test]
fn an_index_is_known_for_what_it_is_where_the_ledger_is_lost() {
    let (_vpc, instance, ..) = host();
    let before = instance.host.ip("rule");
    instance.must("apply");
    let lose = || {
        instance.host.sh(&format!(
            "rm {}/var/lib/eniroute/ledger.json",
            instance.root().display()
        ));
    };
    let whole = index(&instance);
    lose();
    assert_eq!(of_code(&instance, "R14"), [] as [Value; 0]);
    instance.must("apply");
    assert_eq!(index(&instance), whole);
    instance.host.ip("rule del not from 10.0.0.0/14 pref 7000");
    lose();
    assert!(instance.must("refresh").contains("rule index: 1 rule set"));
    assert_eq!(index(&instance), whole);
    lose();
    instance.write("etc/eniroute.toml", "rule_index = \"off\"\n");
    instance.must("apply");
    assert_eq!(index(&instance), [] as [String; 0]);
    instance.write("etc/eniroute.toml", "");
    instance.must("apply");
    assert_eq!(index(&instance), whole);
    lose();
    instance.must("remove");
    assert_eq!(instance.host.ip("rule"), before);
}
