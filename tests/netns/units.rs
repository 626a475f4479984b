//! systemd's own judgement of the units in system/, and what they must have in common. That eniroute can do its work
//! with no more than they allow is shown by the tests of each network stack, which run it by [`confined`].

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use eniroute::stacks::STACKS;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/system");

/// The hardening begins with this line, and ends with the section.
const BEGIN: &str = "# The network, and the files of the network stacks";

fn units(extension: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let units: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    assert!(!units.is_empty());
    units
}

/// Its exit code is 0 for an unknown key, too.
#[test]
fn systemd_has_nothing_to_say_against_the_units() {
    let root = tempfile::tempdir().unwrap();
    let all = ["service", "timer", "socket"].into_iter().flat_map(units);
    for path in all {
        // The program is not installed here.
        let text = fs::read_to_string(&path)
            .unwrap()
            .replace("/usr/sbin/eniroute", env!("CARGO_BIN_EXE_eniroute"));
        // A template is judged by an instance, and no manual page is there.
        let text = text.replace("Documentation=man:eniroute(8)\n", "");
        fs::write(root.path().join(path.file_name().unwrap()), text).unwrap();
    }
    for entry in fs::read_dir(root.path()).unwrap() {
        let unit = entry
            .unwrap()
            .path()
            .display()
            .to_string()
            .replace("@.", "@eth1.");
        let out = Command::new("systemd-analyze")
            .args(["verify", &unit])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stderr), "", "{unit}");
        assert!(out.status.success(), "{unit}");
    }
}

/// Whatever makes a network stack's units of the files, or reads them, comes after an image's files are gone: netplan's
/// generator has a unit of its own since 1.2, which starts before cloud-init.
#[test]
fn an_image_s_files_go_before_anything_reads_them() {
    let unit = fs::read_to_string(Path::new(FOLDER).join("eniroute-image.service")).unwrap();
    let before = unit.lines().filter_map(|line| line.strip_prefix("Before="));
    let before: BTreeSet<&str> = before.flat_map(str::split_whitespace).collect();
    for reader in [
        "netplan-configure.service",
        "cloud-init-local.service",
        "network-pre.target",
        "sysinit.target",
    ] {
        assert!(before.contains(reader), "{reader} in {before:?}");
    }
    // The unit of the newest netplan is called so, and its order does not turn in a circle with ours.
    let theirs = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/target/systemd-forky/usr/lib/systemd/system/netplan-configure.service"
    );
    let theirs = fs::read_to_string(theirs).unwrap_or_else(|e| panic!("{theirs}: {e}"));
    assert!(!theirs.contains("eniroute"), "{theirs}");
    assert!(
        theirs.contains("Before=shutdown.target network-pre.target\n"),
        "{theirs}"
    );
}

#[test]
fn no_unit_is_exposed_by_more_than_2() {
    for unit in units("service") {
        let judge = ["security", "--offline=true", "--threshold=20", "--no-pager"];
        let out = Command::new("systemd-analyze")
            .args(judge)
            .arg(&unit)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned()
            + &String::from_utf8_lossy(&out.stderr);
        assert!(
            out.status.success() && said.contains("Overall exposure level"),
            "{}: {said}",
            unit.display()
        );
    }
}

#[test]
fn all_services_are_hardened_alike() {
    let hardening = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let (_, rest) = text
            .split_once(BEGIN)
            .unwrap_or_else(|| panic!("{}", path.display()));
        rest.split("\n[").next().unwrap().trim_end().to_owned()
    };
    let [first, others @ ..] = &units("service")[..] else {
        panic!()
    };
    others
        .iter()
        .for_each(|other| assert_eq!(hardening(other), hardening(first), "{}", other.display()));
}

/// The values of all lines of `key`, in their order.
fn values(unit: &Path, key: &str) -> Vec<String> {
    let text = fs::read_to_string(unit).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix(key));
    lines
        .flat_map(str::split_whitespace)
        .map(str::to_owned)
        .collect()
}

/// One that is not there is no error, but for those that every host has.
#[test]
fn units_may_write_the_folders_of_our_files_and_nothing_else() {
    let mut folders: BTreeSet<String> = ["/run", "/proc/sys/net", "-/etc/sysctl.d"]
        .map(str::to_owned)
        .into();
    let all = STACKS.iter().flat_map(|stack| stack.folders);
    let on_disk = all.filter(|folder| !folder.starts_with("/run/"));
    folders.extend(on_disk.map(|folder| format!("-{folder}")));
    for unit in units("service") {
        let written: BTreeSet<String> = values(&unit, "ReadWritePaths=").into_iter().collect();
        assert_eq!(written, folders, "{}", unit.display());
    }
}

#[test]
fn units_talk_with_the_metadata_service_and_a_resolver_alone_and_are_bounded() {
    for unit in units("service") {
        assert_eq!(values(&unit, "IPAddressDeny="), ["any"]);
        let imds = ["169.254.169.254", "fd00:ec2::254"];
        let resolvers = ["169.254.169.253", "fd00:ec2::253", "localhost"];
        let vpcs = [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
        ];
        let allowed = [&imds[..], &resolvers, &vpcs].concat();
        assert_eq!(values(&unit, "IPAddressAllow="), allowed);
        assert_eq!(values(&unit, "MemoryMax=").len(), 1);
        assert_eq!(values(&unit, "TasksMax=").len(), 1);
    }
}

/// Also where the first run of a boot was interrupted, and has left no memory.
#[test]
fn what_follows_a_run_starts_after_one_and_after_an_interrupted_one() {
    for unit in [
        "eniroute-refresh.service",
        "eniroute-hotplug@.service",
        "eniroute-detach@.service",
    ] {
        let text = fs::read_to_string(Path::new(FOLDER).join(unit)).unwrap();
        let starts = |there: &[&str]| {
            let root = tempfile::tempdir().unwrap();
            there
                .iter()
                .for_each(|name| fs::write(root.path().join(name), "").unwrap());
            let here = root.path().display().to_string();
            let lines = text.lines().filter(|line| line.starts_with("Condition"));
            let conditions: Vec<String> = lines
                .map(|line| line.replace("/run/eniroute", &here))
                .collect();
            assert!(
                conditions.iter().all(|line| line.contains(&here)) && !conditions.is_empty(),
                "{conditions:?}"
            );
            Command::new("systemd-analyze")
                .arg("condition")
                .args(conditions)
                .output()
                .unwrap()
                .status
                .success()
        };
        assert!(!starts(&[]), "{unit}");
        assert!(
            starts(&["metadata.json"]) && starts(&["unproven.json"]),
            "{unit}"
        );
    }
}
