//! A fresh host of each network stack has nothing to be found: the stacks themselves run, with our files.

use serde_json::Value;

use super::{findings, findings_of};
use crate::consumer::eniroute;
use crate::disks::STACKS;
use crate::instance::Instance;
use crate::networkd::lab::{Lab, Systemd};
use crate::networkd::{CLOUD_INIT_ETH0, ETH, NETWORKD_ETH0, YAML, three_enis};
use crate::vpc::{EniSpec, Vpc};
use crate::{ifupdown, network_manager};

/// Nothing but hints about what EC2 has assigned, which is the same on every stack.
fn quiet(mut findings: Vec<Value>, what: &str) {
    let is_of_ec2 = |finding: &Value| {
        let code = finding["code"].as_str().unwrap();
        finding["severity"] == "hint" && ["A6", "A7", "A8", "L7"].contains(&code)
    };
    findings.retain(|finding| !is_of_ec2(finding));
    assert_eq!(findings, [] as [Value; 0], "{what}");
}

/// A package enables the boot service.
pub fn enable_service(instance: &Instance) {
    let wants = "etc/systemd/system/multi-user.target.wants/eniroute.service";
    instance.write(wants, "");
}

#[test]
fn a_fresh_host_of_netplan_has_no_finding() {
    let lab = three_enis(&[(YAML, CLOUD_INIT_ETH0)], &["eth0"]);
    lab.apply();
    quiet(findings_of(&lab.eniroute("check --json")), "");
}

#[test]
fn a_fresh_host_of_networkd_has_no_finding_whichever_systemd() {
    for systemd in Systemd::ALL {
        let mut lab = Lab::of(systemd, NETWORKD_ETH0);
        lab.attach_eth1();
        lab.attach_eth2();
        lab.boot(&["eth0"]);
        lab.apply();
        quiet(
            findings_of(&lab.eniroute("check --json")),
            &format!("{systemd:?}"),
        );
        lab.power_off();
        lab.boot(&ETH);
        quiet(
            findings_of(&lab.eniroute("check --json")),
            &format!("{systemd:?}, after a boot"),
        );
    }
}

#[test]
fn a_fresh_host_of_networkmanager_has_no_finding() {
    let guest = network_manager::guest();
    enable_service(&guest.instance);
    let _running = guest.network_manager();
    guest.apply("");
    // NetworkManager has the kernel look for duplicates, which takes a while.
    guest.instance.host.settle();
    quiet(findings_of(&eniroute(&guest.instance, "check --json")), "");
}

#[test]
fn a_fresh_host_of_ifupdown_has_no_finding() {
    let guest = ifupdown::guest();
    assert_eq!(eniroute(&guest.instance, "apply").code, 0);
    quiet(findings_of(&eniroute(&guest.instance, "check --json")), "");
}

/// Also of the others, by the look of their disks.
#[test]
fn a_fresh_host_of_any_stack_by_its_disk_has_no_finding() {
    for (name, files, _) in STACKS {
        let mut vpc = Vpc::new();
        let subnet = vpc.subnet("10.0.0.0/20", None);
        vpc.attach(EniSpec::new(subnet, "eth0").ipv4(["10.0.0.10"]));
        vpc.attach(EniSpec::new(subnet, "eth1").ipv4(["10.0.0.20", "10.0.0.21"]));
        let instance = Instance::bare(vpc.guest());
        files
            .iter()
            .for_each(|(path, text)| instance.write(path, text));
        enable_service(&instance);
        instance.must("apply");
        quiet(findings(&instance), name);
    }
}
