//! `[[egress]]` by packets: who is seen as which address, what outlives a change, and what is refused.

mod containers;
mod drain;
mod failover;
pub mod families;
mod flows;
mod outlive;
mod status;
mod table;
mod untranslated;
mod wishes;
mod without_nft;

use crate::nat::{A, Asking, B, C, FIRST, Lab, S3, SECOND, after, changing, echo};
use eniroute::plan::nft::address_of;
use serde_json::json;

use crate::check::{findings, the_only, with_code};
use crate::vpc::{Host, INTERNET};

#[test]
fn each_client_of_s3_is_seen_as_its_own_address_and_a_third_gets_nothing() {
    let lab = Lab::new(S3);
    assert_eq!(lab.all_seen(), [FIRST, SECOND, ""]);
    assert_eq!(lab.vpc.without_public_address(), 0);
    assert_eq!(lab.vpc.spoofed(), 0);
    for client in &lab.clients[..2] {
        assert_eq!(client.ping(&[INTERNET[0]]), [] as [std::net::IpAddr; 0]);
    }
    assert_eq!(
        with_code(&findings(&lab.instance), "N8"),
        [] as [&serde_json::Value; 0]
    );
    assert_eq!(
        lab.instance.json("apply --backend none")["kernel"],
        json!([])
    );
    let forward = lab.instance.host.sh("cat /proc/sys/net/ipv4/ip_forward");
    assert_eq!(
        forward.trim(),
        "0",
        "the host is no router for anybody else"
    );
}

#[test]
fn a_table_that_is_gone_or_changed_is_an_error_and_the_next_refresh_mends_it() {
    let lab = Lab::new(S3);
    for (change, words) in [
        ("nft delete table inet eniroute", "it is not there"),
        (
            "nft flush chain inet eniroute postrouting",
            "somebody has changed it",
        ),
        (
            "nft delete element inet eniroute nat4 '{ 172.31.20.5 }'",
            "somebody has changed it",
        ),
        (
            "nft add rule inet eniroute transit accept",
            "somebody has changed it",
        ),
    ] {
        lab.instance.host.sh(change);
        let found = findings(&lab.instance);
        let finding = the_only(&found, "N8");
        assert_eq!(finding["severity"], "error", "{change}");
        assert!(
            finding["what"].as_str().unwrap().ends_with(words),
            "{change}: {finding}"
        );
        lab.instance.must("refresh");
        assert_eq!(lab.all_seen(), [FIRST, SECOND, ""], "{change}");
        assert_eq!(
            with_code(&findings(&lab.instance), "N8"),
            [] as [&serde_json::Value; 0]
        );
    }
}

/// `make soak ARGS=nat/reloads` does 186.
#[test]
fn fifty_clients_that_open_flows_all_the_time_lose_none_over_reloads() {
    let lab = Lab::bare();
    echo(&lab.vpc.inet());
    let clients = lab.crowd(50);
    lab.configure(&changing(0));
    lab.instance.must("apply --backend none");
    let (asked, lost, leaked) = lab.reloads(&clients, 25);
    assert!(asked > 1_000, "{asked}");
    assert_eq!((lost, leaked), (0, 0), "of {asked}");
}

#[test]
fn remove_leaves_nothing_and_no_packet_goes_out_without_nat() {
    let lab = Lab::new(S3);
    echo(&lab.vpc.inet());
    // The time between any two steps of a removal is long.
    lab.instance.host.sh(
        "mount -t tmpfs none /mnt; cp $(readlink -f /usr/sbin/nft) /mnt/nft.real
        printf '#!/bin/sh\\nsleep 0.2; exec /mnt/nft.real \"$@\"\\n' >/mnt/nft; chmod 755 /mnt/nft
        mount --bind /mnt/nft $(readlink -f /usr/sbin/nft)",
    );
    let asking = Asking::begin(&lab.clients[..2]);
    after(&asking, 20);
    lab.instance.must("remove");
    let _ = asking.end();
    assert_eq!(lab.vpc.without_public_address(), 0);
    let tables = lab.instance.host.sh("nft list tables");
    assert_eq!(tables, "");
    assert!(!lab.instance.has("var/lib/eniroute/nat.nft"));
    assert_eq!(lab.all_seen(), ["", "", ""]);
}

#[test]
fn a_client_s_name_is_followed_within_a_refresh_and_keeps_its_address_while_it_does_not_resolve() {
    let lab = Lab::bare();
    let hosts = lab.instance.root().join("hosts");
    let name =
        |line: &str| std::fs::write(&hosts, format!("127.0.0.1 localhost\n{line}\n")).unwrap();
    name("172.31.26.176 db1.internal");
    let guest = &lab.instance.host;
    guest.sh(&format!("mount --bind {} /etc/hosts", hosts.display()));
    lab.configure(&format!(
        "[[egress]]\nfrom = \"db1.internal\"\nas = \"{SECOND}\"\n"
    ));
    lab.instance.must("apply --backend none");
    assert_eq!(lab.all_seen(), ["", SECOND, ""]);
    name("172.31.20.9 db1.internal");
    lab.instance.must("refresh");
    assert_eq!(lab.all_seen(), ["", "", SECOND]);
    name("");
    let run = lab.instance.eniroute("apply --backend none");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stdout
            .contains("`db1.internal` in `from` does not resolve"),
        "{run:?}"
    );
    assert!(run.stdout.contains("it keeps 172.31.20.9"), "{run:?}");
    assert_eq!(lab.all_seen(), ["", "", SECOND]);
}

#[test]
fn bad_input_ends_with_2_and_touches_nothing() {
    let lab = Lab::new(S3);
    let (before, disk) = (state(&lab.instance.host), lab.instance.disk_state());
    for (from, leave_as, words) in [
        (
            A,
            "203.0.113.9",
            "is no address, interface or ENI of this host",
        ),
        ("172.31.5.10", FIRST, "this host's own"),
        ("172.31.20.300", FIRST, "neither an address"),
    ] {
        let config = lab.instance.root().join("../wrong.toml");
        let config = config.canonicalize().unwrap_or(config);
        std::fs::write(
            &config,
            format!("[[egress]]\nfrom = \"{from}\"\nas = \"{leave_as}\"\n"),
        )
        .unwrap();
        for command in ["apply --backend none", "plan --backend none"] {
            let run = lab
                .instance
                .eniroute(&format!("{command} --config {}", config.display()));
            assert_eq!(run.code, 2, "{run:?}");
            assert!(run.stderr.contains(words), "{run:?}");
        }
    }
    assert_eq!(state(&lab.instance.host), before);
    assert_eq!(lab.instance.disk_state(), disk);
    assert_eq!(lab.all_seen(), [FIRST, SECOND, ""]);
}

/// All that a run could change in the kernel.
fn state(host: &Host) -> String {
    host.dump()
        + &host.sh(
            "nft -s list ruleset; sysctl -a --pattern 'forwarding|rp_filter|redirects' 2>/dev/null",
        )
}

#[test]
fn without_nft_all_else_is_done_nothing_is_forwarded_and_the_package_is_named() {
    let lab = Lab::bare();
    lab.configure(S3);
    lab.instance.host.sh("for nft in /usr/sbin/nft /usr/bin/nft /sbin/nft; do [ -e $nft ] && mount --bind /dev/null $nft; done; true");
    let run = lab.instance.eniroute("apply --backend none");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("nftables"), "{run:?}");
    assert!(lab.instance.way_out("172.31.8.208").contains("dev eth1"));
    assert_eq!(lab.all_seen(), ["", "", ""]);
    assert_eq!(lab.vpc.without_public_address(), 0);
    let found = findings(&lab.instance);
    assert_eq!(the_only(&found, "N8")["severity"], "error");
}

#[test]
fn the_address_of_each_client_of_a_pool_is_known_without_asking_the_kernel() {
    let mut lab = Lab::bare();
    lab.vpc
        .associate(lab.enis[1], "172.31.8.209", "54.178.200.1");
    let pool = [
        ("172.31.5.10", FIRST),
        ("172.31.8.208", SECOND),
        ("172.31.8.209", "54.178.200.1"),
    ];
    lab.configure(&format!(
        "[[egress]]\nfrom = \"172.31.30.0/24\"\nas = [\"{FIRST}\", \"{SECOND}\", \"172.31.8.209\"]\n"
    ));
    lab.instance.must("apply --backend none");
    let private: Vec<_> = pool
        .iter()
        .map(|(ip, public)| (ip.parse().unwrap(), *public))
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    for last in [1, 7, 40, 77, 150, 151, 152, 201, 254] {
        let ip = std::net::Ipv4Addr::new(172, 31, 30, last);
        let client = lab.client(&format!("p{last}"), &ip.to_string());
        let (_, expected) = address_of(&private, ip).unwrap();
        assert_eq!(lab.seen(&client), *expected, "{ip}");
        seen.insert(*expected);
    }
    assert_eq!(seen.len(), 3);
    assert_eq!(
        (lab.vpc.spoofed(), lab.vpc.without_public_address()),
        (0, 0)
    );
}

#[test]
fn a_table_that_nftables_has_emptied_is_loaded_again_from_its_file_as_it_was() {
    let lab = Lab::bare();
    assert_eq!(lab.instance.must("egress load"), "", "there is none yet");
    let instance = crate::instance::Instance::with_netplan(lab.vpc.guest());
    instance.write("etc/eniroute.toml", S3);
    instance.must("apply");
    assert_eq!(lab.all_seen(), [FIRST, SECOND, ""]);
    instance.host.sh("nft flush ruleset");
    assert_eq!(instance.must("egress load"), "");
    assert_eq!(lab.all_seen(), [FIRST, SECOND, ""]);
    let found = findings(&instance);
    assert_eq!(with_code(&found, "N8"), [] as [&serde_json::Value; 0]);
    assert_eq!(instance.json("apply")["kernel"], json!([]));
    instance.must("remove");
    assert!(!instance.has("var/lib/eniroute/nat.nft"));
}

#[test]
fn explain_tells_what_each_client_leaves_as_without_asking_the_kernel() {
    let pool =
        format!("{S3}\n[[egress]]\nfrom = \"172.31.24.0/24\"\nas = [\"{FIRST}\", \"{SECOND}\"]\n");
    let lab = Lab::new(&pool);
    let packet = |ip: &str| lab.instance.json(&format!("explain {ip}"))["packet"].take();
    for (client, seen, dev) in [(A, FIRST, "eth0"), (B, SECOND, "eth1")] {
        let said = packet(client);
        assert_eq!(
            (&said["public"], &said["interface"]),
            (&json!([seen]), &json!(dev))
        );
        assert_eq!(lab.seen(&lab.clients[usize::from(client == B)]), seen);
        let text = lab.instance.must(&format!("explain {client}"));
        assert!(text.contains("is a client of an [[egress]]"), "{text}");
    }
    for last in 1..=8 {
        let ip = format!("172.31.24.{last}");
        let client = lab.client(&format!("pool-{last}"), &ip);
        assert_eq!(packet(&ip)["public"], json!([lab.seen(&client)]), "{ip}");
    }
    let nobody = lab.instance.eniroute(&format!("explain {C}"));
    assert_eq!(nobody.code, 2, "{nobody:?}");
}
