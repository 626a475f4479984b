//! What networkd *has loaded* once eniroute has handed the files over, as networkctl and the kernel tell it: with a
//! systemd before and one after 254, since when networkctl does nothing and succeeds where `SYSTEMD_OFFLINE` is set.

use std::time::{Duration, Instant};

use super::lab::{Lab, Systemd};
use super::{
    ALL_ETH, CLOUD_INIT_ETH0, CLOUD_INIT_ETH1, Files, NETWORKD_ALL, NETWORKD_ETH0, NOBODY, YAML,
};

#[test]
fn networkd_has_loaded_our_units_beside_a_file_of_the_primary_s_when_apply_ends() {
    Systemd::ALL
        .iter()
        .for_each(|systemd| assert_loaded(*systemd, NETWORKD_ETH0));
}

#[test]
fn networkd_has_loaded_our_units_under_a_catch_all_when_apply_ends() {
    Systemd::ALL
        .iter()
        .for_each(|systemd| assert_loaded(*systemd, NETWORKD_ALL));
}

#[test]
fn networkd_has_loaded_netplan_s_units_when_apply_ends() {
    Systemd::ALL
        .iter()
        .for_each(|systemd| assert_loaded(*systemd, &[(YAML, CLOUD_INIT_ETH0)]));
}

/// Newer ones name them in their record (NETWORK_FILE_DROPINS) and by networkctl; of any, the kernel shows what it has.
#[test]
fn networkd_has_loaded_the_drop_ins_beside_an_owner_s_unit_when_apply_ends() {
    let owned = format!("{CLOUD_INIT_ETH0}{CLOUD_INIT_ETH1}");
    for systemd in Systemd::ALL {
        let mut lab = Lab::of(systemd, &[(YAML, &owned)]);
        lab.attach_eth1();
        lab.boot(&["eth0", "eth1"]);
        lab.apply();
        lab.until("networkd is done", || {
            lab.record("eth1").contains("ADMIN_STATE=configured")
        });
        let drop_in = "/etc/systemd/network/10-netplan-eth1.network.d/60-eniroute-eth1.conf";
        assert!(lab.has(drop_in), "{systemd:?}");
        assert_accepted(&lab);
        let record = lab.record("eth1");
        if systemd != Systemd::Installed {
            let status = lab.status("eth1");
            assert!(status.contains(drop_in), "{systemd:?}: {status}");
        }
        let mut named = record.lines();
        let named = named.find(|line| line.starts_with("NETWORK_FILE_DROPINS="));
        assert!(
            named.is_none_or(|line| line.contains(drop_in)),
            "{systemd:?}: {record}"
        );
        lab.guest.ip("link set eth1 down");
        lab.guest.ip("link set eth1 up");
        lab.until("networkd puts the subnet's route back", || {
            let table = lab.guest.ip("-6 route show table 10001");
            table.contains("2001:db8:0:a::/64")
        });
    }
}

fn assert_loaded(systemd: Systemd, files: Files) {
    let mut lab = Lab::of(systemd, files);
    lab.attach_eth1();
    lab.boot(&["eth0"]);
    let log = lab.apply();
    assert!(log.contains("networkctl reload"), "{systemd:?}: {log}");
    assert!(
        lab.loaded("eth1").contains("eniroute-eth1.network"),
        "{systemd:?}: {}\n{}",
        lab.loaded("eth1"),
        lab.log()
    );
    assert!(
        lab.record("eth1").contains("ADMIN_STATE=configured"),
        "{systemd:?}: {}",
        lab.record("eth1")
    );
    assert_accepted(&lab);
    // networkd's own objects, not ours: what it has not loaded does not come back by it.
    lab.guest.ip("link set eth1 down");
    lab.guest.ip("link set eth1 up");
    lab.until("networkd puts the routes back", || {
        !lab.guest.ip("-4 route show table 10001 default").is_empty()
    });
}

/// Since 1.2 netplan's command line is a package of its own, and that of 1.2.0 looks for its generator below `--root-dir`.
#[test]
fn where_netplan_s_command_line_fails_or_is_not_there_its_generator_alone_is_enough() {
    for systemd in Systemd::ALL {
        let mut lab = Lab::of(systemd, &[(YAML, CLOUD_INIT_ETH0)]);
        lab.attach_eth1();
        lab.boot(&["eth0"]);
        lab.guest.sh(
            "printf '#!/bin/sh\necho called >>/run/bin/called\necho FileNotFoundError >&2\nexit 1\n' >/run/bin/netplan
             chmod 755 /run/bin/netplan
             mount --bind /run/bin/netplan $(readlink -f /usr/sbin/netplan)",
        );
        lab.apply();
        assert!(
            lab.loaded("eth1").contains("10-netplan-eniroute-eth1"),
            "{systemd:?}"
        );
        assert!(!lab.has("/run/bin/called"), "{systemd:?}");
        assert!(lab.eniroute("apply").stdout.starts_with("nothing to do"));
    }
}

/// networkd has nothing to say against a line of any file; it begins what it has with the file's path.
fn assert_accepted(lab: &Lab) {
    let log = lab.log();
    let of_file = |line: &&str| line.starts_with('/') && line.contains("/systemd/network/");
    assert_eq!(log.lines().find(of_file), None, "{log}");
}

/// Under a catch-all, whose DHCP is on the new NIC already.
#[test]
fn a_hot_plugged_eni_s_unit_is_loaded_within_a_second_and_the_lock_is_free_when_networkd_is_done() {
    for systemd in Systemd::ALL {
        assert_hot_plug(systemd, NETWORKD_ALL);
        assert_hot_plug(systemd, &[("/etc/netplan/90-default.yaml", ALL_ETH)]);
    }
}

fn assert_hot_plug(systemd: Systemd, files: Files) {
    let mut lab = Lab::of(systemd, files);
    lab.boot(&["eth0"]);
    lab.apply();
    lab.attach_eth1();
    lab.await_configured("eth1");
    let began = Instant::now();
    let run = lab.start("hotplug add eth1 -v");
    let has_ended = || run.log().lines().any(|line| line.starts_with("exit "));
    lab.until("networkd runs eth1 by our unit", || {
        let too_late = has_ended();
        let is_ours = lab.record("eth1").contains("eniroute-eth1.network");
        assert!(
            is_ours || !too_late,
            "{systemd:?}: {}\n{}",
            run.log(),
            lab.log()
        );
        is_ours
    });
    let loaded = began.elapsed();
    lab.await_configured("eth1");
    let configured = began.elapsed();
    lab.until("the run ends", has_ended);
    let ended = began.elapsed();
    assert!(
        run.log().contains("networkctl reload") && run.log().contains("exit 0"),
        "{systemd:?}: {}",
        run.log()
    );
    // netplan's generator is a Python program.
    let bound = if files[0].0.contains("netplan") { 4 } else { 1 };
    assert!(
        lab.is_soon(loaded, Duration::from_secs(bound)),
        "{systemd:?}: loaded after {loaded:?}"
    );
    let after = ended.saturating_sub(configured);
    assert!(
        lab.is_soon(after, Duration::from_millis(700)),
        "{systemd:?}: configured at {configured:?}, ended at {ended:?}"
    );
    lab.guest.sh("flock --nonblock /run/eniroute.lock true");

    // Nothing is loaded for an ENI that is gone, so nothing is waited for: two seconds at least, as for one that does not begin.
    let eth1 = lab.enis[1];
    lab.vpc.detach(eth1);
    let began = Instant::now();
    let run = lab.eniroute("hotplug remove eth1");
    let took = began.elapsed();
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(
        lab.is_soon(took, Duration::from_secs(bound.max(2))),
        "{systemd:?}: an unplug took {took:?}"
    );
    assert!(!lab.rules().contains("lookup 10001"), "{}", lab.rules());
}

/// A networkctl that is this script.
fn with_networkctl(script: &str) -> Lab {
    let mut lab = Lab::new(NETWORKD_ALL);
    lab.attach_eth1();
    lab.boot(&["eth0", "eth1"]);
    let program = "/run/bin/networkctl";
    lab.guest.sh(&format!(
        "printf '#!/bin/sh\\n{script}\\n' >{program}; chmod 755 {program}; mount --bind {program} /usr/bin/networkctl"
    ));
    lab
}

/// What is in the kernel is right all the same, and the next run finds the lock free.
fn assert_given_up(
    script: &str,
    arguments: &str,
    code: u8,
    words: &[&str],
    within: Duration,
) -> Lab {
    let lab = with_networkctl(script);
    let began = Instant::now();
    let run = lab.eniroute(&format!("apply {arguments}"));
    let took = began.elapsed();
    assert_eq!(run.code, i32::from(code), "{run:#?}");
    words.iter().for_each(|word| {
        assert!(
            (run.stdout.clone() + &run.stderr).contains(word),
            "{word} is not in {run:#?}"
        )
    });
    assert!(
        lab.is_soon(took, within),
        "{script} took {took:?}: {run:#?}"
    );
    assert!(lab.has("/etc/systemd/network/10-eniroute-eth1.network"));
    assert_eq!(
        lab.vpc.inet().ping(&["54.178.213.178", "3.104.193.180"]),
        NOBODY
    );
    lab.guest.sh("flock --nonblock /run/eniroute.lock true");
    let again = lab.eniroute("apply");
    assert_eq!(
        (again.code, again.stdout.contains("nothing to do")),
        (0, true),
        "{again:#?}"
    );
    lab
}

#[test]
fn a_networkd_that_does_not_begin_is_told_of_and_not_waited_for() {
    let words = [
        "does not run eth1 by 10-eniroute-eth1.network",
        "20-all.network",
        "journalctl -u systemd-networkd",
    ];
    assert_given_up("exit 0", "", 0, &words, Duration::from_secs(4));
}

#[test]
fn a_networkctl_that_fails_is_an_error_and_the_files_stay() {
    assert_given_up(
        "echo no such thing >&2; exit 3",
        "",
        1,
        &["networkctl reload", "no such thing"],
        Duration::from_secs(2),
    );
}

#[test]
fn a_networkctl_that_hangs_is_killed_with_what_it_has_started() {
    let words = ["networkctl reload: did not end within 1s and was killed"];
    let lab = assert_given_up(
        "sleep 7654 & echo $! >/run/child; wait",
        "--wait 1",
        1,
        &words,
        Duration::from_secs(4),
    );
    // Nothing is left of a process that waits to be reaped but its number.
    assert_eq!(
        lab.guest
            .sh("cat /proc/$(cat /run/child)/cmdline 2>/dev/null || :"),
        ""
    );
}
