//! What networkd, or another daemon beside it, drops while it loads our files: it is put back, and is ours from then on.

use super::lab::Lab;
use super::{ALL_ETH, CLOUD_INIT_ETH0, CLOUD_INIT_ETH1, ETH, YAML, three_enis};

/// Something happens while networkd loads our files.
const NETWORKCTL: &str = r#"
cp -L /usr/bin/networkctl /run/bin/real-networkctl
cat >/run/bin/networkctl <<SH
#!/bin/sh
/run/bin/real-networkctl "\$@" || exit \$?
$MEANWHILE
SH
chmod 755 /run/bin/networkctl
mount --bind /run/bin/networkctl /usr/bin/networkctl
"#;

fn meanwhile(lab: &Lab, command: &str) {
    lab.guest
        .sh(&format!("MEANWHILE='{command}'\n{NETWORKCTL}"));
}

#[test]
fn what_is_put_back_after_a_hand_over_is_told_and_goes_at_remove() {
    let lab = three_enis(&[("/etc/netplan/90-default.yaml", ALL_ETH)], &ETH);
    lab.guest
        .ip("address add 10.0.0.11/20 dev eth0 noprefixroute");
    // It was somebody else's, who lets go of it.
    meanwhile(
        &lab,
        "ip address del 10.0.0.11/20 dev eth0 2>/dev/null || :",
    );
    let run = lab.eniroute("apply --json");
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(
        run.stdout
            .contains("ip -4 address replace 10.0.0.11/32 dev eth0"),
        "{}",
        run.stdout
    );
    assert!(lab.guest.ip("address show eth0").contains("10.0.0.11/32"));
    assert_eq!(lab.eniroute("remove").code, 0);
    assert!(
        !lab.guest.ip("address show eth0").contains("10.0.0.11"),
        "{}",
        lab.guest.ip("address show eth0")
    );
}

/// networkd may drop the lease of an ENI that it configures anew, and have it back when eniroute is done.
#[test]
fn what_is_left_to_an_owner_stays_left_to_it_while_its_lease_is_away_for_a_moment() {
    for metric in ["200", "50"] {
        let yaml = format!("{CLOUD_INIT_ETH0}{CLOUD_INIT_ETH1}")
            .replace("route-metric: 200", &format!("route-metric: {metric}"));
        let lab = three_enis(&[(YAML, &yaml)], &["eth0", "eth1"]);
        let defaults = || lab.guest.ip("-4 route show default dev eth1");
        let leased = defaults();
        assert!(
            leased.contains(&format!("proto dhcp src 10.0.0.20 metric {metric}")),
            "{leased}"
        );
        meanwhile(
            &lab,
            &format!(
                "sleep 2; ip route del default dev eth1 proto dhcp metric {metric}; ip address del 10.0.0.20/20 dev eth1"
            ),
        );
        lab.apply();
        let narrow = lab.guest.ip("-4 route show default table 10000");
        assert_eq!(
            narrow.contains("dev eth0"),
            metric == "50",
            "the primary's would leave by eth1: {narrow}"
        );
        assert_eq!(
            defaults(),
            "",
            "the lease is away, and main's default is its"
        );
        lab.guest.ip(&format!(
            "address add 10.0.0.20/20 dev eth1 metric {metric} valid_lft 3000 preferred_lft 3000"
        ));
        lab.guest
            .ip(&format!("route add {} dev eth1", leased.trim()));
        let again = lab.apply();
        assert!(!again.contains("ip -"), "{again}");
        assert_eq!(defaults().lines().count(), 1, "{}", defaults());
    }
}
