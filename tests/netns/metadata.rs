//! A metadata service that is late, partial, refused, throttled or garbage: the exit code, the message, and a host
//! that is exactly as it was.

use std::time::Duration;

use crate::instance::{Instance, Run, changed};
use crate::vpc::{EniId, EniSpec, Fault, Vpc};

const SECOND: &str = "06:a6:9a:4a:98:c6";

fn vpc() -> (Vpc, Instance, EniId) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("172.31.32.0/20", None);
    vpc.attach(
        EniSpec::new(a, "eth0")
            .mac("06:ce:dd:28:5b:b8")
            .ipv4(["172.31.37.139"]),
    );
    let second = vpc.attach(
        EniSpec::new(a, "eth1")
            .mac(SECOND)
            .ipv4(["172.31.41.29", "172.31.41.30"]),
    );
    let instance = Instance::with_netplan(vpc.guest());
    (vpc, instance, second)
}

/// Runs `apply` on a configured host under `fault`: nothing at all may change.
fn apply_under(fault: Fault) -> Run {
    let (vpc, instance, _) = vpc();
    instance.must("apply");
    let (dump, disk) = (instance.host.dump(), instance.disk_state());
    vpc.imds().fault(fault);
    let run = instance.eniroute("apply --wait 1");
    assert_eq!(instance.host.dump(), dump, "{run:?}");
    assert_eq!(instance.disk_state(), disk, "{run:?}");
    run
}

#[test]
fn a_service_that_refuses_stops_the_run_at_once() {
    let run = apply_under(Fault::REFUSE);
    assert_eq!(run.code, 4, "{run:?}");
    assert!(
        run.stderr.contains("169.254.169.254") && run.stderr.contains("403"),
        "{run:?}"
    );
}

#[test]
fn a_service_that_is_dead_silent_broken_or_babbling_is_not_reached() {
    for fault in [
        Fault::Dead,
        Fault::Blackhole,
        Fault::BROKEN,
        Fault::THROTTLE,
        Fault::Garbage,
        Fault::Truncated,
    ] {
        let run = apply_under(fault.clone());
        assert_eq!(run.code, 4, "{fault:?}: {run:?}");
        assert!(run.stderr.contains("169.254.169.254"), "{fault:?}: {run:?}");
    }
}

#[test]
fn a_host_without_metadata_is_left_alone() {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("172.31.32.0/20", None);
    vpc.attach(EniSpec::new(a, "eth0").ipv4(["172.31.37.139"]));
    vpc.imds().fault(Fault::Dead);
    let instance = Instance::bare(vpc.guest());
    let dump = instance.host.dump();
    for command in ["apply --wait 0.5", "plan --wait 0.5", "status --wait 0.5"] {
        let run = instance.eniroute(command);
        assert_eq!((run.code, run.stdout.as_str()), (4, ""), "{run:?}");
        assert!(run.stderr.contains("EC2"), "{run:?}");
    }
    assert_eq!(instance.host.dump(), dump);
    let run = instance.eniroute("apply --wait 0.5 --json");
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(document["exit"], 4);
    assert!(
        document["error"]
            .as_str()
            .unwrap()
            .contains("metadata service")
    );
}

#[test]
fn a_throttled_or_late_service_is_waited_for() {
    for fault in [
        Fault::THROTTLE,
        Fault::BROKEN,
        Fault::Truncated,
        Fault::Garbage,
    ] {
        let (vpc, instance, _) = vpc();
        vpc.imds().fault_for(2, fault);
        instance.must("apply");
        assert!(
            instance
                .host
                .ip("rule")
                .contains("from 172.31.41.29 lookup 10001")
        );
    }
}

/// Half an ENI: it alone is left as it is, and named; all others are configured.
#[test]
fn an_eni_that_is_not_all_there_fails_alone_and_loses_nothing() {
    for (fault, key) in [
        (Fault::late(&format!("{SECOND}/local-ipv4s")), "local-ipv4s"),
        (
            Fault::absent(&format!("{SECOND}/subnet-ipv4-cidr-block")),
            "subnet-ipv4-cidr-block",
        ),
        (
            Fault::value(&format!("{SECOND}/device-number"), "0"),
            "device-number",
        ),
        (
            Fault::value(&format!("{SECOND}/local-ipv4s"), "172.31.41.x"),
            "local-ipv4s",
        ),
    ] {
        let (mut vpc, instance, second) = vpc();
        let a = vpc.subnet("10.9.0.0/24", None);
        instance.must("apply");
        let dump = instance.host.dump();
        let file = instance.read("etc/netplan/60-eniroute-eth1.yaml");
        vpc.attach(EniSpec::new(a, "eth2").ipv4(["10.9.0.5"]));
        vpc.unassign(second, "172.31.41.30");
        vpc.imds().fault(fault);

        let run = instance.eniroute("apply");
        assert_eq!(run.code, 1, "{run:?}");
        assert!(
            run.stderr.contains(SECOND) && run.stderr.contains(key),
            "{run:?}"
        );
        let lost: Vec<_> = changed(&dump, &instance.host.dump())
            .into_iter()
            .filter(|line| line.starts_with('-'))
            .collect();
        assert!(lost.iter().all(|line| line.contains("eth2")), "{lost:?}");
        assert_eq!(instance.read("etc/netplan/60-eniroute-eth1.yaml"), file);
        assert!(
            instance
                .host
                .ip("rule")
                .contains("from 10.9.0.5 lookup 10002"),
            "the third ENI is configured"
        );
        assert!(
            instance
                .host
                .ip("route show table 10000")
                .contains("10.9.0.0/24 via 172.31.32.1 dev eth0")
        );

        vpc.imds().heal();
        instance.must("apply");
        assert!(
            !instance.host.dump().contains("172.31.41.30"),
            "now it is known to be gone"
        );
    }
}

#[test]
fn an_eni_that_is_listed_late_is_configured_by_the_next_run() {
    let (vpc, instance, _) = vpc();
    vpc.imds().fault(Fault::absent(SECOND));
    instance.must("apply");
    assert!(!instance.host.ip("rule").contains("1000"));
    vpc.imds().heal();
    instance.must("apply");
    assert!(
        instance
            .host
            .ip("rule")
            .contains("from 172.31.41.29 lookup 10001")
    );
}

#[test]
fn a_list_without_an_eni_whose_interface_is_gone_removes_it_but_half_a_list_does_not() {
    let (mut vpc, instance, second) = vpc();
    instance.must("apply");
    vpc.unplug(second);
    vpc.imds()
        .fault(Fault::late(&format!("{SECOND}/interface-id")));
    let rules = instance.host.ip("rule");
    assert_eq!(instance.eniroute("apply").code, 1);
    assert_eq!(
        instance.host.ip("rule"),
        rules,
        "nothing is known of it, so nothing of it goes"
    );
    vpc.imds().heal();
    vpc.forget(second);
    instance.must("apply");
    assert!(!instance.host.ip("rule").contains("1000"));
}

/// Whoever lets only the first connection through has the second one, the proof, fail.
#[test]
fn everything_is_taken_back_when_the_service_no_longer_answers_afterwards() {
    let (_vpc, instance, _) = vpc();
    instance.host.sh(
        "nft 'table inet t { chain c { type filter hook output priority 0; \
         ip daddr 169.254.169.254 tcp flags syn / syn,ack quota over 100 bytes drop; }; }'",
    );
    let dump = instance.host.dump();
    let run = instance.eniroute("apply --wait 1");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("stopped answering") && run.stderr.contains("taken back"),
        "{run:?}"
    );
    assert_eq!(changed(&dump, &instance.host.dump()), [] as [String; 0]);
    assert!(
        !instance.has("etc/netplan/60-eniroute-eth1.yaml")
            && !instance.has("var/lib/eniroute/ledger.json")
    );
}

#[test]
fn a_default_route_that_leads_elsewhere_does_not_hide_the_service() {
    let (vpc, instance, _) = vpc();
    instance.host.ip_batch("link add vpn0 type veth peer name vpn1\nlink set vpn0 up\nlink set vpn1 up\nroute add 169.254.0.0/16 dev vpn0\n");
    let run = instance.eniroute("apply");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        instance
            .host
            .ip("rule")
            .contains("from 172.31.41.29 lookup 10001")
    );
    drop(vpc);
}

#[test]
fn one_connection_one_token_and_few_requests() {
    let (vpc, instance, _) = vpc();
    instance.must("apply");
    let log = vpc.imds().log();
    let tokens = log
        .iter()
        .filter(|request| request.path.ends_with("api/token"))
        .count();
    assert_eq!(tokens, 1);
    // token, mac, list, and the proof afterwards; the primary's device number is known.
    assert!(log.len() <= 4 + 4 + 5, "{log:#?}");
    vpc.imds().clear_log();
    instance.must("apply");
    assert!(vpc.imds().log().len() <= 3 + 4 + 5);
}

#[test]
fn slow_answers_are_only_slow() {
    let (vpc, instance, _) = vpc();
    vpc.imds().fault(Fault::Slow(Duration::from_millis(100)));
    instance.must("apply --wait 5");
}
