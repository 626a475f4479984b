//! ufw and firewalld themselves before clients of NAT, by packets: the line that O2 has lets them through, and so it does
//! when the firewall loads its rules anew. tests/consumers unpacks both.

use super::{findings, remedy, text, with_code};
use crate::consumer::{furnish_from, program, run, said};
use crate::egress::families::talk;
use crate::instance::Instance;
use crate::nat::{B, FIRST, Lab, S3, SECOND, ask, echo};
use crate::network_manager::BUS;
use crate::vpc::{Background, INTERNET, wait_for};

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/firewalls");

/// An instance in its place, with these programs and their configuration as it is installed.
fn instance(lab: &Lab) -> Instance {
    let instance = Instance::bare(lab.vpc.guest());
    furnish_from(&instance, &format!("{PROGRAMS}/usr"));
    let root = instance.root().display();
    instance.host.sh(&format!(
        "cd {root}; cp -r {PROGRAMS}/etc .; cp -a /etc/alternatives /etc/protocols /etc/services etc/
        cp {PROGRAMS}/usr/share/ufw/iptables/*.rules {PROGRAMS}/usr/share/ufw/ufw.conf etc/ufw/
        mkdir -p run/dbus var/lib var/log; ln -s ../run var/run"
    ));
    instance.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    instance.write("etc/bus.conf", BUS);
    instance.write("etc/eniroute.toml", S3);
    instance.must("apply --backend none");
    instance
}

/// The line that lets the client `B` through, which nothing else does.
fn assert_remedied(lab: &Lab, instance: &Instance, words: &str, again: &str) {
    let passes = || lab.seen(&lab.clients[1]) == SECOND && ask(&lab.clients[1]);
    assert!(!passes());
    let of_second = || {
        let found = findings(instance);
        let found = with_code(&found, "O2").into_iter().cloned();
        found
            .filter(|one| text(one, "what").contains(B))
            .collect::<Vec<_>>()
    };
    let found = of_second();
    let [finding] = &found[..] else {
        panic!("{found:#?}")
    };
    let line = remedy(finding, "review");
    assert!(line.contains(words), "{line}");
    follow(instance, &line);
    assert!(passes(), "{line}: {}", instance.host.sh("nft list ruleset"));
    assert_eq!(of_second(), [""; 0], "{line}");
    run(instance, again);
    assert!(passes(), "{again}");
    assert_eq!(lab.vpc.without_public_address(), 0);
}

fn follow(instance: &Instance, line: &str) {
    let out = program(instance, "sh -e").input(line).output();
    assert!(out.status.success(), "{line}: {}", said(&out));
}

#[test]
fn clients_pass_ufw_by_the_line_of_its_finding() {
    let lab = Lab::bare();
    echo(&lab.vpc.inet());
    let instance = instance(&lab);
    run(&instance, "ufw --force enable");
    let line = format!("ufw route allow out on eth1 from {B}");
    assert_remedied(&lab, &instance, &line, "ufw reload");
}

#[test]
fn clients_pass_firewalld_by_the_line_of_its_finding() {
    let lab = Lab::bare();
    echo(&lab.vpc.inet());
    let instance = instance(&lab);
    let _running = started(&instance);
    let line = format!("rule family=\"ipv4\" source address=\"{B}");
    assert_remedied(&lab, &instance, &line, "firewall-cmd --reload");
}

/// It drops what is invalid whatever its policies say, and of their TCP conntrack sees half.
#[test]
fn ipv6_clients_pass_firewalld_by_the_line_of_its_finding() {
    let mut lab = Lab::bare();
    let instance = instance(&lab);
    let client = lab.dual_client("dual", "172.31.20.11", "2001:db8:0:2::11");
    let config = format!("[[egress]]\nfrom = \"2001:db8:0:2::/64\"\nas = \"{FIRST}\"\n");
    instance.write("etc/eniroute.toml", &config);
    instance.must("apply --backend none");
    instance.host.settle();
    let _running = started(&instance);
    let talks = || talk(&client, &lab.vpc.inet(), INTERNET[1], 3).is_ok();
    assert!(!talks());
    let of_forward = || {
        let found = findings(&instance);
        let found = with_code(&found, "O2").into_iter().cloned();
        found
            .filter(|one| text(one, "object").ends_with("FORWARD"))
            .collect::<Vec<_>>()
    };
    let found = of_forward();
    let line = remedy(&found[0], "review");
    follow(&instance, &line);
    assert!(talks(), "{line}");
    assert_eq!(of_forward(), [""; 0], "{line}");
}

/// firewalld with its bus, once it answers.
fn started(instance: &Instance) -> [Background; 2] {
    let bus = "dbus-daemon --config-file=/etc/bus.conf --nofork --nopidfile";
    let bus = program(instance, bus).background();
    wait_for("the bus", || instance.has("run/dbus/system_bus_socket"));
    let daemon = program(instance, "firewalld --nofork --nopid").background();
    let answers = || {
        let state = program(instance, "firewall-cmd --state").output();
        state.status.success()
    };
    wait_for("firewalld", answers);
    [bus, daemon]
}
