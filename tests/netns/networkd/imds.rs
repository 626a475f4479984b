//! systemd-imdsd (systemd 261 and later), the distribution's own: its unit for the early boot takes every Ethernet NIC, and
//! where it is `locked`, a route of its keeps the metadata service from all but itself.

use super::NOBODY;
use super::lab::{Lab, Systemd};

const UNIT: &str = "/run/systemd/network/85-imds-early.network";

/// The unit as systemd-imdsd makes it on EC2. But a veth is of a kind, as no NIC of EC2's is.
fn early(lab: &Lab, mode: &str) {
    let tree = concat!(env!("CARGO_MANIFEST_DIR"), "/target/systemd-forky");
    let libraries = format!("{tree}/usr/lib/x86_64-linux-gnu");
    let service = "http://169.254.169.254/latest";
    lab.guest.sh(&format!(
        "SYSTEMD_PROC_CMDLINE=systemd.imds.network={mode} {tree}/usr/lib64/ld-linux-x86-64.so.2 \
         --library-path {libraries}:{libraries}/systemd {tree}/usr/lib/systemd/systemd-imdsd --setup-network \
         --vendor=amazon-ec2 --token-url={service}/api/token --data-url={service} \
         --refresh-header-name=X-aws-ec2-metadata-token-ttl-seconds --token-header-name=X-aws-ec2-metadata-token \
         --address-ipv4=169.254.169.254 --address-ipv6=fd00:ec2::254
         grep -qx 'Kind=!\\*' {UNIT}
         sed -i '/^Kind=/d' {UNIT}"
    ));
}

#[test]
fn its_early_unit_is_a_catch_all_and_locked_metadata_is_reached_by_the_device() {
    for mode in ["unlocked", "locked"] {
        let mut lab = Lab::of(Systemd::Of("forky"), &[]);
        early(&lab, mode);
        // Debian's systemd sets no rp_filter. With one, no answer of a service whose route refuses is taken.
        lab.guest.sysctl("net.ipv4.conf.default.rp_filter", 0);
        lab.guest.sysctl("net.ipv4.conf.eth0.rp_filter", 0);
        lab.attach_eth1();
        lab.boot(&["eth0", "eth1"]);
        let way = lab
            .guest
            .command("ip")
            .args(["route", "get", "169.254.169.254"]);
        assert_eq!(way.output().status.success(), mode == "unlocked");
        assert!(lab.loaded("eth1").contains("85-imds-early.network"));
        lab.apply();
        // The secondary has a unit of its own, and nothing is added to the one of all.
        assert!(
            lab.loaded("eth1").contains("10-eniroute-eth1.network"),
            "{mode}"
        );
        assert!(
            lab.loaded("eth0").contains("85-imds-early.network"),
            "{mode}"
        );
        for folder in ["/etc/systemd/network", "/run/systemd/network"] {
            assert!(!lab.has(&format!("{folder}/85-imds-early.network.d")));
        }
        let answers = || lab.vpc.inet().ping(&["54.178.213.178", "3.104.193.180"]);
        assert_eq!(answers(), NOBODY, "{mode}");
        for command in ["apply", "refresh"] {
            let run = lab.eniroute(command);
            assert_eq!(run.code, 0, "{mode}: {run:?}");
            assert!(!run.stdout.contains("kernel:"), "{mode}: {run:?}");
        }
        assert!(
            lab.rules().contains("fwmark 0x7fff0815 lookup 2147420181"),
            "{}",
            lab.rules()
        );
        let removed = lab.eniroute("remove");
        assert_eq!(removed.code, 0, "{removed:?}");
        assert!(
            lab.rules().contains("fwmark 0x7fff0815"),
            "theirs: {}",
            lab.rules()
        );
    }
}
