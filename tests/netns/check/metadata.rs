//! Group M: whether EC2 tells what eniroute goes by.

use serde_json::Value;

use super::{evidence, host, nothing, of_code, one, only, remedy, text};
use crate::instance::Instance;
use crate::vpc::{EniSpec, Fault, Vpc};

/// The second ENI's MAC, as the fake VPC makes it up.
const ETH1: &str = "06:00:00:00:00:01";

#[test]
fn a_service_that_is_turned_off_is_named_with_the_command_that_turns_it_on_and_the_rest_is_checked()
{
    let (vpc, instance) = host();
    instance.write("sys/class/dmi/id/board_asset_tag", "i-00000000000000000\n");
    instance.host.ip("address add 10.0.0.51/24 dev eth0");
    vpc.imds().fault(Fault::REFUSE);
    let run = instance.eniroute("check --json");
    assert_eq!(run.code, 4, "{run:#?}");
    let finding = one(&instance, "M1");
    assert_eq!(text(&finding, "severity"), "error");
    assert_eq!(
        remedy(&finding, "outside"),
        "aws ec2 modify-instance-metadata-options --instance-id i-00000000000000000 --http-endpoint enabled"
    );
    assert!(text(&finding, "is").contains("403"), "{finding:#}");
    assert!(text(&one(&instance, "A2"), "expected").contains("10.0.0.133"));
    vpc.imds().heal();
    instance.host.ip("address del 10.0.0.51/24 dev eth0");
    nothing(&instance);
}

#[test]
fn a_service_that_does_not_answer_may_be_too_many_hops_away_or_locked_away_by_a_route() {
    let (vpc, instance) = host();
    vpc.imds().fault(Fault::Dead);
    let finding = || {
        let run = instance.eniroute("check --wait 1 --json");
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        let mut findings = report["findings"].as_array().unwrap().iter();
        findings
            .find(|finding| finding["code"] == "M1")
            .unwrap()
            .clone()
    };
    let silent = finding();
    assert_eq!(silent["what"], "the metadata service does not answer");
    let remedies = silent["remedies"].to_string();
    assert!(
        remedies.contains("--http-put-response-hop-limit 2"),
        "{remedies}"
    );
    instance.host.ip("route add prohibit 169.254.169.254");
    let locked = finding();
    assert_eq!(
        locked["what"],
        "the metadata service is locked away by a route or rule of this host"
    );
    let known = evidence(&locked);
    assert!(
        known[1].contains("refused by a route to 169.254.169.254/32"),
        "{known:?}"
    );
}

/// eniroute itself gets through, by a socket that is bound to the interface.
#[test]
fn a_service_that_a_route_or_a_rule_locks_away_from_others_is_a_warning_although_eniroute_reaches_it()
 {
    let (_vpc, instance) = host();
    let spare = "to 169.254.169.254 oif eth0 lookup main pref 99";
    instance.host.ip(&format!("rule add {spare}"));
    for dev in ["all", "eth0"] {
        let key = format!("net.ipv4.conf.{dev}.rp_filter");
        instance.host.sysctl(&key, 0);
    }
    for (lock, words) in [
        (
            "route add prohibit 169.254.169.254",
            "refused by a route to 169.254.169.254/32",
        ),
        (
            "rule add to 169.254.169.254 prohibit pref 100",
            "refused by the rule",
        ),
    ] {
        instance.host.ip(lock);
        let curl = "curl -s -m 1 http://169.254.169.254/ || echo refused";
        assert_eq!(instance.host.sh(curl).trim(), "refused");
        let finding = one(&instance, "M1");
        assert_eq!(text(&finding, "severity"), "warning", "{lock}: {finding:#}");
        assert!(text(&finding, "is").contains(words), "{finding:#}");
        assert_eq!(instance.eniroute("check").code, 0);
        instance.host.ip(&lock.replace("add", "del"));
        nothing(&instance);
    }
}

#[test]
fn an_eni_that_is_not_all_told_is_a_warning_and_a_hint_in_its_first_minute() {
    let (vpc, instance) = host();
    vpc.imds()
        .fault(Fault::late(&format!("{ETH1}/subnet-ipv4-cidr-block")));
    let finding = one(&instance, "M2");
    assert_eq!(text(&finding, "severity"), "warning");
    assert!(remedy(&finding, "outside").contains(&format!("Name=mac-address,Values={ETH1}")));
    let index = instance.host.sh("cat /sys/class/net/eth1/ifindex");
    let seen = |seconds: &str| {
        let now = instance.host.sh("cut -d. -f1 /proc/uptime");
        let at = instance
            .host
            .sh(&format!("echo $(({} - {seconds}))000000", now.trim()));
        instance.write(
            &format!("run/udev/data/n{}", index.trim()),
            &format!("I:{}\nE:ID_NET_NAME=eth1\n", at.trim()),
        );
    };
    seen("5");
    assert_eq!(text(&one(&instance, "M2"), "severity"), "hint");
    seen("90");
    assert_eq!(text(&one(&instance, "M2"), "severity"), "warning");
    vpc.imds().heal();
    nothing(&instance);
}

#[test]
fn enis_of_several_vpcs_are_told_once() {
    let (vpc, instance) = host();
    vpc.imds().fault(Fault::value(
        &format!("{ETH1}/vpc-id"),
        "vpc-0fedcba9876543210",
    ));
    let finding = only(&instance, "M3");
    assert_eq!(text(&finding, "severity"), "hint");
    let known = evidence(&finding);
    assert!(
        known[0].ends_with("vpc-id: vpc-0123456789abcdef0"),
        "{known:?}"
    );
    assert!(
        known[1].ends_with("vpc-id: vpc-0fedcba9876543210"),
        "{known:?}"
    );
}

#[test]
fn of_three_vpcs_that_overlap_each_is_told() {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.4.0/24", None);
    vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.4.10"]));
    let others = [
        ("vpc-0fedcba9876543210", "10.0.4.0/24", "10.0.4.20"),
        ("vpc-0aaaaaaaaaaaaaaaa", "10.0.0.0/20", "10.0.4.30"),
    ];
    for (n, (id, net, own)) in others.into_iter().enumerate() {
        let subnet = vpc.subnet_of(id, net);
        vpc.attach(EniSpec::new(subnet, &format!("eth{}", n + 1)).ipv4([own]));
    }
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    let finding = one(&instance, "M3");
    for vpc in [
        "vpc-0123456789abcdef0",
        "vpc-0fedcba9876543210",
        "vpc-0aaaaaaaaaaaaaaaa",
    ] {
        assert!(text(&finding, "is").contains(vpc), "{finding:#}");
    }
    assert_eq!(evidence(&finding).len(), 3);
}

#[test]
fn an_eni_of_another_account_is_named_with_both() {
    let (vpc, instance) = host();
    vpc.imds()
        .fault(Fault::value(&format!("{ETH1}/owner-id"), "210987654321"));
    let finding = only(&instance, "M5");
    assert_eq!(
        (text(&finding, "is"), text(&finding, "expected")),
        ("owner-id 210987654321", "owner-id 123456789012")
    );
    assert_eq!(text(&finding, "severity"), "warning");
}

#[test]
fn an_entry_that_excludes_nothing_is_named_with_what_there_is() {
    let (_vpc, instance) = host();
    instance.write("etc/eniroute.toml", "exclude = [\"eth7\"]\n");
    let finding = only(&instance, "M6");
    assert_eq!(text(&finding, "severity"), "warning");
    assert!(text(&finding, "what").contains("`eth7`"), "{finding:#}");
    assert!(text(&finding, "expected").contains("eni-"), "{finding:#}");
    instance.write("etc/eniroute.toml", "exclude = []\n");
    assert_eq!(of_code(&instance, "M6"), [] as [Value; 0]);
}
