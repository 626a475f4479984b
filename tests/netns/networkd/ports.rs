//! An owner that makes a NIC a port, wants it left alone, or brings it up when it likes: what networkd makes of such
//! words, and that eniroute is not in its way, now and at a boot.

use super::YAML;
use super::lab::{Lab, Systemd};

const ETH0: (&str, &str) = (
    "/etc/systemd/network/10-eth0.network",
    "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n",
);
const UNIT: &str = "/etc/systemd/network/30-eth1.network";
const BRIDGE: &str = "/etc/systemd/network/30-br0.netdev";

fn write(lab: &Lab, path: &str, text: &str) {
    lab.guest.enter(|| std::fs::write(path, text).unwrap());
}

/// eth1 is ours, the primary its owner's, and all is loaded.
fn with_eth1_of_ours(systemd: Systemd, owner: (&str, &str)) -> Lab {
    let mut lab = Lab::of(systemd, &[owner]);
    lab.attach_eth1();
    lab.boot(&["eth0"]);
    lab.apply();
    lab.await_configured("eth1");
    assert!(lab.guest.ip("rule").contains("lookup 10001"));
    lab
}

fn of_eth1(lab: &Lab) -> Vec<String> {
    let is_its = |line: &String| {
        ["10001", "10.0.0.2", ":200/"]
            .iter()
            .any(|word| line.contains(word))
    };
    lab.ours().into_iter().filter(is_its).collect()
}

/// `apply` says `told`, takes all of eth1 away and writes nothing of it.
fn assert_let_go(lab: &Lab, told: &str) {
    let run = lab.eniroute("apply");
    assert!(run.code == 0 && run.stdout.contains(told), "{run:#?}");
    assert_eq!(of_eth1(lab), [""; 0], "{told}");
    let files = lab
        .guest
        .sh("find /etc/netplan /etc/systemd/network -name '*eniroute-eth1*'");
    assert_eq!(files, "", "{told}");
}

fn assert_port_after_a_boot(mut lab: Lab, told: &str) {
    assert_let_go(&lab, told);
    lab.power_off();
    lab.boot(&["eth0"]);
    let link = || lab.guest.ip("-o link show dev eth1");
    lab.until("eth1 is a port of br0", || link().contains("master br0"));
    for command in ["apply", "refresh", "apply"] {
        let run = lab.eniroute(command);
        assert_eq!(run.code, 0, "{run:#?}");
        assert!(
            link().contains("master br0") && link().contains(",UP"),
            "{}",
            link()
        );
        assert_eq!(of_eth1(&lab), [""; 0], "{command}");
    }
    let status = lab.eniroute("status").stdout;
    assert!(
        status.contains("eth1 is left alone: its interface is a port of br0"),
        "{status}"
    );
}

#[test]
fn an_eni_that_becomes_a_port_of_a_bridge_of_networkd_s_is_one_after_the_next_boot() {
    for systemd in Systemd::ALL {
        let lab = with_eth1_of_ours(systemd, ETH0);
        write(&lab, BRIDGE, "[NetDev]\nName=br0\nKind=bridge\n");
        write(&lab, UNIT, "[Match]\nName=eth1\n[Network]\nBridge=br0\n");
        assert_port_after_a_boot(
            lab,
            "its owner makes it a port of br0 (`Bridge=br0` in /etc/systemd/network/30-eth1.network)",
        );
    }
}

#[test]
fn netplan_an_eni_that_becomes_a_port_of_a_bridge_is_one_after_the_next_boot() {
    let eth0 = "network: {version: 2, ethernets: {eth0: {dhcp4: true}}}\n";
    let bridge = "network: {version: 2, ethernets: {eth0: {dhcp4: true}, lan: {match: {macaddress: '06:00:00:00:00:01'}}}, \
                  bridges: {br0: {interfaces: [lan]}}}\n";
    for systemd in Systemd::ALL {
        let lab = with_eth1_of_ours(systemd, (YAML, eth0));
        write(&lab, YAML, bridge);
        assert_port_after_a_boot(
            lab,
            "its owner makes it a port of br0 (`bridges: br0: interfaces: lan` in ",
        );
    }
}

#[test]
fn what_networkd_is_to_leave_alone_or_hold_down_it_does_and_so_do_we() {
    for systemd in Systemd::ALL {
        for (word, is_up) in [
            ("Unmanaged=yes", false),
            ("ActivationPolicy=always-down", false),
        ] {
            let mut lab = with_eth1_of_ours(systemd, ETH0);
            write(&lab, UNIT, &format!("[Match]\nName=eth1\n[Link]\n{word}\n"));
            assert_let_go(
                &lab,
                &format!("its owner wants it left alone (`{word}` in {UNIT})"),
            );
            lab.power_off();
            lab.boot(&["eth0"]);
            for _ in 0..2 {
                assert_let_go(&lab, word);
                lab.guest.sh("networkctl reload");
                let link = lab.guest.ip("-o link show dev eth1");
                assert_eq!(link.contains(",UP"), is_up, "{word}: {link}");
            }
        }
    }
}

#[test]
fn a_link_that_its_owner_brings_up_by_hand_has_what_it_needs_by_our_files_alone() {
    for systemd in Systemd::ALL {
        let unit = (
            UNIT,
            "[Match]\nName=eth1\n[Link]\nActivationPolicy=manual\n[Network]\nLinkLocalAddressing=ipv6\n",
        );
        assert_manual(systemd, &[ETH0, unit]);
        // No unit is eth1's alone: ours, which takes it over, does not bring it up either.
        let all = (
            UNIT,
            "[Match]\nName=eth[1-9]\n[Link]\nActivationPolicy=manual\n",
        );
        assert_manual(systemd, &[ETH0, all]);
        let yaml = "network: {version: 2, ethernets: {eth0: {dhcp4: true}, eth1: {activation-mode: manual}}}\n";
        assert_manual(systemd, &[(YAML, yaml)]);
    }
}

fn assert_manual(systemd: Systemd, files: super::Files) {
    let mut lab = Lab::of(systemd, files);
    lab.attach_eth1();
    lab.boot(&["eth0"]);
    let is_up = |lab: &Lab| lab.guest.ip("-o link show dev eth1").contains(",UP");
    for boot in 0..2 {
        assert!(!is_up(&lab), "{files:?}, boot {boot}");
        for _ in 0..2 {
            let run = lab.eniroute("apply");
            assert!(
                run.code == 0 && run.stdout.contains("its owner alone brings it up ("),
                "{run:#?}"
            );
            assert!(!is_up(&lab), "{files:?}, boot {boot}: {}", lab.log());
        }
        lab.power_off();
        lab.boot(&["eth0"]);
    }
    lab.guest.sh("ip link set eth1 up");
    lab.until("networkd has given eth1 what it needs", || {
        let ours = lab.ours();
        let has = |words: &[&str]| {
            ours.iter()
                .any(|line| words.iter().all(|word| line.contains(word)))
        };
        has(&["from 10.0.0.21 lookup 10001"]) && has(&["default via 10.0.0.1", "table 10001"])
    });
    assert_eq!(
        lab.vpc.inet().ping(&["3.104.193.180"]),
        super::NOBODY,
        "{files:?}"
    );
}
