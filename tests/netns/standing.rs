//! What somebody else has put at a path that eniroute reads or writes: a file of their own, a link, a folder, or what is
//! no plain file at all.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::damaged::{LEDGER, MEMORY, RECORD, answers, ours};
use crate::disks::STACKS;
use crate::instance::{Instance, Run};
use crate::support::lab::Lab;

const SCRIPTS: &str = "etc/sysconfig/network-scripts";

/// No run may take longer, whatever stands where; a FIFO without a writer would take for ever.
const SOON: Duration = Duration::from_secs(20);

/// A run that ends soon.
fn run(instance: &Instance, arguments: &str) -> Run {
    let began = Instant::now();
    let program = env!("CARGO_BIN_EXE_eniroute");
    let command = instance.host.command("timeout").args(["30", program]);
    let command = command.args(["--root", &instance.root().display().to_string()]);
    let run = Run::of(command.args(arguments.split_whitespace()).output());
    assert!(began.elapsed() < SOON, "{arguments}: {run:?}");
    run
}

/// Puts a thing of this kind there, in the place of what is there.
fn put(instance: &Instance, kind: &str, path: &str) {
    let path = instance.root().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if path.is_dir() {
        fs::remove_dir_all(&path).unwrap();
    } else if path.symlink_metadata().is_ok() {
        fs::remove_file(&path).unwrap();
    }
    match kind {
        "file" => fs::write(&path, "# mine\n").unwrap(),
        "mask" => symlink("/dev/null", &path).unwrap(),
        "link" => symlink("nowhere", &path).unwrap(),
        "folder" => fs::create_dir(&path).unwrap(),
        "socket" => drop(UnixListener::bind(&path).unwrap()),
        "FIFO" => made(Command::new("mkfifo").arg(&path)),
        "device" => made(Command::new("mknod").arg(&path).args(["c", "1", "5"])),
        other => panic!("{other}"),
    }
}

fn made(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

fn with_network_scripts(instance: &Instance) {
    instance.write(&format!("{SCRIPTS}/ifup-eth"), "");
    instance.write("var/lock/subsys/network", "");
    for name in ["eth0", "eth1"] {
        let ifcfg = format!("DEVICE={name}\nONBOOT=yes\nBOOTPROTO=dhcp\n");
        instance.write(&format!("{SCRIPTS}/ifcfg-{name}"), &ifcfg);
    }
}

#[test]
fn a_person_s_own_route_and_rule_files_fail_no_run_and_what_has_room_beside_them_is_written() {
    let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
    with_network_scripts(&instance);
    let routes =
        "10.0.0.0/20 dev eth1 src 10.0.0.20 table 10001\n10.9.0.0/16 via 10.0.0.1 dev eth1\n";
    let rules = "from 10.0.0.20 table 200\n";
    instance.write(&format!("{SCRIPTS}/route-eth1"), routes);
    instance.write(&format!("{SCRIPTS}/rule-eth1"), rules);
    for turn in 0..2 {
        let said = instance.must("apply");
        answers(&vpc);
        let [route, rule] = ["route-eth1", "rule-eth1"].map(|name| {
            let start = format!("note: /{SCRIPTS}/{name} is a file that eniroute did not write");
            let found = said.lines().find(|line| line.starts_with(&start));
            found.unwrap_or_else(|| panic!("{name}: {said}")).to_owned()
        });
        assert!(
            route.contains("`default via 10.0.0.1 dev eth1 table 10001`"),
            "{route}"
        );
        assert!(!route.contains("src 10.0.0.20 table 10001"), "{route}");
        assert!(
            rule.contains("`from 10.0.0.20 lookup 10001 priority 10001`"),
            "{rule}"
        );
        assert_eq!(said.starts_with("nothing to do"), turn == 1, "{said}");
    }
    assert_eq!(instance.read(&format!("{SCRIPTS}/route-eth1")), routes);
    assert_eq!(instance.read(&format!("{SCRIPTS}/rule-eth1")), rules);
    for name in ["route6-eth1", "rule6-eth1", "rule-eth0", "ifcfg-eth1:0"] {
        let text = instance.read(&format!("{SCRIPTS}/{name}"));
        assert!(text.starts_with("# Written by eniroute"), "{name}: {text}");
    }
    for command in ["refresh", "apply --service", "hotplug change"] {
        instance.must(command);
    }
    instance.must("remove");
    assert_eq!(instance.read(&format!("{SCRIPTS}/rule-eth1")), rules);
}

#[test]
fn the_primary_s_rules_go_where_a_person_has_left_room_for_them() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = Lab::in_one_subnet().bare();
    with_network_scripts(&instance);
    instance.write(
        &format!("{SCRIPTS}/rule-eth0"),
        "from 10.0.0.10 table 200\n",
    );
    let said = instance.must("apply");
    assert!(!said.contains("rule-eth0"), "{said}");
    let rules = instance.read(&format!("{SCRIPTS}/rule-eth1"));
    assert!(
        rules.contains("from 10.0.0.10 lookup 10000 priority 10000"),
        "{rules}"
    );
}

#[test]
fn a_file_of_somebody_else_s_in_the_place_of_any_of_ours_is_a_note_on_every_stack() {
    for (name, stack, _) in STACKS {
        for kind in ["file", "mask", "link", "folder", "FIFO"] {
            // netplan itself fails at what it cannot read, and then nothing of its folder takes effect.
            if name == "netplan" && ["folder", "FIFO"].contains(&kind) {
                continue;
            }
            let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
            for (path, text) in stack {
                instance.write(path, text);
            }
            instance.must("apply");
            let written = ours(&instance);
            // An ifcfg file of somebody else's is no conflict: it makes the NIC theirs.
            let is_meant = |path: &&String| path.contains("eth1") || path.contains("eni-");
            let path = written.iter().rev().find(is_meant);
            let path = path.unwrap_or_else(|| panic!("{name}: {written:?}"));
            instance.must("remove");
            put(&instance, kind, path);
            for turn in 0..2 {
                let said = run(&instance, "apply --no-kernel");
                let note = format!("note: /{path} is ");
                assert!(
                    said.code == 0 && said.stdout.contains(&note),
                    "{name}, {kind}: {said:?}"
                );
                let others = written.len() - 1;
                assert_eq!(
                    ours(&instance).len(),
                    others,
                    "{name}, {kind}, {turn}: {said:?}"
                );
            }
            instance.must("apply");
            answers(&vpc);
            for command in ["refresh", "remove"] {
                let said = run(&instance, command);
                assert_eq!(said.code, 0, "{name}, {kind}, {command}: {said:?}");
            }
            let standing = instance.root().join(path).symlink_metadata();
            assert!(standing.is_ok(), "{name}, {kind}: it went");
        }
    }
}

#[test]
fn what_is_no_plain_file_is_set_aside_where_eniroute_keeps_its_own() {
    for path in [LEDGER, MEMORY, RECORD, "run/eniroute/unproven.json"] {
        for kind in ["FIFO", "socket", "device", "folder"] {
            let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
            put(&instance, kind, path);
            for command in ["apply", "refresh", "status", "remove"] {
                let said = run(&instance, command);
                assert_eq!(said.code, 0, "{path}, {kind}, {command}: {said:?}");
                if command == "apply" {
                    assert!(said.stderr.contains(&format!("/{path}.bad")), "{said:?}");
                    answers(&vpc);
                }
            }
        }
    }
}

#[test]
fn what_is_no_plain_file_is_named_where_it_has_to_be_read_or_locked() {
    let locked = ["run/eniroute.lock", "etc/eniroute.toml"];
    for (path, code) in locked.into_iter().zip([1, 2]) {
        for kind in ["FIFO", "socket", "device", "folder"] {
            let Lab {
                vpc: _vpc,
                instance,
                ..
            } = Lab::in_one_subnet().bare();
            put(&instance, kind, path);
            let said = run(&instance, "apply");
            assert_eq!(said.code, code, "{path}, {kind}: {said:?}");
            assert!(said.stderr.contains(path), "{said:?}");
        }
    }
}

#[test]
fn what_is_no_plain_file_beside_a_stack_s_files_holds_up_no_run_and_the_kernel_is_right() {
    for (name, stack, _) in STACKS {
        for kind in ["FIFO", "socket", "device"] {
            let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
            for (path, text) in stack {
                instance.write(path, text);
            }
            let beside = |path: &str| {
                let path = Path::new(path);
                let end = path
                    .extension()
                    .map_or(String::new(), |end| format!(".{}", end.to_string_lossy()));
                let start = if path.to_string_lossy().contains("ifcfg") {
                    "ifcfg-"
                } else {
                    ""
                };
                path.with_file_name(format!("{start}aaa{end}"))
            };
            for (path, _) in stack.iter().filter(|(path, _)| path.starts_with("etc")) {
                put(&instance, kind, beside(path).to_str().unwrap());
            }
            let said = run(&instance, "apply");
            assert!(
                said.code == 0 || said.stderr.contains("only plain files are read"),
                "{name}, {kind}: {said:?}"
            );
            answers(&vpc);
            run(&instance, "plan");
            assert_eq!(run(&instance, "remove").code, 0, "{name}, {kind}");
        }
    }
}
