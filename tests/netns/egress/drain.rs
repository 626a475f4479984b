//! An address that is to get no new flows: what becomes of those that it has, how long that holds, and how it comes back.

use std::{fs, thread};

use serde_json::json;

use crate::nat::{A, B, FIRST, Flow, Lab, S3, SECOND, echo};
use crate::vpc::wait_for;

const POOL: &str = "[[egress]]\nfrom = [\"172.31.20.5\", \"172.31.26.176\"]\n\
    as = [\"54.178.213.178\", \"54.178.197.195\"]\n";

/// Of the first client: the address that it has, and the other one.
fn of_first(lab: &Lab) -> (&'static str, &'static str) {
    match lab.seen(&lab.clients[0]).as_str() {
        FIRST => (FIRST, SECOND),
        _ => (SECOND, FIRST),
    }
}

#[test]
fn a_drained_address_keeps_its_flows_until_apply_whatever_else_runs_and_6_says_that_some_are_left()
{
    let lab = Lab::new(POOL);
    echo(&lab.vpc.inet());
    let (drained, other) = of_first(&lab);
    lab.forget_flows();
    let mut flow = Flow::open(&lab.clients[0]);
    let run = lab
        .instance
        .eniroute(&format!("egress drain {drained} --wait 0"));
    assert_eq!(run.code, 6, "{run:?}");
    assert!(run.stdout.contains("1 flow left"), "{run:?}");
    let document = lab
        .instance
        .eniroute(&format!("egress drain {drained} --wait 0 --json"));
    let document: serde_json::Value = serde_json::from_str(&document.stdout).unwrap();
    assert_eq!(
        (
            &document["drained"]["address"],
            &document["drained"]["flows"]
        ),
        (&json!(drained), &json!(1))
    );
    assert_eq!(document["kernel"], json!([]), "it was drained already");
    for command in ["refresh", "apply --service --backend none", "egress load"] {
        lab.instance.must(command);
        assert!(flow.lives(), "{command}");
        assert_eq!(lab.seen(&lab.clients[0]), other, "{command}");
    }
    let plan = lab.instance.eniroute("plan --exit-code --backend none");
    assert_eq!(plan.code, 5, "`apply` would give it back: {plan:?}");
    lab.instance.must("apply --backend none");
    assert!(flow.lives());
    assert_eq!(lab.seen(&lab.clients[0]), drained);
}

#[test]
fn who_waits_is_told_what_is_left_and_0_says_that_nothing_is() {
    let lab = Lab::new(POOL);
    echo(&lab.vpc.inet());
    let (drained, _) = of_first(&lab);
    lab.forget_flows();
    let _flow = Flow::open(&lab.clients[0]);
    let root = lab.instance.root().display().to_string();
    let (program, told) = (env!("CARGO_BIN_EXE_eniroute"), format!("{root}/told"));
    let line = format!("{program} --root {root} egress drain {drained} --wait 60 2>{told}");
    let host = lab.instance.host.clone();
    let waits = thread::spawn(move || host.sh(&line));
    let told = || fs::read_to_string(&told).unwrap_or_default();
    wait_for("a word on those that are left", || {
        told().contains("has 1 flow left after")
    });
    lab.forget_flows();
    let said = waits.join().unwrap();
    assert!(said.contains("no flows left"), "{said}");
    assert_eq!(told().lines().count(), 1, "{}", told());
}

#[test]
fn after_a_boot_the_table_of_the_last_run_still_drains_and_the_boot_s_own_run_gives_the_address_back()
 {
    let lab = Lab::bare();
    let instance = crate::instance::Instance::with_netplan(lab.vpc.guest());
    instance.write("etc/eniroute.toml", POOL);
    instance.must("apply");
    let (drained, other) = of_first(&lab);
    lab.forget_flows();
    instance.must(&format!("egress drain {drained}"));
    instance.host.sh("nft flush ruleset");
    fs::remove_dir_all(instance.root().join("run/eniroute")).unwrap();
    instance.must("egress load");
    assert_eq!(lab.seen(&lab.clients[0]), other);
    instance.must("apply --service --wait 10");
    assert_eq!(lab.seen(&lab.clients[0]), drained);
}

#[test]
fn a_drained_address_whose_eni_goes_and_comes_back_gets_no_new_flows_until_apply() {
    let mut lab = Lab::new(POOL);
    let drained = SECOND;
    lab.instance.must(&format!("egress drain {drained}"));
    lab.vpc.detach(lab.enis[1]);
    lab.instance.must("hotplug remove eth1");
    lab.vpc.reattach(lab.enis[1], "eth1");
    lab.instance.must("hotplug add eth1 --wait 30");
    lab.forget_flows();
    assert_eq!(lab.all_seen(), [FIRST, FIRST, ""]);
    lab.instance.must("apply --backend none");
    lab.forget_flows();
    assert!(lab.all_seen().contains(&drained.to_owned()));
    assert_eq!(lab.vpc.without_public_address(), 0);
}

#[test]
fn the_last_address_of_an_entry_is_drained_with_a_word_of_warning_and_nobody_s_is_refused() {
    let lab = Lab::new(S3);
    let said = lab.instance.must(&format!("egress drain {SECOND}"));
    assert!(
        said.contains(
            "no other address is left in `as`, so new flows of these clients are refused"
        ),
        "{said}"
    );
    assert_eq!(lab.all_seen(), [FIRST, "", ""]);
    let said = lab.instance.must(&format!("explain {B}"));
    assert!(said.contains("(drained)"), "{said}");
    let (table, disk) = (
        lab.instance.host.sh("nft -s list table inet eniroute"),
        lab.instance.disk_state(),
    );
    for nobody in ["203.0.113.7", A, B, "172.31.8.209"] {
        let run = lab.instance.eniroute(&format!("egress drain {nobody}"));
        assert_eq!(run.code, 2, "{run:?}");
        let words = format!("no [[egress]] in the configuration leaves as {nobody}");
        assert!(run.stderr.contains(&words), "{run:?}");
    }
    let run = lab.instance.eniroute("egress drain 2001:db8::1");
    assert_eq!(run.code, 2, "{run:?}");
    let after = lab.instance.host.sh("nft -s list table inet eniroute");
    assert_eq!((after, lab.instance.disk_state()), (table, disk));
    assert_eq!(lab.vpc.without_public_address(), 0);
}
