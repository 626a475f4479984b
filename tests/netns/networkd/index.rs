//! The rule index beside systemd-networkd, which deletes rules that it has not made.

use super::NETWORKD_ALL;
use super::lab::Lab;

#[test]
fn what_networkd_deletes_of_others_is_nothing_of_the_index_and_every_way_stays_right() {
    let mut lab = Lab::new(NETWORKD_ALL);
    lab.attach_eth1();
    for host in 0..70 {
        lab.vpc.assign(lab.enis[1], format!("10.0.4.{}", 10 + host));
    }
    lab.boot(&["eth0", "eth1"]);
    lab.apply();
    let index = |lab: &Lab| {
        let rules = lab.guest.ip("-details rule");
        let its = rules
            .lines()
            .filter(|line| line.contains("goto") || line.contains("nop"));
        its.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = index(&lab);
    assert!(before.len() > 70, "{before:#?}");
    let assert_ways = |lab: &Lab| {
        for host in [10, 33, 79] {
            let way = lab
                .guest
                .ip(&format!("route get 8.8.8.8 from 10.0.4.{host}"));
            assert!(way.contains("dev eth1 "), "{way}");
        }
        assert!(lab.guest.ip("route get 8.8.8.8").contains("dev eth0 "));
    };
    assert_ways(&lab);
    lab.guest.ip("rule add from 192.0.2.1 lookup 77 pref 30000");
    lab.attach_eth2();
    lab.until("networkd has deleted the rules of others", || {
        assert_ways(&lab);
        !lab.rules().contains("192.0.2.1")
    });
    assert_eq!(index(&lab), before);
    assert_ways(&lab);
}
