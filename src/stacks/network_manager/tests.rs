//! Whole keyfiles, byte for byte, and whose profile an interface has.

use super::*;
use crate::files::FileChange;
use crate::net::Address;
use crate::plan::Desired;
use crate::stacks::guest;

const OUT: &str =
    ". To opt out: exclude it in /etc/eniroute.toml, then run: eniroute remove --eni ";

const DEBIAN_12: (&str, &str) = (
    "/usr/lib/x86_64-linux-gnu/NetworkManager/1.42.4/plugin.so",
    "",
);

fn render(files: &[(&str, &str)], enis: Vec<Planned>) -> Rendering {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::new(root.path()).unwrap();
    for (path, text) in files {
        let file = File {
            path: path.into(),
            mode: 0o600,
            text: (*text).into(),
        };
        disk.commit(&FileChange::Create(file)).unwrap();
    }
    NetworkManager::read(&disk, &guest::links())
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
        .map(|file| file.path.to_str().unwrap())
        .collect()
}

/// The text below the first line, which must be the ENI's marker.
fn body<'a>(rendering: &'a Rendering, eni: &str) -> &'a str {
    let path = format!("/etc/NetworkManager/system-connections/eniroute-{eni}.nmconnection");
    let file = rendering
        .files
        .iter()
        .find(|file| file.path.to_str() == Some(&path))
        .unwrap();
    assert_eq!(file.mode, 0o600);
    let (first, rest) = file.text.split_once('\n').unwrap();
    assert!(
        first.starts_with(&format!("# Written by eniroute for {eni} (")) && first.contains(OUT),
        "{first}"
    );
    rest
}

const ETH1: &str = "\
[connection]
id=eniroute-eni-1
uuid=UUID
type=ethernet
autoconnect-priority=100

[ethernet]
mac-address=02:00:00:00:00:02

[ipv4]
method=manual
address1=10.0.0.20/32
address2=10.0.0.21/32
route1=10.0.0.0/20,0.0.0.0,10001
route1_options=src=10.0.0.20
route2=0.0.0.0/0,10.0.0.1,10001
route2_options=onlink=true
route3=10.0.3.16/28,0.0.0.0,0
route3_options=table=10001,type=throw,scope=0
route4=10.0.0.0/20,0.0.0.0,0
route4_options=table=10001,src=10.0.0.20
route5=0.0.0.0/0,10.0.0.1,0
route5_options=table=10001,onlink=true
routing-rule1=priority 10001 from 10.0.0.20/32 table 10001
routing-rule2=priority 10001 from 10.0.0.21/32 table 10001
routing-rule3=priority 10001 from 10.0.3.16/28 table 10001

[ipv6]
method=manual
addr-gen-mode=0
address1=2001:db8:0:a::200/128
route1=2001:db8:0:a::/64,::,1024
route1_options=table=10001
route2=::/0,fe80:ec2::1,1024
route2_options=table=10001,onlink=true
routing-rule1=priority 10001 from 2001:db8:0:a::200/128 table 10001
";

fn eth1() -> String {
    ETH1.replace("UUID", &uuid(&guest::eth1()))
}

#[test]
fn an_eni_that_nobody_configures_gets_a_whole_profile() {
    let rendering = render(&[DEBIAN_12], vec![guest::eth1()]);
    assert_eq!(body(&rendering, "eni-1"), eth1());
    assert_eq!(rendering.limits, []);
}

#[test]
fn an_eni_of_one_family_has_only_a_link_local_address_of_the_other() {
    assert!(
        body(&render(&[], vec![guest::eth2()]), "eni-2")
            .ends_with("\n[ipv6]\nmethod=link-local\naddr-gen-mode=0\n")
    );
    let mut eni = guest::eth1();
    eni.addresses = vec![Address::host(
        &eni.dev,
        "2001:db8:0:a::200".parse().unwrap(),
    )];
    eni.routes.retain(|route| route.family() == Family::Ipv6);
    eni.rules.retain(|rule| rule.family == Family::Ipv6);
    assert!(
        body(&render(&[], vec![eni]), "eni-1")
            .contains("\n\n[ipv4]\nmethod=disabled\n\n[ipv6]\nmethod=manual\n")
    );
}

#[test]
fn the_primary_s_rules_stand_in_every_secondary_s_profile() {
    let rendering = render(
        &[DEBIAN_12],
        vec![guest::primary(), guest::eth1(), guest::eth2()],
    );
    let names = names(&rendering);
    assert_eq!(names.len(), 2, "{names:?}");
    let text = body(&rendering, "eni-1");
    assert!(
        text.contains("routing-rule4=priority 10000 from 10.0.0.10/32 table 10000\n"),
        "{text}"
    );
    assert!(
        text.contains("routing-rule5=priority 10000 from 10.0.0.11/32 table 10000\n"),
        "{text}"
    );
    assert!(
        text.ends_with("routing-rule2=priority 10000 from 2001:db8:0:a::100/128 table 10000\n"),
        "{text}"
    );
    assert!(
        body(&rendering, "eni-2")
            .contains("routing-rule3=priority 10000 from 10.0.0.10/32 table 10000\n")
    );
    assert!(
        body(&rendering, "eni-2")
            .ends_with("routing-rule1=priority 10000 from 2001:db8:0:a::100/128 table 10000\n")
    );
    let note = "a keyfile has no drop-ins, and the primary never changes owner";
    assert_eq!(rendering.limits, [("eth0".into(), note.to_owned())]);
}

#[test]
fn before_1_36_throw_routes_are_left_out_and_noted() {
    for plugins in [&["1.34.0"][..], &["1.42.4", "1.30.0"], &["VPN"], &[]] {
        let paths: Vec<_> = plugins
            .iter()
            .map(|name| format!("/usr/lib64/NetworkManager/{name}/x.so"))
            .collect();
        let files: Vec<_> = paths.iter().map(|path| (path.as_str(), "")).collect();
        let rendering = render(&files, vec![guest::eth1()]);
        let text = body(&rendering, "eni-1");
        assert!(
            !text.contains("10.0.3.16/28,") && text.contains("route4=0.0.0.0/0,"),
            "{plugins:?}: {text}"
        );
        assert!(
            rendering.limits[0]
                .1
                .contains("no throw routes before version 1.36"),
            "{:?}",
            rendering.limits
        );
    }
    let el8 = ("/usr/lib64/NetworkManager/1.40.16-9.el8/x.so", "");
    assert_eq!(body(&render(&[el8], vec![guest::eth1()]), "eni-1"), eth1());
}

/// Whether a profile with this path and text keeps eth1 for itself.
fn keeps(path: &str, text: &str) -> bool {
    let rendering = render(&[DEBIAN_12, (path, text)], vec![guest::eth1()]);
    match &rendering.limits[..] {
        [] => body(&rendering, "eni-1") != eth1(),
        [(_, note)] => {
            rendering.files.is_empty() && note.contains(&format!("{path} configures it"))
        }
        _ => panic!("{rendering:?}"),
    }
}

#[test]
fn a_foreign_profile_that_names_the_interface_keeps_it() {
    let etc = "/etc/NetworkManager/system-connections/cloud-init-eth1.nmconnection";
    let named = "[connection]\nid=cloud-init eth1\ntype=ethernet\ninterface-name=eth1\n";
    let by_mac =
        "[connection]\ntype=802-3-ethernet\n[802-3-ethernet]\nmac-address=02:00:00:00:00:02\n";
    assert!(keeps(etc, named));
    assert!(keeps(etc, by_mac));
    assert!(keeps(
        etc,
        &format!("{named}[ethernet]\nmac-address = 02:00:00:00:00:02\n")
    ));
    assert!(keeps(
        "/run/NetworkManager/system-connections/netplan-eth1.nmconnection",
        named
    ));
    assert!(keeps(
        "/usr/lib/NetworkManager/system-connections/a.nmconnection",
        named
    ));
    assert!(keeps("/etc/NetworkManager/system-connections/old", named));
    assert!(keeps(
        "/etc/sysconfig/network-scripts/ifcfg-eth1",
        "BOOTPROTO=dhcp\n"
    ));

    assert!(!keeps(etc, &named.replace("eth1", "eth2")));
    assert!(!keeps(etc, &by_mac.replace(":02\n", ":03\n")));
    assert!(!keeps(
        etc,
        &format!("{named}[ethernet]\nmac-address=02:00:00:00:00:03\n")
    ));
    assert!(!keeps(etc, &named.replace("ethernet", "vlan")));
    assert!(
        !keeps(etc, "[connection]\ntype=ethernet\n"),
        "it takes any interface, and ours has priority"
    );
    assert!(!keeps(
        "/etc/NetworkManager/system-connections/eth1.nmconnection~",
        named
    ));
    assert!(!keeps(
        etc,
        &format!("# Written by eniroute for eni-9 (02:00:00:00:00:02).\n{named}")
    ));
}

#[test]
fn networkmanager_s_own_inventions_keep_nothing() {
    let path = "/run/NetworkManager/system-connections/Wired connection 1.nmconnection";
    let named = "[connection]\nid=Wired connection 1\ntype=ethernet\ninterface-name=eth1\n";
    assert!(!keeps(path, &format!("{named}autoconnect-priority=-999\n")));
    assert!(!keeps(
        path,
        &format!("{named}\n[.nmmeta]\nnm-generated=true\n")
    ));
    assert!(
        keeps(
            &path.replace("run", "etc"),
            &format!("{named}autoconnect-priority=-999\n")
        ),
        "somebody saved it"
    );
}

#[test]
fn the_bands_of_main_routes_first_have_their_suppressor() {
    let mut eni = guest::eth2();
    eni.rules = guest::bands("10.1.0.30", 10002).into();
    let rendering = render(&[], vec![eni]);
    let rules = "routing-rule1=priority 10002 from 10.1.0.30/32 table 10002 suppress_prefixlength 0\n\
                 routing-rule2=priority 15002 from 10.1.0.30/32 table 254 suppress_prefixlength 1\n\
                 routing-rule3=priority 20002 from 10.1.0.30/32 table 10002\n";
    assert!(
        body(&rendering, "eni-2").contains(rules),
        "{}",
        body(&rendering, "eni-2")
    );
}

#[test]
fn an_eni_s_uuid_is_its_own_and_stays() {
    let [one, two] = [guest::eth1(), guest::eth2()].map(|planned| uuid(&planned));
    assert_eq!(one, uuid(&guest::eth1()));
    assert_ne!(one, two);
    let shape: String = one
        .chars()
        .map(|c| if c == '-' { '-' } else { 'x' })
        .collect();
    assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    assert!(
        one.as_bytes()[14] == b'8' && b"89ab".contains(&one.as_bytes()[19]),
        "{one}"
    );
}
