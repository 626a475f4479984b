//! Files (F) of NetworkManager and of network-scripts: another profile than ours, an old version, two files for one
//! interface.

use serde_json::Value;

use super::fresh::enable_service;
use super::{findings, findings_of, remedy, text, the_only, with_code};
use crate::consumer::{eniroute, run};
use crate::instance::Instance;
use crate::network_manager::{self, Guest};
use crate::vpc::{Background, EniSpec, Vpc};

const NONE: [&Value; 0] = [];

/// A host that NetworkManager runs, as a package and `apply` leave it, and the daemon with its bus.
pub fn under_network_manager() -> (Guest, [Background; 2]) {
    let guest = network_manager::guest();
    enable_service(&guest.instance);
    let running = guest.network_manager();
    guest.apply("");
    guest.instance.host.settle();
    (guest, running)
}

#[test]
fn an_interface_that_network_manager_runs_by_another_profile_is_found_until_ours_is_up() {
    let (guest, _running) = under_network_manager();
    let check = || findings_of(&eniroute(&guest.instance, "check --json"));
    assert_eq!(with_code(&check(), "F5"), NONE);
    let add = "nmcli connection add con-name mine type ethernet ifname eth1 ipv4.method manual \
               ipv4.addresses 10.0.0.20/20 autoconnect no";
    run(&guest.instance, add);
    run(&guest.instance, "nmcli connection up mine ifname eth1");
    let found = check();
    let finding = the_only(&found, "F5");
    assert_eq!(
        (text(finding, "severity"), text(finding, "object")),
        ("hint", "eth1")
    );
    run(&guest.instance, &remedy(finding, "review"));
    assert_eq!(with_code(&check(), "F5"), NONE);
}

/// The second ENI has a prefix, so that there are throw routes.
fn with_prefix(files: &[(&str, &str)]) -> (Vpc, Instance) {
    let mut vpc = Vpc::new();
    let (a, b) = (
        vpc.subnet("10.0.0.0/24", None),
        vpc.subnet("10.0.1.0/24", None),
    );
    vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.0.133"]));
    let eth1 = EniSpec::new(b, "eth1").ipv4(["10.0.1.20"]);
    vpc.attach(eth1.prefix4("10.0.1.48/28"));
    let instance = Instance::bare(vpc.guest());
    files
        .iter()
        .for_each(|(path, text)| instance.write(path, text));
    enable_service(&instance);
    instance.eniroute("apply");
    (vpc, instance)
}

#[test]
fn a_network_manager_without_throw_routes_is_named_where_there_are_some() {
    for (version, count) in [
        ("1.30.0-13.el8", 1),
        ("1.35.91", 1),
        ("1.36.0", 0),
        ("1.42.4", 0),
    ] {
        let plugins = format!("usr/lib64/NetworkManager/{version}/plugin");
        let (_vpc, instance) = with_prefix(&[
            ("usr/sbin/NetworkManager", ""),
            ("run/NetworkManager/devices/2", "[device]\nmanaged=true\n"),
            (&plugins, ""),
        ]);
        let found = findings(&instance);
        let of_version = with_code(&found, "F6");
        assert_eq!(of_version.len(), count, "{version}: {found:#?}");
        for finding in of_version {
            assert_eq!(
                (text(finding, "severity"), text(finding, "object")),
                ("warning", "NetworkManager")
            );
        }
    }
}

#[test]
fn two_ifcfg_files_for_one_interface_are_a_warning_until_one_of_them_goes() {
    const FOLDER: &str = "etc/sysconfig/network-scripts";
    let (_vpc, instance) = with_prefix(&[
        (&format!("{FOLDER}/ifup-eth"), ""),
        ("var/lock/subsys/network", ""),
        (
            &format!("{FOLDER}/ifcfg-eth0"),
            "DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\n",
        ),
    ]);
    assert!(instance.has(&format!("{FOLDER}/ifcfg-eth1")));
    assert_eq!(with_code(&findings(&instance), "F2"), NONE);
    let mine = format!("{FOLDER}/ifcfg-mine");
    instance.write(&mine, "DEVICE=eth1\nONBOOT=yes\nBOOTPROTO=dhcp\n");
    let found = findings(&instance);
    let finding = the_only(&found, "F2");
    assert_eq!(text(finding, "severity"), "warning", "{finding:#}");
    assert!(
        remedy(finding, "review").contains("ifcfg-mine"),
        "{finding:#}"
    );
    std::fs::remove_file(instance.root().join(&mine)).unwrap();
    assert_eq!(with_code(&findings(&instance), "F2"), NONE);
}
