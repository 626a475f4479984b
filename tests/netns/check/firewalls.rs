//! ufw and firewalld themselves before clients of NAT, by packets: the line that O2 has lets them through, and so it does
//! when the firewall loads its rules anew. tests/consumers unpacks both.

use super::{findings, remedy, text, with_code};
use crate::consumer::{furnish_from, program, run, said};
use crate::instance::Instance;
use crate::nat::{B, Lab, S3, SECOND, ask, echo};
use crate::network_manager::BUS;
use crate::vpc::wait_for;

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/firewalls");

/// The NAT instance, with these programs and their configuration as it is installed.
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
    let out = program(instance, "sh -e").input(&line).output();
    assert!(out.status.success(), "{line}: {}", said(&out));
    assert!(passes(), "{line}: {}", instance.host.sh("nft list ruleset"));
    assert_eq!(of_second(), [""; 0], "{line}");
    run(instance, again);
    assert!(passes(), "{again}");
    assert_eq!(lab.vpc.without_public_address(), 0);
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
    let bus = "dbus-daemon --config-file=/etc/bus.conf --nofork --nopidfile";
    let _bus = program(&instance, bus).background();
    wait_for("the bus", || instance.has("run/dbus/system_bus_socket"));
    let _daemon = program(&instance, "firewalld --nofork --nopid").background();
    let answers = || {
        program(&instance, "firewall-cmd --state")
            .output()
            .status
            .success()
    };
    wait_for("firewalld", answers);
    let line = format!("rule family=\"ipv4\" source address=\"{B}");
    assert_remedied(&lab, &instance, &line, "firewall-cmd --reload");
}
