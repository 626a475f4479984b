//! What cannot be followed is refused before anything is changed, and what is not here is told.

use super::scene::{ONE_ARM, Scene, TWO_ARMS};
use crate::instance::Instance;
use crate::vpc::{EniSpec, Vpc};

/// Nothing is changed, and this is said.
fn assert_refused(instance: &Instance, words: &[&str]) {
    let before = instance.host.dump();
    let run = instance.eniroute("apply");
    assert_eq!(run.code, 2, "{run:?}");
    for word in words {
        assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
    }
    assert_eq!(instance.host.dump(), before);
    assert!(!instance.has("etc/sysctl.d/99-zz-eniroute.conf"));
}

#[test]
fn two_paths_for_what_comes_in_by_one_eni_however_it_is_called_are_refused() {
    let config = TWO_ARMS.to_owned() + "[[forwarding.path]]\nin = \"10.0.1.20\"\nout = \"eth0\"\n";
    let scene = Scene::new(&config);
    assert_refused(
        &scene.appliance,
        &[
            "eniroute.toml:9: ",
            "eniroute.toml:3",
            "10.0.1.20",
            "keep one",
        ],
    );
}

#[test]
fn an_eni_for_which_marks_have_no_slot_is_named_and_excluded_it_is_no_matter() {
    let mut vpc = Vpc::new();
    let subnet = vpc.subnet("10.0.0.0/24", None);
    vpc.attach(EniSpec::new(subnet, "eth0").ipv4(["10.0.0.10"]));
    vpc.attach(
        EniSpec::new(subnet, "eth1")
            .ipv4(["10.0.0.20"])
            .device_number(62),
    );
    let instance = Instance::with_netplan(vpc.guest());
    instance.write("etc/eniroute.toml", ONE_ARM);
    assert_refused(
        &instance,
        &[
            "eni-00000060000000001",
            "device 62 on network card 0",
            "exclude",
        ],
    );
    instance.write(
        "etc/eniroute.toml",
        &format!("exclude = [\"eth1\"]\n{ONE_ARM}"),
    );
    instance.must("apply");
    instance.write(
        "etc/eniroute.toml",
        &format!("{ONE_ARM}symmetric = false\n"),
    );
    instance.must("apply");
}

#[test]
fn marks_are_refused_beside_who_has_their_bits() {
    for (making, name) in [
        ("link add cilium_host type bridge", "Cilium"),
        ("link add cali0123456789a type bridge", "Calico"),
        (
            "rule add fwmark 0x200/0xf00 lookup 2004 priority 9",
            "Cilium",
        ),
    ] {
        let scene = Scene::new(ONE_ARM);
        scene.appliance.host.ip(making);
        assert_refused(&scene.appliance, &[name, "symmetric = false"]);
        scene.appliance.write(
            "etc/eniroute.toml",
            &format!("{ONE_ARM}symmetric = false\n"),
        );
        scene.appliance.must("apply");
    }
}

#[test]
fn an_end_of_a_path_that_is_not_here_is_told_with_its_line_and_the_rest_is_done() {
    let config = "[forwarding]\nenabled = true\nstandby = [\"eni-0abc\"]\n\
        [[forwarding.path]]\nin = \"eth9\"\nout = \"eth1\"\n\
        [[forwarding.path]]\nin = \"gwi-x1\"\nout = \"eth1\"\n\
        [[forwarding.path]]\nin = \"eth2\"\nout = \"eni-0abc\"\n";
    let scene = Scene::new(config);
    let report = scene.appliance.json("apply");
    let said = report["notes"].to_string() + &report["findings"].to_string();
    assert!(
        said.contains("eth9") && said.contains("gwi-x1"),
        "{report:#}"
    );
    assert!(!said.contains("eni-0abc"), "{report:#}");
    let host = &scene.appliance.host;
    let rules = host.ip("rule");
    assert!(
        rules.contains("iif gwi-x1 [detached] lookup 10001"),
        "{rules}"
    );
    assert!(
        rules.contains("iif eth2 lookup 10002") && !rules.contains("eth9"),
        "{rules}"
    );
    // It comes, and is no ENI whatever its name.
    host.ip("tuntap add gwi-x1 mode tun");
    host.ip("link set gwi-x1 up");
    // It has no address: what comes in by it would not pass any check. That is its handler's to say.
    host.sysctl("net.ipv4.conf.gwi-x1.rp_filter", 0);
    scene.appliance.must("apply");
    let way = host.ip("route get 8.8.8.8 from 192.0.2.1 iif gwi-x1");
    assert!(way.contains("dev eth1 table 10001"), "{way}");
    let report = scene.appliance.json("apply");
    assert_eq!(report["kernel"], serde_json::json!([]));
    let on = || host.sh("cat /proc/sys/net/ipv4/conf/gwi-x1/forwarding");
    assert_eq!(on(), "1\n");
    assert!(
        !report["notes"].to_string().contains("gwi-x1"),
        "{report:#}"
    );
    assert!(!report["enis"].to_string().contains("gwi-x1"));
    scene.appliance.must("remove");
    assert_eq!(on(), "0\n");
    assert!(!host.ip("rule").contains("gwi-x1"));
}
