//! The list of stacks, detection, and whose file is whose.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;
use crate::files::{File, FileChange};
use crate::net::Mac;
use crate::net::sysctl::{Key, Sysctl};
use crate::numbering::Owner;
use crate::object::Object;
use crate::plan::Planned;

fn disk(files: &[(&str, &str)]) -> (tempfile::TempDir, Disk) {
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

fn write(disk: &Disk, rendered: &Rendered) -> Vec<String> {
    let changes = disk
        .plan(rendered.wanted.clone(), &rendered.obsolete)
        .unwrap();
    changes
        .iter()
        .for_each(|change| disk.commit(change).unwrap());
    changes.iter().map(ToString::to_string).collect()
}

fn netplan(disk: &Disk, desired: &Desired, keep: &[Mac]) -> Rendered {
    render(
        &Target {
            disk,
            links: &guest::links(),
        },
        &Stacks::from(&netplan::STACK),
        desired,
        &keep.iter().copied().collect(),
    )
    .unwrap()
}

const CLOUD_INIT: (&str, &str) = (
    "/etc/netplan/50-cloud-init.yaml",
    "network:\n  ethernets:\n    eth0: {dhcp4: true}\n",
);

#[test]
fn whatever_files_of_ours_may_do_is_looked_for_where_a_stack_reads() {
    let reads = reads();
    for stack in STACKS {
        for folder in stack.folders {
            assert!(reads.contains(folder), "{stack}: {folder}");
        }
        assert!(!stack.reads.is_empty(), "{stack}");
    }
}

#[test]
fn a_backend_reads_back_from_its_name() {
    for stack in all() {
        assert_eq!(by_name(stack.name), Ok(stack));
    }
    let why = by_name("no-such").unwrap_err();
    assert!(
        why.contains("`no-such`") && why.contains("network-scripts, network-manager"),
        "{why}"
    );
}

#[test]
fn the_stack_is_found_by_what_is_there() {
    let scripts = ("/etc/sysconfig/network-scripts/ifup-eth", "");
    let enabled = [
        ("/etc/rc.d/init.d/network", ""),
        ("/etc/rc.d/rc3.d/S10network", ""),
    ];
    let networkd = ("/run/systemd/netif/state", "");
    let stories: &[(&[(&str, &str)], &'static Stack)] = &[
        (
            &[("/usr/sbin/netplan", ""), CLOUD_INIT, networkd],
            &netplan::STACK,
        ),
        (
            &[("/usr/lib/netplan/generate", ""), networkd],
            &networkd::STACK,
        ),
        (
            &[
                ("/usr/sbin/netplan", ""),
                (
                    "/etc/netplan/60-e.yaml",
                    "# Written by eniroute for e (m)\n",
                ),
            ],
            &NONE,
        ),
        (&[CLOUD_INIT, networkd], &networkd::STACK),
        (&[scripts, enabled[0], enabled[1]], &network_scripts::STACK),
        (
            &[scripts, ("/var/lock/subsys/network", "")],
            &network_scripts::STACK,
        ),
        (&[scripts, enabled[0]], &NONE),
        (
            &[
                scripts,
                enabled[0],
                enabled[1],
                ("/run/NetworkManager/system-connections/x", ""),
            ],
            &network_manager::STACK,
        ),
        (&[("/etc/network/interfaces", "")], &ifupdown::STACK),
        (&[("/etc/os-release", "ID=ubuntu")], &NONE),
    ];
    for (files, backend) in stories {
        let (_root, disk) = disk(files);
        let found = Stacks::detect(&disk).unwrap();
        assert_eq!(
            found.used(&Desired::default()),
            [*backend],
            "{files:?}: {:#?}",
            found.reasons
        );
    }
}

/// Its ifcfg reader drops every route of a profile beside which it finds a rule file.
#[test]
fn no_rule_files_where_networkmanager_reads_the_ifcfg_files() {
    let scripts = ("/etc/sysconfig/network-scripts/ifup-eth", "");
    let profile = (
        "/etc/sysconfig/network-scripts/ifcfg-eth0",
        "DEVICE=eth0\nBOOTPROTO=dhcp\nNM_CONTROLLED=yes\n",
    );
    let traces = [
        "/var/lock/subsys/network",
        "/etc/systemd/system/multi-user.target.wants/network.service",
    ];
    for trace in traces {
        let started = [scripts, profile, (trace, "")];
        let (_root, without) = disk(&started);
        assert_eq!(
            Stacks::detect(&without).unwrap().used(&Desired::default()),
            [&network_scripts::STACK],
            "{trace}"
        );
        let (_root, with) =
            disk(&[&started[..], &[("/run/NetworkManager/resolv.conf", "")]].concat());
        assert_eq!(
            Stacks::detect(&with).unwrap().used(&Desired::default()),
            [&network_manager::STACK],
            "{trace}"
        );
    }
}

#[test]
fn detection_says_what_it_saw_and_what_that_means() {
    let (_root, disk) = disk(&[("/run/NetworkManager/system-connections/x", "")]);
    let reasons = Stacks::detect(&disk).unwrap().reasons;
    assert_eq!(reasons[0], "netplan: not installed");
    assert_eq!(reasons[2], "network-manager: /run/NetworkManager is there");
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    let (_root, disk) = self::disk(&[]);
    let reasons = Stacks::detect(&disk).unwrap().reasons;
    let last = reasons.last().unwrap();
    assert_eq!(reasons.len(), STACKS.len() + 1, "{reasons:?}");
    assert!(
        last.starts_with("no files are written: kernel only"),
        "{reasons:?}"
    );
}

#[test]
fn a_backend_without_a_renderer_writes_and_deletes_nothing() {
    let (_root, disk) = disk(&[(
        "/etc/netplan/60-eniroute-eth1.yaml",
        "# Written by eniroute for e (m)\n",
    )]);
    let rendered = render(
        &Target {
            disk: &disk,
            links: &[],
        },
        &Stacks::from(&NONE),
        &guest::desired(),
        &BTreeSet::new(),
    )
    .unwrap();
    assert!(rendered.wanted.is_empty() && rendered.obsolete.is_empty());
    assert!(
        rendered.notes[0].contains("kernel only"),
        "{:?}",
        rendered.notes
    );
}

#[test]
fn a_whole_definition_has_main_s_routes_also_while_a_dhcp_client_keeps_them() {
    let (_root, disk) = disk(&[(
        "/etc/network/interfaces",
        "source-directory /etc/network/interfaces.d\n",
    )]);
    let mut leased = guest::eth1();
    leased.left_to_owner = leased.routes.drain(..2).collect();
    let alone = leased.without_owner();
    assert_eq!((alone.routes.len(), alone.left_to_owner.len()), (7, 0));
    let wanted = |backend: &'static Stack, planned: &Planned| {
        let desired = Desired {
            enis: vec![planned.clone()],
            ..Desired::default()
        };
        render(
            &Target {
                disk: &disk,
                links: &guest::links(),
            },
            &backend.into(),
            &desired,
            &BTreeSet::new(),
        )
        .unwrap()
        .wanted
    };
    for backend in STACKS.iter().copied() {
        let files = wanted(backend, &leased);
        assert!(!files.is_empty(), "{backend}");
        assert_eq!(files, wanted(backend, &alone), "{backend}");
    }
    disk.commit(&FileChange::Create(File {
        path: "/etc/netplan/50-cloud-init.yaml".into(),
        mode: 0o600,
        text: "network: {ethernets: {eth1: {dhcp4: true}}}".into(),
    }))
    .unwrap();
    let files = wanted(&netplan::STACK, &leased);
    let file = &files[0];
    assert!(
        !file.text.contains("metric: 10001"),
        "the owner stays, and its routes with it: {}",
        file.text
    );
}

#[test]
fn a_second_run_changes_no_file() {
    let (_root, disk) = disk(&[CLOUD_INIT]);
    let written = write(&disk, &netplan(&disk, &guest::desired(), &[]));
    let [eth0, eth1] = [("eth0", "eth0"), ("eniroute-eth1", "eth1")].map(|(id, dev)| {
        format!("create /etc/systemd/network/10-netplan-{id}.network.d/60-eniroute-{dev}.conf")
    });
    let yaml = |n: u8| format!("create /etc/netplan/60-eniroute-eth{n}.yaml");
    assert_eq!(written, [eth0, yaml(0), yaml(1), eth1, yaml(2)]);
    assert_eq!(
        write(&disk, &netplan(&disk, &guest::desired(), &[])),
        [""; 0]
    );
}

#[test]
fn a_detached_eni_s_files_are_obsolete_but_not_those_of_one_whose_metadata_failed() {
    let (_root, disk) = disk(&[CLOUD_INIT]);
    write(&disk, &netplan(&disk, &guest::desired(), &[]));
    let left = Desired {
        enis: vec![guest::primary(), guest::eth1()],
        ..Desired::default()
    };

    assert!(netplan(&disk, &left, &[guest::mac(2)]).obsolete.is_empty());
    assert_eq!(
        netplan(&disk, &left, &[]).obsolete,
        [PathBuf::from("/etc/netplan/60-eniroute-eth2.yaml")]
    );
}

#[test]
fn files_of_another_backend_are_obsolete() {
    let route = "/etc/sysconfig/network-scripts/route-eth1";
    let drop_in = "/etc/systemd/network/10-netplan-x.network.d/60-eniroute.conf";
    let (_root, disk) = disk(&[
        CLOUD_INIT,
        (
            route,
            "# Written by eniroute for eni-1 (02:00:00:00:00:02). To opt out: ...\n",
        ),
        (
            drop_in,
            "# Written by eniroute for eni-1 (02:00:00:00:00:02). To opt out: ...\n",
        ),
        (
            "/etc/systemd/network/10-theirs.network",
            "# Not by eniroute\n",
        ),
    ]);
    let rendered = netplan(&disk, &guest::desired(), &[]);
    assert_eq!(
        rendered.obsolete,
        [PathBuf::from(drop_in), PathBuf::from(route)]
    );
}

#[test]
fn a_masked_unit_and_a_file_that_is_not_text_are_nobody_s_business() {
    let (root, disk) = disk(&[CLOUD_INIT, ("/etc/systemd/network/a.network", "")]);
    let folder = root.path().join("etc/systemd/network");
    std::os::unix::fs::symlink("/dev/null", folder.join("99-default.link")).unwrap();
    std::fs::write(folder.join("a.network"), [0xff, 0xfe, b'\n']).unwrap();
    assert_eq!(own_files(&disk).unwrap(), []);
    assert_eq!(netplan(&disk, &guest::desired(), &[]).wanted.len(), 5);
}

#[test]
fn a_foreign_file_at_our_path_is_left_alone_and_named() {
    let path = "/etc/netplan/60-eniroute-eth1.yaml";
    let (_root, disk) = disk(&[CLOUD_INIT, (path, "network: {version: 2}\n")]);
    let rendered = netplan(&disk, &guest::desired(), &[]);
    let wanted: Vec<_> = rendered
        .wanted
        .iter()
        .map(|file| file.path.to_str().unwrap())
        .collect();
    let drop_in = "/etc/systemd/network/10-netplan-eth0.network.d/60-eniroute-eth0.conf";
    assert_eq!(
        wanted,
        [
            drop_in,
            "/etc/netplan/60-eniroute-eth0.yaml",
            "/etc/systemd/network/10-netplan-eniroute-eth1.network.d/60-eniroute-eth1.conf",
            "/etc/netplan/60-eniroute-eth2.yaml"
        ]
    );
    let [why] = &rendered.notes[..] else {
        panic!("{:?}", rendered.notes)
    };
    assert!(
        why.starts_with(path) && why.contains("move the file away"),
        "{why}"
    );
    assert!(rendered.errors.is_empty() && rendered.obsolete.is_empty());
    assert!(
        !rendered.definitions.contains_key("eth1") && rendered.definitions.contains_key("eth2")
    );
    assert!(rendered.obsolete.is_empty());
}

#[test]
fn a_kept_eni_s_file_stays_even_where_another_eni_has_its_name_now() {
    let (_root, disk) = disk(&[CLOUD_INIT]);
    write(&disk, &netplan(&disk, &guest::desired(), &[]));
    let mut taken = guest::eth1();
    taken.eni.mac = guest::mac(7);
    let rendered = netplan(
        &disk,
        &Desired {
            enis: vec![taken],
            ..Desired::default()
        },
        &[guest::mac(0), guest::mac(1), guest::mac(2)],
    );
    assert!(rendered.wanted.is_empty() && rendered.obsolete.is_empty());
    let unit = "/etc/systemd/network/10-netplan-eniroute-eth1.network.d/60-eniroute-eth1.conf";
    let notes = ["/etc/netplan/60-eniroute-eth1.yaml", unit].map(|path| {
        format!("{path} was left as it is: it belongs to eni-1, whose metadata could not be read")
    });
    assert_eq!(rendered.notes, notes);
}

#[test]
fn the_first_line_names_the_eni_and_the_way_out_and_reads_back() {
    let marker = marker::marker(&guest::eth1());
    assert_eq!(
        marker,
        "# Written by eniroute for eni-1 (02:00:00:00:00:02). To opt out: exclude it in /etc/eniroute.toml, \
         then run: eniroute remove --eni eth1\n"
    );
    let (_root, disk) = disk(&[
        ("/etc/netplan/a", &marker),
        ("/etc/netplan/b", "# Written by eniroute.\n"),
    ]);
    let own = |path: &str, eni: &str, owner| OwnFile {
        path: path.into(),
        eni: eni.into(),
        owner,
    };
    let of_eni = own("/etc/netplan/a", "eni-1", Some(Owner::Eni(guest::mac(1))));
    assert_eq!(
        own_files(&disk).unwrap(),
        [of_eni, own("/etc/netplan/b", "", None)]
    );
}

#[test]
fn the_host_has_a_file_while_something_is_wanted_for_it_and_an_eni_that_is_kept_keeps_none() {
    let (_root, disk) = disk(&[]);
    let forward = Object::from(Sysctl::new(Key::of_host("net/ipv4/ip_forward"), "1"));
    let wanting = Desired {
        host: vec![forward],
        ..Desired::default()
    };
    let keep = BTreeSet::from([guest::mac(1)]);
    let rendered = |desired| {
        render(
            &Target {
                disk: &disk,
                links: &[],
            },
            &Stacks::from(&networkd::STACK),
            desired,
            &keep,
        )
        .unwrap()
    };
    let wanted = rendered(&wanting).wanted;
    assert_eq!(wanted.len(), 1);
    let text = "# Written by eniroute for this host. To take it away: eniroute remove\nnet/ipv4/ip_forward = 1\n";
    assert_eq!(wanted[0].text, text);
    disk.plan(wanted.clone(), &[])
        .unwrap()
        .iter()
        .for_each(|change| disk.commit(change).unwrap());
    assert_eq!(own_files(&disk).unwrap()[0].owner, Some(Owner::Host));
    assert_eq!(rendered(&wanting).wanted, wanted);
    assert_eq!(
        rendered(&Desired::default()).obsolete,
        [wanted[0].path.clone()]
    );
    let without = render(
        &Target {
            disk: &disk,
            links: &[],
        },
        &Stacks::from(&NONE),
        &wanting,
        &keep,
    )
    .unwrap();
    assert_eq!((without.wanted, without.obsolete), (vec![], vec![]));
}

#[test]
fn another_root_is_nobody_s_running_host() {
    let (_root, disk) = disk(&[]);
    let file = File {
        path: "/etc/netplan/60-eniroute-eth1.yaml".into(),
        mode: 0o600,
        text: "not: [netplan".into(),
    };
    let changes = Changes {
        files: vec![FileChange::Create(file)],
        ..Changes::default()
    };
    let (desired, wait) = (guest::desired(), std::time::Duration::from_secs(3600));
    let about = HandOver {
        disk: &disk,
        changes: &changes,
        desired: &desired,
        links: &[],
        wait,
    };
    assert!(prepare(&about).unwrap().is_empty());
}
