//! What systemd.network(5) says of each key, against interfaces of an EC2 instance. That the real networkd goes by it is
//! in the end-to-end tests.

use super::*;
use crate::stacks::guest;

fn matching(lines: &str) -> Match {
    let mut matching = Match::default();
    for line in lines.lines() {
        let (key, value) = line.split_once('=').unwrap();
        matching.assign(key, value);
    }
    matching
}

fn nic(number: u32) -> Nic {
    let link = guest::link(number);
    let names = [vec![link.name.to_string()], link.altnames.clone()].concat();
    let properties = vec![
        format!("ID_PATH=pci-0000:00:0{}.0", 5 + number),
        "ID_NET_DRIVER=ena".to_owned(),
    ];
    let driver = Some("ena".into());
    Nic {
        names,
        driver,
        mac: link.eni_mac(),
        properties,
        is_permanent: true,
        ..Nic::default()
    }
}

/// The numbers of the ENIs, of eth0 to eth2, that it is for.
fn found(lines: &str) -> Vec<u32> {
    let matching = matching(lines);
    (0..3)
        .filter(|number| matching.holds(&nic(*number), Some(guest::mac(*number)), false))
        .collect()
}

#[test]
fn repeated_keys_are_one_list_and_an_empty_value_clears_it() {
    for (lines, expected) in [
        ("Name=eth0\nName=eth1", vec![0, 1]),
        ("Name=eth0 eth1\nName=eth2", vec![0, 1, 2]),
        ("Name=eth0\nName=\nName=eth1", vec![1]),
        ("Name=eth0\nName=", vec![0, 1, 2]),
        ("Name=eth*\nName=!ens6", vec![0, 1, 2]),
        ("Name=!eth1 ens6", vec![0, 2]),
        ("Name=!eth1", vec![0, 1, 2]),
        ("Name=eth[01]\nName=!eth1 ens6", vec![0]),
        (
            "MACAddress=02:00:00:00:00:01\nMACAddress=02:00:00:00:00:02",
            vec![0, 1],
        ),
        ("MACAddress=02-00-00-00-00-01 0200.0000.0002", vec![0, 1]),
        (
            "PermanentMACAddress=02:00:00:00:00:01\nPermanentMACAddress=\nPermanentMACAddress=02:00:00:00:00:03",
            vec![2],
        ),
        ("MACAddress=0200.0000.00 nonsense", vec![]),
        ("Path=pci-0000:00:06.0", vec![1]),
        ("Path=pci-*:0[56].0", vec![0, 1]),
        ("Path=!pci-0000:00:06.0", vec![0, 2]),
        ("Path=\"pci-0000:00:06.0\" pci-0000:00:07.0", vec![1, 2]),
        ("Driver=virtio_net\nDriver=en?", vec![0, 1, 2]),
        ("Driver=!ena", vec![]),
        ("Property=ID_NET_DRIVER=ena ID_PATH=*:06.0", vec![1]),
        ("Property=!ID_PATH=*:06.0", vec![0, 2]),
        ("Type=ether\nName=eth1", vec![1]),
        ("Kind=!*\nName=eth1", vec![1]),
        ("Kind=vlan\nName=eth1", vec![]),
        ("KernelCommandLine=x\nName=eth1", vec![]),
    ] {
        assert_eq!(found(lines), expected, "{lines:?}");
    }
}

#[test]
fn only_what_names_one_interface_in_all_of_its_lines_is_for_one() {
    for (lines, one, some) in [
        ("Name=eth1", true, true),
        ("Name=eth1\nName=eth1", true, true),
        ("Name=eth0\nName=eth1", false, true),
        ("Name=eth0 eth1", false, true),
        ("Name=eth0\nName=\nName=eth1", true, true),
        ("Name=eth1\nName=!eth0", true, true),
        ("Name=eth1\nName=e*", false, false),
        ("Name=!eth0", false, false),
        ("Name=eth1\nName=", false, false),
        ("Name=eth0 eth1\nMACAddress=02:00:00:00:00:02", true, true),
        (
            "MACAddress=02:00:00:00:00:aa\nMACAddress=02:00:00:00:00:AA",
            true,
            true,
        ),
        (
            "MACAddress=02:00:00:00:00:01\nMACAddress=02:00:00:00:00:02",
            false,
            true,
        ),
        (
            "PermanentMACAddress=02:00:00:00:00:01 02:00:00:00:00:02",
            false,
            true,
        ),
        ("Path=pci-0000:00:05.0\nPath=pci-0000:00:06.0", false, true),
        ("Path=pci-0000:00:0?.0", false, false),
        ("Driver=ena", false, false),
        ("Property=ID_PATH=pci-0000:00:06.0", false, false),
    ] {
        let matching = matching(lines);
        assert_eq!(
            (matching.is_for_one(), matching.is_for_some()),
            (one, some),
            "{lines:?}"
        );
    }
}

#[test]
fn a_condition_that_cannot_be_told_counts_as_it_is_asked() {
    let matching = matching("Host=elsewhere\nName=eth1");
    assert_eq!(
        [true, false].map(|unknown| matching.holds(&nic(1), nic(1).mac, unknown)),
        [true, false]
    );
    assert!(!matching.holds(&nic(0), nic(0).mac, true));
}
