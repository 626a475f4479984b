//! The host for which files are read: eth0 is the primary ENI, eth1 is in its subnet, eth2 in another.

use std::collections::BTreeMap;

use eniroute::config::Config;
use eniroute::eni::Eni;
use eniroute::net::{Address, Link, Mac};
use eniroute::object::Observed;
use eniroute::plan::{Desired, plan};

/// Three NICs.
pub fn links() -> Vec<Link> {
    (0..3).map(|number| link(number, mac(number))).collect()
}

/// The plan for its three ENIs.
pub fn desired(config: &Config) -> Desired {
    plan(&enis(), &observed(), config)
}

/// The kernel of the host before eniroute comes.
pub fn observed() -> Observed {
    let lease = Address {
        dev: "eth0".into(),
        net: "10.0.0.10/20".parse().unwrap(),
    };
    Observed {
        links: links(),
        addresses: vec![lease],
        ..Observed::default()
    }
}

/// `eth<number>` with this MAC, up.
pub fn link(number: u32, mac: Mac) -> Link {
    Link {
        index: number + 2,
        name: format!("eth{number}").into(),
        altnames: vec![format!("ens{}", number + 5)],
        mac: Some(mac),
        permanent_mac: Some(mac),
        kind: None,
        master: None,
        ipv6: true,
        up: true,
    }
}

/// The ENIs as EC2 has them.
pub fn enis() -> Vec<Eni> {
    vec![
        eni(0, "10.0.0.10 10.0.0.11", "2001:db8:0:a::100", 0),
        eni(1, "10.0.0.20 10.0.0.21", "2001:db8:0:a::200", 0),
        eni(2, "10.1.0.30", "2001:db8:0:b::300", 1),
    ]
}

fn mac(number: u32) -> Mac {
    Mac([2, 0, 0, 0, 0, number as u8 + 1])
}

fn eni(number: u32, ipv4: &str, ipv6: &str, subnet: u8) -> Eni {
    let letter = if subnet == 0 { 'a' } else { 'b' };
    Eni {
        mac: mac(number),
        id: format!("eni-{number:017x}"),
        primary: number == 0,
        device_number: number,
        network_card: 0,
        ipv4: ipv4.split(' ').map(|ip| ip.parse().unwrap()).collect(),
        ipv6: vec![ipv6.parse().unwrap()],
        ipv4_prefixes: Vec::new(),
        ipv6_prefixes: Vec::new(),
        subnet_ipv4: format!("10.{subnet}.0.0/20").parse().ok(),
        subnet_ipv6: vec![format!("2001:db8:0:{letter}::/64").parse().unwrap()],
        vpc: None,
        vpc_ranges: Vec::new(),
        public: BTreeMap::new(),
    }
}
