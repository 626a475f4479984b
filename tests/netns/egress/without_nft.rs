//! The table of nftables cannot be made, or not again: whatever forwards already is switched off, so that no packet leaves
//! with a private address.

use crate::check::{findings, the_only};
use crate::instance::Instance;
use crate::nat::{A, Flow, Lab, S3, SECOND, echo};
use crate::vpc::Host;

const PLACES: &str = "/usr/sbin/nft /usr/bin/nft /sbin/nft";

/// As if the package were not installed.
pub fn hide(host: &Host) {
    host.sh(&format!(
        "for nft in {PLACES}; do [ -e $nft ] && mount --bind /dev/null $nft; done; true"
    ));
}

fn show(host: &Host) {
    host.sh(&format!(
        "for nft in {PLACES}; do umount $nft 2>/dev/null || true; done"
    ));
}

fn forwarding(host: &Host) -> String {
    let keys = ["eth0", "eth1"].map(|dev| format!("/proc/sys/net/ipv4/conf/{dev}/forwarding"));
    host.sh(&format!("cat {}", keys.join(" ")))
        .replace('\n', "")
}

/// What a boot leaves of an earlier run without nft: the settings, by the file in sysctl.d, and no table.
fn booted_without_nft(lab: &Lab) {
    lab.instance.host.sh("nft delete table inet eniroute");
    lab.forget_flows();
    hide(&lab.instance.host);
    assert_eq!(forwarding(&lab.instance.host), "11");
}

#[test]
fn forwarding_that_is_on_goes_off_with_the_table_and_comes_back_with_it() {
    let lab = Lab::new(S3);
    booted_without_nft(&lab);
    let run = lab.instance.eniroute("refresh");
    assert_eq!(lab.seen(&lab.clients[1]), "");
    assert_eq!(lab.vpc.without_public_address(), 0);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("install the package nftables"),
        "{run:?}"
    );
    assert!(
        run.stdout.contains("forwarding was switched off"),
        "{run:?}"
    );
    assert_eq!(forwarding(&lab.instance.host), "00");
    let found = findings(&lab.instance);
    let what = the_only(&found, "N8")["what"].to_string();
    assert!(
        what.contains("nothing is forwarded until it is there"),
        "{what}"
    );
    let run = lab.instance.eniroute("refresh");
    assert!(!run.stdout.contains("switched off"), "once: {run:?}");
    show(&lab.instance.host);
    lab.instance.must("refresh");
    assert_eq!(lab.seen(&lab.clients[1]), SECOND);
    lab.instance.must("remove");
    assert_eq!(forwarding(&lab.instance.host), "00", "as it was before");
}

#[test]
fn the_boot_s_loading_of_the_table_switches_forwarding_off_where_it_fails() {
    let lab = Lab::bare();
    let instance = Instance::with_netplan(lab.vpc.guest());
    instance.write("etc/eniroute.toml", S3);
    instance.must("apply");
    instance.host.sh("nft delete table inet eniroute");
    lab.forget_flows();
    hide(&instance.host);
    let switches = |instance: &Instance| {
        let file = instance.read("etc/sysctl.d/99-zz-eniroute.conf");
        let lines = file.lines().filter(|line| line.contains("/forwarding = 1"));
        lines.count()
    };
    let run = instance.eniroute("egress load");
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(forwarding(&instance.host), "00");
    assert_eq!(lab.seen(&lab.clients[1]), "");
    assert_eq!(lab.vpc.without_public_address(), 0);
    assert_eq!(switches(&instance), 2);
    instance.eniroute("refresh");
    assert_eq!(switches(&instance), 0, "nor does the next boot forward");
    show(&instance.host);
    instance.must("refresh");
    assert_eq!(lab.seen(&lab.clients[1]), SECOND);
    assert_eq!(switches(&instance), 2);
}

#[test]
fn a_table_that_stands_goes_on_working_though_nft_is_gone() {
    let lab = Lab::new(S3);
    echo(&lab.vpc.inet());
    let mut flow = Flow::open(&lab.clients[0]);
    hide(&lab.instance.host);
    let run = lab.instance.eniroute("refresh");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(flow.lives());
    assert_eq!(lab.seen(&lab.clients[1]), SECOND);
    let status = lab.instance.json("status");
    assert_eq!(status["nftables"]["table"], "unseen");
    let first = &status["egress"][1]["addresses"][0];
    assert_eq!(first["listed"], serde_json::json!([A]));
    assert!(first["sent"]["packets"].as_u64().unwrap() > 3, "{first}");
}
