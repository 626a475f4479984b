//! An owner whose file goes by the name that the NIC gets at the next boot: the boot gives the NIC that name, and the
//! owner's part is there as well as ours.

use super::lab::{Lab, Systemd};
use super::{Files, YAML};

const ETH0: (&str, &str) = (
    "/etc/systemd/network/10-eth0.network",
    "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n",
);

#[test]
fn netplan_a_set_name_that_waits_for_the_boot_keeps_its_owner() {
    let yaml = |matching: &str| {
        format!(
            "network:\n  version: 2\n  ethernets:\n    eth0: {{dhcp4: true}}\n    zlan:\n      match: {{{matching}}}\n      \
             set-name: lan0\n      dhcp4: true\n      dhcp4-overrides: {{route-metric: 2000}}\n      routes: [{{to: 10.77.0.0/16, via: 10.0.0.1, on-link: true}}]\n"
        )
    };
    for systemd in Systemd::ALL {
        for matching in [
            "macaddress: '06:00:00:00:00:01'",
            "name: eth1",
            "name: 'eth[1-9]'",
        ] {
            assert_owner_kept(
                systemd,
                &[(YAML, &yaml(matching))],
                "10-netplan-zlan.network",
            );
        }
    }
}

#[test]
fn a_name_that_a_link_file_gives_at_the_boot_keeps_its_owner() {
    let unit = (
        "/etc/systemd/network/30-lan.network",
        "[Match]\nName=lan0\n[Network]\nDHCP=ipv4\n[DHCPv4]\nRouteMetric=2000\n[Route]\nDestination=10.77.0.0/16\nGateway=10.0.0.1\nGatewayOnLink=yes\n",
    );
    for systemd in Systemd::ALL {
        for matching in ["MACAddress=06:00:00:00:00:01", "OriginalName=eth1"] {
            let link = format!("[Match]\n{matching}\n[Link]\nName=lan0\n");
            let link = ("/etc/systemd/network/10-lan.link", link.as_str());
            assert_owner_kept(systemd, &[ETH0, unit, link], "30-lan.network");
        }
    }
}

fn assert_owner_kept(systemd: Systemd, files: Files, unit: &str) {
    let mut lab = Lab::of(systemd, files);
    lab.attach_eth1();
    lab.boot(&["eth0"]);
    let log = lab.apply();
    let ours = lab
        .guest
        .sh("find /etc/netplan /etc/systemd/network -name '*eniroute*'");
    let whole = ["10-eniroute-eth1.network", "netplan-eniroute"];
    assert!(
        !whole.iter().any(|name| ours.contains(name)),
        "{files:?}: {ours}{log}"
    );
    assert!(!lab.apply().contains("create"), "{files:?}");
    lab.power_off();
    // It is udev's work, and there is none here.
    lab.guest.ip("link set eth1 name lan0");
    lab.boot(&["eth0", "lan0"]);
    assert!(
        lab.loaded("lan0").ends_with(unit),
        "{files:?}: {}",
        lab.loaded("lan0")
    );
    lab.until("the owner's route and our rules are there", || {
        let has = |dump: String, words: &str| dump.contains(words);
        has(lab.guest.ip("route"), "10.77.0.0/16 via 10.0.0.1 dev lan0")
            && has(lab.guest.ip("rule"), "from 10.0.0.21 lookup 10001")
    });
    assert_eq!(
        lab.vpc.inet().ping(&["3.104.193.180"]),
        super::NOBODY,
        "{files:?}"
    );
    lab.apply();
    assert!(!lab.apply().contains("ip -"), "{files:?}");
}
