//! What the units run: `apply --service`, which stands down in one line where there is nothing to do, and
//! `remove --image`, which clears away what an image of another instance brought along.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::disks::STACKS;
use crate::instance::{Instance, changed};
use crate::support::lab::Lab;
use crate::vpc::{EniSpec, Fault, SubnetId, Vpc};

const MEMORY: &str = "run/eniroute/metadata.json";
const VENDOR: &str = "sys/class/dmi/id/sys_vendor";
const ASSET_TAG: &str = "sys/class/dmi/id/board_asset_tag";
const THIS: &str = "i-0000000000000000a\n";
const OTHER: &str = "i-0000000000000000b\n";

fn netplan(instance: &Instance) {
    instance.write("usr/sbin/netplan", "");
    instance.write(
        "etc/netplan/50-cloud-init.yaml",
        "network: {version: 2, ethernets: {eth0: {dhcp4: true}}}\n",
    );
}

/// It must succeed, say one line that has `words` in it, and change nothing.
fn assert_stands_down(instance: &Instance, arguments: &str, words: &str) {
    let (dump, disk) = (instance.host.dump(), files(instance.root()));
    let said = instance.must(arguments);
    assert!(
        said.lines().count() == 1 && said.contains(words),
        "{arguments}: {said}"
    );
    assert_eq!(
        changed(&dump, &instance.host.dump()),
        [""; 0],
        "{arguments}"
    );
    let mut after = files(instance.root());
    after.remove(Path::new("run/eniroute.lock"));
    assert_eq!(after, disk, "{arguments}");
}

/// Every file with its text.
fn files(root: &Path) -> BTreeMap<PathBuf, String> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(
                    path.strip_prefix(root).unwrap().to_owned(),
                    fs::read_to_string(&path).unwrap(),
                );
            }
        }
    }
    found
}

#[test]
fn off_ec2_the_service_ends_at_once_in_one_line_and_the_metadata_is_not_asked() {
    let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
    netplan(&instance);
    instance.write(VENDOR, "QEMU\n");
    assert_stands_down(
        &instance,
        "apply --service",
        "no EC2 instance (its vendor is QEMU)",
    );
    assert_eq!(vpc.imds().log().len(), 0);
    assert!(
        !instance.has("run/eniroute.lock"),
        "the hot-plug units start only after a run"
    );
    assert_eq!(instance.must("apply --service -q"), "");
    let json = instance.json("apply --service");
    assert!(
        json["notes"][0]
            .as_str()
            .unwrap()
            .contains("no EC2 instance"),
        "{json}"
    );
    // A person may know better.
    instance.must("apply");
    assert!(instance.host.ip("rule").contains("lookup 10001"));
}

#[test]
fn on_ec2_the_service_applies() {
    for vendor in ["Amazon EC2\n", ""] {
        let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
        netplan(&instance);
        instance.write(VENDOR, vendor);
        instance.must("apply --service");
        assert!(
            vpc.inet()
                .ping(&["203.0.113.10", "203.0.113.20"])
                .is_empty(),
            "{vendor}"
        );
        assert!(
            instance.has("etc/netplan/60-eniroute-eth1.yaml"),
            "{vendor}"
        );
    }
}

#[test]
fn who_names_a_metadata_service_says_that_this_is_ec2() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = Lab::in_one_subnet().bare();
    instance.write(VENDOR, "QEMU\n");
    instance.must("apply --service --imds http://169.254.169.254");
    assert!(instance.host.ip("rule").contains("lookup 10001"));
}

#[test]
fn a_metadata_service_that_is_turned_off_is_no_failure_of_the_service() {
    let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
    netplan(&instance);
    instance.write(VENDOR, "Amazon EC2\n");
    vpc.imds().fault(Fault::REFUSE);
    let dump = instance.host.dump();
    let began = Instant::now();
    let said = instance.must("apply --service --wait 1.5");
    let took = began.elapsed();
    assert!(
        said.lines().count() == 1 && said.contains("turned off") && said.contains("refresh"),
        "{said}"
    );
    let is_soon = instance.is_soon(took, Duration::from_secs(4));
    assert!(took >= Duration::from_secs(1) && is_soon, "{took:?}");
    assert_eq!(changed(&dump, &instance.host.dump()), [""; 0]);
    assert!(!instance.has("etc/netplan/60-eniroute-eth1.yaml"));
    assert_eq!(instance.eniroute("apply").code, 4);
    // It is turned on again: the units have stayed on.
    assert!(instance.has(MEMORY));
    assert_eq!(instance.eniroute("refresh").code, 4);
    assert!(instance.has(MEMORY));
    vpc.imds().heal();
    instance.must("refresh");
    all_answer(&vpc);
}

/// The keys without which there is no metadata at all, and the answers that look as if this were no EC2 instance.
const ESSENTIAL: [&str; 3] = ["api/token", "meta-data/mac", "network/interfaces/macs"];
const CLEAR: [u16; 3] = [400, 403, 404];

#[test]
fn an_answer_that_denies_ec2_does_not_end_the_boot_where_the_firmware_says_ec2() {
    let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
    netplan(&instance);
    instance.write(VENDOR, "Amazon EC2\n");
    for what in ESSENTIAL {
        for (status, times) in CLEAR.into_iter().zip([1, 2, 5]) {
            vpc.imds().fault_for(times, Fault::status_of(what, status));
            instance.must("apply --service --wait 20");
            all_answer(&vpc);
            assert!(instance.has(MEMORY), "{what} {status}");
            vpc.imds().heal();
            instance.must("remove");
        }
    }
}

#[test]
fn an_answer_that_denies_ec2_for_all_of_the_boot_leaves_the_rest_to_the_refresh() {
    let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
    netplan(&instance);
    for (what, status) in ESSENTIAL.into_iter().zip(CLEAR) {
        vpc.imds().fault(Fault::status_of(what, status));
        instance.must("apply --service --wait 0.5 --imds http://169.254.169.254");
        assert!(instance.has(MEMORY), "{what} {status}");
        assert_eq!(instance.eniroute("refresh").code, 4, "{what} {status}");
        assert!(instance.has(MEMORY), "{what} {status}");
        vpc.imds().heal();
        instance.must("refresh");
        all_answer(&vpc);
        instance.must("remove");
    }
}

#[test]
fn what_looks_like_somebody_elses_server_ends_the_service_where_nothing_says_ec2() {
    let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
    netplan(&instance);
    for (what, status) in ESSENTIAL.into_iter().zip(CLEAR) {
        vpc.imds().fault(Fault::status_of(what, status));
        assert_stands_down(&instance, "apply --service", "metadata service");
        vpc.imds().heal();
    }
}

#[test]
fn an_answer_that_denies_ec2_costs_a_configured_host_nothing() {
    let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
    netplan(&instance);
    instance.write(VENDOR, "Amazon EC2\n");
    instance.must("apply --service");
    let (dump, memory) = (instance.host.dump(), instance.read(MEMORY));
    for what in ESSENTIAL {
        for status in CLEAR {
            vpc.imds().fault(Fault::status_of(what, status));
            for command in [
                "refresh",
                "hotplug change",
                "hotplug remove eth9",
                "apply --service --wait 0.3",
                "apply",
            ] {
                instance.eniroute(command);
                assert_eq!(
                    changed(&dump, &instance.host.dump()),
                    [""; 0],
                    "{command}: {what} {status}"
                );
                assert!(
                    instance.has("etc/netplan/60-eniroute-eth1.yaml") && instance.has(MEMORY),
                    "{command}"
                );
            }
            vpc.imds().heal();
            instance.must("refresh");
            assert_eq!(instance.read(MEMORY), memory, "{what} {status}");
        }
    }
    all_answer(&vpc);
}

#[test]
fn a_hot_plug_outlasts_an_answer_that_denies_ec2() {
    let Lab {
        mut vpc,
        subnets: [subnet, _],
        instance,
        ..
    } = Lab::in_one_subnet().bare();
    netplan(&instance);
    instance.write(VENDOR, "Amazon EC2\n");
    instance.must("apply --service");
    for (name, (what, status)) in ["eth2", "eth3", "eth4"]
        .iter()
        .zip(ESSENTIAL.into_iter().zip(CLEAR))
    {
        let address = format!("10.0.0.{name}").replace("eth", "3");
        vpc.attach(EniSpec::new(subnet, name).ipv4([&address]));
        vpc.imds().fault_for(3, Fault::status_of(what, status));
        instance.must(&format!("hotplug add {name} --wait 20"));
        assert!(
            vpc.neighbour(subnet).ping(&[&*address]).is_empty(),
            "{what} {status}"
        );
        all_answer(&vpc);
    }
}

fn all_answer(vpc: &Vpc) {
    let dead = vpc
        .inet()
        .ping(&["203.0.113.10", "203.0.113.20", "2001:db8:0:a::200"]);
    assert!(dead.is_empty(), "{dead:?}");
}

/// A container, or a board without DMI, may be on EC2: only its metadata service can tell.
#[test]
fn an_unreachable_metadata_service_is_a_failure_only_where_there_must_be_one() {
    let Lab { vpc, instance, .. } = Lab::in_one_subnet().bare();
    netplan(&instance);
    vpc.imds().fault(Fault::Dead);
    assert_stands_down(&instance, "apply --service --wait 0", "metadata service");
    instance.write(VENDOR, "Amazon EC2\n");
    let run = instance.eniroute("apply --service --wait 0");
    assert!(
        run.code == 4 && !run.stderr.contains("does not look like"),
        "{run:?}"
    );
    instance.write(VENDOR, "QEMU\n");
    let run = instance.eniroute("apply --wait 0");
    assert!(
        run.code == 4
            && run
                .stderr
                .contains("does not look like an EC2 instance: its vendor is QEMU"),
        "{run:?}"
    );
}

/// An instance of this stack on which eniroute has run; and its disk before that.
fn applied(stack: &[(&str, &str)]) -> (Vpc, SubnetId, Instance, BTreeMap<PathBuf, String>) {
    let Lab {
        vpc,
        subnets: [subnet, _],
        instance,
        ..
    } = Lab::in_one_subnet().bare();
    stack
        .iter()
        .for_each(|(path, text)| instance.write(path, text));
    instance.write(ASSET_TAG, THIS);
    let before = files(instance.root());
    instance.must("apply");
    let made = files(instance.root()).len() - before.len();
    assert!(
        made >= 3,
        "a file for eth1, the ledger, the lock: {:#?}",
        files(instance.root())
    );
    // The boot forgets what is in /run.
    fs::remove_file(instance.root().join("run/eniroute.lock")).unwrap();
    fs::remove_dir_all(instance.root().join("run/eniroute")).unwrap();
    (vpc, subnet, instance, before)
}

#[test]
fn an_image_leaves_nothing_on_another_instance_and_apply_starts_from_nothing() {
    for (name, stack, _) in STACKS {
        let (mut vpc, subnet, instance, mut before) = applied(stack);
        let guest = vpc.second_guest("launched");
        let spec = EniSpec::new(subnet, "eth0").on(guest).ipv4(["10.0.0.110"]);
        vpc.attach(spec.public("10.0.0.110", "203.0.113.110"));
        let spec = EniSpec::new(subnet, "eth1").on(guest).ipv4(["10.0.0.120"]);
        vpc.attach(spec.public("10.0.0.120", "203.0.113.120"));
        let instance = instance.image_on(vpc.guest_of(guest));
        instance.write(ASSET_TAG, OTHER);
        before.insert(ASSET_TAG.into(), OTHER.to_owned());

        let asked = vpc.imds().log().len();
        let said = instance.must("remove --image");
        assert!(
            said.lines().count() == 1 && said.contains(THIS.trim()) && said.contains(OTHER.trim()),
            "{said}"
        );
        assert_eq!(
            files(instance.root()),
            before,
            "{name}: nothing of ours is left, nothing foreign is touched"
        );
        assert_eq!(
            vpc.imds().log().len(),
            asked,
            "{name}: there is no network yet"
        );
        assert_eq!(instance.must("remove --image"), "", "{name}");

        instance.must("apply");
        assert!(
            vpc.inet()
                .ping(&["203.0.113.110", "203.0.113.120"])
                .is_empty(),
            "{name}"
        );
        let ours = files(instance.root())
            .into_iter()
            .filter(|(path, _)| !before.contains_key(path));
        let old = ours.filter(|(_, text)| {
            ["10.0.0.10/", "10.0.0.11/", "10.0.0.20", "10.0.0.21"]
                .iter()
                .any(|ip| text.contains(ip))
        });
        assert_eq!(old.count(), 0, "{name}");
    }
}

#[test]
fn the_same_instance_keeps_all_and_nothing_is_said() {
    for (name, stack, _) in STACKS {
        let (_vpc, _, instance, _) = applied(stack);
        let (dump, disk) = (instance.host.dump(), instance.disk_state());
        assert_eq!(instance.must("remove --image"), "", "{name}");
        assert_eq!(instance.disk_state(), disk, "{name}");
        assert_eq!(instance.host.dump(), dump, "{name}");
    }
}

/// No id to compare, and no physical NIC to look at: eniroute.service takes the old files away later, by metadata.
#[test]
fn an_image_is_left_alone_where_the_firmware_does_not_tell_the_instance() {
    let (_vpc, _, instance, _) = applied(STACKS[4].1);
    instance.write(ASSET_TAG, "Not Specified\n");
    let disk = instance.disk_state();
    assert_eq!(instance.must("remove --image"), "");
    assert_eq!(instance.disk_state(), disk);
}
