//! The plan, read as the design reads. Expected objects are written in `ip` notation.

use super::routes::{route, router};
use super::*;
use crate::config::EniConfig;
use crate::net::{Family, MAIN, Mac};

/// An ENI on its interface: `eth<number>`, MAC ending in the number.
pub(crate) fn eni(number: u32, ipv4: &[&str], subnet: &str) -> Eni {
    Eni {
        mac: mac(number),
        id: format!("eni-{number:017x}"),
        primary: number == 0,
        device_number: number,
        network_card: 0,
        ipv4: ipv4.iter().map(|ip| ip.parse().unwrap()).collect(),
        ipv6: Vec::new(),
        ipv4_prefixes: Vec::new(),
        ipv6_prefixes: Vec::new(),
        subnet_ipv4: (!subnet.is_empty()).then(|| subnet.parse().unwrap()),
        subnet_ipv6: Vec::new(),
        vpc: None,
        vpc_ranges: Vec::new(),
        public: Default::default(),
    }
}

pub(crate) fn with_ipv6(eni: Eni, ip: &str, subnet: &str) -> Eni {
    Eni {
        ipv6: vec![ip.parse().unwrap()],
        subnet_ipv6: vec![subnet.parse().unwrap()],
        ..eni
    }
}

fn mac(number: u32) -> Mac {
    Mac([2, 0, 0, 0, 0, number as u8])
}

fn link(number: u32) -> Link {
    Link {
        index: number + 2,
        name: format!("eth{number}").into(),
        altnames: Vec::new(),
        mac: Some(mac(number)),
        permanent_mac: None,
        kind: Some("veth".into()),
        master: None,
        ipv6: true,
        up: number == 0,
    }
}

/// A host whose primary ENI has its lease.
pub(crate) fn host(enis: &[Eni]) -> Observed {
    let links = enis
        .iter()
        .map(|eni| link(eni.device_number + 100 * eni.network_card))
        .collect();
    let lease = enis[0].ipv4.first().map(|ip| Address {
        dev: "eth0".into(),
        net: format!("{ip}/20").parse().unwrap(),
    });
    let router = enis[0].subnet_ipv4.map(|subnet| router(subnet).into());
    let default = Route {
        via: router,
        metric: 100,
        ..route(MAIN, Family::Ipv4.everything(), &"eth0".into())
    };
    let routes = router.map(|_| default).into_iter().collect();
    Observed {
        links,
        addresses: lease.into_iter().collect(),
        routes,
        ..Observed::default()
    }
}

pub(super) fn shown<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(T::to_string).collect()
}

pub(super) fn in_table(planned: &Planned, table: u32) -> Vec<String> {
    shown(
        &planned
            .routes
            .iter()
            .filter(|route| route.table == table)
            .cloned()
            .collect::<Vec<_>>(),
    )
}

fn plan_of(enis: &[Eni]) -> Desired {
    plan(enis, &host(enis), &Config::default())
}

pub(super) fn same_subnet() -> [Eni; 2] {
    [
        eni(0, &["10.0.0.10", "10.0.0.11"], "10.0.0.0/20"),
        eni(1, &["10.0.0.20", "10.0.0.21"], "10.0.0.0/20"),
    ]
}

fn two_subnets() -> [Eni; 2] {
    [
        eni(0, &["10.0.0.10"], "10.0.0.0/20"),
        eni(1, &["10.1.0.30"], "10.1.0.0/20"),
    ]
}

#[test]
fn a_secondary_eni_gets_addresses_table_main_routes_and_rules() {
    let desired = plan_of(&same_subnet());
    let second = &desired.enis[1];
    assert_eq!(
        shown(&second.addresses),
        ["10.0.0.20/32 dev eth1", "10.0.0.21/32 dev eth1"]
    );
    assert_eq!(
        in_table(second, 10001),
        [
            "10.0.0.0/20 dev eth1 scope link src 10.0.0.20 table 10001",
            "default via 10.0.0.1 dev eth1 onlink table 10001"
        ]
    );
    assert_eq!(
        in_table(second, MAIN),
        [
            "10.0.0.0/20 dev eth1 scope link src 10.0.0.20 metric 10001",
            "default via 10.0.0.1 dev eth1 onlink metric 10001"
        ]
    );
    assert_eq!(
        shown(&second.rules),
        [
            "from 10.0.0.20 lookup 10001 priority 10001",
            "from 10.0.0.21 lookup 10001 priority 10001"
        ]
    );
}

#[test]
fn the_primary_eni_gets_its_secondary_addresses_and_a_narrow_table_without_a_default() {
    let desired = plan_of(&two_subnets());
    let first = &desired.enis[0];
    assert_eq!(
        in_table(first, 10000),
        [
            "10.0.0.0/20 dev eth0 scope link src 10.0.0.10 table 10000",
            "10.1.0.0/20 via 10.0.0.1 dev eth0 onlink src 10.0.0.10 table 10000"
        ]
    );
    assert_eq!(
        shown(&first.rules),
        ["from 10.0.0.10 lookup 10000 priority 10000"]
    );
    assert!(in_table(first, MAIN).is_empty());
    assert_eq!(
        shown(&plan_of(&same_subnet()).enis[0].addresses),
        ["10.0.0.11/32 dev eth0"]
    );
}

#[test]
fn a_single_eni_gets_its_secondary_addresses_and_nothing_else() {
    let desired = plan_of(&[eni(0, &["10.0.0.10", "10.0.0.11"], "10.0.0.0/20")]);
    let [only] = &desired.enis[..] else { panic!() };
    assert_eq!(shown(&only.addresses), ["10.0.0.11/32 dev eth0"]);
    assert!(only.routes.is_empty() && only.rules.is_empty());
}

#[test]
fn ipv6_has_the_fixed_router_in_the_same_tables_and_a_secondary_s_nothing_in_main() {
    let [first, second] = two_subnets();
    let enis = [
        with_ipv6(first, "2001:db8:0:a::100", "2001:db8:0:a::/64"),
        with_ipv6(second, "2001:db8:0:b::300", "2001:db8:0:b::/64"),
    ];
    let desired = plan_of(&enis);
    let v6 = |planned: &Planned| -> Vec<String> {
        in_table(planned, planned.eni.number().table())
            .into_iter()
            .filter(|route| route.contains("::"))
            .collect()
    };
    assert_eq!(
        v6(&desired.enis[0]),
        [
            "2001:db8:0:a::/64 dev eth0 table 10000 metric 1024",
            "2001:db8:0:b::/64 via fe80:ec2::1 dev eth0 onlink table 10000 metric 1024"
        ]
    );
    assert_eq!(
        v6(&desired.enis[1]),
        [
            "2001:db8:0:b::/64 dev eth1 table 10001 metric 1024",
            "default via fe80:ec2::1 dev eth1 onlink table 10001 metric 1024"
        ]
    );
    assert_eq!(
        shown(&desired.enis[1].addresses),
        ["10.1.0.30/32 dev eth1", "2001:db8:0:b::300/128 dev eth1"]
    );
    assert!(
        in_table(&desired.enis[1], MAIN)
            .iter()
            .all(|route| !route.contains(':'))
    );
    assert!(
        shown(&desired.enis[0].rules)
            .contains(&"from 2001:db8:0:a::100 lookup 10000 priority 10000".to_owned())
    );
}

#[test]
fn a_subnet_with_ipv6_means_nothing_to_an_eni_without() {
    let [first, second] = two_subnets();
    let enis = [
        first,
        Eni {
            subnet_ipv6: vec!["2001:db8:0:b::/64".parse().unwrap()],
            ..second
        },
    ];
    let routes = plan_of(&enis)
        .enis
        .into_iter()
        .flat_map(|planned| planned.routes);
    assert!(
        routes
            .into_iter()
            .all(|route| route.family() == Family::Ipv4)
    );
}

#[test]
fn delegated_prefixes_are_sources_of_their_eni_and_thrown_out_of_every_table() {
    let [first, mut second] = same_subnet();
    second.ipv4_prefixes = vec!["10.0.3.16/28".parse().unwrap()];
    let desired = plan_of(&[first, second]);
    for planned in &desired.enis {
        let table = planned.eni.number().table();
        assert!(in_table(planned, table).contains(&format!("throw 10.0.3.16/28 table {table}")));
    }
    assert!(
        shown(&desired.enis[1].rules)
            .contains(&"from 10.0.3.16/28 lookup 10001 priority 10001".to_owned())
    );
    assert!(
        !shown(&desired.enis[0].rules)
            .iter()
            .any(|rule| rule.contains("10.0.3.16"))
    );
}

#[test]
fn main_routes_that_a_dhcp_client_keeps_are_not_doubled() {
    let enis = same_subnet();
    let lease = |text: &str, via: Option<&str>| Route {
        via: via.map(|ip| ip.parse().unwrap()),
        metric: 200,
        ..route(MAIN, text.parse().unwrap(), &"eth1".into())
    };
    let subnet = lease("10.0.0.0/20", None);
    let default = lease("0.0.0.0/0", Some("10.0.0.1"));

    let observed = Observed {
        routes: vec![subnet.clone(), default],
        ..host(&enis)
    };
    let eth1 = plan(&enis, &observed, &Config::default()).enis.remove(1);
    assert!(in_table(&eth1, MAIN).is_empty());
    // A whole definition of ours takes the client's place, whatever that keeps now.
    assert_eq!(eth1.without_owner(), plan_of(&enis).enis[1]);

    let observed = Observed {
        routes: vec![subnet],
        ..host(&enis)
    };
    let main = in_table(&plan(&enis, &observed, &Config::default()).enis[1], MAIN);
    assert_eq!(main, ["default via 10.0.0.1 dev eth1 onlink metric 10001"]);
}

#[test]
fn our_own_main_routes_do_not_count_as_somebody_elses() {
    let enis = same_subnet();
    let routes = plan_of(&enis).enis[1].routes.clone();
    let observed = Observed {
        routes: routes.clone(),
        ..host(&enis)
    };
    assert_eq!(
        plan(&enis, &observed, &Config::default()).enis[1].routes,
        routes
    );
}

#[test]
fn a_lease_that_comes_later_takes_nothing_of_ours_away() {
    let enis = same_subnet();
    let routes = plan_of(&enis).enis[1].routes.clone();
    let leased = routes
        .iter()
        .filter(|route| route.table == MAIN)
        .map(|route| Route {
            metric: 0,
            ..route.clone()
        });
    let observed = Observed {
        routes: leased.chain(routes.clone()).collect(),
        ..host(&enis)
    };
    assert_eq!(
        plan(&enis, &observed, &Config::default()).enis[1].routes,
        routes
    );
}

#[test]
fn main_route_false_leaves_main_alone() {
    let enis = same_subnet();
    let config = Config {
        main_route: false,
        ..Config::default()
    };
    let desired = plan(&enis, &host(&enis), &config);
    assert!(
        desired
            .enis
            .iter()
            .all(|planned| in_table(planned, MAIN).is_empty())
    );
}

#[test]
fn main_routes_first_gives_every_source_three_bands_and_every_table_the_other_subnets() {
    let enis = two_subnets();
    let config = Config {
        main_routes_first: true,
        ..Config::default()
    };
    let desired = plan(&enis, &host(&enis), &config);
    let second = &desired.enis[1];
    assert_eq!(
        shown(&second.rules),
        [
            "from 10.1.0.30 lookup 10001 suppress_prefixlength 0 priority 10001",
            "from 10.1.0.30 lookup main suppress_prefixlength 1 priority 15001",
            "from 10.1.0.30 lookup 10001 priority 20001"
        ]
    );
    assert!(in_table(second, 10001).contains(
        &"10.0.0.0/20 via 10.1.0.1 dev eth1 onlink src 10.1.0.30 table 10001".to_owned()
    ));
    assert_eq!(
        shown(&desired.enis[0].rules),
        ["from 10.0.0.10 lookup 10000 priority 10000"]
    );
}

#[test]
fn the_router_is_base_plus_one_whatever_the_base_ends_in() {
    assert_eq!(
        router("10.0.0.240/28".parse().unwrap()).to_string(),
        "10.0.0.241"
    );
    assert_eq!(
        router("10.0.255.0/24".parse().unwrap()).to_string(),
        "10.0.255.1"
    );
}

#[test]
fn a_further_card_counts_by_hundreds() {
    let [first, second] = two_subnets();
    let second = Eni {
        device_number: 1,
        network_card: 2,
        mac: mac(201),
        ..second
    };
    let enis = [first, second];
    let rules = plan_of(&enis).enis.remove(1).rules;
    assert_eq!(
        shown(&rules),
        ["from 10.1.0.30 lookup 10201 priority 10201"]
    );
}

#[test]
fn an_upper_device_that_copied_the_mac_is_never_taken() {
    let [_, second] = two_subnets();
    let upper = |kind: &str| Link {
        name: "upper0".into(),
        kind: Some(kind.into()),
        ..link(1)
    };
    for kind in [
        "bridge", "bond", "vlan", "macvlan", "ipvlan", "dummy", "vxlan", "tun",
    ] {
        assert_eq!(link_of(&second, &[upper(kind)]), None, "{kind}");
        assert_eq!(
            link_of(&second, &[upper(kind), link(1)]).unwrap().name,
            link(1).name
        );
    }
}

#[test]
fn the_permanent_address_wins_over_the_one_in_use() {
    let [_, second] = two_subnets();
    let nic = |name: &str, mac_in_use, permanent| Link {
        name: name.into(),
        mac: Some(mac_in_use),
        permanent_mac: Some(permanent),
        kind: None,
        ..link(1)
    };
    let (changed, liar) = (nic("changed", mac(9), mac(1)), nic("liar", mac(1), mac(8)));
    assert_eq!(
        &*link_of(&second, &[liar.clone(), changed]).unwrap().name,
        "changed"
    );
    assert_eq!(link_of(&second, &[liar]), None);
}

#[test]
fn what_cannot_or_must_not_be_planned_is_skipped_with_its_reason() {
    let enis = [
        two_subnets(),
        [
            eni(2, &["10.2.0.1"], "10.2.0.0/24"),
            eni(3, &["10.3.0.1"], "10.3.0.0/24"),
        ],
    ]
    .concat();
    let mut observed = host(&enis);
    observed.links.retain(|link| &*link.name != "eth2");
    observed.links[2].master = Some(99);
    for name in ["eth1", &enis[1].id, "02:00:00:00:00:01", "1", "10.1.0.30"] {
        let config = Config {
            exclude: vec![name.to_owned()],
            ..Config::default()
        };
        let desired = plan(&enis, &observed, &config);
        let why: Vec<_> = desired
            .skipped
            .iter()
            .map(|skipped| (skipped.eni.device_number, skipped.why.clone()))
            .collect();
        assert_eq!(
            why,
            [
                (1, Why::Excluded),
                (2, Why::NoLink),
                (3, Why::Enslaved("link 99".into()))
            ],
            "exclude = [{name:?}]"
        );
        assert_eq!(
            in_table(&desired.enis[0], 10000),
            [
                "10.0.0.0/20 dev eth0 scope link src 10.0.0.10 table 10000",
                "10.1.0.0/20 via 10.0.0.1 dev eth0 onlink src 10.0.0.10 table 10000",
                "10.3.0.0/24 via 10.0.0.1 dev eth0 onlink src 10.0.0.10 table 10000"
            ],
            "all that have an interface are there"
        );
    }
}

/// The destinations of those routes of an ENI's that have this MTU, each with its table.
fn with_mtu(planned: &Planned, mtu: u32) -> Vec<String> {
    let routes = planned.routes.iter().chain(&planned.left_to_owner);
    routes
        .filter(|route| route.mtu == Some(mtu))
        .map(|route| format!("{} {}", route.dst, route.table))
        .collect()
}

#[test]
fn an_mtu_towards_the_internet_is_that_of_the_default_routes_of_its_eni() {
    let mut enis = two_subnets();
    enis[1] = with_ipv6(enis[1].clone(), "2001:db8:0:b::30", "2001:db8:0:b::/64");
    let mut observed = host(&enis);
    observed.links[1].altnames = vec!["ens6".into()];
    let id = enis[1].id.clone();
    let ip = enis[1].ipv4[0].to_string();
    for name in [
        "eth1",
        "ens6",
        &id,
        "02:00:00:00:00:01",
        "1",
        &ip,
        "2001:db8:0:b::30",
    ] {
        let table = |selector: &str| EniConfig {
            selector: selector.to_owned(),
            mtu_internet: Some(1500),
            place: String::new(),
        };
        let config = Config {
            eni: vec![table("eth9"), table("eth0"), table(name)],
            main_routes_first: true,
            ..Config::default()
        };
        let desired = plan(&enis, &observed, &config);
        assert_eq!(
            with_mtu(&desired.enis[0], 1500),
            [""; 0],
            "the primary's are not ours"
        );
        assert_eq!(
            with_mtu(&desired.enis[1], 1500),
            ["0.0.0.0/0 10001", "::/0 10001", "0.0.0.0/0 254"],
            "{name}"
        );
    }
}

/// Its routes may have another MTU than is wanted now.
#[test]
fn a_default_of_ours_in_main_stays_ours_beside_a_later_lease_whatever_mtu_it_had() {
    let enis = two_subnets();
    let mut observed = host(&enis);
    let routes = plan(&enis, &observed, &Config::default()).enis[1]
        .routes
        .clone();
    let mut leased = routes.clone();
    leased.iter_mut().for_each(|route| route.metric = 200);
    observed.routes.extend(routes);
    observed
        .routes
        .extend(leased.into_iter().filter(|route| route.table == MAIN));
    let config = Config {
        eni: vec![EniConfig {
            selector: "eth1".to_owned(),
            mtu_internet: Some(1500),
            place: String::new(),
        }],
        ..Config::default()
    };
    let desired = plan(&enis, &observed, &config);
    assert_eq!(
        with_mtu(&desired.enis[1], 1500),
        ["0.0.0.0/0 10001", "0.0.0.0/0 254"]
    );
    assert_eq!(desired.enis[1].left_to_owner, []);
}
