//! Whole YAML files, byte for byte, by who owns the interface.

use super::yaml::scalar;
use super::*;
use crate::files::FileChange;
use crate::plan::Desired;
use crate::stacks::guest;

const MARK: &str =
    "). To opt out: exclude it in /etc/eniroute.toml, then run: eniroute remove --eni ";

fn render(yaml: &str, enis: Vec<Planned>) -> Rendering {
    render_with(yaml, &[], enis)
}

/// `units`: the .network file that networkd runs each interface by.
fn render_with(yaml: &str, units: &[(&str, &str)], enis: Vec<Planned>) -> Rendering {
    let mut netplan = Netplan::default();
    netplan
        .foreign
        .merge("/etc/netplan/50-foreign.yaml".as_ref(), yaml)
        .unwrap();
    for link in guest::links() {
        let unit = units
            .iter()
            .find(|(dev, _)| *dev == &*link.name)
            .map(|(_, unit)| (*unit).to_owned());
        let names = vec![link.name.to_string(), link.altnames[0].clone()];
        let nic = Nic {
            names,
            driver: Some("ena".into()),
            unit,
            ..Nic::default()
        };
        netplan.nics.insert(link.name, nic);
    }
    netplan.render(&Share::whole(&Desired {
        enis,
        ..Desired::default()
    }))
}

fn paths(rendering: &Rendering) -> Vec<&str> {
    rendering
        .files
        .iter()
        .map(|file| file.path.to_str().unwrap())
        .collect()
}

/// The text below the marker line.
fn body<'a>(rendering: &'a Rendering, path: &str, mode: u32) -> &'a str {
    let file = rendering
        .files
        .iter()
        .find(|file| file.path.to_str() == Some(path))
        .unwrap();
    assert_eq!(file.mode, mode);
    let (first, rest) = file.text.split_once('\n').unwrap();
    assert!(
        first.starts_with("# Written by eniroute for eni-") && first.contains(MARK),
        "{first}"
    );
    rest
}

fn yaml<'a>(rendering: &'a Rendering, dev: &str) -> &'a str {
    body(
        rendering,
        &format!("/etc/netplan/60-eniroute-{dev}.yaml"),
        0o600,
    )
}

/// What netplan would give a scope, of which networkd warns: it stands beside the YAML.
const IPV6_SUBNET: &str = "[Route]\nDestination=2001:db8:0:a::/64\nTable=10001\n";

fn ipv6_subnet<'a>(rendering: &'a Rendering, id: &str) -> &'a str {
    let unit = format!("/etc/systemd/network/10-netplan-{id}.network.d");
    body(rendering, &format!("{unit}/60-eniroute-eth1.conf"), 0o644)
}

/// The ID that `dev`'s file defines or adds to.
fn id<'a>(rendering: &'a Rendering, dev: &str) -> &'a str {
    let line = yaml(rendering, dev).lines().nth(3).unwrap();
    line.trim().trim_end_matches(':').trim_matches('"')
}

const CLOUD_INIT_ETH0: &str = "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n      dhcp6: true\n      \
                               match: {macaddress: 02:00:00:00:00:01}\n      set-name: eth0\n";

const ALL_EN: &str = "network:\n  version: 2\n  ethernets:\n    all-en:\n      match: {name: \"en*\"}\n      dhcp4: true\n    \
                      all-eth:\n      match: {name: \"eth*\"}\n      dhcp4: true\n";

#[test]
fn an_eni_that_nobody_owns_gets_a_complete_definition() {
    let rendering = render(CLOUD_INIT_ETH0, vec![guest::eth1()]);
    assert_eq!(
        yaml(&rendering, "eth1"),
        r#"network:
  version: 2
  ethernets:
    eniroute-eth1:
      match: {macaddress: "02:00:00:00:00:02"}
      addresses: [10.0.0.20/32, 10.0.0.21/32, "2001:db8:0:a::200/128"]
      dhcp4: false
      dhcp6: false
      accept-ra: false
      routes:
        - {to: 10.0.0.0/20, scope: link, metric: 10001, from: 10.0.0.20}
        - {to: 0.0.0.0/0, via: 10.0.0.1, metric: 10001, on-link: true}
        - {to: 10.0.3.16/28, type: throw, table: 10001}
        - {to: 10.0.0.0/20, scope: link, table: 10001, from: 10.0.0.20}
        - {to: 0.0.0.0/0, via: 10.0.0.1, table: 10001, on-link: true}
        - {to: "::/0", via: "fe80:ec2::1", table: 10001, on-link: true}
      routing-policy:
        - {from: 10.0.0.20, table: 10001, priority: 10001}
        - {from: 10.0.0.21, table: 10001, priority: 10001}
        - {from: 10.0.3.16/28, table: 10001, priority: 10001}
        - {from: "2001:db8:0:a::200", table: 10001, priority: 10001}
"#
    );
    assert_eq!(ipv6_subnet(&rendering, "eniroute-eth1"), IPV6_SUBNET);
}

#[test]
fn the_primary_s_additions_go_to_its_owner_s_unit_and_its_rules_to_the_first_complete_secondary() {
    let rendering = render(CLOUD_INIT_ETH0, guest::desired().enis);
    assert_eq!(
        body(
            &rendering,
            "/etc/systemd/network/10-netplan-eth0.network.d/60-eniroute-eth0.conf",
            0o644
        ),
        "[Network]\nAddress=10.0.0.11/32\n\
         [Route]\nDestination=10.0.0.0/20\nScope=link\nPreferredSource=10.0.0.10\nTable=10000\n\
         [Route]\nDestination=10.1.0.0/20\nGateway=10.0.0.1\nGatewayOnLink=yes\nPreferredSource=10.0.0.10\nTable=10000\n\
         [Route]\nDestination=10.0.3.16/28\nType=throw\nTable=10000\n\
         [Route]\nDestination=2001:db8:0:a::/64\nTable=10000\n\
         [Route]\nDestination=2001:db8:0:b::/64\nGateway=fe80:ec2::1\nGatewayOnLink=yes\nTable=10000\n"
    );
    assert_eq!(
        yaml(&rendering, "eth0"),
        r#"network:
  version: 2
  ethernets:
    eniroute-eth1:
      match: {macaddress: "02:00:00:00:00:02"}
      dhcp4: false
      dhcp6: false
      accept-ra: false
      routing-policy:
        - {from: 10.0.0.10, table: 10000, priority: 10000}
        - {from: 10.0.0.11, table: 10000, priority: 10000}
        - {from: "2001:db8:0:a::100", table: 10000, priority: 10000}
"#
    );
    assert_eq!(rendering.limits, []);
    let units =
        ["eth1", "eth2"].map(|dev| (dev.into(), format!("10-netplan-eniroute-{dev}.network")));
    assert_eq!(rendering.definitions, units.into());
}

#[test]
fn without_the_primary_s_metadata_the_secondaries_files_stay_the_same() {
    let all = render(CLOUD_INIT_ETH0, guest::desired().enis);
    let some = render(CLOUD_INIT_ETH0, vec![guest::eth1(), guest::eth2()]);
    assert_eq!(all.files[2..], some.files);
}

#[test]
fn where_every_secondary_is_owned_one_of_them_holds_the_primary_s_rules() {
    let owned = "network: {ethernets: {eth0: {dhcp4: true}, eth1: {dhcp4: true}}}";
    let rendering = render(owned, vec![guest::primary(), guest::eth1()]);
    assert!(
        yaml(&rendering, "eth0")
            .contains("    eth1:\n      routing-policy:\n        - {from: 10.0.0.10, table: 10000")
    );
    let alone = render(
        "network: {ethernets: {eth0: {dhcp4: true}}}",
        vec![guest::primary()],
    );
    assert_eq!(alone.limits, []);
    let [drop_in] = &alone.files[..] else {
        panic!("{alone:?}")
    };
    assert!(
        drop_in
            .text
            .contains("[RoutingPolicyRule]\nFrom=10.0.0.10\nTable=10000\nPriority=10000\n"),
        "{drop_in:?}"
    );
}

#[test]
fn our_file_is_read_after_the_owner_s() {
    for (owner, ours) in [
        ("50-a", "60"),
        ("60-f", "99"),
        ("99-z", "zz"),
        ("zz-top", "none"),
    ] {
        let mut netplan = Netplan::default();
        let path = format!("/etc/netplan/{owner}.yaml");
        netplan
            .foreign
            .merge(path.as_ref(), "network: {ethernets: {eth1: {dhcp4: true}}}")
            .unwrap();
        let rendering = netplan.render(&Share::whole(&Desired {
            enis: vec![guest::eth1()],
            ..Desired::default()
        }));
        let expected = format!("/etc/netplan/{ours}-eniroute-eth1.yaml");
        let is_yaml = |file: &&File| file.path.starts_with("/etc/netplan");
        match rendering.files.iter().find(is_yaml) {
            Some(file) => assert_eq!(file.path.to_str(), Some(expected.as_str())),
            None => assert!(
                ours == "none"
                    && rendering.limits[0]
                        .1
                        .contains("is read after its owner's zz-top.yaml")
            ),
        }
    }
}

#[test]
fn a_secondary_that_cloud_init_owns_keeps_it_and_gets_all_of_its_own() {
    let owned = "network:\n  ethernets:\n    ens6:\n      dhcp4: true\n      dhcp6: true\n      \
                 match: {macaddress: 02:00:00:00:00:02}\n      set-name: eth1\n";
    let rendering = render(owned, vec![guest::eth1()]);
    assert_eq!(
        yaml(&rendering, "eth1"),
        r#"network:
  version: 2
  ethernets:
    ens6:
      addresses: [10.0.0.20/32, 10.0.0.21/32, "2001:db8:0:a::200/128"]
      routes:
        - {to: 10.0.0.0/20, scope: link, metric: 10001, from: 10.0.0.20}
        - {to: 0.0.0.0/0, via: 10.0.0.1, metric: 10001, on-link: true}
        - {to: 10.0.3.16/28, type: throw, table: 10001}
        - {to: 10.0.0.0/20, scope: link, table: 10001, from: 10.0.0.20}
        - {to: 0.0.0.0/0, via: 10.0.0.1, table: 10001, on-link: true}
        - {to: "::/0", via: "fe80:ec2::1", table: 10001, on-link: true}
      routing-policy:
        - {from: 10.0.0.20, table: 10001, priority: 10001}
        - {from: 10.0.0.21, table: 10001, priority: 10001}
        - {from: 10.0.3.16/28, table: 10001, priority: 10001}
        - {from: "2001:db8:0:a::200", table: 10001, priority: 10001}
"#
    );
    assert_eq!(ipv6_subnet(&rendering, "ens6"), IPV6_SUBNET);
}

/// The owner may write another file tomorrow.
#[test]
fn what_the_owner_has_already_is_ours_too() {
    let owned = "network: {ethernets: {eth1: {addresses: [10.0.0.20/20, 10.0.0.21/20], routes: [\
                 {to: default, via: 10.0.0.1, table: 10001}, {to: 10.0.0.0/20, table: 10001}]}}}";
    let rendering = render(owned, vec![guest::eth1()]);
    assert!(
        yaml(&rendering, "eth1")
            .ends_with("addresses: [10.0.0.20/32, 10.0.0.21/32, \"2001:db8:0:a::200/128\"]\n")
    );
    let text = body(
        &rendering,
        "/etc/systemd/network/10-netplan-eth1.network.d/60-eniroute-eth1.conf",
        0o644,
    );
    assert_eq!(text.matches("Gateway=10.0.0.1\n").count(), 2, "{text}");
    assert_eq!(
        text.matches("Destination=10.0.0.0/20\n").count(),
        2,
        "{text}"
    );
}

#[test]
fn where_the_owner_has_routes_ours_are_a_drop_in() {
    let mut eth1 = guest::eth1();
    eth1.left_to_owner = eth1.routes.drain(..2).collect();
    let rendering = render(guest::CLOUD_INIT_24_1, vec![guest::primary(), eth1]);
    let [eth0, eth1] = ["eth0", "eth1"]
        .map(|dev| format!("/etc/systemd/network/10-netplan-{dev}.network.d/60-eniroute-"));
    let yaml = "/etc/netplan/60-eniroute-eth1.yaml".to_owned();
    let drop_ins = [
        format!("{eth0}eth0.conf"),
        format!("{eth1}eth0.conf"),
        format!("{eth1}eth1.conf"),
    ];
    assert_eq!(
        paths(&rendering),
        [&drop_ins[0], &drop_ins[1], &yaml, &drop_ins[2]]
    );
    assert_eq!(
        self::yaml(&rendering, "eth1"),
        "network:\n  version: 2\n  ethernets:\n    eth1:\n      addresses: [10.0.0.20/32, 10.0.0.21/32, \"2001:db8:0:a::200/128\"]\n"
    );
    assert_eq!(
        body(&rendering, &format!("{eth1}eth0.conf"), 0o644),
        "[RoutingPolicyRule]\nFrom=10.0.0.10\nTable=10000\nPriority=10000\n\
         [RoutingPolicyRule]\nFrom=10.0.0.11\nTable=10000\nPriority=10000\n\
         [RoutingPolicyRule]\nFrom=2001:db8:0:a::100\nTable=10000\nPriority=10000\n"
    );
    assert_eq!(
        body(&rendering, &format!("{eth1}eth1.conf"), 0o644),
        "[Route]\nDestination=10.0.3.16/28\nType=throw\nTable=10001\n\
         [Route]\nDestination=10.0.0.0/20\nScope=link\nPreferredSource=10.0.0.20\nTable=10001\n\
         [Route]\nGateway=10.0.0.1\nGatewayOnLink=yes\nTable=10001\n\
         [Route]\nDestination=2001:db8:0:a::/64\nTable=10001\n\
         [Route]\nGateway=fe80:ec2::1\nGatewayOnLink=yes\nTable=10001\n\
         [RoutingPolicyRule]\nFrom=10.0.0.20\nTable=10001\nPriority=10001\n\
         [RoutingPolicyRule]\nFrom=10.0.0.21\nTable=10001\nPriority=10001\n\
         [RoutingPolicyRule]\nFrom=10.0.3.16/28\nTable=10001\nPriority=10001\n\
         [RoutingPolicyRule]\nFrom=2001:db8:0:a::200\nTable=10001\nPriority=10001\n"
    );
    assert_eq!(
        rendering.definitions,
        [("eth1".into(), "10-netplan-eth1.network".to_owned())].into()
    );
}

#[test]
fn a_catch_all_is_replaced_for_secondaries_and_left_to_the_primary() {
    let rendering = render(ALL_EN, guest::desired().enis);
    assert_eq!(
        [id(&rendering, "eth1"), id(&rendering, "eth2")],
        ["a-eniroute-eth1", "a-eniroute-eth2"]
    );
    assert!(yaml(&rendering, "eth1").contains("      dhcp4: false\n"));
    let note = "no definition is its alone, and the primary never changes owner";
    assert_eq!(rendering.limits, [("eth0".into(), note.to_owned())]);
    let primary = yaml(&rendering, "eth0");
    assert!(
        primary.contains("    a-eniroute-eth1:\n") && !primary.contains("table: 10000, from"),
        "{primary}"
    );
}

#[test]
fn the_id_sorts_before_the_catch_all_that_wins() {
    let all = |id: &str| format!("network: {{ethernets: {{{id}: {{match: {{name: 'e*'}}}}}}}}");
    for (catch_all, expected) in [
        ("zz-all", "eniroute-eth1"),
        ("all", "a-eniroute-eth1"),
        ("a", "a-eniroute-eth1"),
        ("a-all", "0-eniroute-eth1"),
    ] {
        assert_eq!(
            id(&render(&all(catch_all), vec![guest::eth1()]), "eth1"),
            expected,
            "{catch_all}"
        );
    }
    let rendering = render(&all("0-all"), vec![guest::eth1()]);
    assert!(
        rendering.files.is_empty()
            && rendering.limits[0]
                .1
                .contains("no ID of ours sorts before 0-all")
    );
}

#[test]
fn a_driver_and_an_altname_match_as_networkd_matches() {
    let driver = "network: {ethernets: {ena: {match: {driver: ena*}, dhcp4: true}}}";
    assert_eq!(
        id(&render(driver, vec![guest::eth1()]), "eth1"),
        "a-eniroute-eth1"
    );
    let other = "network: {ethernets: {all: {match: {driver: [virtio_net, ixgbevf]}}}}";
    assert_eq!(
        id(&render(other, vec![guest::eth1()]), "eth1"),
        "eniroute-eth1"
    );
    let altname = "network: {ethernets: {ens6: {dhcp4: true}}}";
    assert_eq!(id(&render(altname, vec![guest::eth1()]), "eth1"), "ens6");
}

#[test]
fn the_unit_that_networkd_chose_decides_between_two_definitions() {
    let two = "network: {ethernets: {eth1: {dhcp4: true}, zz: {match: {macaddress: '02:00:00:00:00:02'}}}}";
    assert_eq!(id(&render(two, vec![guest::eth1()]), "eth1"), "eth1");
    let units = [("eth1", "10-netplan-zz.network")];
    assert_eq!(
        id(&render_with(two, &units, vec![guest::eth1()]), "eth1"),
        "zz"
    );
    let ours = [("eth1", "10-netplan-eniroute-eth1.network")];
    assert_eq!(
        id(&render_with(two, &ours, vec![guest::eth1()]), "eth1"),
        "eth1"
    );
}

#[test]
fn networkd_s_choice_and_the_driver_are_read_from_run_and_sysfs() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::new(root.path()).unwrap();
    let unit = "/run/systemd/network/10-netplan-zz.network";
    let state = format!("# Private data.\nADMIN_STATE=configured\nNETWORK_FILE={unit}\n");
    for (path, text) in [
        (unit, ""),
        ("/run/systemd/netif/links/3", &state),
        ("/sys/class/net/eth1/device/x", ""),
    ] {
        disk.commit(&FileChange::Create(File {
            path: path.into(),
            mode: 0o644,
            text: text.into(),
        }))
        .unwrap();
    }
    let driver = root.path().join("sys/class/net/eth1/device/driver");
    std::os::unix::fs::symlink("../../../../bus/pci/drivers/ena", driver).unwrap();

    let nic = Nic::read(&disk, &guest::link(1)).unwrap();
    assert_eq!(nic.names, ["eth1", "ens6"]);
    assert_eq!(
        (nic.driver.as_deref(), nic.unit.as_deref()),
        (Some("ena"), Some("10-netplan-zz.network"))
    );

    disk.commit(&FileChange::Delete {
        path: unit.into(),
        old: String::new(),
    })
    .unwrap();
    assert_eq!(Nic::read(&disk, &guest::link(1)).unwrap().unit, None);
    assert_eq!(Nic::read(&disk, &guest::link(2)).unwrap().driver, None);
}

#[test]
fn a_networkd_file_that_comes_first_is_noted_and_one_that_comes_last_is_passed_over() {
    let rendering = render_with("", &[("eth1", "05-vpn.network")], vec![guest::eth1()]);
    assert!(rendering.files.is_empty());
    assert!(
        rendering.limits[0]
            .1
            .contains("networkd's 05-vpn.network owns it"),
        "{:?}",
        rendering.limits
    );
    let last = render_with("", &[("eth1", "80-ec2.network")], vec![guest::eth1()]);
    assert_eq!(id(&last, "eth1"), "eniroute-eth1");
}

#[test]
fn a_definition_of_network_manager_s_gets_nothing() {
    let rendering = render("network: {renderer: NetworkManager}", vec![guest::eth1()]);
    assert!(rendering.files.is_empty());
    assert!(
        rendering.limits[0].1.contains("hands it to NetworkManager"),
        "{:?}",
        rendering.limits
    );
    let own =
        "network: {renderer: NetworkManager, ethernets: {eth1: {renderer: networkd, dhcp4: yes}}}";
    assert_eq!(id(&render(own, vec![guest::eth1()]), "eth1"), "eth1");
}

#[test]
fn suppress_rules_go_into_a_drop_in_of_the_winning_unit() {
    let mut eni = guest::eth2();
    eni.rules = guest::bands("10.1.0.30", 10002).into();
    let rendering = render("network: {ethernets: {eth2: {dhcp4: true}}}", vec![eni]);
    let drop_in = "/etc/systemd/network/10-netplan-eth2.network.d/60-eniroute-eth2.conf";
    assert_eq!(
        paths(&rendering),
        ["/etc/netplan/60-eniroute-eth2.yaml", drop_in]
    );
    assert!(yaml(&rendering, "eth2").ends_with(
        "      routing-policy:\n        - {from: 10.1.0.30, table: 10002, priority: 20002}\n"
    ));
    assert_eq!(
        body(&rendering, drop_in, 0o644),
        "[RoutingPolicyRule]\nFrom=10.1.0.30\nTable=10002\nPriority=10002\nSuppressPrefixLength=0\n\
         [RoutingPolicyRule]\nFrom=10.1.0.30\nTable=254\nPriority=15002\nSuppressPrefixLength=1\n"
    );
}

#[test]
fn a_primary_with_nothing_to_add_gets_no_file() {
    let mut eni = guest::primary();
    (eni.addresses, eni.routes, eni.rules) = (Vec::new(), Vec::new(), Vec::new());
    assert_eq!(render(CLOUD_INIT_ETH0, vec![eni]), Rendering::default());
}

#[test]
fn an_id_that_yaml_could_misread_is_quoted() {
    for (text, written) in [
        ("eth0", "eth0"),
        ("all-en", "all-en"),
        ("10.0.0.0/20", "10.0.0.0/20"),
        ("10.0.0.1", "10.0.0.1"),
        ("on", "\"on\""),
        ("12", "\"12\""),
        ("::/0", "\"::/0\""),
        ("06:ce:dd:28:5b:b8", "\"06:ce:dd:28:5b:b8\""),
        ("a b\"c\\", "\"a b\\\"c\\\\\""),
        ("", "\"\""),
    ] {
        assert_eq!(scalar(text), written);
    }
}
