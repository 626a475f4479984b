//! The counters of an ENA NIC as `ethtool -S` has them, and what each means.

use super::*;
use crate::kernel::Nic;

fn nic(driver: &str, counters: &[(&str, u64)]) -> Nic {
    let own = counters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), *value));
    let other = [
        ("tx_timeout".to_owned(), 3),
        ("queue_0_tx_cnt".to_owned(), 70_412),
    ];
    Nic {
        driver: driver.to_owned(),
        version: "2.13.0g".to_owned(),
        counters: other.into_iter().chain(own).collect(),
    }
}

/// An ENA NIC that has never been held back, but for `changes`.
fn ena(changes: &[(&str, u64)]) -> Nic {
    let mut nic = nic("ena", &[(AVAILABLE, 136_812)]);
    let limits = LIMITS.iter().map(|(name, ..)| (*name, 0));
    for (name, value) in limits.chain(changes.iter().copied()) {
        nic.counters.insert(name.to_owned(), value);
    }
    nic
}

fn found(before: Nic, after: Option<Nic>, tracked: Option<u64>) -> Vec<(Code, Severity)> {
    let counted = Counted { before, after };
    let judged = judge((Mac([2, 0, 0, 0, 0, 1]), &"eth0".into()), &counted, tracked);
    judged
        .iter()
        .map(|finding| (finding.code, finding.severity))
        .collect()
}

#[test]
fn a_nic_that_was_never_held_back_gives_nothing() {
    assert_eq!(found(ena(&[]), Some(ena(&[])), Some(900)), []);
}

#[test]
fn a_counter_that_rises_is_of_now_and_one_that_stands_is_of_any_time_since_the_boot() {
    let cases = [
        (
            "bw_in_allowance_exceeded",
            Code::P1,
            Severity::Warning,
            Severity::Hint,
        ),
        (
            "bw_out_allowance_exceeded",
            Code::P1,
            Severity::Warning,
            Severity::Hint,
        ),
        (
            "pps_allowance_exceeded",
            Code::P2,
            Severity::Warning,
            Severity::Hint,
        ),
        (
            "conntrack_allowance_exceeded",
            Code::P3,
            Severity::Error,
            Severity::Warning,
        ),
        (
            "linklocal_allowance_exceeded",
            Code::P4,
            Severity::Warning,
            Severity::Hint,
        ),
    ];
    for (name, code, rising, standing) in cases {
        let nic = |count| ena(&[(name, count)]);
        assert_eq!(
            found(nic(7), Some(nic(9)), None),
            [(code, rising)],
            "{name}"
        );
        assert_eq!(
            found(nic(7), Some(nic(7)), None),
            [(code, standing)],
            "{name}"
        );
        assert_eq!(
            found(nic(7), None, None),
            [(code, standing)],
            "read once: {name}"
        );
    }
    let counted = Counted {
        before: ena(&[("pps_allowance_exceeded", 7)]),
        after: None,
    };
    let judged = judge((Mac([2, 0, 0, 0, 0, 1]), &"eth0".into()), &counted, None);
    assert!(
        judged[0].what.contains("7 packets of eth0 since boot"),
        "{}",
        judged[0].what
    );
}

#[test]
fn fewer_connections_left_than_a_tenth_of_all_are_a_warning() {
    let nic = |left| ena(&[(AVAILABLE, left)]);
    let warning = [(Code::P3, Severity::Warning)];
    assert_eq!(found(nic(99), Some(nic(99)), Some(900)), warning);
    assert_eq!(found(nic(100), Some(nic(100)), Some(900)), []);
    assert_eq!(
        found(nic(99), Some(nic(99)), None),
        [],
        "how many there are is not known"
    );
}

#[test]
fn an_ena_driver_without_the_counters_is_a_hint_and_another_driver_is_none() {
    let hint = [(Code::P5, Severity::Hint)];
    assert_eq!(found(nic("ena", &[]), None, None), hint);
    assert_eq!(found(nic("veth", &[("peer_ifindex", 4)]), None, None), []);
    assert_eq!(found(nic("vif", &[]), None, None), []);
}

#[test]
fn each_limit_has_a_command_that_changes_it_or_shows_who_meets_it() {
    let ids = ["i-0123456789abcdef0", "eni-0123456789abcdef0"];
    for (name, code, _) in LIMITS {
        let counted = Counted {
            before: ena(&[(name, 7)]),
            after: None,
        };
        let found = judge((Mac([2, 0, 0, 0, 0, 1]), &"eth3".into()), &counted, None);
        let [found] = &found[..] else {
            panic!("{name}: {found:?}")
        };
        let found = with_command(found.clone(), ids, &"eth3".into());
        let command = &found.remedies[0].command;
        let named = match code {
            Code::P1 => ids[0],
            Code::P3 => ids[1],
            Code::P4 => "-ni eth3",
            _ => "IpFragCreates",
        };
        assert!(command.contains(named), "{name}: {command}");
    }
}
