//! An address that EC2 has taken away, and that a file still brings: ours goes, the owner's is told with its place.

use super::lab::{Lab, Systemd};
use super::{NETWORKD_ALL, NETWORKD_ETH0, NOBODY};

const GONE: &str = "10.0.0.21";

fn is_up(lab: &Lab) -> bool {
    lab.guest
        .ip("-4 address show dev eth1")
        .contains(&format!("{GONE}/"))
}

/// The instance was off when it happened, and its ledger is lost, too.
#[test]
fn what_networkd_brings_out_of_our_own_file_goes_with_the_ledger_or_without_it() {
    for (systemd, ledger) in [
        (Systemd::ALL[0], true),
        (Systemd::ALL[0], false),
        (Systemd::ALL[1], false),
    ] {
        let mut lab = Lab::of(systemd, NETWORKD_ALL);
        lab.attach_eth1();
        lab.boot(&["eth0", "eth1"]);
        lab.apply();
        lab.power_off();
        lab.guest.sh("rm -r /run/eniroute");
        if !ledger {
            lab.guest.sh("rm /var/lib/eniroute/ledger.json");
        }
        lab.vpc.unassign(lab.enis[1], GONE);
        lab.boot(&["eth0", "eth1"]);
        assert!(is_up(&lab), "networkd brings it");
        let said = lab.eniroute("apply");
        assert!(!said.stdout.contains("has not assigned"), "{said:#?}");
        assert!(!is_up(&lab), "{systemd:?} {ledger}: {said:#?}");
        let left = format!("grep -r {GONE} /etc/systemd/network || :");
        assert_eq!(lab.guest.sh(&left), "");
        assert!(
            lab.apply().lines().all(|line| !line.contains("ip -")),
            "nothing is left to do"
        );
        assert!(!is_up(&lab));
    }
}

/// Where eniroute has added to the primary's unit, networkd is not asked to reload: it has the old file of the ENI loaded,
/// and brings the address up again with the link.
#[test]
fn what_networkd_brings_again_out_of_a_file_of_ours_that_it_still_has_loaded_goes_at_once() {
    for systemd in Systemd::ALL {
        let mut lab = Lab::of(systemd, NETWORKD_ETH0);
        lab.attach_eth1();
        lab.boot(&["eth0"]);
        lab.apply();
        lab.await_configured("eth1");
        lab.vpc.unassign(lab.enis[1], GONE);
        let said = lab.eniroute("apply -v");
        assert!(said.stderr.contains("was not asked to reload"), "{said:#?}");
        assert!(!is_up(&lab), "{said:#?}");
        lab.guest.ip("link set eth1 down");
        lab.guest.ip("link set eth1 up");
        lab.until("networkd brings it again", || is_up(&lab));
        let said = lab.eniroute("hotplug change --wait 0");
        assert!(!is_up(&lab), "{systemd:?}: {said:#?}");
        let again = lab.apply();
        assert!(
            !again.contains("has not assigned") && !is_up(&lab),
            "{again}"
        );
        // EC2 assigns it anew.
        lab.vpc.assign(lab.enis[1], GONE);
        lab.apply();
        assert!(is_up(&lab));
        assert_eq!(lab.vpc.neighbour(lab.subnets[1]).ping(&[GONE]), NOBODY);
    }
}

/// By a line of the owner's, which only the owner can take away.
#[test]
fn what_the_owner_s_file_brings_is_told_with_its_line_at_each_run_and_once_by_refreshes() {
    let path = "/etc/systemd/network/30-eth1.network";
    let owner = (
        path,
        "[Match]\nName=eth1\n[Network]\nDHCP=ipv4\nAddress=10.0.0.21/20\n",
    );
    let mut lab = Lab::new(&[NETWORKD_ETH0[0], owner]);
    lab.attach_eth1();
    lab.boot(&["eth0", "eth1"]);
    lab.apply();
    lab.vpc.unassign(lab.enis[1], GONE);
    let first = lab.eniroute("refresh");
    let told = format!("eth1 has {GONE}/20, which EC2 has not assigned to it");
    let place =
        format!("take it out of line 5 of {path}, then ip -4 address del {GONE}/20 dev eth1");
    assert!(
        first.stdout.contains(&told) && first.stdout.contains(&place),
        "{first:#?}"
    );
    assert_eq!(lab.eniroute("refresh").stdout, "", "not each minute");
    for command in ["apply", "status"] {
        let said = lab.eniroute(command).stdout;
        assert!(
            said.contains(&told) && said.contains(&place),
            "{command}: {said}"
        );
    }
    assert!(is_up(&lab), "it is the owner's");
    let host = format!("{GONE}/32");
    assert!(
        !lab.guest.ip("-4 address show dev eth1").contains(&host),
        "ours went"
    );
    assert!(!lab.rules().contains(GONE), "{}", lab.rules());
}

/// What says nothing of the ENI takes nothing from it.
#[test]
fn without_metadata_of_the_eni_nothing_of_it_goes() {
    let mut lab = Lab::new(NETWORKD_ALL);
    lab.attach_eth1();
    lab.boot(&["eth0", "eth1"]);
    lab.apply();
    lab.vpc.unassign(lab.enis[1], GONE);
    lab.vpc.imds().fault(crate::vpc::Fault::status_of(
        "06:00:00:00:00:01/subnet-ipv4-cidr-block",
        500,
    ));
    let said = lab.eniroute("apply --wait 0");
    assert!(is_up(&lab), "{said:#?}");
}
