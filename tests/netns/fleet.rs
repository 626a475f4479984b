//! contrib/: the Ansible role is run for real against a host in the fake VPC; the other files are read by their own tool
//! where it can be had, and the scripts within them by shellcheck.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::instance::Instance;
use crate::vpc::Vpc;

fn contrib(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("contrib")
        .join(path)
}

/// What it said, where it must succeed.
fn said(command: &mut Command) -> String {
    let out = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: run tests/setup"));
    let text = [out.stdout, out.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(out.status.success(), "{command:?}: {text:?}");
    text.concat()
}

/// A host, and a playbook that gives it the role.
struct Fleet {
    vpc: Vpc,
    instance: Instance,
}

impl Fleet {
    fn new() -> Self {
        let (vpc, instance) = Instance::of_two_enis();
        instance.write(
            "play.yml",
            "- hosts: localhost\n  connection: local\n  gather_facts: false\n  roles: [eniroute]\n",
        );
        Self { vpc, instance }
    }

    /// The playbook, by the controller on the host itself.
    fn play(&self, options: &[&str]) -> Output {
        let root = self.instance.root().display().to_string();
        let variables = serde_json::json!({
            "eniroute_command": [env!("CARGO_BIN_EXE_eniroute"), "--root", &root],
            "eniroute_config": "main_route = false\n",
            "eniroute_config_path": format!("{root}/etc/eniroute.toml"),
        });
        let command = self.instance.host.command("ansible-playbook");
        command
            .args(["-i", "localhost,", "-e", &variables.to_string()])
            .args(options)
            .arg(format!("{root}/play.yml"))
            .env("ANSIBLE_ROLES_PATH", contrib("ansible/roles").display())
            .env("ANSIBLE_LOCAL_TEMP", format!("{root}/tmp"))
            .env("ANSIBLE_REMOTE_TEMP", format!("{root}/tmp"))
            .env("ANSIBLE_NOCOLOR", "1")
            .output()
    }

    /// It must succeed; how many tasks changed something.
    fn changed(&self, options: &[&str]) -> usize {
        let out = self.play(options);
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(out.status.success(), "{text}");
        let (_, rest) = text.rsplit_once("changed=").unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    }
}

#[test]
fn the_ansible_role_says_in_check_mode_what_would_change_and_changes_a_host_once() {
    let fleet = Fleet::new();
    let answers = || fleet.vpc.router().ping(&["10.0.0.20"]).is_empty();
    assert_eq!(fleet.changed(&["--check"]), 2, "configuration and plan");
    assert!(!fleet.instance.has("etc/eniroute.toml") && !answers());
    assert_eq!(fleet.changed(&[]), 2, "configuration and apply");
    assert_eq!(
        fleet.instance.read("etc/eniroute.toml"),
        "main_route = false\n"
    );
    assert!(answers());
    assert_eq!(fleet.changed(&[]), 0);
    assert_eq!(fleet.changed(&["--check"]), 0);
}

#[test]
fn the_ansible_role_fails_where_check_finds_an_error() {
    let fleet = Fleet::new();
    fleet.changed(&[]);
    fleet.instance.host.ip("address add 10.0.0.99/24 dev eth0");
    let out = fleet.play(&[]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(!out.status.success() && text.contains("A2"), "{text}");
    fleet.changed(&["-e", "eniroute_fail_on=never"]);
}

#[test]
fn packer_reads_its_template() {
    const PACKER: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/target/packer-bookworm/usr/bin/packer"
    );
    said(
        Command::new(PACKER)
            .args(["validate", "-syntax-only"])
            .arg(contrib("packer")),
    );
}

#[test]
fn every_yaml_file_is_one_and_its_scripts_are_sound() {
    let read = "import sys, yaml\n\
                def scripts(node):\n\
                \x20   if isinstance(node, dict):\n\
                \x20       for key, value in node.items():\n\
                \x20           if key in ('commands', 'runCommand'): yield '\\n'.join(value)\n\
                \x20           else: yield from scripts(value)\n\
                \x20   elif isinstance(node, list):\n\
                \x20       for value in node: yield from scripts(value)\n\
                print('#!/bin/sh')\n\
                print('\\n'.join(scripts(yaml.safe_load(open(sys.argv[1])))))\n";
    for path in ["ssm/eniroute.yml", "image-builder/eniroute.yml"] {
        let script = said(
            Command::new("/usr/bin/python3")
                .args(["-c", read])
                .arg(contrib(path)),
        );
        assert!(
            script.contains("eniroute check --brief"),
            "{path}: {script}"
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("script");
        fs::write(&file, script).unwrap();
        // What stands in double braces is filled in before a shell reads it.
        said(
            Command::new("shellcheck")
                .args(["--exclude=SC2050,SC2157,SC2194"])
                .arg(&file),
        );
    }
    said(
        Command::new("yamllint")
            .args(["-d", "relaxed", "--no-warnings"])
            .arg(contrib("")),
    );
}
