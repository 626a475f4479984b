//! Whole files, byte for byte, as ifup takes them; and the reader of other people's ifcfg files.

use super::*;
use crate::files::FileChange;
use crate::plan::Desired;
use crate::stacks::guest;

const OUT: &str =
    ". To opt out: exclude it in /etc/eniroute.toml, then run: eniroute remove --eni ";

fn render(files: &[(&str, &str)], enis: Vec<Planned>) -> Rendering {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::new(root.path()).unwrap();
    for (name, text) in files {
        let file = File {
            path: path(name),
            mode: 0o644,
            text: (*text).into(),
        };
        disk.commit(&FileChange::Create(file)).unwrap();
    }
    NetworkScripts::read(&disk, &guest::links())
        .unwrap()
        .render(&Share::whole(&Desired {
            enis,
            ..Desired::default()
        }))
}

fn names(rendering: &Rendering) -> Vec<&str> {
    rendering
        .files
        .iter()
        .map(|file| file.path.file_name().unwrap().to_str().unwrap())
        .collect()
}

/// The text below the first line, which must be the ENI's marker; the mode is the same for all.
fn body<'a>(rendering: &'a Rendering, name: &str) -> &'a str {
    let file = rendering
        .files
        .iter()
        .find(|file| file.path == path(name))
        .unwrap();
    assert_eq!(file.mode, 0o644);
    let (first, rest) = file.text.split_once('\n').unwrap();
    assert!(
        first.starts_with("# Written by eniroute for eni-") && first.contains(OUT),
        "{first}"
    );
    rest
}

/// At a boot the device has the name that `HWADDR` and `DEVICE` give it, and ifup reads the files by that.
#[test]
fn beside_an_owner_that_gives_the_device_another_name_the_files_go_by_that() {
    let owner = "DEVICE=lan0\nHWADDR=02:00:00:00:00:02\nBOOTPROTO=dhcp\n";
    let rendering = render(&[("ifcfg-lan0", owner)], vec![guest::eth1()]);
    let route = body(&rendering, "route-lan0");
    assert!(
        route.contains("default via 10.0.0.1 dev lan0 table 10001"),
        "{route}"
    );
    let all = names(&rendering);
    assert!(
        all.contains(&"rule-lan0") && all.contains(&"ifcfg-lan0:0"),
        "{all:?}"
    );
    assert!(!all.iter().any(|name| name.contains("eth1")), "{all:?}");
    let other = "DEVICE=eth1\nHWADDR=02:00:00:00:00:77\nBOOTPROTO=dhcp\n";
    let rendering = render(&[("ifcfg-other", other)], vec![guest::eth1()]);
    assert!(
        names(&rendering).contains(&"ifcfg-eth1"),
        "that device is another NIC's"
    );
}

#[test]
fn an_eni_that_nobody_configures_gets_all_five_files() {
    let rendering = render(&[], vec![guest::eth1()]);
    assert_eq!(
        names(&rendering),
        [
            "ifcfg-eth1",
            "route-eth1",
            "rule-eth1",
            "route6-eth1",
            "rule6-eth1"
        ]
    );
    assert_eq!(
        body(&rendering, "ifcfg-eth1"),
        "DEVICE=eth1\nHWADDR=02:00:00:00:00:02\nTYPE=Ethernet\nONBOOT=yes\nBOOTPROTO=none\nNM_CONTROLLED=no\n\
         DEFROUTE=no\nPEERDNS=no\nNOZEROCONF=yes\n\
         IPADDR=10.0.0.20\nPREFIX=32\nARPCHECK=no\nARPUPDATE=no\n\
         IPADDR1=10.0.0.21\nPREFIX1=32\nARPCHECK1=no\nARPUPDATE1=no\n\
         IPV6INIT=yes\nIPV6_AUTOCONF=no\nIPV6_DEFROUTE=no\nIPV6ADDR=2001:db8:0:a::200/128\n"
    );
    assert_eq!(
        body(&rendering, "route-eth1"),
        "throw 10.0.3.16/28 table 10001\n\
         10.0.0.0/20 dev eth1 scope link src 10.0.0.20 table 10001\n\
         10.0.0.0/20 dev eth1 scope link src 10.0.0.20 metric 10001\n\
         default via 10.0.0.1 dev eth1 table 10001\n\
         default via 10.0.0.1 dev eth1 metric 10001\n"
    );
    assert_eq!(
        body(&rendering, "rule-eth1"),
        "from 10.0.0.20 lookup 10001 priority 10001\n\
         from 10.0.0.21 lookup 10001 priority 10001\n\
         from 10.0.3.16/28 lookup 10001 priority 10001\n"
    );
    assert_eq!(
        body(&rendering, "route6-eth1"),
        "2001:db8:0:a::/64 dev eth1 table 10001 metric 1024\n\
         default via fe80:ec2::1 dev eth1 table 10001 metric 1024\n"
    );
    assert_eq!(
        body(&rendering, "rule6-eth1"),
        "from 2001:db8:0:a::200 lookup 10001 priority 10001\n"
    );
}

#[test]
fn without_ipv6_there_are_no_ipv6_files() {
    let rendering = render(&[], vec![guest::eth2()]);
    assert_eq!(names(&rendering), ["ifcfg-eth2", "route-eth2", "rule-eth2"]);
    assert!(body(&rendering, "ifcfg-eth2").ends_with("ARPUPDATE1=no\nIPV6INIT=no\n"));
}

#[test]
fn further_ipv6_addresses_are_secondaries() {
    let mut eni = guest::eth1();
    for ip in ["2001:db8:0:a::201", "2001:db8:0:a::202"] {
        eni.addresses
            .push(crate::net::Address::host(&eni.dev, ip.parse().unwrap()));
    }
    let rendering = render(&[], vec![eni]);
    let end = "IPV6ADDR=2001:db8:0:a::200/128\nIPV6ADDR_SECONDARIES=\"2001:db8:0:a::201/128 2001:db8:0:a::202/128\"\n";
    assert!(body(&rendering, "ifcfg-eth1").ends_with(end));
}

#[test]
fn the_primary_keeps_its_owner_and_gets_aliases_routes_and_rules() {
    let rendering = render(
        &[("ifcfg-eth0", "DEVICE=eth0\nBOOTPROTO=dhcp\n")],
        vec![guest::primary()],
    );
    assert_eq!(
        names(&rendering),
        [
            "ifcfg-eth0:0",
            "route-eth0",
            "rule-eth0",
            "route6-eth0",
            "rule6-eth0"
        ]
    );
    assert_eq!(
        body(&rendering, "ifcfg-eth0:0"),
        "DEVICE=eth0:0\nIPADDR=10.0.0.11\nPREFIX=32\nNO_ALIASROUTING=yes\nARPCHECK=no\nARPUPDATE=no\n\
         IPV6_SET_SYSCTLS=no\n"
    );
    assert_eq!(
        body(&rendering, "route-eth0"),
        "10.0.0.0/20 dev eth0 scope link src 10.0.0.10 table 10000\nthrow 10.0.3.16/28 table 10000\n\
         10.1.0.0/20 via 10.0.0.1 dev eth0 src 10.0.0.10 table 10000\n"
    );
    assert_eq!(rendering.limits, []);
}

#[test]
fn the_primary_s_rules_are_carried_by_files_that_nobody_else_has() {
    let owner = ("ifcfg-eth0", "BOOTPROTO=dhcp\n");
    let theirs = ("rule6-eth0", "from fd00::1 table 7\n");
    let enis = || vec![guest::primary(), guest::eth1()];
    let rule = "from 10.0.0.10 lookup 10000 priority 10000\n";
    let rendering = render(&[owner, theirs], enis());
    assert!(body(&rendering, "rule-eth1").contains(rule));
    let nowhere = ("rule-eth1", "from 10.7.0.1 table 7\n");
    let rendering = render(&[owner, theirs, nowhere], enis());
    assert!(body(&rendering, "rule-eth0").contains(rule));
}

#[test]
fn a_primary_that_no_ifcfg_file_configures_is_the_boot_service_s() {
    let rendering = render(&[], vec![guest::primary()]);
    assert_eq!(names(&rendering), [""; 0]);
    assert!(
        rendering.limits[0]
            .1
            .contains("no ifcfg file configures it"),
        "{:?}",
        rendering.limits
    );
}

#[test]
fn a_foreign_dhcp_owner_of_a_secondary_stays_and_lacks_only_the_secondary_addresses() {
    let owner = (
        "ifcfg-eni1",
        "DEVICE=\"eth1\"\nBOOTPROTO='dhcp'\nDHCPV6C=yes\n",
    );
    let rendering = render(&[owner], vec![guest::eth1()]);
    assert_eq!(
        names(&rendering),
        [
            "ifcfg-eth1:0",
            "route-eth1",
            "rule-eth1",
            "route6-eth1",
            "rule6-eth1"
        ]
    );
    assert!(body(&rendering, "ifcfg-eth1:0").starts_with("DEVICE=eth1:0\nIPADDR=10.0.0.21\n"));
    assert_eq!(rendering.limits, []);
}

#[test]
fn an_owner_found_by_its_hardware_address_keeps_what_it_has() {
    let owner = (
        "ifcfg-Wired",
        "HWADDR=02:00:00:00:00:02\nBOOTPROTO=none\nIPADDR0=10.0.0.20\nPREFIX0=20\n",
    );
    let alias = ("ifcfg-eth1:0", "DEVICE=eth1:0\nIPADDR=10.0.0.99\n");
    let rendering = render(&[owner, alias], vec![guest::eth1()]);
    assert_eq!(names(&rendering)[..2], ["ifcfg-eth1:1", "ifcfg-eth1:2"]);
    assert!(body(&rendering, "ifcfg-eth1:1").starts_with("DEVICE=eth1:1\nIPADDR=10.0.0.21\n"));
    assert_eq!(
        body(&rendering, "ifcfg-eth1:2"),
        "DEVICE=eth1:2\nIPV6INIT=yes\nIPV6_SET_SYSCTLS=no\nIPV6ADDR=2001:db8:0:a::200/128\n"
    );
    assert_eq!(rendering.limits, []);
}

#[test]
fn ipv6_addresses_that_the_owner_has_are_not_repeated() {
    let owner = "BOOTPROTO=dhcp\nIPV6ADDR=2001:db8:0:a::7/64\nIPV6ADDR_SECONDARIES='2001:DB8:0:a::200/64 fd00::1'\n";
    let rendering = render(&[("ifcfg-eth1", owner)], vec![guest::eth1()]);
    assert_eq!(
        names(&rendering),
        [
            "ifcfg-eth1:0",
            "route-eth1",
            "rule-eth1",
            "route6-eth1",
            "rule6-eth1"
        ]
    );
    assert!(body(&rendering, "ifcfg-eth1:0").contains("IPADDR=10.0.0.21\n"));
}

#[test]
fn a_second_alias_file_for_ipv6_would_break_the_first() {
    let alias = ("ifcfg-eth1:6", "DEVICE=eth1:6\nIPV6ADDR=fd00::6/64\n");
    let rendering = render(
        &[("ifcfg-eth1", "BOOTPROTO=dhcp\n"), alias],
        vec![guest::eth1()],
    );
    assert_eq!(
        names(&rendering),
        [
            "ifcfg-eth1:0",
            "route-eth1",
            "rule-eth1",
            "route6-eth1",
            "rule6-eth1"
        ]
    );
    let note = "ifup takes one alias file for IPv6, and /etc/sysconfig/network-scripts/ifcfg-eth1:6 is there";
    assert_eq!(rendering.limits, [("eth1".into(), note.to_owned())]);
}

#[test]
fn an_address_that_a_foreign_alias_has_is_not_repeated() {
    let files = [
        ("ifcfg-eth0", "BOOTPROTO=dhcp\n"),
        ("ifcfg-eth0:7", "DEVICE=eth0:7\nIPADDR=10.0.0.11\n"),
    ];
    let rendering = render(&files, vec![guest::primary()]);
    assert_eq!(
        names(&rendering),
        ["route-eth0", "rule-eth0", "route6-eth0", "rule6-eth0"]
    );
}

#[test]
fn a_name_too_long_for_a_label_is_noted() {
    let mut eni = guest::primary();
    eni.dev = "enp0s31f6np0v1".into();
    let rendering = render(&[("ifcfg-enp0s31f6np0v1", "BOOTPROTO=dhcp\n")], vec![eni]);
    assert!(
        rendering.limits[0]
            .1
            .contains("no label as long as `enp0s31f6np0v1:0`"),
        "{:?}",
        rendering.limits
    );
}

#[test]
fn the_bands_of_main_routes_first_are_ip_s_own_words() {
    let mut eni = guest::eth2();
    eni.rules = guest::bands("10.1.0.30", 10002).into();
    assert_eq!(
        body(&render(&[], vec![eni]), "rule-eth2"),
        "from 10.1.0.30 lookup 10002 suppress_prefixlength 0 priority 10002\n\
         from 10.1.0.30 lookup main suppress_prefixlength 1 priority 15002\n\
         from 10.1.0.30 lookup 10002 priority 20002\n"
    );
}

#[test]
fn leftovers_and_files_of_ours_own_nothing() {
    let ours = (
        "ifcfg-eth1",
        "# Written by eniroute for eni-1 (02:00:00:00:00:02).\nDEVICE=eth1\n",
    );
    let leftovers =
        ["ifcfg-eth1.rpmsave", "ifcfg-eth1.old", "ifcfg-eth1~"].map(|name| (name, "DEVICE=eth1\n"));
    let rendering = render(&[&[ours][..], &leftovers].concat(), vec![guest::eth1()]);
    assert_eq!(names(&rendering)[0], "ifcfg-eth1");
}

#[test]
fn ifcfg_values_are_read_as_a_shell_would() {
    let text = "# a comment\nA=plain # not this\nB=\"two words\"\nC='a\"b'\nexport D=x\nE=a\\ b\nF=\nif true; then\n  G=in\nfi\n";
    let ifcfg = Ifcfg::parse(Path::new("/ifcfg-eth0"), text);
    let values = ["A", "B", "C", "D", "E", "F", "G"].map(|key| ifcfg.get(key).unwrap_or("-"));
    assert_eq!(
        values,
        ["plain", "two words", "a\"b", "x", "a b", "-", "in"]
    );
}
