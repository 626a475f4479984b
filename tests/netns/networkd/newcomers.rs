//! An ENI that is attached later, where a catch-all would have it at once.

use super::lab::{CONFIG, Lab};
use super::{ALL_ETH, Files, NETWORKD_ALL};

#[test]
fn netplan_a_newcomer_waits_for_our_definition_under_a_catch_all() {
    assert_a_newcomer_waits(&[("/etc/netplan/90-default.yaml", ALL_ETH)]);
}

#[test]
fn networkd_a_newcomer_waits_for_our_definition_under_a_catch_all() {
    assert_a_newcomer_waits(NETWORKD_ALL);
}

fn assert_a_newcomer_waits(files: Files) {
    let mut lab = Lab::new(files);
    lab.attach_eth1();
    // To networkd an interface is not called eth0 while any of its names is another.
    lab.guest.sh("ip link property add dev eth0 altname enp0s5");
    lab.boot(&["eth0", "eth1"]);
    lab.guest
        .sh("mount -t tmpfs none /lib/udev/rules.d; touch /lib/udev/rules.d/99-eniroute.rules");
    let lost = lab.under_traffic(|| assert!(lab.apply().contains("networkctl reload")));
    assert_eq!(lost, 0, "{}", lab.log());
    let again = lab.apply();
    assert!(
        !again.contains("ip -") && !again.contains("create") && !again.contains("reload"),
        "{again}"
    );
    lab.attach_eth2();
    lab.until("networkd has looked at eth2", || {
        lab.record("eth2").contains("ADMIN_STATE=unmanaged")
    });
    assert_eq!(
        lab.guest.ip("-4 address show eth2") + &lab.guest.ip("-4 route show dev eth2"),
        ""
    );
    // What is excluded is the catch-all's, as it were without eniroute.
    lab.guest
        .sh(&format!("echo 'exclude = [\"eth2\"]' >{CONFIG}"));
    assert!(lab.apply().contains("networkctl reload"));
    lab.until("the catch-all has eth2", || {
        lab.guest
            .ip("-4 address show eth2")
            .contains("10.1.0.30/20")
    });
    lab.guest.sh(&format!("rm {CONFIG}"));
    let lost = lab.under_traffic(|| assert!(lab.apply().contains("networkctl reload")));
    assert_eq!(lost, 0, "{}", lab.log());
    lab.await_configured("eth2");
    assert!(
        lab.record("eth2").contains("eniroute-eth2.network"),
        "{}",
        lab.record("eth2")
    );
    assert!(!lab.apply().contains("ip -"), "nothing is left to do");
    assert_eq!(lab.eniroute("remove").code, 0);
    assert!(!lab.guest.sh("ls /run/systemd/network").contains("eniroute"));
}
