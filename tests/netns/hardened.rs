//! Input that nobody in their right mind gives: files that exhaust their reader, names that a shell obeys, text that a
//! terminal obeys, a service that says too much; what a killed run leaves, and a full disk at the end.

use std::fs;
use std::process::Command;

use crate::instance::{Instance, Run, changed};
use crate::support::lab::Lab;
use crate::vpc::{EniSpec, Fault, Vpc};

fn assert_answers(vpc: &Vpc) {
    let silent = vpc.inet().ping(&["203.0.113.10", "203.0.113.20"]);
    assert!(silent.is_empty(), "{silent:?}");
}

/// Each would end the process: a reader that calls itself for each level has no stack left.
#[test]
fn a_file_that_no_reader_survives_costs_the_files_and_not_the_kernel_part() {
    let Lab { vpc, instance, .. } = Lab::in_one_subnet();
    for text in [
        "- ".repeat(20_000),
        "[".repeat(50_000),
        "{a: ".repeat(20_000),
    ] {
        instance.write("etc/netplan/70-deep.yaml", &text);
        let run = instance.eniroute("apply");
        assert_eq!(run.code, 1, "{run:?}");
        assert!(
            run.stderr.contains("/etc/netplan/70-deep.yaml: line "),
            "{run:?}"
        );
        assert_answers(&vpc);
        instance.must("remove");
    }
    let long = "#\n".repeat(1 << 20);
    instance.write("etc/netplan/70-deep.yaml", &long);
    let run = instance.eniroute("apply");
    assert!(
        run.code == 1 && run.stderr.contains("longer than"),
        "{run:?}"
    );
    assert_answers(&vpc);
    fs::remove_file(instance.root().join("etc/netplan/70-deep.yaml")).unwrap();
    instance.must("apply");
    assert!(instance.has("etc/netplan/60-eniroute-eth1.yaml"));
}

/// As with a limit of processes: no thread can be made that reads half of many ENIs, writes the ledger, or asks meanwhile.
#[test]
fn eight_enis_are_configured_and_judged_where_no_second_thread_is_to_be_had() {
    let mut vpc = Vpc::new();
    let subnet = vpc.subnet("10.0.0.0/20", None);
    for n in 0..9 {
        let eni = EniSpec::new(subnet, &format!("eth{n}")).ipv4([format!("10.0.0.{}", 10 + n)]);
        vpc.attach(eni.public(
            format!("10.0.0.{}", 10 + n),
            format!("203.0.113.{}", 10 + n),
        ));
    }
    let instance = Instance::bare(vpc.guest());
    let root = instance.root().display().to_string();
    let alone = |command: &str| {
        let run = instance.host.command(env!("CARGO_BIN_EXE_eniroute"));
        // The kernel has no room for the stack of one.
        let run = run.env("RUST_MIN_STACK", 1_u64 << 50);
        let arguments = ["--root", &root].into_iter().chain(command.split(' '));
        Run::of(run.args(arguments).output())
    };
    let before = instance.host.dump();
    let run = alone("apply --no-persist");
    assert_eq!(run.code, 0, "{run:?}");
    let all: Vec<String> = (10..19).map(|n| format!("203.0.113.{n}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    assert!(vpc.inet().ping(&all).is_empty());
    for command in ["check", "status", "plan", "explain 203.0.113.11", "refresh"] {
        let (run, usual) = (alone(command), instance.eniroute(command));
        assert_eq!(
            (run.code, run.stdout),
            (usual.code, usual.stdout),
            "{command}: {}",
            run.stderr
        );
    }
    let run = alone("remove");
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(changed(&before, &instance.host.dump()), [""; 0]);
}

#[test]
fn an_interface_whose_name_a_shell_or_yaml_would_obey_gets_no_files_and_works() {
    for name in ["$(id)", "a*b", "e[0]", "it's", "a\"b", "-eth1", "a;b"] {
        let Lab { vpc, instance, .. } = Lab::in_one_subnet();
        instance.must("apply");
        let rename = ["link", "set", "eth1", "name"];
        instance
            .host
            .command("ip")
            .args(["link", "set", "eth1", "down"])
            .run();
        instance.host.command("ip").args(rename).arg(name).run();
        let run = instance.eniroute("apply");
        assert_eq!(run.code, 0, "{name}: {run:?}");
        assert!(
            run.stdout.contains(&format!("{name} (eni-")),
            "{name}: {run:?}"
        );
        assert!(run.stdout.contains("gets no files"), "{name}: {run:?}");
        assert_answers(&vpc);
        let files = Command::new("grep")
            .args(["-rlF", name])
            .arg(instance.root().join("etc"))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(files.stdout).unwrap(), "", "{name}");
        instance
            .host
            .command("ip")
            .args(["link", "set", "dev", name, "down"])
            .run();
        // Ready to paste: a shell takes the name for one word.
        let plan = instance.must("plan");
        instance.host.sh(&plan);
        assert_answers(&vpc);
    }
}

/// A terminal obeys these: ESC, a bell, the CSI of C1, an override of direction.
pub const ACTIVE: &str = "\x1b[31m\x07\u{9b}2J\u{202e}";

pub fn assert_quiet(field: &str, run: &Run) {
    let is_active = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    for said in [&run.stdout, &run.stderr] {
        assert!(!said.contains(is_active), "{field}: {said:?}");
    }
    assert!(
        run.stdout.contains("[31m") || run.stderr.contains("[31m"),
        "{field} is not shown at all: {run:?}"
    );
}

#[test]
fn no_text_from_outside_reaches_a_terminal_as_it_is() {
    let Lab {
        vpc,
        instance,
        enis: [_, second],
        ..
    } = Lab::in_one_subnet();
    let mac = vpc.mac(second).to_owned();
    for key in [
        "interface-id",
        "device-number",
        "local-ipv4s",
        "subnet-ipv4-cidr-block",
    ] {
        let path = format!("{mac}/{key}");
        vpc.imds().fault(Fault::value(&path, &format!("x{ACTIVE}")));
        for command in ["status", "plan", "apply", "apply --json", "apply -vv"] {
            assert_quiet(key, &instance.eniroute(command));
        }
        vpc.imds().heal();
    }
    vpc.imds().fault(Fault::value("macs/", ACTIVE));
    assert_quiet("the list", &instance.eniroute("apply --wait 0"));
    assert_quiet("the list", &instance.eniroute("apply --wait 0 --json"));
    vpc.imds().heal();
    let file = format!("etc/netplan/90-{ACTIVE}\nERROR.yaml");
    instance.write(&file, "a: [");
    assert_quiet("a file's name", &instance.eniroute("apply"));
    assert_quiet("a file's name", &instance.eniroute("apply --json"));
    fs::remove_file(instance.root().join(&file)).unwrap();
    instance.write(
        "etc/netplan/90-x.yaml",
        &format!("a: &{ACTIVE} *{ACTIVE}\n\"{ACTIVE}"),
    );
    let run = instance.eniroute("apply");
    assert!(!run.stderr.contains('\x1b'), "{run:?}");
    fs::remove_file(instance.root().join("etc/netplan/90-x.yaml")).unwrap();
    for toml in [
        format!("\"{ACTIVE}\" = 1\n"),
        format!("exclude = [\"{ACTIVE}\"]\n"),
    ] {
        instance.write(
            "etc/eniroute.toml",
            &toml.replace('\x1b', "\\u001b").replace('\x07', ""),
        );
        let run = instance.eniroute("apply");
        assert!(!run.stdout.contains(['\x1b', '\u{9b}']), "{run:?}");
        assert!(!run.stderr.contains(['\x1b', '\u{9b}']), "{run:?}");
    }
    fs::remove_file(instance.root().join("etc/eniroute.toml")).unwrap();
    for argument in ["--eni ", "--imds ", "--backend ", ""] {
        let run = instance.eniroute(&format!("apply {argument}x{ACTIVE}"));
        assert!(run.code == 2 || run.code == 4, "{argument}: {run:?}");
        assert_quiet(argument, &run);
    }
}

#[test]
fn what_a_killed_run_has_left_is_swept_by_the_next_one_and_by_remove() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = Lab::in_one_subnet();
    for command in ["apply", "remove"] {
        let left = [
            "etc/netplan/.eniroute-Ab3xY9",
            "etc/systemd/network/.eniroute-000000",
            "etc/systemd/network/10-x.network.d/.eniroute-000001",
            "var/lib/eniroute/.eniroute-zzzzzz",
            "run/eniroute/.eniroute-abcdef",
            "run/eniroute-a1B2c3/etc/netplan/x.yaml",
        ];
        let others = [
            "etc/netplan/.eniroute-notes",
            "run/eniroute-of-mine/x",
            "etc/netplan/.other-Ab3xY9",
        ];
        left.iter()
            .chain(&others)
            .for_each(|path| instance.write(path, "x"));
        instance.must(command);
        left.iter()
            .for_each(|path| assert!(!instance.has(path), "{command}: {path}"));
        assert!(!instance.has("run/eniroute-a1B2c3"));
        others
            .iter()
            .for_each(|path| assert!(instance.has(path), "{command}: {path}"));
    }
}

/// An id of the memory goes into names and texts.
#[test]
fn what_the_memory_says_is_checked_as_the_metadata_is() {
    let Lab { vpc, instance, .. } = Lab::in_one_subnet();
    instance.must("apply");
    for path in [
        "run/eniroute/metadata.json",
        "var/lib/eniroute/metadata.json",
    ] {
        let text = instance.read(path);
        let mut memory: serde_json::Value = serde_json::from_str(&text).unwrap();
        memory["enis"][1]["id"] = "eni-../../../../tmp/x".into();
        instance.write(path, &memory.to_string());
        fs::remove_file(instance.root().join("var/lib/eniroute/ledger.json")).unwrap();
        let run = instance.eniroute("refresh");
        assert_eq!(run.code, 0, "{run:?}");
        assert!(!format!("{run:?}").contains("../tmp"), "{run:?}");
        assert_answers(&vpc);
        assert!(!instance.read(path).contains("../tmp"), "{path}");
    }
}
