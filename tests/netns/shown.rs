//! What is shown of text from outside, field by field: of what eniroute has written down, of the owner's files, of the
//! configuration, of names, of other programs. No control character of any of them reaches a terminal or a log, none of
//! them begins a line of its own, and JSON stays JSON. Metadata, files' names and arguments: `hardened.rs`.

use std::fs;

use crate::damaged::{LEDGER, MEMORY, RECORD};
use crate::hardened::{ACTIVE, assert_quiet};
use crate::instance::{Instance, Run};
use crate::support::lab::Lab;
use crate::vpc::Vpc;

const UNPROVEN: &str = "run/eniroute/unproven.json";

/// What must never stand at the beginning of a line.
const FORGED: &str = "FORGED: all is well";

/// The fields: a name, whether all of them is shown, and how it gets there.
type Field = (&'static str, bool, fn(&Instance));

fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn hostile() -> String {
    format!("x{ACTIVE}\n{FORGED}")
}

/// Replaces what stands there by the hostile text, which is valid JSON again.
fn replace(instance: &Instance, path: &str, pattern: &str) {
    let text = instance.read(path);
    let (before, rest) = text
        .split_once(pattern)
        .unwrap_or_else(|| panic!("{path}: {text}"));
    let (_, after) = rest.split_once('"').unwrap();
    let bare = json(&hostile());
    let bare = bare.trim_matches('"');
    instance.write(path, &format!("{before}{pattern}{bare}\"{after}"));
}

/// An address that no ENI has, which the owner's file brings.
fn owned(instance: &Instance, path: &str, line: &str) {
    instance.host.ip("address add 10.0.0.99/32 dev eth1");
    instance.write(path, &line.replace("ACTIVE", ACTIVE));
}

const FIELDS: &[Field] = &[
    ("a MAC in the ledger", true, |at| {
        replace(at, LEDGER, "\"enis\":{\"")
    }),
    ("an id in the ledger", false, |at| {
        replace(at, LEDGER, "\"id\":\"")
    }),
    ("a name in the ledger", false, |at| {
        replace(at, LEDGER, "\"dev\":\"")
    }),
    ("the ledger's text", false, |at| {
        at.write(LEDGER, &hostile())
    }),
    ("a MAC of the memory", true, |at| {
        replace(at, MEMORY, "\"nics\":{\"")
    }),
    ("an id in the memory", false, |at| {
        replace(at, MEMORY, "\"id\":\"")
    }),
    ("an address in the memory", false, |at| {
        replace(at, MEMORY, "\"ipv4\":[\"")
    }),
    ("what the memory has told", false, |at| {
        at.write(MEMORY, &format!("{{\"told\": [{}]}}", json(&hostile())));
    }),
    ("the memory's text", false, |at| {
        at.write(MEMORY, &hostile())
    }),
    ("a MAC of the record", true, |at| {
        replace(at, RECORD, "\"primary\":\"")
    }),
    ("an id in the record", false, |at| {
        replace(at, RECORD, "\"id\":\"")
    }),
    ("the instance in the record", false, |at| {
        at.write(
            RECORD,
            &format!("{{\"instance\": {}, \"enis\": []}}", json(&hostile())),
        );
    }),
    ("the record's text", false, |at| {
        at.write(RECORD, &hostile())
    }),
    ("what is unproven", false, |at| {
        at.write(UNPROVEN, &hostile())
    }),
    ("a key of what is unproven", false, |at| {
        at.write(UNPROVEN, &format!("{{{}: 1}}", json(&hostile())));
    }),
    ("a line of netplan's", true, |at| {
        owned(
            at,
            "etc/netplan/90-mine.yaml",
            "# ACTIVE\n\n addresses: [10.0.0.99/32] #ACTIVE\n",
        );
    }),
    ("a line of networkd's", true, |at| {
        owned(
            at,
            "etc/systemd/network/30-eth1.network",
            "[Match]\nName=eth1\nAddress=10.0.0.99 #ACTIVE\n",
        );
    }),
    ("a line of NetworkManager's", true, |at| {
        owned(
            at,
            "etc/NetworkManager/system-connections/a.nmconnection",
            "address1=10.0.0.99/32,ACTIVE\n",
        );
    }),
    ("a line of network-scripts'", true, |at| {
        owned(
            at,
            "etc/sysconfig/network-scripts/ifcfg-eth1",
            "IPADDR=10.0.0.99 # ACTIVE\n",
        );
    }),
    ("a line of ifupdown's", true, |at| {
        owned(
            at,
            "etc/network/interfaces",
            "iface eth1 inet static\n address 10.0.0.99 # ACTIVE\n",
        );
    }),
    ("a bridge's name", true, |at| {
        at.write("etc/netplan/50-cloud-init.yaml",
            "network: {version: 2, ethernets: {eth1: {}}, bridges: {\"br\\u001b[31m\\u009b2J\\n\": {interfaces: [eth1]}}}\n");
    }),
    ("the bridge of a unit", true, |at| {
        fs::remove_dir_all(at.root().join("etc/netplan")).unwrap();
        fs::remove_dir_all(at.root().join("usr/sbin")).unwrap();
        at.write("run/systemd/netif/state", "");
        let unit = format!("[Match]\nName=eth1\n[Network]\nBridge=br{ACTIVE}\n");
        at.write("etc/systemd/network/20-eth1.network", &unit);
    }),
    ("an excluded name", true, |at| {
        let name = "x\\u001b[31m\\u0007\\u009b2J\\nFORGED: all is well";
        at.write("etc/eniroute.toml", &format!("exclude = [\"{name}\"]\n"));
    }),
    ("a selector's name", true, |at| {
        let name = "x\\u001b[31m\\u0007\\u009b2J\\nFORGED: all is well";
        at.write(
            "etc/eniroute.toml",
            &format!("[eni.\"{name}\"]\nmtu_internet = 1500\n"),
        );
    }),
    ("an unknown key", true, |at| {
        at.write(
            "etc/eniroute.toml",
            "\"x\\u001b[31m\\u009b2J\\nFORGED: all is well\" = 1\n",
        );
    }),
    ("a value of another type", true, |at| {
        at.write(
            "etc/eniroute.toml",
            "main_route = \"x\\u001b[31m\\u009b2J\\nFORGED: all is well\"\n",
        );
    }),
    ("an altname", false, |at| {
        at.host
            .command("ip")
            .args([
                "link",
                "property",
                "add",
                "dev",
                "eth1",
                "altname",
                &format!("x{ACTIVE}"),
            ])
            .run();
    }),
    ("the vendor of the machine", false, |at| {
        at.write("sys/class/dmi/id/sys_vendor", &hostile());
        at.write("sys/class/dmi/id/board_asset_tag", &hostile());
    }),
    ("a drop-in's name", false, |at| {
        let path = format!("etc/systemd/network/20-eth1.network.d/x{ACTIVE}.conf");
        at.write(&path, "[Network]\nAddress=10.0.0.99/32\n");
        at.host.ip("address add 10.0.0.99/32 dev eth1");
    }),
    ("a setting's file", false, |at| {
        at.write(
            &format!("etc/sysctl.d/x{ACTIVE}.conf"),
            "net.ipv4.ip_forward = 1 \x1b[31m\n",
        );
        at.host.sysctl("net.ipv4.ip_forward", 1);
    }),
];

const COMMANDS: [&str; 12] = [
    "status",
    "status --json",
    "status -v",
    "status 10.0.0.21",
    "plan",
    "check",
    "check --json",
    "check --brief",
    "explain 10.0.0.21",
    "hotplug change --wait 0 -vv",
    "refresh -vv",
    "apply --wait 0 -vv",
];

fn safe(field: &str, command: &str, run: &Run) {
    let said = [&run.stdout, &run.stderr];
    let is_active = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    for text in said {
        assert!(!text.contains(is_active), "{field}, {command}: {text:?}");
        assert!(
            text.lines().all(|line| !line.starts_with(FORGED)),
            "{field}, {command}: {text}"
        );
    }
    if command.ends_with("--json") && !run.stdout.is_empty() {
        serde_json::from_str::<serde_json::Value>(&run.stdout)
            .unwrap_or_else(|error| panic!("{field}, {command}: {error}: {}", run.stdout));
    }
}

fn configured() -> (Vpc, Instance) {
    let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
    instance.write("usr/sbin/netplan", "");
    let yaml = "network: {version: 2, ethernets: {eth0: {dhcp4: true}}}\n";
    instance.write("etc/netplan/50-cloud-init.yaml", yaml);
    instance.must("apply");
    (vpc, instance)
}

fn shows_safely((field, is_shown, prepare): &Field) {
    let (_vpc, instance) = configured();
    prepare(&instance);
    let mut all = String::new();
    for command in COMMANDS.iter().chain(&["remove -vv"]) {
        let run = instance.eniroute(command);
        safe(field, command, &run);
        all += &run.stdout;
        all += &run.stderr;
    }
    assert!(
        !is_shown || all.contains("[31m"),
        "{field} is not shown at all:\n{all}"
    );
}

#[test]
fn what_eniroute_has_written_down_is_escaped_where_it_is_shown() {
    FIELDS[..15].iter().for_each(shows_safely);
}

#[test]
fn what_owners_and_the_configuration_say_is_escaped_where_it_is_shown() {
    FIELDS[15..].iter().for_each(shows_safely);
}

#[test]
fn the_name_of_an_interface_is_escaped_where_it_is_shown() {
    let (_vpc, instance) = configured();
    let name = "x\x1b[31m\u{9b}";
    for words in [
        "link set eth1 down",
        "link set eth1 name NAME",
        "link set NAME up",
    ] {
        let words = words
            .split(' ')
            .map(|word| if word == "NAME" { name } else { word });
        instance.host.command("ip").args(words).run();
    }
    for command in ["status", "status --json", "check", "apply -vv"] {
        assert_quiet(command, &instance.eniroute(command));
    }
    safe("an interface", "remove", &instance.eniroute("remove"));
}

/// What programs and the kernel say comes into errors, of which `report/shown_tests.rs` has every kind.
#[test]
fn a_baseline_is_escaped_where_it_is_shown() {
    let (_vpc, instance) = configured();
    let path = instance.root().join("bad.json");
    fs::write(&path, format!("{{\"x{ACTIVE}\": [}}")).unwrap();
    for command in ["check --baseline", "check --json --baseline"] {
        let run = instance.eniroute(&format!("{command} {}", path.display()));
        safe("a baseline", command, &run);
        assert_eq!(run.code, 2, "{run:?}");
    }
}
