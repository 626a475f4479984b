//! A router's settings: set, kept for the next boot by the file that the boot's own programs read, and put back.

use std::collections::BTreeMap;

use super::scene::{ONE_ARM, Scene, TWO_ARMS};
use crate::vpc::Host;

const FILE: &str = "etc/sysctl.d/99-zz-eniroute.conf";

/// Every setting that a router's could be, with its value.
fn settings(host: &Host) -> BTreeMap<String, String> {
    let names = "net/ipv4/conf/*/send_redirects net/ipv4/conf/*/rp_filter net/ipv4/conf/*/forwarding net/ipv4/ip_forward \
        net/ipv4/icmp_errors_use_inbound_ifaddr net/ipv4/conf/*/accept_redirects net/ipv6/conf/*/forwarding \
        net/ipv6/conf/*/force_forwarding net/ipv6/conf/*/accept_ra";
    let read = host.sh(&format!(
        "cd /proc/sys; grep -H . $(ls -d {names} 2>/dev/null)"
    ));
    let lines = read.lines().filter_map(|line| line.split_once(':'));
    lines
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// What differs, as `KEY=VALUE` of the second.
fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let differs = |(key, value): &(&String, &String)| before.get(*key) != Some(*value);
    let differing = after.iter().filter(differs);
    differing
        .map(|(key, value)| format!("{key}={value}"))
        .collect()
}

/// With eth1's checks strict, so that there is something to change.
fn scene(config: &str) -> Scene {
    let scene = Scene::new(config);
    let host = &scene.appliance.host;
    host.sysctl("net.ipv4.conf.all.send_redirects", 1);
    host.sysctl("net.ipv4.conf.default.send_redirects", 1);
    for dev in ["eth0", "eth1", "eth2"] {
        host.sysctl(&format!("net.ipv4.conf.{dev}.send_redirects"), 1);
    }
    host.sysctl("net.ipv4.conf.eth1.rp_filter", 1);
    host.sysctl("net.ipv4.conf.eth2.rp_filter", 0);
    scene
}

#[test]
fn a_router_s_settings_are_made_and_put_back_and_ip_forward_is_left_alone() {
    let scene = scene(ONE_ARM);
    let host = &scene.appliance.host;
    let before = settings(host);
    scene.appliance.must("apply");
    let made = changed(&before, &settings(host));
    for line in [
        "net/ipv4/conf/all/send_redirects=0",
        "net/ipv4/conf/default/send_redirects=0",
        "net/ipv4/conf/eth0/send_redirects=0",
        "net/ipv4/conf/eth0/forwarding=1",
        "net/ipv4/conf/eth1/forwarding=1",
        "net/ipv4/conf/eth1/rp_filter=2",
        "net/ipv4/conf/eth2/forwarding=1",
        "net/ipv4/icmp_errors_use_inbound_ifaddr=1",
    ] {
        assert!(made.contains(&line.to_owned()), "{line}: {made:#?}");
    }
    for name in [
        "ip_forward",
        "all/forwarding",
        "default/forwarding",
        "eth2/rp_filter",
    ] {
        assert!(
            !made
                .iter()
                .any(|line| line.contains(&format!("ipv4/{name}"))
                    || line.contains(&format!("conf/{name}"))),
            "{name}: {made:#?}"
        );
    }
    assert_eq!(
        scene.appliance.json("apply")["kernel"],
        serde_json::json!([])
    );
    scene.appliance.must("remove");
    assert_eq!(changed(&before, &settings(host)), [""; 0]);
    assert!(!scene.appliance.has(FILE));
}

#[test]
fn what_somebody_has_set_since_is_theirs_and_the_rest_is_put_back() {
    let scene = scene(ONE_ARM);
    let host = &scene.appliance.host;
    let before = settings(host);
    scene.appliance.must("apply");
    host.sysctl("net.ipv4.conf.eth1.rp_filter", 0);
    host.sysctl("net.ipv4.conf.all.send_redirects", 1);
    scene.appliance.must("remove");
    assert_eq!(
        changed(&before, &settings(host)),
        ["net/ipv4/conf/eth1/rp_filter=0"]
    );
}

#[test]
fn no_router_any_more_the_host_is_what_it_was_before() {
    let scene = scene(TWO_ARMS);
    let host = &scene.appliance.host;
    scene.appliance.write("etc/eniroute.toml", "");
    scene.appliance.must("apply");
    let (plain, dump) = (settings(host), host.dump());
    scene.appliance.write("etc/eniroute.toml", TWO_ARMS);
    scene.appliance.must("apply");
    assert_ne!(host.dump(), dump);
    scene.appliance.write("etc/eniroute.toml", "");
    scene.appliance.must("apply");
    assert_eq!(changed(&plain, &settings(host)), [""; 0]);
    assert_eq!(host.dump(), dump);
    assert!(!scene.appliance.has(FILE));
}

#[test]
fn the_boot_s_own_programs_make_of_the_file_what_apply_made() {
    for program in ["/usr/lib/systemd/systemd-sysctl", "sysctl -qp"] {
        let scene = scene(ONE_ARM);
        let host = &scene.appliance.host;
        scene.appliance.must("apply");
        let applied = settings(host);
        let file = scene.appliance.root().join(FILE);
        scene.appliance.must("apply --no-persist");
        // As a boot finds them.
        let fresh = "for f in /proc/sys/net/ipv4/conf/*/send_redirects; do echo 1 >$f; done
            for f in /proc/sys/net/ipv4/conf/*/forwarding; do echo 0 >$f; done
            for f in /proc/sys/net/ipv6/conf/*/force_forwarding; do [ ! -e $f ] || echo 0 >$f; done
            echo 1 >/proc/sys/net/ipv4/conf/eth1/rp_filter
            echo 0 >/proc/sys/net/ipv4/icmp_errors_use_inbound_ifaddr";
        host.sh(fresh);
        assert_ne!(settings(host), applied);
        host.sh(&format!("{program} {}", file.display()));
        let left: Vec<String> = changed(&applied, &settings(host));
        let others = |line: &String| line.contains("eth");
        assert!(!left.iter().any(others), "{program}: {left:#?}");
    }
}

/// The file has lines of every ENI: a run about one of them takes no other's away.
#[test]
fn a_run_about_one_eni_keeps_the_lines_of_the_others() {
    let scene = scene(ONE_ARM);
    scene.appliance.must("apply");
    let file = scene.appliance.read(FILE);
    assert!(
        file.contains("-net/ipv4/conf/eth2/forwarding = 1"),
        "{file}"
    );
    scene.appliance.must("apply --eni eth1");
    assert_eq!(scene.appliance.read(FILE), file);
}

#[test]
fn check_knows_a_host_that_forwards_by_its_links_alone_and_finds_nothing_else_wrong_with_it() {
    for (config, forwards) in [("", false), (ONE_ARM, true)] {
        let scene = scene(config);
        scene.appliance.must("apply");
        let said = scene.appliance.eniroute("check --json").stdout;
        let report: serde_json::Value = serde_json::from_str(&said).unwrap();
        let findings = report["findings"].as_array().unwrap().clone();
        let has = |code: &str| findings.iter().any(|finding| finding["code"] == code);
        assert_eq!(has("N1"), forwards, "{said}");
        assert!(
            !has("N7") && !has("O4") && !has("R9") && !has("L6"),
            "{said}"
        );
    }
}

/// A kernel before 6.17, by the look of its settings: a link has no switch of its own for IPv6, and the host's is the only
/// one, which makes every link a router's. This kernel heeds that one all the same.
const OLDER: &str = "
    real=/proc/sys/net/ipv6/conf
    for path in $real/*/*; do
        case $path in */force_forwarding) continue ;; esac
        part=/mnt/${path#$real/}
        mkdir -p ${part%/*}
        : >$part
        mount --bind $path $part
    done
    mount --rbind /mnt $real";

#[test]
fn where_a_link_has_no_switch_of_its_own_the_host_is_made_an_ipv6_router_and_put_back() {
    for config in [ONE_ARM, TWO_ARMS] {
        let arms = if config == ONE_ARM { [0, 0] } else { [1, 0] };
        let scene = scene(config);
        scene.route(scene.arms[arms[0]], scene.arms[arms[1]]);
        let host = &scene.appliance.host;
        host.sh(&format!("mount -t tmpfs none /mnt\n{OLDER}"));
        let before = settings(host);
        assert!(!before.keys().any(|key| key.contains("force_forwarding")));
        scene.appliance.must("apply");
        host.settle();
        let made = changed(&before, &settings(host));
        let router = "net/ipv6/conf/all/forwarding=1".to_owned();
        assert!(made.contains(&router), "{made:#?}");
        scene.assert_passes();
        assert_eq!(
            scene.appliance.json("apply")["kernel"],
            serde_json::json!([])
        );
        scene.appliance.must("remove");
        assert_eq!(changed(&before, &settings(host)), [""; 0]);
        assert_eq!(host.sh("cat /proc/sys/net/ipv6/conf/all/forwarding"), "0\n");
    }
}
