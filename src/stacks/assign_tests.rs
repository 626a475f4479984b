//! Who runs which interface, and what is written on a host with two stacks.

use std::collections::BTreeSet;

use super::*;
use crate::files::{File, FileChange};
use crate::stacks::{
    Rendered, Target, guest, netplan, network_manager, network_scripts, networkd as networkd_stack,
    render,
};

type Files<'a> = &'a [(&'a str, &'a str)];

const NETPLAN: (&str, &str) = ("/usr/sbin/netplan", "");
const CLOUD_INIT: (&str, &str) = (
    "/etc/netplan/50-cloud-init.yaml",
    "network:\n  ethernets:\n    eth0: {dhcp4: true}\n",
);

/// NetworkManager's and networkd's records of eth1, whose index is 3.
const BY_PROFILE: (&str, &str) = (
    "/run/NetworkManager/devices/3",
    "[device]\nmanaged=true\nconnection-uuid=1dd9a779-d327-56e1-8454-c65e2556c12c\n",
);
const MANAGED: (&str, &str) = ("/run/NetworkManager/devices/3", "[device]\nmanaged=true\n");
/// A version that knows every type of route.
const NEW: (&str, &str) = (
    "/usr/lib/x86_64-linux-gnu/NetworkManager/1.42.4/plugin.so",
    "",
);
const UNMANAGED: (&str, &str) = ("/run/NetworkManager/devices/3", "[device]\nmanaged=false\n");
const KEYFILE: (&str, &str) = (
    "/etc/NetworkManager/system-connections/eniroute-eni-1.nmconnection",
    "# Written by eniroute for eni-1 (02:00:00:00:00:02). To opt out: ...\n",
);

/// networkd's record of eth1, and the unit that it names.
fn networkd(unit: &str) -> [(String, String); 2] {
    let path = format!("/run/systemd/network/{unit}");
    let record = format!("ADMIN_STATE=configured\nNETWORK_FILE={path}\n");
    [
        (path, String::new()),
        ("/run/systemd/netif/links/3".to_owned(), record),
    ]
}

fn disk(files: Files) -> (tempfile::TempDir, Disk) {
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
    (root, disk)
}

fn find(files: Files) -> Stacks {
    let (_root, disk) = disk(files);
    Stacks::find(&disk, &guest::desired(), &guest::links()).unwrap()
}

fn names(stacks: &Stacks) -> [String; 3] {
    [guest::primary(), guest::eth1(), guest::eth2()].map(|planned| stacks.of(&planned).to_string())
}

#[test]
fn the_stack_that_runs_an_interface_is_found_by_its_record() {
    let other = networkd("05-vpn.network");
    let theirs = networkd("10-netplan-eth1.network");
    fn with<'a>(
        record: &'a [(String, String); 2],
        more: &[(&'a str, &'a str)],
    ) -> Vec<(&'a str, &'a str)> {
        let record = record
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()));
        record.chain(more.iter().copied()).collect()
    }
    let interfaces = ("/etc/network/interfaces", "");
    let stories = [
        (vec![NETPLAN, CLOUD_INIT], "netplan"),
        (vec![NETPLAN, CLOUD_INIT, BY_PROFILE], "network-manager"),
        (vec![NETPLAN, CLOUD_INIT, MANAGED], "network-manager"),
        (vec![NETPLAN, CLOUD_INIT, UNMANAGED], "netplan"),
        (with(&theirs, &[NETPLAN, CLOUD_INIT]), "netplan"),
        // NetworkManager looks on.
        (with(&theirs, &[NETPLAN, CLOUD_INIT, BY_PROFILE]), "netplan"),
        (with(&other, &[NETPLAN, CLOUD_INIT, BY_PROFILE]), "networkd"),
        (
            with(
                &theirs,
                &[
                    NETPLAN,
                    (
                        "/etc/netplan/01-a.yaml",
                        "network: {renderer: NetworkManager}",
                    ),
                ],
            ),
            "network-manager",
        ),
        (with(&other, &[NETPLAN, CLOUD_INIT]), "networkd"),
        (with(&other, &[NETPLAN, CLOUD_INIT, MANAGED]), "networkd"),
        (with(&other, &[interfaces]), "networkd"),
        (
            vec![
                NETPLAN,
                CLOUD_INIT,
                ("/run/network/ifstate", "lo=lo\neth1=eth1\n"),
            ],
            "ifupdown",
        ),
        (
            vec![
                NETPLAN,
                CLOUD_INIT,
                ("/run/network/ifstate", "lo=lo\neth10=eth10\n"),
            ],
            "netplan",
        ),
    ];
    for (files, expected) in stories {
        let stacks = find(&files);
        assert_eq!(
            names(&stacks)[1],
            expected,
            "{files:?}: {:#?}",
            stacks.reasons
        );
    }
}

#[test]
fn netplan_s_renderer_decides_for_all_or_for_one() {
    let renderer = |text: &str| names(&find(&[NETPLAN, ("/etc/netplan/01-a.yaml", text)]));
    let (netplan, manager) = ("netplan", "network-manager");
    assert_eq!(
        renderer("network: {renderer: NetworkManager}"),
        [manager; 3]
    );
    let one = "network: {ethernets: {eth0: {dhcp4: true}, eth1: {renderer: NetworkManager}}}";
    assert_eq!(renderer(one), [netplan, manager, netplan]);
    let other = "network: {renderer: NetworkManager, ethernets: {eth0: {renderer: networkd}}}";
    assert_eq!(renderer(other), [netplan, manager, manager]);
}

#[test]
fn without_a_record_an_earlier_choice_stands_while_its_stack_is_there() {
    let installed = ("/usr/sbin/NetworkManager", "");
    assert_eq!(
        names(&find(&[NETPLAN, CLOUD_INIT, KEYFILE, installed])),
        ["netplan", "network-manager", "netplan"]
    );
    assert_eq!(
        names(&find(&[NETPLAN, CLOUD_INIT, KEYFILE])),
        ["netplan"; 3]
    );
    let unit = ("/etc/systemd/network/10-eniroute-eth1.network", KEYFILE.1);
    assert_eq!(names(&find(&[NETPLAN, CLOUD_INIT, unit]))[1], "networkd");
    assert_eq!(
        names(&find(&[("/etc/network/interfaces", ""), unit]))[1],
        "ifupdown"
    );
}

#[test]
fn the_backend_flag_holds_for_all_and_the_reasons_name_each_interface() {
    assert_eq!(
        names(&Stacks::from(&networkd_stack::STACK)),
        ["networkd"; 3]
    );
    let stacks = find(&[NETPLAN, CLOUD_INIT, BY_PROFILE]);
    assert_eq!(
        stacks.used(&guest::desired()),
        [&netplan::STACK, &network_manager::STACK]
    );
    assert_eq!(stacks.used(&Desired::default()), [&netplan::STACK]);
    let last = &stacks.reasons[stacks.reasons.len() - 2..];
    assert_eq!(
        last,
        [
            "eth1 is for network-manager: NetworkManager runs it by the profile 1dd9a779-d327-56e1-8454-c65e2556c12c",
            "eth2 is for netplan: no stack has a record of it, and that one configures the host"
        ]
    );
}

/// What is rendered for `enis` on a host with these files.
fn rendered(files: Files, enis: Vec<Planned>) -> Rendered {
    let (_root, disk) = disk(files);
    let desired = Desired {
        enis,
        ..Desired::default()
    };
    let stacks = Stacks::find(&disk, &desired, &guest::links()).unwrap();
    render(
        &Target {
            disk: &disk,
            links: &guest::links(),
        },
        &stacks,
        &desired,
        &BTreeSet::new(),
    )
    .unwrap()
}

fn paths(rendered: &Rendered) -> Vec<&str> {
    rendered
        .wanted
        .iter()
        .map(|file| file.path.to_str().unwrap())
        .collect()
}

const DROP_IN: &str = "/etc/systemd/network/10-netplan-eth0.network.d/60-eniroute-eth0.conf";

#[test]
fn two_stacks_each_get_their_interface_and_one_the_primary_s_rules() {
    let alone = rendered(&[NETPLAN, CLOUD_INIT], guest::desired().enis);
    let mixed = rendered(
        &[NETPLAN, CLOUD_INIT, NEW, BY_PROFILE],
        guest::desired().enis,
    );
    let [rules, eth2] = ["eth0", "eth2"].map(|dev| format!("/etc/netplan/60-eniroute-{dev}.yaml"));
    assert_eq!(paths(&mixed), [DROP_IN, &rules, &eth2, KEYFILE.0]);
    assert_eq!(mixed.wanted[0], alone.wanted[0]);
    assert_eq!(
        mixed.wanted[1].text,
        alone.wanted[1]
            .text
            .replace("eniroute-eth1:", "eniroute-eth2:")
            .replace("00:02", "00:03")
    );
    assert_eq!(mixed.wanted[2], alone.wanted[4]);
    assert!(
        !mixed.wanted[3].text.contains("table 10000"),
        "{}",
        mixed.wanted[3].text
    );
    assert_eq!(
        mixed.definitions,
        [("eth2".into(), "10-netplan-eniroute-eth2.network".to_owned())].into()
    );
    assert_eq!(mixed.notes, [""; 0]);
}

#[test]
fn the_primary_s_rules_go_to_another_stack_where_its_own_has_no_secondary() {
    let mixed = rendered(
        &[NETPLAN, CLOUD_INIT, NEW, BY_PROFILE],
        vec![guest::primary(), guest::eth1()],
    );
    assert_eq!(paths(&mixed), [DROP_IN, KEYFILE.0]);
    assert!(mixed.wanted[1].text.contains(
        "routing-rule4=priority 10000 from 10.0.0.10/32 table 10000\n\
         routing-rule5=priority 10000 from 10.0.0.11/32 table 10000\n"
    ));
    assert_eq!(mixed.notes, [""; 0]);

    let by_manager = ("/run/NetworkManager/devices/2", BY_PROFILE.1);
    let mixed = rendered(
        &[NETPLAN, CLOUD_INIT, by_manager],
        vec![guest::primary(), guest::eth1()],
    );
    let [rules, eth1] = ["eth0", "eth1"].map(|dev| format!("/etc/netplan/60-eniroute-{dev}.yaml"));
    let unit = "/etc/systemd/network/10-netplan-eniroute-eth1.network.d/60-eniroute-eth1.conf";
    assert_eq!(paths(&mixed), [&rules[..], &eth1, unit]);
    assert!(
        mixed.wanted[0]
            .text
            .contains("        - {from: 10.0.0.10, table: 10000, priority: 10000}\n")
    );
    assert!(
        mixed.notes[0].contains("the primary never changes owner"),
        "{:?}",
        mixed.notes
    );
    // The primary's own table is not in a file, so eth1's subnet must not be in main before eniroute runs.
    let text = &mixed.wanted[1].text;
    assert!(
        text.contains("- {to: 0.0.0.0/0, via: 10.0.0.1, metric: 10001"),
        "{text}"
    );
    assert!(
        !text.contains("- {to: 10.0.0.0/20, scope: link, metric: 10001"),
        "{text}"
    );
}

#[test]
fn ifupdown_holds_the_primary_s_rules_in_a_secondary_s_stanza_where_another_stack_runs_the_primary()
{
    let files = [
        NETPLAN,
        CLOUD_INIT,
        (
            "/etc/network/interfaces",
            "source-directory /etc/network/interfaces.d\n",
        ),
        ("/run/network/ifstate", "eth1=eth1\n"),
    ];
    let mixed = rendered(&files, vec![guest::primary(), guest::eth1()]);
    assert_eq!(
        paths(&mixed),
        [DROP_IN, "/etc/network/interfaces.d/60-eniroute-eth1"]
    );
    let text = &mixed.wanted[1].text;
    assert!(
        text.contains(
            "/eth1/address && ip -4 rule add from 10.0.0.10 lookup 10000 priority 10000 protocol static 2>/dev/null || :\n"
        ),
        "{text}"
    );
}

#[test]
fn a_file_of_an_eni_that_changes_its_stack_is_obsolete() {
    let yaml = ("/etc/netplan/60-eniroute-eth1.yaml", KEYFILE.1);
    let mixed = rendered(
        &[NETPLAN, CLOUD_INIT, BY_PROFILE, yaml],
        guest::desired().enis,
    );
    assert_eq!(mixed.obsolete, [std::path::PathBuf::from(yaml.0)]);
}

#[test]
fn what_no_file_holds_is_left_to_the_boot_service_with_its_reason() {
    let catch_all = (
        "/etc/netplan/50-all.yaml",
        "network: {ethernets: {all: {match: {name: 'e*'}, dhcp4: true}}}",
    );
    let rendered = rendered(&[NETPLAN, catch_all], guest::desired().enis);
    assert_eq!(
        rendered.notes,
        [
            "eth0 (eni-0): 1 address, 5 routes are left to the boot service, because no definition is its alone, and the \
             primary never changes owner",
            "eth1 (eni-1), eth2 (eni-2): 2 routes are left to the boot service, because no file holds the primary's own \
             table, without which its answers to these subnets would leave by the wrong ENI"
        ]
    );
}

#[test]
fn where_somebody_else_s_file_takes_the_place_of_the_primary_s_routes_no_subnet_is_in_main() {
    const FOLDER: &str = "/etc/sysconfig/network-scripts";
    let scripts = ("/etc/sysconfig/network-scripts/ifup-eth", "");
    let owner = (&*format!("{FOLDER}/ifcfg-eth0"), "BOOTPROTO=dhcp\n");
    let foreign = (
        &*format!("{FOLDER}/route-eth0"),
        "10.9.0.0/16 via 10.0.0.1\n",
    );
    let route_eth1 = |files: Files| {
        let (_root, disk) = disk(files);
        let (desired, links) = (guest::desired(), guest::links());
        let stacks = Stacks::from(&network_scripts::STACK);
        let rendered = render(
            &Target {
                disk: &disk,
                links: &links,
            },
            &stacks,
            &desired,
            &BTreeSet::new(),
        )
        .unwrap();
        let is_it = |file: &&File| file.path.ends_with("route-eth1");
        let text = rendered.wanted.iter().find(is_it).unwrap().text.clone();
        (text.contains("src 10.0.0.20 metric 10001"), rendered.notes)
    };
    assert_eq!(route_eth1(&[scripts, owner]), (true, Vec::new()));
    let (is_in_main, notes) = route_eth1(&[scripts, owner, foreign]);
    assert!(
        !is_in_main && notes[0].starts_with("eth1 (eni-1), eth2 (eni-2): 2 routes are left to")
    );
    assert!(notes[1].contains("/route-eth0 is a file that eniroute did not write"));
}
