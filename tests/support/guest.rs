//! A guest to render files for: the one of the worked examples, its objects written in `ip`'s own words.

use std::net::IpAddr;

use eniroute::eni::Eni;
use eniroute::net::{Address, Dev, Extra, Family, Link, MAIN, Mac, Mark, Route, RouteKind, Rule};
use eniroute::plan::{Desired, Planned};
use ipnet::IpNet;

/// The MAC of the ENI with this device number.
pub fn mac(number: u32) -> Mac {
    Mac([2, 0, 0, 0, 0, number as u8 + 1])
}

pub fn link(number: u32) -> Link {
    Link {
        index: 2 + number,
        name: format!("eth{number}").into(),
        altnames: vec![format!("ens{}", number + 5)],
        mac: Some(mac(number)),
        permanent_mac: Some(mac(number)),
        kind: None,
        master: None,
        ipv6: true,
        up: true,
    }
}

pub fn links() -> Vec<Link> {
    (0..3).map(link).collect()
}

/// eth0 is the primary; eth1 is in its subnet and has a delegated prefix; eth2 is in another subnet.
pub fn desired() -> Desired {
    Desired {
        enis: vec![primary(), eth1(), eth2()],
        ..Desired::default()
    }
}

pub fn primary() -> Planned {
    planned(
        0,
        "10.0.0.10 10.0.0.11 2001:db8:0:a::100",
        "10.0.0.11",
        &[
            "10.0.0.0/20 dev eth0 scope link src 10.0.0.10 table 10000",
            "10.1.0.0/20 via 10.0.0.1 dev eth0 src 10.0.0.10 table 10000",
            "throw 10.0.3.16/28 table 10000",
            "2001:db8:0:a::/64 dev eth0 table 10000",
            "2001:db8:0:b::/64 via fe80:ec2::1 dev eth0 table 10000",
        ],
        &["10.0.0.10", "10.0.0.11", "2001:db8:0:a::100"]
            .map(|ip| format!("from {ip} lookup 10000 priority 10000")),
    )
}

pub fn eth1() -> Planned {
    let addresses = "10.0.0.20 10.0.0.21 2001:db8:0:a::200";
    planned(
        1,
        addresses,
        addresses,
        &[
            "10.0.0.0/20 dev eth1 scope link src 10.0.0.20 metric 10001",
            "default via 10.0.0.1 dev eth1 metric 10001",
            "throw 10.0.3.16/28 table 10001",
            "10.0.0.0/20 dev eth1 scope link src 10.0.0.20 table 10001",
            "default via 10.0.0.1 dev eth1 table 10001",
            "2001:db8:0:a::/64 dev eth1 table 10001",
            "default via fe80:ec2::1 dev eth1 table 10001",
        ],
        &[
            "10.0.0.20",
            "10.0.0.21",
            "10.0.3.16/28",
            "2001:db8:0:a::200",
        ]
        .map(|from| format!("from {from} lookup 10001 priority 10001")),
    )
}

pub fn eth2() -> Planned {
    let addresses = "10.1.0.30 10.1.0.31";
    planned(
        2,
        addresses,
        addresses,
        &[
            "10.1.0.0/20 dev eth2 scope link src 10.1.0.30 metric 10002",
            "default via 10.1.0.1 dev eth2 metric 10002",
            "throw 10.0.3.16/28 table 10002",
            "10.1.0.0/20 dev eth2 scope link src 10.1.0.30 table 10002",
            "default via 10.1.0.1 dev eth2 table 10002",
        ],
        &["10.1.0.30", "10.1.0.31"].map(|from| format!("from {from} lookup 10002 priority 10002")),
    )
}

/// What cloud-init writes since 24.1 for eth0 and eth1.
pub const CLOUD_INIT_24_1: &str = r#"network:
  version: 2
  ethernets:
    eth0:
      match:
        macaddress: "02:00:00:00:00:01"
      dhcp4: true
      dhcp4-overrides:
        route-metric: 100
      dhcp6: false
      set-name: "eth0"
    eth1:
      match:
        macaddress: "02:00:00:00:00:02"
      addresses:
      - "10.0.0.21/20"
      dhcp4: true
      dhcp4-overrides:
        route-metric: 200
        use-routes: true
      dhcp6: false
      set-name: "eth1"
      routes:
      - table: 101
        to: "0.0.0.0/0"
        via: "10.0.0.1"
      - table: 101
        to: "10.0.0.0/20"
      routing-policy:
      - table: 101
        from: "10.0.0.20"
      - table: 101
        from: "10.0.0.21"
"#;

/// `main_routes_first`: the three bands of one address.
pub fn bands(ip: &str, table: u32) -> [Rule; 3] {
    [
        format!("from {ip} lookup {table} suppress_prefixlength 0 priority {table}"),
        format!(
            "from {ip} lookup {MAIN} suppress_prefixlength 1 priority {}",
            table + 5000
        ),
        format!("from {ip} lookup {table} priority {}", table + 10000),
    ]
    .map(|words| rule(&words))
}

/// A router's rules of an ENI, in both families.
pub fn passing(number: u32) -> Vec<Rule> {
    let (table, slot) = (10_000 + number, number + 1);
    let all = ["0.0.0.0/0", "::/0"].into_iter().flat_map(|all| {
        [
            format!(
                "from {all} fwmark 0x{slot:x}000000/0xff000000 lookup {table} priority {table}"
            ),
            format!(
                "from {all} iif eth{number} lookup {MAIN} suppress_prefixlength 0 priority {}",
                table + 5000
            ),
            format!(
                "from {all} iif eth{number} lookup {table} priority {}",
                table + 10_000
            ),
        ]
    });
    all.map(|words| rule(&words)).collect()
}

fn planned(number: u32, all: &str, added: &str, routes: &[&str], rules: &[String]) -> Planned {
    let dev: Dev = format!("eth{number}").into();
    let all: Vec<IpAddr> = all.split(' ').map(|ip| ip.parse().unwrap()).collect();
    let added = added
        .split(' ')
        .map(|ip| Address::host(&dev, ip.parse().unwrap()));
    let eni = Eni {
        mac: mac(number),
        id: format!("eni-{number}"),
        primary: number == 0,
        device_number: number,
        network_card: 0,
        ipv4: all
            .iter()
            .filter_map(|ip| {
                if let IpAddr::V4(ip) = ip {
                    Some(*ip)
                } else {
                    None
                }
            })
            .collect(),
        ipv6: all
            .iter()
            .filter_map(|ip| {
                if let IpAddr::V6(ip) = ip {
                    Some(*ip)
                } else {
                    None
                }
            })
            .collect(),
        ipv4_prefixes: Vec::new(),
        ipv6_prefixes: Vec::new(),
        subnet_ipv4: None,
        subnet_ipv6: Vec::new(),
        vpc: None,
        vpc_ranges: Vec::new(),
        public: Default::default(),
    };
    assert_eq!(eni.number().table(), 10_000 + number);
    let routes = routes.iter().map(|words| route(words)).collect();
    let rules = rules.iter().map(|words| rule(words)).collect();
    Planned {
        eni,
        addresses: added.collect(),
        dev,
        routes,
        left_to_owner: Vec::new(),
        rules,
        settings: Vec::new(),
        manual: None,
    }
}

/// A route from `ip route add`'s words.
pub fn route(words: &str) -> Route {
    let value = |key: &str| words.split(' ').skip_while(|word| *word != key).nth(1);
    let (kind, words_left) = match words.strip_prefix("throw ") {
        Some(rest) => (RouteKind::Throw, rest),
        None => (RouteKind::Unicast, words),
    };
    let via: Option<IpAddr> = value("via").map(|via| via.parse().unwrap());
    let dst = match words_left.split(' ').next().unwrap() {
        "default" => via.map_or(Family::Ipv4, Family::of).everything(),
        net => net.parse().unwrap(),
    };
    let metric = if dst.addr().is_ipv6() {
        Family::Ipv6.metric()
    } else {
        0
    };
    Route {
        table: value("table").map_or(MAIN, |table| table.parse().unwrap()),
        kind,
        dst,
        via,
        dev: value("dev").map(Into::into),
        next_hops: Vec::new(),
        object: Default::default(),
        src: value("src").map(|src| src.parse().unwrap()),
        metric: value("metric").map_or(metric, |metric| metric.parse().unwrap()),
        mtu: value("mtu").map(|mtu| mtu.parse().unwrap()),
    }
}

/// A rule from `ip rule add`'s words; what is from all says so by the prefix of length 0 (`all`: IPv4).
pub fn rule(words: &str) -> Rule {
    let value = |key: &str| words.split(' ').skip_while(|word| *word != key).nth(1);
    let from = value("from").unwrap().replace("all", "0.0.0.0/0");
    let from = from
        .parse::<IpNet>()
        .unwrap_or_else(|_| IpNet::from(from.parse::<IpAddr>().unwrap()));
    let hex = |text: &str| u32::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
    let mark = value("fwmark").map(|mark| mark.split_once('/').unwrap());
    let rule = Rule {
        priority: value("priority").unwrap().parse().unwrap(),
        family: Family::of(from.addr()),
        from: Some(from).filter(|from| from.prefix_len() > 0),
        table: value("lookup").unwrap().parse().unwrap(),
        suppress_prefixlength: value("suppress_prefixlength").map(|length| length.parse().unwrap()),
        extra: None,
    };
    rule.with(Extra {
        mark: mark.map(|(value, mask)| Mark {
            value: hex(value),
            mask: hex(mask),
        }),
        iif: value("iif").map(Into::into),
        ..Extra::NONE
    })
}
