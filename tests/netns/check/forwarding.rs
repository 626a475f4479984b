//! NAT and forwarding (N): each finding provoked, and gone once it is mended.

use serde_json::{Value, json};

use super::{assert_rated, findings, host, the_only, with_code};
use crate::instance::Instance;

const NONE: [&Value; 0] = [];
const CONNTRACK: &str = "proc/sys/net/netfilter/nf_conntrack_";

fn conntrack(instance: &Instance, key: &str, value: u64) {
    instance.write(&format!("{CONNTRACK}{key}"), &format!("{value}\n"));
}

#[test]
fn a_host_that_forwards_hears_of_the_source_destination_check_and_of_its_redirects() {
    let (_vpc, instance) = host();
    for code in ["N1", "N7"] {
        assert_eq!(with_code(&findings(&instance), code), NONE);
    }
    let host = &instance.host;
    host.sysctl("net.ipv4.ip_forward", 1);
    host.sysctl("net.ipv4.conf.all.send_redirects", 1);
    let found = findings(&instance);
    let check = the_only(&found, "N1");
    assert_eq!(check["severity"], "hint");
    assert_eq!(
        check["remedies"].as_array().unwrap().len(),
        2,
        "one for each ENI"
    );
    assert_eq!(check["remedies"][0]["applicability"], "outside");
    assert_eq!(with_code(&found, "N7").len(), 2, "one for each ENI");
    instance.write("etc/sysctl.d/60-router.conf", "net.ipv4.ip_forward = 1\n");
    let found = findings(&instance);
    assert_eq!(with_code(&found, "N7")[0]["severity"], "warning");
    for finding in with_code(&found, "N7") {
        host.sh(finding["remedies"][0]["command"].as_str().unwrap());
    }
    assert_eq!(with_code(&findings(&instance), "N7"), NONE);
}

/// The counters are the kernel's own lines, as the guest has them; one is raised.
#[test]
fn a_connection_table_that_is_nearly_full_or_has_refused_packets_is_found() {
    let (_vpc, instance) = host();
    conntrack(&instance, "max", 1_000);
    for (count, severity) in [(10, None), (850, Some("warning")), (990, Some("error"))] {
        conntrack(&instance, "count", count);
        let found = findings(&instance);
        assert_rated(&found, "N2", severity, &format!("{count}"));
    }
    conntrack(&instance, "count", 10);
    let statistics = instance.host.sh("cat /proc/net/stat/nf_conntrack");
    instance.write("proc/net/stat/nf_conntrack", &statistics);
    assert_eq!(with_code(&findings(&instance), "N2"), NONE);
    let (head, line) = statistics.split_once('\n').unwrap();
    let place = |name: &str| {
        head.split_whitespace()
            .position(|word| word == name)
            .unwrap()
    };
    for (name, severity) in [
        ("drop", "warning"),
        ("early_drop", "warning"),
        ("insert_failed", "hint"),
    ] {
        let first = line.lines().next().unwrap().split_whitespace();
        let raised = |(number, word)| {
            if number == place(name) {
                "0000001f"
            } else {
                word
            }
        };
        let raised: Vec<&str> = first.enumerate().map(raised).collect();
        instance.write(
            "proc/net/stat/nf_conntrack",
            &format!("{head}\n{}\n", raised.join(" ")),
        );
        let found = findings(&instance);
        let finding = the_only(&found, "N2");
        assert_eq!(
            (&finding["severity"], &finding["is"]),
            (&json!(severity), &json!(format!("{name} 31")))
        );
    }
}

#[test]
fn connections_that_ec2_forgets_first_are_a_warning_where_the_type_is_known() {
    let (_vpc, instance) = host();
    conntrack(&instance, "max", 1_000);
    conntrack(&instance, "count", 10);
    conntrack(&instance, "tcp_timeout_established", 432_000);
    assert_eq!(
        with_code(&findings(&instance), "N3"),
        NONE,
        "it does not forward"
    );
    instance.host.sysctl("net.ipv4.ip_forward", 1);
    for (name, severity) in [
        ("", Some("hint")),
        ("m8i.large", Some("warning")),
        ("m5.large", None),
    ] {
        instance.write("sys/class/dmi/id/product_name", &format!("{name}\n"));
        let found = findings(&instance);
        assert_rated(&found, "N3", severity, name);
    }
    instance.write("sys/class/dmi/id/product_name", "m8i.large\n");
    conntrack(&instance, "tcp_timeout_established", 350);
    assert_eq!(with_code(&findings(&instance), "N3"), NONE);
}
