//! What fifty established flows outlive, whoever of their two ends speaks.

use crate::crowd::Crowd;
use crate::nat::{A, B, FIRST, Lab, S3, SECOND};
use crate::vpc::EniSpec;

const EACH: [usize; 4] = [13, 12, 12, 13];

fn pool(of: &str) -> String {
    format!("[[egress]]\nfrom = [\"{A}\", \"{B}\"]\nas = {of}\n")
}

#[test]
fn fifty_flows_outlive_pools_second_applies_emptied_tables_and_enis_that_come_and_go() {
    let mut lab = Lab::new(S3);
    let mut crowd = Crowd::open(&lab.vpc.inet(), &lab.clients[..2], EACH);
    let both = pool(&format!("[\"{FIRST}\", \"{SECOND}\"]"));
    for config in [&both, &pool(&format!("\"{FIRST}\"")), S3, S3] {
        lab.configure(config);
        lab.instance.must("apply --backend none");
        assert_eq!(crowd.alive(), EACH, "{config}");
    }
    let third = EniSpec::new(lab.public, "eth2").ipv4(["172.31.9.9"]);
    let third = lab
        .vpc
        .attach(third.public("172.31.9.9", "54.178.200.3").unchecked());
    lab.instance.must("hotplug add eth2 --wait 30");
    assert!(lab.vpc.inet().ping(&["54.178.200.3"]).is_empty());
    assert_eq!(crowd.alive(), EACH, "an ENI has come");
    lab.vpc.detach(third);
    lab.instance.must("hotplug remove eth2 --wait 30");
    assert_eq!(crowd.alive(), EACH, "it has gone");
    lab.forget_flows();
    assert_eq!(crowd.alive()[..3], EACH[..3], "conntrack knows nothing");
    assert_eq!(crowd.alive_when_asked(), EACH);
    assert_eq!(lab.vpc.without_public_address(), 0);
    assert_eq!(lab.vpc.spoofed(), 0);
    assert_eq!(lab.all_seen(), [FIRST, SECOND, ""]);
}

/// As `systemctl restart nftables` does with the drop-in of its unit. Which of the flows whose server speaks meet the gap is
/// chance; a flow that is idle in it, or whose client alone speaks, has nothing to fear.
#[test]
fn flows_outlive_an_emptied_table_that_is_loaded_again_at_once() {
    let lab = Lab::new(S3);
    let instance = crate::instance::Instance::with_netplan(lab.vpc.guest());
    instance.write("etc/eniroute.toml", S3);
    instance.must("apply");
    let mut crowd = Crowd::open(&lab.vpc.inet(), &lab.clients[..2], EACH);
    let load = format!(
        "nft flush ruleset; {} --root {} egress load",
        env!("CARGO_BIN_EXE_eniroute"),
        instance.root().display()
    );
    instance.host.sh(&load);
    let alive = crowd.alive_when_asked();
    println!("of {EACH:?} flows (client speaks, idle, keep-alive, silent) go on: {alive:?}");
    assert_eq!(alive[1], EACH[1]);
    assert_eq!(lab.all_seen(), [FIRST, SECOND, ""]);
}
