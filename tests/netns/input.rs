//! Wrong words, wrong configuration, wrong user, a disk that refuses: a clear answer, and nothing half done.

use crate::instance::{Instance, changed, copy_program};
use crate::vpc::{EniId, EniSpec, Vpc};

fn vpc() -> (Vpc, Instance) {
    let (vpc, instance, _) = vpc_with_second();
    (vpc, instance)
}

fn vpc_with_second() -> (Vpc, Instance, EniId) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("172.31.32.0/20", None);
    vpc.attach(
        EniSpec::new(a, "eth0")
            .ipv4(["172.31.37.139"])
            .public("172.31.37.139", "54.178.213.178"),
    );
    let second = vpc.attach(
        EniSpec::new(a, "eth1")
            .ipv4(["172.31.41.29"])
            .public("172.31.41.29", "3.104.193.180"),
    );
    let instance = Instance::with_netplan(vpc.guest());
    (vpc, instance, second)
}

#[test]
fn apply_and_remove_want_root_and_status_does_not() {
    let (_vpc, instance) = vpc();
    let dump = instance.host.dump();
    // The build's folder may be closed to others.
    let copy = std::path::Path::new("/run").join(format!("eniroute-{}", std::process::id()));
    copy_program(&copy);
    let run = |arguments: &str| {
        let command =
            instance
                .host
                .command("setpriv")
                .args(["--reuid=65534", "--clear-groups", "--"]);
        command
            .arg(copy.display())
            .args(arguments.split(' '))
            .output()
    };
    for command in ["apply", "remove"] {
        let out = run(command);
        let stderr = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains(&format!("sudo eniroute {command}")),
            "{stderr}"
        );
    }
    let out = run("status");
    std::fs::remove_file(copy).unwrap();
    assert_eq!(
        out.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(
        String::from_utf8(out.stdout)
            .unwrap()
            .contains("3.104.193.180")
    );
    assert_eq!(instance.host.dump(), dump);
}

#[test]
fn a_wrong_key_in_the_configuration_is_named_with_its_line() {
    let (_vpc, instance) = vpc();
    instance.write(
        "etc/eniroute.toml",
        "main_route = true\nexclud = [\"eth1\"]\n",
    );
    let dump = instance.host.dump();
    let run = instance.eniroute("apply");
    assert_eq!(run.code, 2, "{run:?}");
    assert!(
        run.stderr.contains("etc/eniroute.toml:2: ") && run.stderr.contains("exclud"),
        "{run:?}"
    );
    assert_eq!(instance.host.dump(), dump);
}

#[test]
fn a_selector_that_matches_nothing_is_answered_with_what_there_is() {
    let (_vpc, instance) = vpc();
    let dump = instance.host.dump();
    for command in ["apply", "plan", "status"] {
        let run = instance.eniroute(&format!("{command} --eni eth9"));
        assert_eq!(run.code, 2, "{run:?}");
        assert!(
            run.stderr.contains("`eth9`") && run.stderr.contains("eth1 eni-"),
            "{run:?}"
        );
        assert!(run.stderr.contains("172.31.41.29"), "{run:?}");
    }
    assert_eq!(instance.host.dump(), dump);
    instance.must("apply");
    let run = instance.eniroute("remove --eni eth9");
    assert!(run.code == 2 && run.stderr.contains("eth1 eni-"), "{run:?}");
}

#[test]
fn an_eni_is_chosen_by_any_of_its_names() {
    let (_vpc, instance) = vpc();
    instance
        .host
        .ip("link property add dev eth1 altname second");
    let id = instance.json("status")["enis"][1]["eni"]
        .as_str()
        .unwrap()
        .to_owned();
    for name in [
        "eth1",
        "second",
        "06:00:00:00:00:01",
        &id,
        "1",
        "172.31.41.29",
        "3.104.193.180",
    ] {
        let said = instance.must(&format!("plan --eni {name}"));
        assert!(
            said.contains("from 172.31.41.29 lookup 10001"),
            "--eni {name}: {said}"
        );
    }
    let said = instance.must("plan --eni 0");
    assert!(!said.contains("10001"), "{said}");
    let slip = instance.eniroute("plan --eni ethh1");
    let words = "no ENI matches `ethh1` (did you mean `eth1`?); there are:";
    assert!(slip.code == 2 && slip.stderr.contains(words), "{slip:?}");
}

#[test]
fn the_plan_can_be_pasted_and_then_there_is_nothing_left_to_do() {
    let (_vpc, instance) = vpc();
    let plan = instance.must("plan");
    assert!(
        plan.contains("+++ /etc/netplan/60-eniroute-eth1.yaml"),
        "{plan}"
    );
    let commands: Vec<&str> = plan
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with('#'))
        .collect();
    let by_hand = instance.json("plan")["kernel"].as_array().unwrap().len();
    assert_eq!(commands.len(), by_hand);
    instance.host.sh(&commands.join("\n"));
    assert_eq!(
        instance.json("plan --no-persist")["kernel"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    assert!(
        !instance.has("etc/netplan/60-eniroute-eth1.yaml"),
        "a plan writes nothing"
    );
}

#[test]
fn halves_of_the_work_can_be_left_out() {
    let (_vpc, instance) = vpc();
    let dump = instance.host.dump();
    instance.must("apply --no-kernel");
    assert_eq!(instance.host.dump(), dump);
    assert!(instance.has("etc/netplan/60-eniroute-eth1.yaml"));
    instance.must("remove");
    instance.must("apply --no-persist");
    assert!(instance.host.ip("rule").contains("lookup 10001"));
    assert!(!instance.has("etc/netplan/60-eniroute-eth1.yaml"));
}

#[test]
fn another_tool_in_charge_is_not_fought() {
    let (_vpc, instance) = vpc();
    let file = "run/systemd/network/70-eth1.network.d/ec2net_policy_4.conf";
    instance.write(file, "");
    let dump = instance.host.dump();
    let run = instance.eniroute("apply");
    assert_eq!(run.code, 2, "{run:?}");
    assert!(
        run.stderr.contains("amazon-ec2-net-utils") && run.stderr.contains("--force"),
        "{run:?}"
    );
    assert_eq!(instance.host.dump(), dump);
    instance.must("apply --force");
    // Who was told to go on, does: what happens next is followed, too.
    instance.host.ip("route flush table 10001");
    assert!(instance.must("refresh").contains("kernel:"));
    assert!(instance.host.ip("rule").contains("lookup 10001"));
}

/// A foreign file that does not parse costs the files, not the kernel part.
#[test]
fn broken_foreign_yaml_is_named_and_nothing_is_written_beside_it() {
    let (_vpc, instance) = vpc();
    instance.write(
        "etc/netplan/50-cloud-init.yaml",
        "network:\n  version: 2\n  ethernets: [}\n",
    );
    let run = instance.eniroute("apply");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("/etc/netplan/50-cloud-init.yaml") && run.stderr.contains("line 3"),
        "{run:?}"
    );
    assert!(instance.host.ip("rule").contains("lookup 10001"));
    assert!(!instance.has("etc/netplan/60-eniroute-eth1.yaml"));
}

#[test]
fn a_read_only_disk_costs_the_files_not_the_kernel_part() {
    let (vpc, instance) = vpc();
    let root = instance.root().display().to_string();
    // In the guest's own mount namespace: /run must stay writable for the lock, as on a real host.
    instance.host.sh(&format!("mkdir -p {root}/etc/netplan {root}/var && for d in etc var; do mount --bind {root}/$d {root}/$d; mount -o remount,bind,ro {root}/$d; done"));
    let run = instance.eniroute("apply");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("/etc/netplan/60-eniroute-eth1.yaml")
            && run.stderr.contains("Read-only"),
        "{run:?}"
    );
    assert!(
        vpc.inet()
            .ping(&["54.178.213.178", "3.104.193.180"])
            .is_empty()
    );
    instance.host.sh(&format!("umount {root}/etc {root}/var"));
    instance.must("apply");
    assert!(instance.has("etc/netplan/60-eniroute-eth1.yaml"));
}

#[test]
fn a_full_disk_leaves_no_half_file() {
    let (_vpc, instance) = vpc();
    let root = instance.root().display().to_string();
    instance.host.sh(&format!(
        "cp -a {root}/etc {root}/etc.old; mount -t tmpfs -o size=16k tmpfs {root}/etc; cp -a {root}/etc.old/. {root}/etc/; \
         dd if=/dev/zero of={root}/etc/filler bs=4k 2>/dev/null || true"
    ));
    let run = instance.eniroute("apply");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("No space left"), "{run:?}");
    assert!(instance.host.ip("rule").contains("lookup 10001"));
    let left = instance
        .host
        .sh(&format!("find {root}/etc -type f -name '*eniroute*'"));
    assert_eq!(left, "");
}

/// What is made meanwhile is known for eniroute's, and taken away again.
#[test]
fn a_full_var_keeps_no_address_from_working_nor_from_being_removed() {
    let (mut vpc, instance, second) = vpc_with_second();
    let bare = instance.host.dump();
    instance.must("apply");
    let root = instance.root().display().to_string();
    instance.host.sh(&format!(
        "cp -a {root}/var {root}/var.old; mount -t tmpfs -o size=16k tmpfs {root}/var; cp -a {root}/var.old/. {root}/var/; \
         dd if=/dev/zero of={root}/var/filler bs=4k 2>/dev/null || true"
    ));
    for address in ["172.31.41.40", "172.31.41.41"] {
        vpc.assign(second, address);
        let run = instance.eniroute("refresh");
        assert!(
            run.code == 1 && run.stderr.contains("No space left"),
            "{run:?}"
        );
        assert!(instance.host.ip("rule").contains(address), "{run:?}");
    }
    instance.host.sh(&format!("umount {root}/var"));
    vpc.unassign(second, "172.31.41.40");
    instance.must("refresh");
    assert!(!instance.host.dump().contains("172.31.41.40"));
    assert!(!instance.has("run/eniroute/ledger.json"));
    instance.must("remove");
    instance.host.ip("link set eth1 down");
    assert_eq!(changed(&bare, &instance.host.dump()), [""; 0]);
}

#[test]
fn an_unreadable_ledger_is_replaced_and_said_so() {
    let (_vpc, instance) = vpc();
    let dump = instance.host.dump();
    instance.must("apply");
    instance.write("var/lib/eniroute/ledger.json", "{");
    let run = instance.eniroute("apply");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stderr.contains("/var/lib/eniroute/ledger.json"),
        "{run:?}"
    );
    instance.must("apply");
    instance.must("remove");
    let left = changed(&dump, &instance.host.dump());
    assert!(
        left.iter().all(|line| line.contains("eth1")),
        "only what the ledger alone knew: {left:#?}"
    );
}

#[test]
fn help_is_for_newcomers() {
    let (_vpc, instance) = vpc();
    let help = instance.must("--help");
    for word in [
        "apply",
        "plan",
        "status",
        "remove",
        "--imds",
        "ENIROUTE_IMDS",
        "Exit codes",
        "eniroute plan",
    ] {
        assert!(help.contains(word), "{word} is not in:\n{help}");
    }
    assert!(instance.must("apply --help").contains("--no-persist"));
    assert_eq!(
        instance.must("--version"),
        format!("eniroute {}\n", env!("CARGO_PKG_VERSION"))
    );
}
