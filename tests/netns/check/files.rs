//! Files (F): each finding provoked, and gone once it is mended.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::fresh::enable_service;
use super::profiles::under_network_manager;
use super::{assert_rated, findings, findings_of, host, the_only, with_code};
use crate::consumer::eniroute;
use crate::instance::Instance;
use crate::network_manager;
use crate::networkd::lab::Lab;
use crate::networkd::{NETWORKD_ETH0, three_enis};
use crate::vpc::{EniSpec, Vpc};

const YAML: &str = "etc/netplan/60-eniroute-eth1.yaml";

fn chmod(instance: &Instance, path: &str, mode: u32) {
    let path = instance.root().join(path);
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The codes of what is found, each once, but for hints about what EC2 has assigned.
fn codes(findings: &[Value]) -> Vec<&str> {
    let mut codes: Vec<&str> = findings
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect();
    codes.retain(|code| !["A6", "A7", "A8", "L7"].contains(code));
    codes.dedup();
    codes
}

#[test]
fn a_file_that_is_gone_or_lacks_a_line_is_an_error_and_one_with_a_comment_more_a_warning() {
    let (_vpc, instance) = host();
    let text = instance.read(YAML);
    let lacking = text.replace("priority: 10001", "priority: 9");
    let commented = format!("{text}# mine\n");
    for (now, severity) in [
        (None, "error"),
        (Some(&lacking), "error"),
        (Some(&commented), "warning"),
    ] {
        match now {
            Some(text) => instance.write(YAML, text),
            None => fs::remove_file(instance.root().join(YAML)).unwrap(),
        }
        let found = findings(&instance);
        let finding = the_only(&found, "F1");
        assert_eq!(finding["severity"], severity, "{finding:#}");
        assert_eq!(finding["object"], format!("/{YAML}"));
        assert_eq!(
            finding["remedies"],
            json!([{"command": "eniroute apply", "applicability": "safe"}])
        );
        instance.must("apply");
        assert_eq!(findings(&instance), [] as [Value; 0]);
    }
}

#[test]
fn somebody_else_s_file_in_the_place_of_ours_is_found_with_what_it_lacks() {
    let (_vpc, instance) = host();
    instance.write(YAML, "network: {version: 2}\n");
    let found = findings(&instance);
    let finding = the_only(&found, "F1");
    assert_eq!(
        (
            &finding["severity"],
            &finding["remedies"][0]["applicability"]
        ),
        (&json!("error"), &json!("review"))
    );
    let command = finding["remedies"][0]["command"].as_str().unwrap();
    let (moved, _) = command.split_once(" && ").unwrap();
    let root = instance.root().display();
    instance
        .host
        .sh(&moved.replace("/etc/", &format!("{root}/etc/")));
    instance.must("apply");
    assert_eq!(with_code(&findings(&instance), "F1"), [] as [&Value; 0]);
}

#[test]
fn a_definition_that_comes_before_ours_is_named() {
    let (_vpc, instance) = host();
    let unit = "etc/systemd/network/05-mine.network";
    instance.write(unit, "[Match]\nName=eth1\n[Network]\nDHCP=no\n");
    let found = findings(&instance);
    let lost = with_code(&found, "F2");
    let is = format!("eth1 by /{unit}");
    assert!(lost.iter().all(|finding| finding["is"] == is), "{found:#?}");
    assert!(
        lost.iter()
            .any(|finding| finding["object"] == format!("/{YAML}"))
    );
    fs::remove_file(instance.root().join(unit)).unwrap();
    assert_eq!(findings(&instance), [] as [Value; 0]);
}

/// One that comes after ours changes nothing of it.
#[test]
fn a_definition_that_comes_after_ours_is_no_fault() {
    let (_vpc, instance) = host();
    let unit = "etc/systemd/network/90-mine.network";
    instance.write(unit, "[Match]\nName=eth*\n[Network]\nDHCP=no\n");
    assert_eq!(with_code(&findings(&instance), "F2"), [] as [&Value; 0]);
}

#[test]
fn a_keyfile_that_others_may_read_or_that_a_higher_priority_beats_does_not_count() {
    let (guest, _running) = under_network_manager();
    let check = || findings_of(&eniroute(&guest.instance, "check --json"));
    let folder = guest.instance.root().join(network_manager::FOLDER);
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.starts_with("eniroute-"));
    let keyfile = format!("{}/{}", network_manager::FOLDER, names[0]);
    chmod(&guest.instance, &keyfile, 0o644);
    let found = check();
    assert_eq!(the_only(&found, "F2")["object"], format!("/{keyfile}"));
    chmod(&guest.instance, &keyfile, 0o600);

    let rival = format!("{}/mine.nmconnection", network_manager::FOLDER);
    let text = "[connection]\nid=mine\ntype=ethernet\ninterface-name=eth1\nautoconnect-priority=";
    for (priority, severity) in [(200, Some("error")), (100, Some("warning")), (0, None)] {
        guest.instance.write(&rival, &format!("{text}{priority}\n"));
        chmod(&guest.instance, &rival, 0o600);
        let found = check();
        assert_rated(&found, "F2", severity, &format!("{priority}"));
    }
}

#[test]
fn rules_and_routes_that_networkd_would_delete_are_found_unless_it_is_told_not_to() {
    let lab = three_enis(NETWORKD_ETH0, &["eth0"]);
    lab.apply();
    let check = || findings_of(&lab.eniroute("check --json"));
    lab.guest
        .ip("rule add from 192.0.2.1 lookup 77 priority 500");
    lab.guest
        .ip("route add 198.51.100.0/24 via 10.0.0.1 dev eth0");
    let found = check();
    let objects: Vec<&str> = with_code(&found, "F3")
        .iter()
        .map(|one| one["object"].as_str().unwrap())
        .collect();
    assert_eq!(objects.len(), 2, "{found:#?}");
    assert!(
        objects[0].contains("192.0.2.1") && objects[1].contains("198.51.100.0/24"),
        "{objects:?}"
    );
    // As the remedy has it, below /run, which networkd reads, too.
    for finding in with_code(&found, "F3") {
        let command = finding["remedies"][0]["command"].as_str().unwrap();
        lab.guest
            .sh(&command.replace("/etc/systemd", "/run/systemd"));
    }
    assert_eq!(with_code(&check(), "F3"), [] as [&Value; 0]);
}

#[test]
fn what_no_file_holds_is_lost_without_the_boot_service() {
    let mut vpc = Vpc::new();
    let subnet = vpc.subnet("10.0.0.0/20", None);
    vpc.attach(EniSpec::new(subnet, "eth0").ipv4(["10.0.0.10"]));
    vpc.attach(EniSpec::new(subnet, "eth1").ipv4(["10.0.0.20"]));
    let instance = Instance::bare(vpc.guest());
    instance.must("apply");
    let found = findings(&instance);
    assert_eq!(codes(&found), ["F4"], "{found:#?}");
    assert_eq!(the_only(&found, "F4")["severity"], "warning");
    enable_service(&instance);
    assert_eq!(codes(&findings(&instance)), [""; 0]);
}

#[test]
fn a_route_that_somebody_has_added_to_an_eni_s_table_is_lost_unless_a_file_names_it() {
    let (_vpc, instance) = host();
    instance
        .host
        .ip("route add 192.0.2.0/24 via 10.0.1.1 dev eth1 table 10001");
    let found = findings(&instance);
    let finding = the_only(&found, "F4");
    assert!(
        finding["object"].as_str().unwrap().contains("192.0.2.0/24"),
        "{finding:#}"
    );
    let drop_in = "etc/systemd/network/10-netplan-eniroute-eth1.network.d/mine.conf";
    instance.write(
        drop_in,
        "[Route]\nDestination=192.0.2.0/24\nGateway=10.0.1.1\nTable=10001\n",
    );
    assert_eq!(findings(&instance), [] as [Value; 0]);
}

#[test]
fn a_file_that_networkd_has_not_loaded_is_found_until_it_has() {
    let lab = three_enis(NETWORKD_ETH0, &["eth0"]);
    lab.apply();
    let check = |lab: &Lab| findings_of(&lab.eniroute("check --json"));
    lab.guest
        .sh("touch /etc/systemd/network/10-eniroute-eth1.network");
    let found = check(&lab);
    let finding = the_only(&found, "F5");
    assert_eq!(
        (&finding["severity"], &finding["object"]),
        (&json!("hint"), &json!("eth1"))
    );
    assert_eq!(codes(&found), ["F5"]);
    lab.guest.sh("networkctl reload");
    lab.until("networkd has loaded it", || codes(&check(&lab)).is_empty());
}

#[test]
fn a_version_with_a_known_defect_is_named() {
    let (_vpc, instance) = host();
    let status = |version: &str| {
        format!(
            "Package: adduser\nVersion: 1\n\nPackage: netplan.io\nStatus: install ok installed\nVersion: {version}\n"
        )
    };
    for (version, count) in [("1.2-1ubuntu4", 1), ("1.2.1-1", 0), ("0.106-2", 0)] {
        instance.write("var/lib/dpkg/status", &status(version));
        let found = findings(&instance);
        assert_eq!(
            with_code(&found, "F6").len(),
            count,
            "{version}: {found:#?}"
        );
    }
}

#[test]
fn where_another_tool_is_in_charge_the_files_are_its_business() {
    let (_vpc, instance) = host();
    fs::remove_file(instance.root().join(YAML)).unwrap();
    instance.write(
        "etc/systemd/system/timers.target.wants/cloud-netconfig.timer",
        "",
    );
    let found = findings(&instance);
    assert_eq!(codes(&found), ["O1"], "{found:#?}");
}

#[test]
fn files_that_were_not_to_be_written_are_one_finding_once_eniroute_has_made_something() {
    let mut vpc = Vpc::new();
    let subnet = vpc.subnet("10.0.0.0/20", None);
    vpc.attach(EniSpec::new(subnet, "eth0").ipv4(["10.0.0.10"]));
    vpc.attach(EniSpec::new(subnet, "eth1").ipv4(["10.0.0.20"]));
    let instance = Instance::with_netplan(vpc.guest());
    assert_eq!(with_code(&findings(&instance), "F1"), [] as [&Value; 0]);
    instance.must("apply --no-persist");
    let found = findings(&instance);
    assert_eq!(codes(&found), ["F1"], "{found:#?}");
    instance.must("apply");
    assert_eq!(codes(&findings(&instance)), [""; 0]);
}
