//! Whole .network files and drop-ins, byte for byte, by who owns the interface.

use super::*;
use crate::plan::Desired;
use crate::stacks::guest;

const DHCP_ETH0: (&str, &str) = (
    "20-dhcp.network",
    "[Match]\nName=eth0\n[Network]\nDHCP=yes\n",
);
const CATCH_ALL: (&str, &str) = (
    "20-all.network",
    "[Match]\nName=eth*\n[Network]\nDHCP=yes\n",
);

/// `chosen`: the .network file that networkd runs each interface by.
fn render_with(units: &[(&str, &str)], chosen: &[(&str, &str)], enis: Vec<Planned>) -> Rendering {
    let mut networkd = Networkd::default();
    for (name, text) in units {
        let mut unit = Unit {
            name: (*name).into(),
            ..Unit::default()
        };
        unit.merge(name.as_ref(), text);
        networkd.units.insert((*name).into(), unit);
    }
    for link in guest::links() {
        let unit = chosen
            .iter()
            .find(|(dev, _)| *dev == &*link.name)
            .map(|(_, unit)| (*unit).to_owned());
        let nic = Nic {
            names: vec![link.name.to_string()],
            unit,
            is_permanent: true,
            ..Nic::default()
        };
        networkd.nics.insert(link.name, nic);
    }
    networkd.render(&Share::whole(&Desired {
        enis,
        ..Desired::default()
    }))
}

fn render(units: &[(&str, &str)], enis: Vec<Planned>) -> Rendering {
    render_with(units, &[], enis)
}

fn paths(rendering: &Rendering) -> Vec<&str> {
    rendering
        .files
        .iter()
        .map(|file| {
            file.path
                .strip_prefix(unit::FOLDER)
                .unwrap()
                .to_str()
                .unwrap()
        })
        .collect()
}

/// The text below the marker line.
fn body<'a>(rendering: &'a Rendering, name: &str) -> &'a str {
    let index = paths(rendering)
        .iter()
        .position(|path| *path == name)
        .unwrap();
    assert_eq!(rendering.files[index].mode, 0o644);
    let (first, rest) = rendering.files[index].text.split_once('\n').unwrap();
    assert!(
        first.starts_with("# Written by eniroute for eni-"),
        "{first}"
    );
    rest
}

const ETH1_ADDRESSES: &str =
    "Address=10.0.0.20/32\nAddress=10.0.0.21/32\nAddress=2001:db8:0:a::200/128\n";
const ETH1_ROUTES: &str = "\
[Route]
Destination=10.0.0.0/20
Scope=link
PreferredSource=10.0.0.20
Metric=10001
[Route]
Gateway=10.0.0.1
GatewayOnLink=yes
Metric=10001
[Route]
Destination=10.0.3.16/28
Type=throw
Table=10001
[Route]
Destination=10.0.0.0/20
Scope=link
PreferredSource=10.0.0.20
Table=10001
[Route]
Gateway=10.0.0.1
GatewayOnLink=yes
Table=10001
[Route]
Destination=2001:db8:0:a::/64
Table=10001
[Route]
Gateway=fe80:ec2::1
GatewayOnLink=yes
Table=10001
[RoutingPolicyRule]
From=10.0.0.20
Table=10001
Priority=10001
[RoutingPolicyRule]
From=10.0.0.21
Table=10001
Priority=10001
[RoutingPolicyRule]
From=10.0.3.16/28
Table=10001
Priority=10001
[RoutingPolicyRule]
From=2001:db8:0:a::200
Table=10001
Priority=10001
";

#[test]
fn an_eni_that_nobody_or_a_catch_all_owns_gets_a_complete_file_that_sorts_first() {
    let head = "[Match]\nPermanentMACAddress=02:00:00:00:00:02\n[Network]\nDHCP=no\nIPv6AcceptRA=no\n\
                LinkLocalAddressing=ipv6\nAddress=10.0.0.20/32\nAddress=10.0.0.21/32\nAddress=2001:db8:0:a::200/128\n";
    for owner in [DHCP_ETH0, CATCH_ALL] {
        let rendering = render(&[owner], vec![guest::eth1()]);
        assert_eq!(
            body(&rendering, "10-eniroute-eth1.network"),
            format!("{head}{ETH1_ROUTES}")
        );
        assert_eq!(
            rendering.definitions,
            [("eth1".into(), "10-eniroute-eth1.network".to_owned())].into()
        );
        assert_eq!(rendering.limits, []);
    }
}

#[test]
fn a_driver_that_tells_no_permanent_address_is_matched_by_the_one_in_use() {
    let rendering = Networkd::default().render(&Share::whole(&Desired {
        enis: vec![guest::eth1()],
        ..Desired::default()
    }));
    let text = body(&rendering, "10-eniroute-eth1.network");
    assert!(
        text.starts_with("[Match]\nMACAddress=02:00:00:00:00:02\n"),
        "{text}"
    );
}

#[test]
fn the_name_sorts_before_the_catch_all_that_wins() {
    let all = "[Match]\nType=ether\n[Network]\nDHCP=yes\n";
    for (winner, expected) in [
        ("80-all.network", "10"),
        ("10-all.network", "05"),
        ("01-all.network", "00"),
    ] {
        let rendering = render(&[(winner, all)], vec![guest::eth1()]);
        assert_eq!(
            paths(&rendering),
            [format!("{expected}-eniroute-eth1.network")]
        );
    }
    let rendering = render(&[("00-all.network", all)], vec![guest::eth1()]);
    assert!(
        rendering.files.is_empty()
            && rendering.limits[0]
                .1
                .contains("no name of ours sorts before 00-all.network")
    );
}

#[test]
fn an_eni_with_a_file_of_its_own_gets_a_drop_in_with_all_of_its_own() {
    for matching in [
        "Name=eth1",
        "MACAddress=02:00:00:00:00:02",
        "PermanentMACAddress=02:00:00:00:00:02",
    ] {
        let owner = format!("[Match]\n{matching}\n[Network]\nDHCP=yes\n");
        let rendering = render(&[("10-nic.network", &owner)], vec![guest::eth1()]);
        let expected = format!("[Network]\n{ETH1_ADDRESSES}{ETH1_ROUTES}");
        assert_eq!(
            body(&rendering, "10-nic.network.d/60-eniroute-eth1.conf"),
            expected,
            "{matching}"
        );
        assert_eq!(
            rendering.definitions,
            [("eth1".into(), "10-nic.network".to_owned())].into()
        );
    }
}

#[test]
fn the_primary_adds_to_its_own_file_and_its_rules_to_a_complete_secondary_s() {
    let owners = [
        DHCP_ETH0,
        (
            "30-eth1.network",
            "[Match]\nName=eth1\n[Network]\nDHCP=yes\n",
        ),
    ];
    let rendering = render(&owners, guest::desired().enis);
    let expected = [
        "20-dhcp.network.d/60-eniroute-eth0.conf",
        "10-eniroute-eth2.network.d/60-eniroute-eth0.conf",
        "30-eth1.network.d/60-eniroute-eth1.conf",
        "10-eniroute-eth2.network",
    ];
    assert_eq!(paths(&rendering), expected);
    let own = body(&rendering, expected[0]);
    assert!(
        own.starts_with("[Network]\nAddress=10.0.0.11/32\n[Route]\n") && !own.contains("Rule"),
        "{own}"
    );
    let rule =
        |from: &str| format!("[RoutingPolicyRule]\nFrom={from}\nTable=10000\nPriority=10000\n");
    let rules = ["10.0.0.10", "10.0.0.11", "2001:db8:0:a::100"]
        .map(rule)
        .concat();
    assert_eq!(body(&rendering, expected[1]), rules);
    assert_eq!(rendering.limits, []);
}

#[test]
fn nothing_of_the_primary_s_goes_into_a_file_that_others_share() {
    let rendering = render(&[CATCH_ALL], guest::desired().enis);
    let expected = [
        "10-eniroute-eth1.network.d/60-eniroute-eth0.conf",
        "10-eniroute-eth1.network",
        "10-eniroute-eth2.network",
    ];
    assert_eq!(paths(&rendering), expected);
    let note = "no file is its alone, and the primary never changes owner";
    assert_eq!(rendering.limits, [("eth0".into(), note.to_owned())]);
    let alone = render(&[DHCP_ETH0], vec![guest::primary()]);
    assert_eq!(
        (paths(&alone), alone.limits.len()),
        (vec!["20-dhcp.network.d/60-eniroute-eth0.conf"], 0)
    );
    let text = body(&alone, "20-dhcp.network.d/60-eniroute-eth0.conf");
    assert!(
        text.contains("[RoutingPolicyRule]\nFrom=10.0.0.10\nTable=10000\nPriority=10000\n"),
        "{text}"
    );
}

#[test]
fn networkd_s_own_choice_counts_unless_it_is_ours() {
    let by_path = (
        "40-path.network",
        "[Match]\nPath=pci-0000:00:06.0\n[Network]\nDHCP=yes\n",
    );
    let owners = [CATCH_ALL, by_path];
    let chosen = render_with(&owners, &[("eth1", by_path.0)], vec![guest::eth1()]);
    assert_eq!(paths(&chosen), ["40-path.network.d/60-eniroute-eth1.conf"]);
    let ours = render_with(
        &owners,
        &[("eth1", "10-eniroute-eth1.network")],
        vec![guest::eth1()],
    );
    assert_eq!(paths(&ours), ["10-eniroute-eth1.network"]);
}

#[test]
fn the_bands_of_main_routes_first_are_rules_like_others() {
    let mut eni = guest::eth2();
    eni.rules = guest::bands("10.1.0.30", 10002).into();
    let rendering = render(&[DHCP_ETH0], vec![eni]);
    let text = body(&rendering, "10-eniroute-eth2.network");
    assert!(text.ends_with(
        "[RoutingPolicyRule]\nFrom=10.1.0.30\nTable=10002\nPriority=10002\nSuppressPrefixLength=0\n\
         [RoutingPolicyRule]\nFrom=10.1.0.30\nTable=254\nPriority=15002\nSuppressPrefixLength=1\n\
         [RoutingPolicyRule]\nFrom=10.1.0.30\nTable=10002\nPriority=20002\n"
    ));
}
