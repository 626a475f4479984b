//! Clients and appliances (N4, N5, N6, N8, N9, and the settings that they need): each finding provoked, and gone once it is
//! mended.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{assert_rated, evidence, findings, remedy, text, the_only, with_code};
use crate::appliance::scene::{ONE_ARM, Scene, TWO_ARMS};
use crate::nat::{B, Lab, S3, SECOND};
use crate::vpc::Host;

const NONE: [&Value; 0] = [];

/// So many flows of a client, each by a port of its own, from an address of the host to one destination and port.
fn flows(host: &Host, count: u32, from: &str) {
    let lines = (0..count).fold(String::new(), |mut lines, flow| {
        let port = 1024 + flow;
        let client =
            format!("-A -t 300 -u SEEN_REPLY -s {B} -d 198.51.100.7 -r 198.51.100.7 -q {from}");
        let ports =
            format!("--sport {port} --dport 53 --reply-port-src 53 --reply-port-dst {port}");
        writeln!(lines, "{client} -p udp {ports}").unwrap();
        lines
    });
    host.command("conntrack")
        .args(["-R", "-"])
        .input(lines)
        .run();
}

#[test]
fn ports_of_one_address_that_run_out_for_one_destination_are_counted() {
    let lab = Lab::new(S3);
    let host = &lab.instance.host;
    for (count, from, severity) in [
        (49_000, "172.31.8.208", None),
        (50_001, "172.31.8.209", None),
        (50_001, "172.31.8.208", Some("warning")),
        (62_000, "172.31.8.208", Some("error")),
    ] {
        lab.forget_flows();
        flows(host, count, from);
        let found = findings(&lab.instance);
        assert_rated(&found, "N4", severity, &format!("{count} of {from}"));
        if severity.is_some() {
            let finding = the_only(&found, "N4");
            assert_eq!(finding["address"], from);
            assert_eq!(finding["is"], format!("{count} of 64512 ports"));
            assert!(
                text(finding, "what").contains("udp to 198.51.100.7 port 53"),
                "{finding}"
            );
            assert!(text(finding, "remedy").contains("pool"), "{finding}");
        }
    }
    lab.forget_flows();
    assert_eq!(with_code(&findings(&lab.instance), "N4"), NONE);
}

#[test]
fn a_part_of_egress_without_effect_is_told_with_its_line() {
    let lab = Lab::new(S3);
    assert_eq!(with_code(&findings(&lab.instance), "N5"), NONE);
    for (more, words) in [
        (
            "[[egress]]\nfrom = \"172.31.26.176\"\nas = \"eth0\"\n",
            "earlier entries have all of it",
        ),
        (
            "[[egress]]\nfrom = \"172.31.20.9\"\nas = \"203.0.113.9\"\n",
            "`as` has `203.0.113.9`",
        ),
        (
            "[[egress]]\nfrom = [\"172.31.20.0/28\", \"172.31.20.9\"]\nas = \"eth0\"\n",
            "the same entry has all of it",
        ),
        (
            "[[egress]]\nfrom = \"2001:db8:7::/64\"\nas = \"eth0\"\n",
            "2001:db8:7::/64 in `from` gets nowhere: no ENI of `as` has IPv6",
        ),
        (
            "[[egress]]\nfrom = \"nobody.invalid\"\nas = \"eth0\"\n",
            "`nobody.invalid` in `from` does not resolve",
        ),
    ] {
        lab.configure(&format!("{S3}\n{more}"));
        let found = findings(&lab.instance);
        let finding = the_only(&found, "N5");
        assert_eq!(text(finding, "severity"), "warning");
        let what = text(finding, "what");
        assert!(
            what.contains(words) && what.contains("eniroute.toml:10"),
            "{what}"
        );
        assert!(
            evidence(finding)[0].contains("eniroute.toml:10"),
            "{finding}"
        );
    }
}

/// Narrow before wide is how an entry for all the others is written: no fault, and `plan` shows what is left.
#[test]
fn a_prefix_that_earlier_entries_have_a_part_of_is_told_by_plan_and_is_no_finding() {
    let lab = Lab::new(S3);
    lab.configure(&format!(
        "{S3}\n[[egress]]\nfrom = \"172.31.20.0/29\"\nas = \"eth1\"\n"
    ));
    let plan = lab.instance.json("plan --backend none");
    let left = "eniroute.toml:10: 172.31.20.0/29 in `from` goes without what earlier entries have of it; left are \
        172.31.20.0-172.31.20.4, 172.31.20.6/31";
    assert!(plan["notes"].to_string().contains(left), "{plan:#}");
    assert_eq!(with_code(&findings(&lab.instance), "N5"), NONE);
}

#[test]
fn a_path_beside_forwarding_that_is_not_enabled_is_told_with_its_line() {
    let lab = Lab::new(S3);
    lab.configure(&format!(
        "{S3}\n[[forwarding.path]]\nin = \"eth1\"\nout = \"eth0\"\n"
    ));
    let found = findings(&lab.instance);
    let finding = the_only(&found, "M6");
    assert!(
        text(finding, "what").contains("[forwarding] lacks `enabled = true`"),
        "{finding}"
    );
    assert!(
        evidence(finding)[0].contains("eniroute.toml:10"),
        "{finding}"
    );
}

#[test]
fn a_rule_that_sends_clients_or_their_answers_elsewhere_is_an_error_until_it_goes() {
    let lab = Lab::new(S3);
    let host = &lab.instance.host;
    assert_eq!(with_code(&findings(&lab.instance), "N6"), NONE);
    for (rule, words) in [
        (
            "iif eth1 to 172.31.16.0/20 lookup 10001",
            "answers to 172.31.26.176 for what came in by eth0",
        ),
        (
            "iif eth0 from 172.31.26.176 lookup main",
            "what the client 172.31.26.176 sends",
        ),
    ] {
        host.ip(&format!("rule add pref 500 {rule}"));
        let found = findings(&lab.instance);
        let found = with_code(&found, "N6");
        assert!(
            found
                .iter()
                .any(|one| text(one, "what").starts_with(words) && one["severity"] == "error"),
            "{rule}: {found:#?}"
        );
        assert!(
            evidence(found[0])
                .iter()
                .any(|line| line.contains("priority 500")),
            "{found:#?}"
        );
        host.ip(&format!("rule del pref 500 {rule}"));
    }
    host.ip("rule add pref 500 iif docker0 lookup 10000");
    host.ip("rule add pref 500 from 10.9.9.9 lookup 10000");
    assert_eq!(with_code(&findings(&lab.instance), "N6"), NONE);
}

#[test]
fn a_path_that_leads_one_way_only_is_an_error_unless_answers_are_known_by_marks() {
    let one_way = "[[forwarding.path]]\nin = \"eth1\"\nout = \"eth2\"\n";
    for (config, severity) in [
        (
            format!("{ONE_ARM}symmetric = false\n{one_way}"),
            Some("error"),
        ),
        (format!("{ONE_ARM}{one_way}"), None),
        (
            TWO_ARMS.replace("enabled = true\n", "enabled = true\nsymmetric = false\n"),
            None,
        ),
    ] {
        let scene = Scene::new(&config);
        scene.appliance.must("apply");
        let found = findings(&scene.appliance);
        assert_rated(&found, "N6", severity, &config);
    }
}

#[test]
fn a_table_that_nft_does_not_take_is_told_with_its_words() {
    let lab = Lab::bare();
    lab.configure(S3);
    let host = &lab.instance.host;
    // As nft before 0.9.7, which does not know the words.
    lab.instance.write(
        "nft",
        "#!/bin/sh\nif [ \"$1\" = -c ]; then\n  echo '/dev/stdin:1:1-8: Error: syntax error, unexpected wildcard' >&2\n\
         echo 'add rule inet eniroute unsolicited socket wildcard 0 return' >&2\n  exit 1\nfi\nexec /run/nft.real \"$@\"\n",
    );
    let wrapper = lab.instance.root().join("nft");
    host.sh(&format!(
        "mount -t tmpfs own /run/lock && cp /usr/sbin/nft /run/lock/nft && sed -i s,/run/nft.real,/run/lock/nft, {0} && chmod 755 {0} \
         && mount --bind {0} /usr/sbin/nft",
        wrapper.display()
    ));
    let found = findings(&lab.instance);
    let finding = the_only(&found, "N8");
    let what = text(finding, "what");
    assert!(
        what.contains("too old")
            && what.contains("unexpected wildcard")
            && what.contains("socket wildcard"),
        "{what}"
    );
    assert!(remedy(finding, "review").contains("install nftables"));
}

#[test]
fn marks_of_others_in_the_top_byte_are_told_and_other_marks_are_not() {
    let lab = Lab::new(S3);
    let host = &lab.instance.host;
    let chain = |hook: &str, priority: i32, rule: &str| {
        host.sh(&format!(
            "nft 'add table ip own; add chain ip own c {{ type filter hook {hook} priority {priority}; }}; add rule ip own c {rule}'"
        ));
    };
    for (hook, priority, rule, severity) in [
        ("prerouting", -150, "meta mark set 0x7", None),
        (
            "prerouting",
            -140,
            "meta mark set meta mark and 0xffffff00 or 0x7",
            None,
        ),
        ("output", -150, "meta mark set 0x7", None),
        ("prerouting", -140, "meta mark set 0x7", Some("warning")),
        ("prerouting", -150, "ct mark set meta mark", Some("warning")),
        (
            "output",
            0,
            "meta mark set meta mark or 0x2000000",
            Some("warning"),
        ),
    ] {
        chain(hook, priority, rule);
        assert_rated(&findings(&lab.instance), "N9", severity, rule);
        host.sh("nft delete table ip own");
    }
    for (words, severity) in [
        (
            "-j CONNMARK --save-mark --nfmask 0xffff --ctmask 0xffff",
            None,
        ),
        ("-j MARK --set-xmark 0x4000/0x4000", None),
        ("-j CONNMARK --set-mark 1", Some("warning")),
        ("-j MARK --set-xmark 0x1000000/0x1000000", Some("warning")),
    ] {
        host.sh(&format!("iptables -t mangle -A PREROUTING {words}"));
        assert_rated(&findings(&lab.instance), "N9", severity, words);
        host.sh("iptables -t mangle -F");
    }
    host.ip("rule add pref 700 fwmark 0x20000/0x20000 lookup 10000");
    assert_eq!(with_code(&findings(&lab.instance), "N9"), NONE);
    host.ip("rule add pref 701 fwmark 0x2000000/0x2000000 lookup 10000");
    let found = findings(&lab.instance);
    host.sh(&remedy(the_only(&found, "N9"), "review"));
    assert_eq!(with_code(&findings(&lab.instance), "N9"), NONE);
}

#[test]
fn calico_and_cilium_are_an_error_of_check_which_goes_on_to_tell_the_rest() {
    for make in [
        "ip link add cali0123 type veth peer name other0",
        "ip link add cilium_host type veth peer name cilium_net",
        "iptables -t mangle -N cali-PREROUTING",
        "nft 'add table ip filter; add chain ip filter CILIUM_FORWARD'",
    ] {
        let lab = Lab::new(S3);
        lab.instance.host.sh(make);
        let found = findings(&lab.instance);
        assert_rated(&found, "N9", Some("error"), make);
        assert!(
            !with_code(&found, "N1").is_empty(),
            "{make}: the rest is told"
        );
    }
}

#[test]
fn a_later_file_that_takes_a_setting_back_is_named_with_its_line() {
    let lab = Lab::new(S3);
    let late = "etc/sysctl.d/99-zzz.conf";
    for (line, code, severity) in [
        ("net.ipv4.conf.eth1.forwarding = 0", "O4", "warning"),
        ("net/ipv4/conf/eth1/rp_filter=1", "L6", "warning"),
        ("-net.ipv4.conf.all.send_redirects = 1", "N7", "warning"),
    ] {
        lab.instance
            .write(late, &format!("# of the house\n\n{line}\n"));
        let found = findings(&lab.instance);
        let finding = the_only(&found, code);
        assert_eq!(text(finding, "severity"), severity, "{finding}");
        assert!(
            text(finding, "what").contains("/etc/sysctl.d/99-zzz.conf:3 sets "),
            "{finding}"
        );
    }
    lab.instance.write(
        "etc/sysctl.d/99-zz-eniroute.conf",
        "net.ipv4.conf.eth1.forwarding = 1\n",
    );
    for (path, line) in [
        (late, "net.ipv4.conf.eth1.forwarding = 1"),
        (late, "net.ipv4.conf.docker0.forwarding = 0"),
        (
            "etc/sysctl.d/50-early.conf",
            "net.ipv4.conf.eth1.forwarding = 0",
        ),
    ] {
        lab.instance.write(late, "");
        lab.instance.write(path, line);
        for code in ["O4", "L6", "N7"] {
            assert_eq!(
                with_code(&findings(&lab.instance), code),
                NONE,
                "{path} {line}"
            );
        }
    }
    lab.instance
        .write("etc/sysctl.conf", "net.ipv4.conf.eth1.forwarding=0\n");
    assert_rated(
        &findings(&lab.instance),
        "O4",
        Some("hint"),
        "procps reads it last",
    );
}

#[test]
fn a_bridge_that_passes_nothing_on_is_an_error_where_clients_are_behind_it() {
    let lab = Lab::bare();
    let host = &lab.instance.host;
    let container = host.container("docker0", "172.17.0.2/16");
    host.sysctl("net.ipv4.ip_forward", 0);
    for (from, severity) in [("172.31.20.5", None), ("172.17.0.0/24", Some("error"))] {
        lab.configure(&format!(
            "[[egress]]\nfrom = \"{from}\"\nas = \"{SECOND}\"\n"
        ));
        lab.instance.must("apply --backend none");
        assert_rated(&findings(&lab.instance), "O4", severity, from);
    }
    assert_eq!(lab.seen(&container), "");
    let found = findings(&lab.instance);
    host.sh(&remedy(the_only(&found, "O4"), "review"));
    assert_eq!(lab.seen(&container), SECOND);
    assert_eq!(with_code(&findings(&lab.instance), "O4"), NONE);
    host.sysctl("net.ipv4.conf.eth1.forwarding", 0);
    assert_rated(
        &findings(&lab.instance),
        "O4",
        Some("error"),
        "an ENI that passes nothing on",
    );
}

#[test]
fn the_timeout_of_clients_is_the_one_that_counts_where_nothing_else_is_forwarded() {
    let lab = Lab::new(S3);
    let write = |key: &str, value: &str| {
        lab.instance
            .write(&format!("proc/sys/net/netfilter/nf_conntrack_{key}"), value)
    };
    write("max", "1000\n");
    write("count", "10\n");
    write("tcp_timeout_established", "432000\n");
    lab.instance
        .write("sys/class/dmi/id/product_name", "m8i.large\n");
    assert_eq!(
        with_code(&findings(&lab.instance), "N3"),
        NONE,
        "350 s is the clients'"
    );
    lab.configure(&S3.replace("as =", "idle = 3600\nas ="));
    let found = findings(&lab.instance);
    let finding = the_only(&found, "N3");
    assert_eq!(
        (&finding["object"], &finding["is"]),
        (&json!("idle"), &json!("3600 s"))
    );
}
