//! Foreign YAML as it is found on real images.

use super::*;
use crate::files::{File, FileChange};

fn read(files: &[(&str, &str)]) -> Result<Foreign> {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::new(root.path()).unwrap();
    for (path, text) in files {
        let file = File {
            path: path.into(),
            mode: 0o600,
            text: (*text).into(),
        };
        disk.commit(&FileChange::Create(file)).unwrap();
    }
    Foreign::read(&disk)
}

fn one(text: &str) -> Definition {
    let foreign = read(&[("/etc/netplan/50-a.yaml", text)]).unwrap();
    assert_eq!(foreign.definitions.len(), 1, "{foreign:?}");
    foreign.definitions.into_values().next().unwrap()
}

const CLOUD_INIT: &str = r#"# This file is generated from information provided by the datasource.
network:
    ethernets:
        ens5:
            dhcp4: true
            dhcp4-overrides: &overrides
                route-metric: 100
            dhcp6: false
            match:
                macaddress: 06:CE:dd:28:5b:b8
            set-name: ens5
        ens6:
            addresses:
            - 172.31.41.30/20
            dhcp4: true
            dhcp4-overrides: *overrides
            match:
                macaddress: 06:ce:dd:28:5b:b9
            routes:
            -   table: 101
                to: 0.0.0.0/0
                via: 172.31.32.1
            set-name: ens6
    version: 2
"#;

const DEBIAN: &str = "network:\n    version: 2\n    ethernets:\n        all-en:\n            match:\n                \
                      name: en*\n            dhcp4: true\n            dhcp4-overrides:\n                use-domains: true\n";

#[test]
fn cloud_init_s_definitions_are_specific() {
    let foreign = read(&[("/etc/netplan/50-cloud-init.yaml", CLOUD_INIT)]).unwrap();
    let ens6 = &foreign.definitions["ens6"];
    assert_eq!(ens6.mac, Some("06:ce:dd:28:5b:b9".parse().unwrap()));
    assert_eq!(
        (ens6.interface_name(), ens6.is_catch_all()),
        (Some("ens6"), false)
    );
    assert_eq!(
        ["ens5", "ens6"].map(|id| foreign.definitions[id].has_routes),
        [false, true]
    );
    assert_eq!(ens6.file, Path::new("/etc/netplan/50-cloud-init.yaml"));
    assert_eq!(
        foreign.definitions["ens5"].mac,
        Some("06:ce:dd:28:5b:b8".parse().unwrap())
    );
}

#[test]
fn debian_s_default_is_a_catch_all() {
    let all = one(DEBIAN);
    assert_eq!(
        (all.interface_name(), all.is_catch_all()),
        (Some("en*"), true)
    );
}

#[test]
fn what_matches_one_interface_is_no_catch_all() {
    for (definition, catch_all) in [
        ("eth1: {dhcp4: true}", false),
        ("a: {match: {name: eth1}}", false),
        (
            "a: {match: {name: 'e*', macaddress: '06:ce:dd:28:5b:b8'}}",
            false,
        ),
        ("a: {match: {driver: ena}, set-name: eth1}", false),
        ("a: {match: {driver: ena}}", true),
        ("a: {match: {}}", true),
        ("a: {match: {name: 'eth[0-9]'}}", true),
    ] {
        assert_eq!(
            one(&format!("network: {{ethernets: {{{definition}}}}}")).is_catch_all(),
            catch_all,
            "{definition}"
        );
    }
}

#[test]
fn one_id_in_two_files_is_one_definition() {
    let foreign = read(&[
        (
            "/run/netplan/40-late.yaml",
            "network: {ethernets: {a: {set-name: x, routes: [{to: default, via: 10.0.0.1}]}}}",
        ),
        (
            "/etc/netplan/50-b.yaml",
            "network: {ethernets: {a: {set-name: y, renderer: networkd}}}",
        ),
    ])
    .unwrap();
    let a = &foreign.definitions["a"];
    assert_eq!(
        (a.set_name.as_deref(), a.renderer.as_deref(), a.has_routes),
        (Some("y"), Some("networkd"), true)
    );
}

#[test]
fn run_shadows_etc_which_shadows_lib() {
    let yaml = |id: &str| format!("network: {{ethernets: {{{id}: {{}}}}}}");
    let (lib, etc, run) = (yaml("lib"), yaml("etc"), yaml("run"));
    let a = [
        ("/lib/netplan/a.yaml", lib.as_str()),
        ("/etc/netplan/a.yaml", &etc),
        ("/run/netplan/a.yaml", &run),
    ];
    let ids = |files: &[(&str, &str)]| {
        read(files)
            .unwrap()
            .definitions
            .into_keys()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (ids(&a), ids(&a[..2]), ids(&a[..1])),
        (vec!["run".into()], vec!["etc".into()], vec!["lib".into()])
    );
}

#[test]
fn files_of_ours_and_files_that_netplan_does_not_read_are_left_out() {
    let ours =
        "# Written by eniroute for eni-1 (02:00:00:00:00:02).\nnetwork: {ethernets: {ours: {}}}\n";
    let files = [
        ("/etc/netplan/60-e.yaml", ours),
        ("/etc/netplan/a.yml", "network: {ethernets: {b: {}}}"),
        ("/etc/netplan/empty.yaml", ""),
    ];
    assert_eq!(read(&files).unwrap(), Foreign::default());
}

#[test]
fn the_renderer_stands_at_three_places() {
    let renderer = |text: &str| read(&[("/etc/netplan/a.yaml", text)]).unwrap().renderer;
    assert_eq!(
        renderer("network: {renderer: networkd}").as_deref(),
        Some("networkd")
    );
    assert_eq!(
        renderer("network: {ethernets: {renderer: NetworkManager}}").as_deref(),
        Some("NetworkManager")
    );
    assert_eq!(
        one("network: {ethernets: {a: {renderer: networkd}}}")
            .renderer
            .as_deref(),
        Some("networkd")
    );
}

#[test]
fn a_tab_is_an_error_that_names_file_and_line() {
    let why = read(&[(
        "/etc/netplan/50-a.yaml",
        "network:\n  ethernets:\n\ta: {}\n",
    )])
    .unwrap_err()
    .to_string();
    assert!(why.starts_with("/etc/netplan/50-a.yaml: line 3: "), "{why}");
}
