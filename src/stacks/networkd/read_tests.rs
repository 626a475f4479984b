//! Which file wins, told from the files alone.

use super::*;
use crate::files::{File, FileChange};
use crate::stacks::guest;

fn unit(text: &str) -> Unit {
    let mut unit = Unit::default();
    unit.merge("/etc/systemd/network/x.network".as_ref(), text);
    unit
}

fn eth1() -> Nic {
    let names = vec!["eth1".to_owned(), "ens6".to_owned()];
    Nic {
        names,
        driver: Some("ena".into()),
        is_permanent: true,
        ..Nic::default()
    }
}

#[test]
fn a_match_holds_when_every_condition_does() {
    let mac = guest::mac(1);
    for (text, expected) in [
        ("Name=eth1", true),
        ("Name=ens6", true),
        ("Name=eth0 eth?", true),
        ("Name=!eth0 lo", true),
        // Its other name, ens6, is none of these.
        ("Name=!eth*", true),
        ("Name=!eth* ens6", false),
        ("Driver=ena", true),
        ("Driver=virtio* vif", false),
        ("MACAddress=02:00:00:00:00:01 02:00:00:00:00:02", true),
        ("PermanentMACAddress=02:00:00:00:00:01", false),
        ("Type=ether\nName=e*", true),
        ("Type=wlan\nName=e*", false),
        ("Kind=veth\nName=e*", false),
        ("Kind=!*\nType=ether", true),
        ("Virtualization=container\nName=e*", false),
        ("# Name=nothing", false),
    ] {
        assert_eq!(
            unit(&format!("[Match]\n{text}\n[Network]\nDHCP=yes\n")).matches(&eth1(), mac),
            expected,
            "{text}"
        );
    }
    assert!(
        !unit("[Network]\nDHCP=yes\n").matches(&eth1(), mac),
        "networkd passes over a file without [Match]"
    );
}

#[test]
fn one_name_or_one_mac_is_specific() {
    for (text, expected) in [
        ("Name=eth1", true),
        ("MACAddress=02:00:00:00:00:02", true),
        ("Path=pci-0000:00:06.0", true),
        ("Name=eth1 eth2", false),
        ("Name=!eth1", false),
        ("Name=eth*", false),
        ("Type=ether", false),
        // systemd-imdsd's 85-imds-early.network.
        ("Type=ether\nKind=!*", false),
    ] {
        assert_eq!(
            unit(&format!("[Match]\n{text}\n")).is_specific(),
            expected,
            "{text}"
        );
    }
}

fn nics(units: [Option<&str>; 3]) -> std::collections::BTreeMap<u32, Nic> {
    let nic = |number: u32| Nic {
        names: vec![format!("eth{number}")],
        mac: Some(guest::mac(number)),
        unit: units[number as usize].map(str::to_owned),
        ..Nic::default()
    };
    (0..3).map(|number| (number, nic(number))).collect()
}

#[test]
fn a_unit_is_shared_where_networkd_runs_two_interfaces_by_it_or_would_without_us() {
    let shared = |text: &str, nics: &std::collections::BTreeMap<u32, Nic>| {
        let unit = Unit {
            name: "20-a.network".into(),
            ..unit(text)
        };
        !super::shared([&unit], nics).is_empty()
    };
    let a = Some("20-a.network");
    for (text, chosen, expected) in [
        ("Name=eth0", [a, None, None], false),
        ("Name=eth0", [a, a, None], true),
        (
            "Name=eth0\nName=eth1",
            [a, Some("30-b.network"), None],
            false,
        ),
        (
            "Name=eth0\nName=eth1",
            [a, Some("10-eniroute-eth1.network"), None],
            true,
        ),
        ("Name=eth0\nName=eth1", [None, None, None], true),
        ("Host=elsewhere\nName=e*", [a, None, None], true),
    ] {
        assert_eq!(
            shared(&format!("[Match]\n{text}\n"), &nics(chosen)),
            expected,
            "{text} {chosen:?}"
        );
    }
    let mut vlan = nics([None; 3]);
    let copied = Nic {
        names: vec!["eth1.5".into()],
        mac: Some(guest::mac(1)),
        kind: Some("vlan".into()),
        ..Nic::default()
    };
    vlan.insert(3, copied);
    assert!(
        shared("[Match]\nMACAddress=02:00:00:00:00:02\n", &vlan),
        "a VLAN copies its NIC's address"
    );
    assert!(!shared(
        "[Match]\nPermanentMACAddress=02:00:00:00:00:02\n",
        &vlan
    ));
}

#[test]
fn a_file_that_networkd_refuses_is_none() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::new(root.path()).unwrap();
    for (path, text) in [
        (
            "/etc/systemd/network/50-a.network",
            "[Match]\nName=eth1\n[Network\n",
        ),
        ("/etc/systemd/network/50-b.network", "[Match]\nName=eth0\n"),
        (
            "/etc/systemd/network/50-b.network.d/10-x.conf",
            "[Match]\nName=\nName=eth1 \\\n  eth2\n",
        ),
    ] {
        disk.commit(&FileChange::Create(File {
            path: path.into(),
            mode: 0o644,
            text: text.into(),
        }))
        .unwrap();
    }
    let units = units(&disk).unwrap();
    let found: Vec<_> = units
        .values()
        .map(|unit| (unit.name.as_str(), unit.is_specific()))
        .collect();
    assert_eq!(found, [("50-b.network", false)]);
    assert!(units["50-b.network"].matches(&eth1(), guest::mac(1)));
}

#[test]
fn folders_shadow_one_another_and_drop_ins_count_but_not_ours() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::new(root.path()).unwrap();
    for (path, text) in [
        (
            "/usr/lib/systemd/network/50-a.network",
            "[Match]\nName=lib\n",
        ),
        ("/run/systemd/network/50-a.network", "[Match]\nName=run\n"),
        (
            "/run/systemd/network/50-a.network.d/10-x.conf",
            "[Network]\nDHCP=ipv4\n",
        ),
        (
            "/etc/systemd/network/50-a.network.d/60-eniroute-eth0.conf",
            "# Written by eniroute for e (m)\n[Network]\nDHCP=no\n",
        ),
        (
            "/etc/systemd/network/10-eniroute-eth1.network",
            "# Written by eniroute for e (m)\n[Match]\nName=eth1\n",
        ),
        ("/etc/systemd/network/masked.network", ""),
        ("/etc/systemd/network/note.txt", "[Match]\n"),
    ] {
        disk.commit(&FileChange::Create(File {
            path: path.into(),
            mode: 0o644,
            text: text.into(),
        }))
        .unwrap();
    }
    std::os::unix::fs::symlink(
        "/dev/null",
        root.path().join("etc/systemd/network/90-off.network"),
    )
    .unwrap();
    let units = units(&disk).unwrap();
    let mut expected = unit("[Match]\nName=run\n[Network]\nDHCP=ipv4\n");
    expected.name = "50-a.network".into();
    expected.path = "/run/systemd/network/50-a.network".into();
    assert_eq!(units.get("50-a.network"), Some(&expected));
    assert!(
        !units.contains_key("10-eniroute-eth1.network") && !units.contains_key("90-off.network"),
        "{units:?}"
    );
}
