//! Bytes that are not text: in what eniroute has written down, in its files, and in other people's comments.

use std::fs;
use std::process::Command;

use crate::disks::STACKS;
use crate::instance::{Instance, changed};
use crate::support::lab::Lab;
use crate::vpc::Vpc;

pub const LEDGER: &str = "var/lib/eniroute/ledger.json";
pub const RECORD: &str = "var/lib/eniroute/metadata.json";
pub const MEMORY: &str = "run/eniroute/metadata.json";

/// `grün` in Latin-1.
const COMMENT: &[u8] = b"# gr\xfcn\n";

pub fn answers(vpc: &Vpc) {
    let dead = vpc
        .inet()
        .ping(&["203.0.113.10", "203.0.113.20", "2001:db8:0:a::200"]);
    assert!(dead.is_empty(), "{dead:?}");
}

fn bytes(instance: &Instance, path: &str) -> Vec<u8> {
    fs::read(instance.root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn write(instance: &Instance, path: &str, bytes: &[u8]) {
    let path = instance.root().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Every file that says in its first line that eniroute wrote it.
pub fn ours(instance: &Instance) -> Vec<String> {
    let out = Command::new("grep")
        .args(["-rl", "^# Written by eniroute", "."])
        .current_dir(instance.root())
        .output();
    let found = String::from_utf8(out.unwrap().stdout).unwrap();
    let mut paths: Vec<_> = found
        .lines()
        .map(|path| path.trim_start_matches("./").to_owned())
        .collect();
    paths.sort();
    paths
}

#[test]
fn what_is_written_down_and_cannot_be_read_is_set_aside_once_and_written_anew() {
    let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
    instance.write("usr/sbin/netplan", "");
    instance.must("apply");
    let whole = |path| bytes(&instance, path);
    let (ledger, memory, record) = (whole(LEDGER), whole(MEMORY), whole(RECORD));
    for (path, text) in [(LEDGER, &ledger), (MEMORY, &memory), (RECORD, &record)] {
        let half = &text[..text.len() / 2];
        let one_byte = [half, b"\xff", &text[text.len() / 2..]].concat();
        for damaged in [
            &one_byte[..],
            half,
            b"",
            b"\0\0\0\0",
            b"\xff\xfe",
            b"null",
            b"[1]\n",
        ] {
            write(&instance, path, damaged);
            let command = if path == MEMORY { "refresh" } else { "apply" };
            let run = instance.eniroute(command);
            assert_eq!(run.code, 0, "{run:?}");
            assert!(run.stderr.contains(&format!("/{path}.bad")), "{run:?}");
            assert_eq!(
                bytes(&instance, &format!("{path}.bad")),
                damaged,
                "a person can look at it"
            );
            answers(&vpc);
            instance.must(command);
            serde_json::from_slice::<serde_json::Value>(&bytes(&instance, path)).unwrap();
        }
    }
}

#[test]
fn a_folder_in_the_place_of_the_ledger_is_set_aside_too() {
    let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
    fs::create_dir_all(instance.root().join(LEDGER)).unwrap();
    let run = instance.eniroute("apply");
    assert!(
        run.code == 0 && run.stderr.contains("ledger.json.bad"),
        "{run:?}"
    );
    answers(&vpc);
    instance.must("apply");
}

#[test]
fn a_removal_goes_on_to_its_end_without_the_ledger() {
    for (name, stack, _) in STACKS {
        let Lab {
            vpc: _vpc,
            instance,
            ..
        } = Lab::in_one_subnet().bare();
        stack
            .iter()
            .for_each(|(path, text)| instance.write(path, text));
        instance.must("apply");
        write(&instance, LEDGER, b"{\"enis\": {\"\xff\": 1}}");
        let run = instance.eniroute("remove");
        assert!(
            run.code == 0 && run.stderr.contains("ledger.json.bad"),
            "{name}: {run:?}"
        );
        assert_eq!(ours(&instance), [""; 0], "{name}");
        assert!(!instance.host.ip("rule").contains("lookup 1000"), "{name}");
        assert!(
            !instance
                .host
                .ip("route show table all")
                .contains("table 1000"),
            "{name}"
        );
        assert!(!instance.has(MEMORY) && !instance.has(LEDGER), "{name}");
        instance.must("remove");
    }
}

#[test]
fn a_file_of_ours_with_a_damaged_byte_is_shown_written_anew_and_removed() {
    for (name, stack, _) in STACKS {
        let Lab {
            vpc: _vpc,
            instance,
            ..
        } = Lab::in_one_subnet().bare();
        stack
            .iter()
            .for_each(|(path, text)| instance.write(path, text));
        instance.must("apply");
        let written = ours(&instance);
        assert!(!written.is_empty(), "{name}");
        for path in &written {
            let whole = bytes(&instance, path);
            write(&instance, path, &[&whole, COMMENT].concat());
            let planned = instance.must("plan");
            assert!(
                planned.contains(&format!("+++ /{path}")) && planned.contains("-# gr\u{fffd}n"),
                "{name}: {planned}"
            );
            instance.must("apply");
            assert_eq!(bytes(&instance, path), whole, "{name}");
            write(&instance, path, &[&whole, COMMENT].concat());
        }
        instance.must("remove");
        assert_eq!(ours(&instance), [""; 0], "{name}");
    }
}

#[test]
fn a_comment_of_somebody_else_s_that_is_no_utf_8_is_passed_over_and_left_as_it_is() {
    for (name, stack, ours_of_eth1) in STACKS {
        let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
        let foreign: Vec<_> = stack
            .iter()
            .map(|(path, text)| (path, [COMMENT, text.as_bytes()].concat()))
            .collect();
        foreign
            .iter()
            .for_each(|(path, bytes)| write(&instance, path, bytes));
        instance.must("apply");
        answers(&vpc);
        let written = ours(&instance);
        assert!(
            written.iter().any(|path| path.contains(ours_of_eth1)),
            "{name}: {written:?}"
        );
        foreign
            .iter()
            .for_each(|(path, text)| assert_eq!(bytes(&instance, path), *text, "{name}"));
        assert!(
            instance.must("apply").starts_with("nothing to do"),
            "{name}"
        );
        let dump = instance.host.dump();
        instance.must("remove");
        assert_ne!(changed(&dump, &instance.host.dump()), [""; 0], "{name}");
        foreign
            .iter()
            .for_each(|(path, text)| assert_eq!(bytes(&instance, path), *text, "{name}"));
    }
}

#[test]
fn a_comment_in_the_configuration_may_be_in_any_encoding_and_a_value_may_not() {
    let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
    write(
        &instance,
        "etc/eniroute.toml",
        &[COMMENT, b"exclude = [\"eth\xfc\"]\n"].concat(),
    );
    let run = instance.eniroute("apply");
    assert!(
        run.code == 2 && run.stderr.contains("etc/eniroute.toml:2: "),
        "{run:?}"
    );
    write(
        &instance,
        "etc/eniroute.toml",
        &[COMMENT, b"main_routes_first = true # gr\xfcn\n"].concat(),
    );
    for command in ["apply --service", "status", "refresh", "apply"] {
        instance.must(command);
    }
    answers(&vpc);
    assert!(
        instance.host.ip("rule").contains("suppress_prefixlength"),
        "{}",
        instance.host.ip("rule")
    );
}
