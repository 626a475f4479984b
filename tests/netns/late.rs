//! An interface whose own ENI is published has no part in what another one waits for.

use crate::instance::Instance;
use crate::vpc::{EniSpec, Fault, Vpc};

/// `eth6`'s metadata is late.
const LATE: &str = "06:00:00:00:00:66";

#[test]
fn a_hot_plug_does_not_fail_because_another_eni_is_late_and_its_own_does() {
    for fault in [
        Fault::late(&format!("macs/{LATE}/local-ipv4s")),
        Fault::value(&format!("macs/{LATE}/local-ipv4s"), "192.0.2.1"),
    ] {
        let mut vpc = Vpc::new();
        let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
        vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.0.10"]));
        let instance = Instance::with_netplan(vpc.guest());
        instance.must("apply");
        vpc.imds().fault(fault);
        vpc.attach(EniSpec::new(a, "eth6").ipv4(["10.0.0.60"]).mac(LATE));
        vpc.attach(EniSpec::new(a, "eth5").ipv4(["10.0.0.50"]));
        let run = instance.eniroute("hotplug add eth5 --wait 2");
        assert!(run.code == 0 && run.stderr.is_empty(), "{run:?}");
        assert!(
            run.stdout.contains("note: ") && run.stdout.contains(LATE),
            "{run:?}"
        );
        assert!(vpc.neighbour(a).ping(&["10.0.0.50"]).is_empty());
        let run = instance.eniroute("hotplug add eth6 --wait 1");
        // No failure of the unit, which would stay one after the refresh that mends it.
        assert!(run.code == 4 && run.stderr.contains(LATE), "{run:?}");
        let run = instance.eniroute("apply");
        assert!(run.code == 1 && run.stderr.contains(LATE), "{run:?}");
    }
}

/// Emulators of the metadata service have keys, and not always a listing of them.
#[test]
fn a_service_without_a_listing_of_an_eni_s_keys_is_enough() {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
    vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.0.10"]));
    let spec = EniSpec::new(a, "eth1").ipv4(["10.0.0.20", "10.0.0.21"]);
    vpc.attach(
        spec.ipv6(["2001:db8:0:a::200"])
            .public("10.0.0.20", "203.0.113.20"),
    );
    let instance = Instance::with_netplan(vpc.guest());
    let macs = instance.json("status")["enis"].as_array().unwrap().clone();
    for eni in macs {
        let path = format!(
            "/latest/meta-data/network/interfaces/macs/{}/",
            eni["mac"].as_str().unwrap()
        );
        vpc.imds().fault(Fault::on(&path, Fault::Status(404)));
    }
    instance.must("apply");
    let addresses = ["10.0.0.10", "10.0.0.20", "10.0.0.21", "2001:db8:0:a::200"];
    assert!(vpc.neighbour(a).ping(&addresses).is_empty());
    assert_eq!(instance.must("refresh"), "");
    let status = instance.must("status");
    assert!(status.contains("203.0.113.20"), "{status}");
    assert!(instance.must("apply").starts_with("nothing to do"));
}
