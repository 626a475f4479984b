//! A run that is killed, or refused by the disk, while systemd-networkd runs and has loaded half of what the run wrote:
//! the matrices in tests/soak have no daemon. Afterwards the primary answers, the next run ends where an undisturbed one
//! ends, and so does networkd's next start.

use super::lab::Lab;
use super::{NETWORKD_ETH0, NOBODY};

/// The call at which it ends, and the how-manieth of its thread's: the kernel's changes, the mark of them, the files, then
/// what comes after networkd has loaded them. Where the disk refuses a secondary ENI's file, the primary's is there first,
/// and networkd loads both at its next start only.
const POINTS: [&str; 9] = [
    "sendto:signal=KILL:when=17",
    "sendto:signal=KILL:when=19",
    "fsync:signal=KILL:when=2",
    "/^rename:signal=KILL:when=2",
    "/^rename:signal=KILL:when=4",
    "/^rename:signal=KILL:when=6",
    "/^rename:error=ENOSPC:when=4+",
    "fsync:error=EIO:when=3",
    "fsync:error=EIO:when=8",
];

fn lab() -> Lab {
    let mut lab = Lab::new(NETWORKD_ETH0);
    lab.attach_eth1();
    lab.boot(&["eth0"]);
    lab
}

fn pinged(lab: &mut Lab, addresses: &[&str], when: &str) {
    for subnet in lab.subnets {
        let dead = lab.vpc.neighbour(subnet).ping(addresses);
        assert_eq!(dead, NOBODY, "{when}");
    }
}

#[test]
fn a_run_that_ends_half_way_under_networkd_is_made_good_by_the_next_one() {
    let undisturbed = lab();
    undisturbed.apply();
    undisturbed.await_configured("eth1");
    let wanted = undisturbed.ours();
    drop(undisturbed);
    for point in POINTS {
        let mut lab = lab();
        let strace = lab.guest.command("strace");
        let inject = format!("inject={point}");
        let words = ["-f", "-qq", "-o", "/dev/null", "-e", &inject];
        let ended = strace
            .args(words)
            .args([env!("CARGO_BIN_EXE_eniroute"), "apply"])
            .output();
        assert!(!ended.status.success(), "{point}: {ended:#?}");
        pinged(&mut lab, &["10.0.0.10"], point);
        lab.apply();
        lab.await_configured("eth1");
        assert_eq!(lab.ours(), wanted, "{point}");
        pinged(
            &mut lab,
            &["10.0.0.10", "10.0.0.11", "10.0.0.20", "10.0.0.21"],
            point,
        );
        let said = lab.eniroute("apply");
        assert!(
            said.stdout.starts_with("nothing to do"),
            "{point}: {said:#?}"
        );
        lab.restart();
        ["eth0", "eth1"]
            .iter()
            .for_each(|dev| lab.await_configured(dev));
        lab.eniroute("hotplug change --wait 0");
        assert_eq!(lab.ours(), wanted, "{point}, after networkd's next start");
    }
}
