//! What is loaded when, decided from files alone. The real netplan and networkd are in the end-to-end tests.

use super::*;
use crate::files::File;
use crate::files::scratch::scratch;

fn create(path: &str, text: &str) -> FileChange {
    FileChange::Create(File {
        path: path.into(),
        mode: 0o644,
        text: text.into(),
    })
}

/// eth1 is cloud-init's; a complete unit is known by its name.
fn units() -> BTreeMap<Dev, String> {
    [("eth1".into(), "10-netplan-ens6.network".to_owned())].into()
}

fn handover<'a>(disk: &'a Disk, units: &'a BTreeMap<Dev, String>) -> Reload<'a> {
    Reload {
        disk,
        units,
        wait: Duration::ZERO,
        changed: BTreeSet::new(),
    }
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn the_primary_s_additions_come_last() {
    let (_root, disk) = scratch(&[]);
    let units = units();
    let handover = handover(&disk, &units);
    for (path, last) in [
        (
            "/etc/systemd/network/10-netplan-eth0.network.d/60-eniroute-eth0.conf",
            true,
        ),
        (
            "/etc/systemd/network/10-netplan-ens6.network.d/60-eniroute-eth1.conf",
            false,
        ),
        (
            "/etc/systemd/network/10-eniroute-eth1.network.d/60-eniroute-eth0.conf",
            false,
        ),
        ("/etc/systemd/network/10-eniroute-eth1.network", false),
        ("/etc/netplan/60-eniroute-eth0.yaml", false),
    ] {
        assert_eq!(handover.comes_last(&create(path, "")), last, "{path}");
    }
}

#[test]
fn a_file_newer_than_networkd_forbids_the_reload_unless_it_is_a_secondary_s() {
    let ours = [
        ("/run/systemd/network/10-netplan-ens6.network", ""),
        ("/run/systemd/network/10-netplan-eniroute-eth2.network", ""),
        (
            "/etc/systemd/network/10-netplan-ens6.network.d/60-eniroute-eth1.conf",
            "",
        ),
        ("/etc/systemd/network/notes.txt", ""),
    ];
    let units = units();
    for (other, named) in [
        ("/run/systemd/network/10-netplan-eth0.network", true),
        (
            "/etc/systemd/network/10-netplan-eth0.network.d/60-eniroute-eth0.conf",
            true,
        ),
        ("/usr/lib/systemd/network/80-x.network", true),
        ("/etc/systemd/network/25-br0.netdev", true),
        ("/etc/systemd/network/99-default.link", false),
    ] {
        let (_root, disk) = scratch(&[&ours[..], &[(other, "")]].concat());
        let why = |started| handover(&disk, &units).obstacle(started).unwrap();
        assert_eq!(why(SystemTime::now() + HOUR), None, "{other}");
        let newer = why(SystemTime::now() - HOUR);
        assert_eq!(
            newer
                .as_ref()
                .is_some_and(|why| why.contains(" is newer than it")),
            named,
            "{other}: {newer:?}"
        );
    }
}

#[test]
fn a_unit_in_use_that_is_gone_forbids_the_reload() {
    let record =
        |unit: &str| format!("ADMIN_STATE=configured\nNETWORK_FILE=/run/systemd/network/{unit}\n");
    let units = units();
    for (unit, expected) in [
        ("10-netplan-eth0.network", true),
        ("10-netplan-eniroute-eth2.network", false),
    ] {
        let (_root, disk) = scratch(&[("/run/systemd/netif/links/2", &record(unit))]);
        let why = handover(&disk, &units)
            .obstacle(SystemTime::now() + HOUR)
            .unwrap();
        assert_eq!(
            why.is_some_and(|why| why.contains("10-netplan-eth0.network")),
            expected,
            "{unit}"
        );
    }
}

#[test]
fn a_program_fails_with_its_own_words_and_ends_by_its_deadline() {
    assert!(command::run("sh", &["-c", "exit 0"], HOUR).is_ok());
    let why = command::run("sh", &["-c", "echo out; echo no >&2; exit 3"], HOUR)
        .unwrap_err()
        .to_string();
    assert_eq!(
        why,
        "sh -c echo out; echo no >&2; exit 3: ended with exit code 3: out\nno"
    );
    let why = command::run("sleep", &["1000"], Duration::from_millis(50))
        .unwrap_err()
        .to_string();
    assert_eq!(
        why,
        "sleep 1000: did not end within 50ms and was killed (--wait bounds it)"
    );
    let why = command::run("eniroute-no-such", &[], HOUR)
        .unwrap_err()
        .to_string();
    assert!(why.starts_with("eniroute-no-such : No such file"), "{why}");
}
