//! The text of the metadata service: a tree of paths and values, as EC2 shows an instance. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::eni::{EniSpec, Subnet};

const REGION: &str = "ap-southeast-2";
const OWNER: &str = "123456789012";

/// Full paths below the version (`meta-data/mac`) with their values.
pub type Tree = BTreeMap<String, String>;

/// An ENI as the metadata service tells of it.
pub struct Entry<'a> {
    pub eni: &'a EniSpec,
    pub subnet: &'a Subnet,
    pub device_number: u32,
    pub primary: bool,
}

/// All metadata of the instance `number`; none before it has its primary ENI.
pub fn tree(number: usize, entries: &[Entry], subnets: &[Subnet]) -> Tree {
    let mut tree = Tree::new();
    let Some(primary) = entries
        .iter()
        .find(|entry| entry.primary)
        .map(|entry| entry.eni)
    else {
        return tree;
    };
    let mut top = |key: &str, value: String| tree.insert(format!("meta-data/{key}"), value);
    top("ami-id", "ami-0abcdef1234567890".into());
    top("instance-id", format!("i-0{number:016x}"));
    top("instance-type", "c6in.32xlarge".into());
    top("mac", primary.mac_text().into());
    top("local-hostname", hostname(primary));
    top("placement/availability-zone", format!("{REGION}a"));
    top("placement/region", REGION.into());
    if let Some(address) = primary.ipv4.first() {
        top("local-ipv4", address.to_string());
    }
    tree.insert(
        "dynamic/instance-identity/document".into(),
        identity(number),
    );
    for entry in entries {
        let mac = entry.eni.mac_text();
        for (key, value) in keys(entry, subnets) {
            tree.insert(
                format!("meta-data/network/interfaces/macs/{mac}/{key}"),
                value,
            );
        }
    }
    tree
}

/// The identity document, without which cloud-init asks again and again.
fn identity(number: usize) -> String {
    format!(
        "{{\"accountId\": \"{OWNER}\", \"instanceId\": \"i-0{number:016x}\", \"region\": \"{REGION}\", \
         \"availabilityZone\": \"{REGION}a\", \"version\": \"2017-09-30\"}}"
    )
}

/// A leaf's value, or a folder's listing in which every folder ends with a slash.
pub fn get(tree: &Tree, path: &str, hidden: impl Fn(&str) -> bool) -> Option<String> {
    let path = path.trim_end_matches('/');
    if let Some(value) = tree.get(path) {
        return Some(value.clone());
    }
    let folder = if path.is_empty() {
        String::new()
    } else {
        format!("{path}/")
    };
    let children: BTreeSet<_> = tree
        .range(folder.clone()..)
        .map_while(|(key, _)| key.strip_prefix(&folder))
        .filter_map(|rest| rest.split_inclusive('/').next())
        .filter(|child| !hidden(&format!("{folder}{child}")))
        .collect();
    (!children.is_empty()).then(|| children.into_iter().collect::<Vec<_>>().join("\n"))
}

fn keys(entry: &Entry, subnets: &[Subnet]) -> Vec<(String, String)> {
    let Entry {
        eni,
        subnet,
        device_number,
        ..
    } = entry;
    let id = eni.mac_text().replace(':', "");
    let mut keys = vec![
        ("device-number", device_number.to_string()),
        ("interface-id", format!("eni-0{id:0>16}")),
        ("mac", eni.mac_text().into()),
        ("owner-id", OWNER.into()),
    ];
    if let Some((key, card)) = eni.card {
        keys.push((key, card.to_string()));
    }
    if !eni.in_vpc {
        let keys = keys.into_iter().map(|(key, value)| (key.to_owned(), value));
        return keys.collect();
    }
    keys.extend([
        ("local-hostname", hostname(eni)),
        ("security-groups", "default".into()),
        ("security-group-ids", "sg-0123456789abcdef0".into()),
        (
            "subnet-id",
            format!("subnet-0{:0>16}", subnet.mac.replace(':', "")),
        ),
        ("vpc-id", subnet.vpc.clone()),
    ]);
    keys.extend(addresses(eni));
    keys.extend(networks(subnet, subnets));
    let keys = keys.into_iter().map(|(key, value)| (key.to_owned(), value));
    keys.filter(|(_, value)| !value.is_empty())
        .chain(publics(eni))
        .collect()
}

/// Lists of what is assigned; an empty one is absent.
fn addresses(eni: &EniSpec) -> [(&'static str, String); 4] {
    [
        ("local-ipv4s", lines(&eni.ipv4)),
        ("ipv4-prefix", lines(&eni.prefix4)),
        ("ipv6s", lines(&eni.ipv6)),
        ("ipv6-prefix", lines(&eni.prefix6)),
    ]
}

fn networks(subnet: &Subnet, subnets: &[Subnet]) -> [(&'static str, String); 5] {
    let v4: BTreeSet<_> = subnets.iter().filter_map(|s| s.ipv4).map(vpc4).collect();
    let v6 = subnets.iter().flat_map(Subnet::all_ipv6);
    let v6: BTreeSet<_> = v6.map(vpc6).collect();
    [
        ("subnet-ipv4-cidr-block", lines(subnet.ipv4)),
        ("subnet-ipv6-cidr-blocks", lines(subnet.all_ipv6())),
        ("vpc-ipv4-cidr-block", lines(v4.first())),
        ("vpc-ipv4-cidr-blocks", lines(v4)),
        ("vpc-ipv6-cidr-blocks", lines(v6)),
    ]
}

fn publics(eni: &EniSpec) -> Vec<(String, String)> {
    let mut keys = vec![];
    if let Some((_, first)) = eni.public.first() {
        keys.push((
            "public-ipv4s".to_owned(),
            lines(eni.public.iter().map(|(_, public)| public)),
        ));
        keys.push((
            "public-hostname".to_owned(),
            format!("ec2-{}.{REGION}.compute.amazonaws.com", dashes(first)),
        ));
    }
    keys.extend(
        eni.public
            .iter()
            .map(|(private, public)| (format!("ipv4-associations/{public}"), private.to_string())),
    );
    keys
}

fn hostname(eni: &EniSpec) -> String {
    let name = eni
        .ipv4
        .first()
        .map_or("i-0123456789abcdef0".to_owned(), |a| {
            format!("ip-{}", dashes(a))
        });
    format!("{name}.{REGION}.compute.internal")
}

fn dashes(address: &Ipv4Addr) -> String {
    address.to_string().replace('.', "-")
}

/// The VPC's block around a subnet: a /16, the largest there is.
fn vpc4(subnet: Ipv4Net) -> IpNet {
    IpNet::from(Ipv4Net::new(subnet.addr(), 16).expect("a /16")).trunc()
}

/// EC2 gives a VPC a /56; one of its owner's may be larger.
fn vpc6(subnet: Ipv6Net) -> IpNet {
    let length = subnet.prefix_len().min(56);
    IpNet::from(Ipv6Net::new(subnet.addr(), length).expect("a range")).trunc()
}

fn lines(values: impl IntoIterator<Item: Display>) -> String {
    values
        .into_iter()
        .map(|v| v.to_string())
        .collect::<Vec<_>>()
        .join("\n")
}
