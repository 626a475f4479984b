//! Other owners (O): each finding provoked, and gone once it is mended.

use serde_json::{Value, json};

use super::{findings, host, the_only, with_code};
use crate::instance::Instance;

const NONE: [&Value; 0] = [];

fn nft(instance: &Instance, commands: &str) {
    instance
        .host
        .command("nft")
        .args(["-f", "-"])
        .input(commands.to_owned())
        .run();
}

#[test]
fn another_tool_is_named_with_the_command_that_turns_it_off() {
    let (_vpc, instance) = host();
    let timer = "etc/systemd/system/timers.target.wants/cloud-netconfig.timer";
    instance.write(timer, "");
    let found = findings(&instance);
    let finding = the_only(&found, "O1");
    assert_eq!(finding["severity"], "warning");
    assert_eq!(finding["evidence"][0]["source"], format!("/{timer}"));
    let remedy = json!([{"command": "systemctl disable --now cloud-netconfig.timer", "applicability": "review"}]);
    assert_eq!(finding["remedies"], remedy);
}

#[test]
fn tools_that_get_on_with_eniroute_are_no_more_than_a_hint() {
    let (_vpc, instance) = host();
    instance.write(
        "run/systemd/network/85-imds-early.network",
        "[Match]\nType=ether\nKind=!*\n",
    );
    let found = findings(&instance);
    assert_eq!(the_only(&found, "O1")["severity"], "hint");
}

#[test]
fn a_firewall_that_may_drop_is_a_hint_by_family_and_one_that_drops_all_a_warning() {
    let (_vpc, instance) = host();
    nft(
        &instance,
        "table ip6 own { chain in { type filter hook input priority 0; policy drop; meta l4proto tcp accept; }; }",
    );
    let found = findings(&instance);
    let finding = the_only(&found, "O2");
    assert_eq!(
        (&finding["severity"], &finding["object"]),
        (&json!("hint"), &json!("ip6 own in"))
    );
    assert!(
        finding["what"].as_str().unwrap().contains("IPv6 packets"),
        "{finding:#}"
    );
    // A rule further down, which another chain jumps to.
    nft(
        &instance,
        "flush ruleset; table inet own { chain deep { tcp dport 25 drop; }; chain in { type filter hook input priority 0; jump deep; }; }",
    );
    assert_eq!(
        the_only(&findings(&instance), "O2")["object"],
        "inet own in"
    );
    // Loopback only: what is asked here still gets no answer.
    nft(
        &instance,
        "flush ruleset; table ip6 own { chain in { type filter hook input priority 0; policy drop; }; }",
    );
    assert_eq!(the_only(&findings(&instance), "O2")["severity"], "warning");
    nft(
        &instance,
        "flush ruleset; table inet own { chain in { type filter hook input priority 0; tcp dport 22 accept; }; }",
    );
    assert_eq!(findings(&instance), [] as [Value; 0]);
}

/// nft does not see its rules, and whether one drops what matters nobody can say.
#[test]
fn a_firewall_of_the_older_iptables_is_a_hint_with_the_command_that_shows_it() {
    let (_vpc, instance) = host();
    assert_eq!(with_code(&findings(&instance), "O2"), NONE);
    instance
        .host
        .sh("iptables-legacy -A INPUT -p tcp --dport 25 -j DROP");
    let found = findings(&instance);
    let finding = the_only(&found, "O2");
    assert_eq!(
        (&finding["severity"], &finding["object"]),
        (&json!("hint"), &json!("iptables-legacy"))
    );
    let shown = instance
        .host
        .sh(finding["remedies"][0]["command"].as_str().unwrap());
    assert!(shown.contains("--dport 25 -j DROP"), "{shown}");
    assert!(
        finding["what"].as_str().unwrap().contains("IPv4"),
        "{finding:#}"
    );
    instance
        .host
        .sh("ip6tables-legacy -A INPUT -p tcp --dport 25 -j DROP");
    assert_eq!(with_code(&findings(&instance), "O2").len(), 2);
}

#[test]
fn forwarded_packets_that_may_be_dropped_matter_only_where_the_host_forwards() {
    let (_vpc, instance) = host();
    nft(
        &instance,
        "table inet own { chain onward { type filter hook forward priority 0; policy drop; }; }",
    );
    assert_eq!(with_code(&findings(&instance), "O2"), NONE);
    instance.host.sysctl("net.ipv4.ip_forward", 1);
    assert_eq!(
        the_only(&findings(&instance), "O2")["object"],
        "inet own onward"
    );
}

#[test]
fn a_masquerade_that_gives_an_eni_s_second_address_its_first_is_found_and_a_container_s_is_not() {
    let (_vpc, instance) = host();
    let table = |rule: &str| {
        let chain = "chain post { type nat hook postrouting priority 100;";
        nft(
            &instance,
            &format!("flush ruleset; table ip own {{ {chain} {rule}; }}; }}"),
        );
    };
    for rule in [
        "masquerade",
        "oifname eth1 masquerade",
        "ip saddr 10.0.0.0/16 oifname eth1 snat to 10.0.1.20",
    ] {
        table(rule);
        let found = findings(&instance);
        let finding = the_only(&found, "O3");
        assert_eq!(
            (&finding["severity"], &finding["address"]),
            (&json!("warning"), &json!("10.0.1.21")),
            "{rule}"
        );
    }
    for rule in [
        "ip saddr 172.17.0.0/16 oifname != docker0 masquerade",
        "oifname eth0 masquerade",
        "meta mark 1 masquerade",
    ] {
        table(rule);
        assert_eq!(with_code(&findings(&instance), "O3"), NONE, "{rule}");
    }
}

#[test]
fn forwarding_that_no_file_asks_for_is_found_and_the_file_that_says_otherwise() {
    let (_vpc, instance) = host();
    let file = "etc/sysctl.d/60-router.conf";
    instance.host.sysctl("net.ipv4.ip_forward", 1);
    let found = findings(&instance);
    let finding = the_only(&found, "O4");
    assert_eq!(
        (&finding["severity"], &finding["is"]),
        (&json!("hint"), &json!("on"))
    );
    instance.write(file, "# a router\nnet.ipv4.ip_forward = 1\n");
    assert_eq!(with_code(&findings(&instance), "O4"), NONE);
    // What comes later by its name decides, and what shadows it in /etc.
    instance.write("usr/lib/sysctl.d/70-none.conf", "-net/ipv4/ip_forward=0\n");
    let found = findings(&instance);
    assert_eq!(
        the_only(&found, "O4")["evidence"][1]["source"],
        "/usr/lib/sysctl.d/70-none.conf:1"
    );
    instance.write("etc/sysctl.d/70-none.conf", "");
    assert_eq!(with_code(&findings(&instance), "O4"), NONE);
}

#[test]
fn an_eni_that_the_configuration_leaves_alone_is_told_with_that_file() {
    let (_vpc, instance) = host();
    instance.write("etc/eniroute.toml", "exclude = [\"eth1\"]\n");
    let found = findings(&instance);
    let finding = the_only(&found, "O5");
    assert_eq!(
        (&finding["severity"], &finding["object"]),
        (&json!("hint"), &json!("eth1"))
    );
    assert_eq!(finding["evidence"][0]["source"], "/etc/eniroute.toml");
}
