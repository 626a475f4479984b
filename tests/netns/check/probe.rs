//! `check --probe`: what real packets prove, and that none leave the VPC unless somebody names a service there.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::form::{report, validate};
use crate::instance::Instance;
use crate::vpc::{EniSpec, Vpc, wait_for};

/// Answers each request with the address that it came from.
const ECHO: &str = "
import http.server, socketserver
class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(self.client_address[0].encode())
    def log_message(self, *_): pass
socketserver.ThreadingTCPServer(('8.8.8.8', 80), Echo).serve_forever()
";

fn host() -> (Vpc, Instance) {
    let mut vpc = Vpc::new();
    let (a, b) = (
        vpc.subnet("10.0.0.0/24", None),
        vpc.subnet("10.0.1.0/24", None),
    );
    vpc.attach(
        EniSpec::new(a, "eth0")
            .ipv4(["10.0.0.10"])
            .public("10.0.0.10", "203.0.113.10"),
    );
    let second = EniSpec::new(b, "eth1").ipv4(["10.0.1.20", "10.0.1.21"]);
    vpc.attach(second.public("10.0.1.21", "203.0.113.21"));
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    (vpc, instance)
}

#[test]
fn each_address_asks_the_metadata_service_and_nothing_leaves_the_vpc() {
    let (vpc, instance) = host();
    vpc.imds().clear_log();
    let before = vpc.passed_out();
    let said = instance.must("check --probe");
    let words: Vec<&str> = said.split_whitespace().collect();
    let words = words.join(" ");
    assert!(
        words.contains("the metadata service has answered 2 of 2"),
        "{said}"
    );
    let sources: BTreeSet<String> = vpc
        .imds()
        .log()
        .iter()
        .map(|request| request.from.to_string())
        .collect();
    let all = ["10.0.0.10", "10.0.1.20", "10.0.1.21"].map(str::to_owned);
    assert_eq!(sources, BTreeSet::from(all));
    assert_eq!(vpc.passed_out(), before);
    assert_eq!(vpc.spoofed(), 0);
    let routers = instance.host.ip("neighbour show dev eth1");
    assert!(routers.contains("10.0.1.1 lladdr"), "{routers}");
    let report = report(&instance, "--probe");
    validate(&report);
    let answers = report["probe"].as_array().unwrap().iter();
    assert!(
        answers
            .clone()
            .all(|probe| probe["metadata"] == true && probe.get("seen_as").is_none())
    );
    assert_eq!(answers.count(), 3);
}

#[test]
fn an_address_whose_packets_are_lost_is_named_though_the_kernel_would_send_them_rightly() {
    let (_vpc, instance) = host();
    let drop = "add table ip t; add chain ip t out { type filter hook output priority 0; }; \
                add rule ip t out ip saddr 10.0.1.21 tcp dport 80 drop";
    instance.host.command("nft").arg(drop).run();
    let report = report(&instance, "--probe");
    validate(&report);
    let lost: Vec<&Value> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["code"] == "R1")
        .collect();
    assert_eq!(lost.len(), 1, "{report:#}");
    assert_eq!(
        (&lost[0]["address"], &lost[0]["severity"]),
        (&json!("10.0.1.21"), &json!("error"))
    );
}

#[test]
fn a_service_outside_proves_the_public_address_of_each() {
    let (vpc, instance) = host();
    let _echo = vpc
        .inet()
        .command("/usr/bin/python3")
        .args(["-c", ECHO])
        .background();
    wait_for("the echo service", || {
        vpc.inet().sh("ss -ltn").contains("8.8.8.8:80")
    });
    let seen = |report: &Value| -> Vec<Value> {
        let probes = report["probe"].as_array().unwrap().iter();
        probes.map(|probe| probe["seen_as"].clone()).collect()
    };
    let before = vpc.passed_out();
    let good = report(&instance, "--probe --probe-url http://8.8.8.8/");
    validate(&good);
    assert!(vpc.passed_out() > before);
    // EC2 maps no public address to 10.0.1.20, so nobody answers it.
    assert_eq!(
        seen(&good),
        [json!("203.0.113.10"), Value::Null, json!("203.0.113.21")]
    );
    assert_eq!(good["findings"], json!([]));
    for wrong in ["https://8.8.8.8/", "8.8.8.8", "ftp://8.8.8.8"] {
        let run = instance.eniroute(&format!("check --probe --probe-url {wrong}"));
        assert!(
            run.code == 2 && run.stderr.contains("http://HOST"),
            "{run:#?}"
        );
    }
    assert_eq!(
        instance.eniroute("check --probe-url http://8.8.8.8/").code,
        2
    );
}
