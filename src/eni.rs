//! An ENI as the VPC describes it: metadata text becomes types here, and text ends here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::thread;

use ipnet::{Ipv4Net, Ipv6Net};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::net::Mac;

const MACS: &str = "network/interfaces/macs/";

/// The first route table, rule priority and main-table metric of ours: `BASE + device number + 100 * network card`.
pub const BASE: u32 = 10_000;

/// The tables, rule priorities and main-table metrics that are ours: up to 32 network cards of 100 devices.
pub const TABLES: RangeInclusive<u32> = BASE..=13_199;

/// Where metadata values come from. `None` means that the service says: no such key (404).
pub trait Source: Send + Sized {
    /// Reads `path` below `/latest/meta-data/`, for example `network/interfaces/macs/`.
    fn get(&mut self, path: &str) -> Result<Option<String>>;

    /// A second line to the same service, where there can be one.
    fn second(&self) -> Option<Self> {
        None
    }
}

/// From so many ENIs on, a second line reads half of them: the time goes into waiting for one answer after the other.
/// No more than two: EC2 bounds both the connections to the service and the packets per second.
const CROWD: usize = 8;

/// One elastic network interface, complete: everything that the plan needs is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Eni {
    pub mac: Mac,
    /// `eni-0123456789abcdef0`
    pub id: String,
    /// Its MAC is the metadata's top-level `mac`.
    pub primary: bool,
    pub device_number: u32,
    pub network_card: u32,
    /// In EC2's order: the first is the primary address. Empty in an IPv6-only subnet.
    pub ipv4: Vec<Ipv4Addr>,
    pub ipv6: Vec<Ipv6Addr>,
    /// Delegated prefixes (/28).
    pub ipv4_prefixes: Vec<Ipv4Net>,
    /// Delegated prefixes (/80).
    pub ipv6_prefixes: Vec<Ipv6Net>,
    pub subnet_ipv4: Option<Ipv4Net>,
    pub subnet_ipv6: Vec<Ipv6Net>,
    /// Public (Elastic) addresses by the private address that they are mapped to; read for `status` only.
    pub public: BTreeMap<Ipv4Addr, Vec<Ipv4Addr>>,
}

impl Eni {
    /// Device number + 100 * network card: device numbers are unique within one card only.
    pub fn number(&self) -> u32 {
        self.device_number + 100 * self.network_card
    }

    /// This ENI's route table, rule priority and main-table metric.
    pub fn table(&self) -> u32 {
        BASE + self.number()
    }

    /// Every address, IPv4 first, the primary one first of all.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let v4 = self.ipv4.iter().copied().map(IpAddr::from);
        v4.chain(self.ipv6.iter().copied().map(IpAddr::from))
    }

    /// It has an IPv6 address or prefix of its own; its subnet may have IPv6 all the same.
    pub fn has_ipv6(&self) -> bool {
        !self.ipv6.is_empty() || !self.ipv6_prefixes.is_empty()
    }
}

/// All ENIs of the instance, as far as the metadata service could say.
#[derive(Debug)]
pub struct Metadata {
    /// Complete ENIs, the primary one first, then by number.
    pub enis: Vec<Eni>,
    /// ENIs that are listed, but of which something is missing, late or wrong.
    pub incomplete: Vec<(Mac, Error)>,
}

/// Reads every ENI; `public` also reads the public addresses, which cost one request each.
///
/// # Errors
/// Only what makes the whole answer worthless: the service fails, or it has no list of ENIs. What is wrong with
/// one ENI stands in [`Metadata::incomplete`].
pub fn read(source: &mut impl Source, public: bool) -> Result<Metadata> {
    let primary = mac(&required(source, "mac")?)?;
    let list = required(source, MACS)?;
    let macs = lines(&list).map(|line| mac(line.trim_end_matches('/'))).collect::<Result<Vec<Mac>>>()?;
    let one = |source: &mut _, mac| Reader { source, mac, keys: BTreeSet::new() }.eni(mac == primary, public);
    let (mut enis, mut incomplete) = (Vec::new(), Vec::new());
    for (mac, read) in macs.iter().zip(each(source, &macs, one)) {
        match read {
            Ok(eni) => enis.push(eni),
            Err(error @ Error::Metadata { .. }) => incomplete.push((*mac, error)),
            Err(error) => return Err(error),
        }
    }
    reject_shared_numbers(&mut enis, &mut incomplete);
    enis.sort_by_key(|eni| (!eni.primary, eni.number()));
    Ok(Metadata { enis, incomplete })
}

/// Reads each of `macs`, in their order, up to the first failure of the service; many of them by two lines at once.
fn each<S: Source>(source: &mut S, macs: &[Mac], one: impl Fn(&mut S, Mac) -> Result<Eni> + Sync) -> Vec<Result<Eni>> {
    let all = |source: &mut S, macs: &[Mac]| {
        let mut read = Vec::new();
        for mac in macs {
            read.push(one(source, *mac));
            // A service that fails for one ENI fails for the next one, too, after another long wait.
            if matches!(read.last(), Some(Err(error)) if !matches!(error, Error::Metadata { .. })) {
                break;
            }
        }
        read
    };
    let second = if macs.len() < CROWD { None } else { source.second() };
    let Some(mut second) = second else { return all(source, macs) };
    let (first_half, second_half) = macs.split_at(macs.len() / 2);
    thread::scope(|scope| {
        let other = scope.spawn(|| all(&mut second, second_half));
        let mut read = all(source, first_half);
        let failed = |_| vec![Err(Error::Failed("a thread that read metadata ended early".to_owned()))];
        read.extend(other.join().unwrap_or_else(failed));
        read
    })
}

/// Two ENIs cannot share a table. It happens while EC2 has published a device number but not yet the network
/// card; none of them is trusted then.
fn reject_shared_numbers(enis: &mut Vec<Eni>, incomplete: &mut Vec<(Mac, Error)>) {
    let mut holders: BTreeMap<u32, usize> = BTreeMap::new();
    for eni in enis.iter() {
        *holders.entry(eni.number()).or_default() += 1;
    }
    enis.retain(|eni| {
        let alone = eni.primary || holders[&eni.number()] == 1;
        if !alone {
            let why = format!(
                "device {} on network card {} is claimed by another ENI too; EC2 is probably still publishing it",
                eni.device_number, eni.network_card
            );
            incomplete.push((eni.mac, wrong(eni.mac, "device-number", why)));
        }
        alone
    });
}

fn mac(text: &str) -> Result<Mac> {
    text.parse().map_err(|why| not_ec2(MACS, format!("{why}: is this EC2?")))
}

fn required(source: &mut impl Source, path: &str) -> Result<String> {
    source.get(path)?.ok_or_else(|| not_ec2(path, "404: this is not an EC2 instance in a VPC".to_owned()))
}

fn not_ec2(path: &str, why: String) -> Error {
    Error::Refused { url: format!("/latest/meta-data/{path}"), why }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn wrong(mac: Mac, key: &str, why: String) -> Error {
    Error::Metadata { mac, key: key.to_owned(), why }
}

/// Reads the keys of one ENI. The ENI's own listing says which keys it has, so that absent ones cost nothing.
struct Reader<'a, S> {
    source: &'a mut S,
    mac: Mac,
    keys: BTreeSet<String>,
}

impl<S: Source> Reader<'_, S> {
    fn eni(mut self, primary: bool, public: bool) -> Result<Eni> {
        let listing = self.get("")?.ok_or_else(|| self.wrong("", "not published yet (404)"))?;
        self.keys = lines(&listing).map(|key| key.trim_end_matches('/').to_owned()).collect();
        let (device_number, network_card) = if primary { (0, 0) } else { self.position()? };
        let eni = Eni {
            mac: self.mac,
            id: self.id()?,
            primary,
            device_number,
            network_card,
            ipv4: self.list("local-ipv4s")?,
            ipv6: self.list("ipv6s")?,
            ipv4_prefixes: self.list::<Ipv4Net>("ipv4-prefix")?.iter().map(Ipv4Net::trunc).collect(),
            ipv6_prefixes: self.list::<Ipv6Net>("ipv6-prefix")?.iter().map(Ipv6Net::trunc).collect(),
            subnet_ipv4: self.optional::<Ipv4Net>("subnet-ipv4-cidr-block")?.map(|net| net.trunc()),
            subnet_ipv6: Vec::new(),
            public: BTreeMap::new(),
        };
        let subnet_ipv6 = if eni.has_ipv6() { self.list::<Ipv6Net>("subnet-ipv6-cidr-blocks")? } else { Vec::new() };
        let public = if public { self.public()? } else { BTreeMap::new() };
        let eni = Eni { subnet_ipv6: subnet_ipv6.iter().map(Ipv6Net::trunc).collect(), public, ..eni };
        self.demand_complete(&eni)?;
        Ok(eni)
    }

    /// Device number and network card. EC2 answers 0 for a device number that has not propagated yet, and only
    /// the primary ENI is device 0 of card 0 (amazon-ec2-net-utils #90); single-card types have no card key.
    fn position(&mut self) -> Result<(u32, u32)> {
        let device = self.optional::<u32>("device-number")?.ok_or_else(|| self.late("device-number"))?;
        let card = match self.optional::<u32>("network-card")? {
            Some(card) => card,
            None => self.optional::<u32>("network-card-index")?.unwrap_or(0),
        };
        match (device, card) {
            (0, 0) => Err(self.wrong("device-number", "is 0, which only the primary ENI has: not propagated yet")),
            (0..100, 0..32) => Ok((device, card)),
            _ => Err(self.wrong("device-number", format!("device {device} on card {card} is out of range"))),
        }
    }

    /// The id goes into file names and texts, so nothing but letters, digits and hyphens is let through.
    fn id(&mut self) -> Result<String> {
        let id: String = self.optional("interface-id")?.ok_or_else(|| self.late("interface-id"))?;
        let sound = id.starts_with("eni-") && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if sound { Ok(id) } else { Err(self.wrong("interface-id", format!("`{}` is not an ENI id", shown(&id)))) }
    }

    /// Keys propagate one by one after an attach: a family is there with its subnet and an address, or not at all.
    fn demand_complete(&self, eni: &Eni) -> Result<()> {
        match (eni.subnet_ipv4, eni.ipv4.first()) {
            (None, Some(_)) => return Err(self.late("subnet-ipv4-cidr-block")),
            (Some(_), None) => return Err(self.late("local-ipv4s")),
            (Some(subnet), Some(_)) => {
                if let Some(stray) = eni.ipv4.iter().find(|ip| !subnet.contains(*ip)) {
                    return Err(self.wrong("local-ipv4s", format!("{stray} is not in the subnet {subnet}")));
                }
            }
            (None, None) if !eni.has_ipv6() => return Err(self.late("local-ipv4s")),
            (None, None) => {}
        }
        if eni.has_ipv6() && eni.subnet_ipv6.is_empty() {
            return Err(self.late("subnet-ipv6-cidr-blocks"));
        }
        Ok(())
    }

    /// Private address -> the public addresses that are mapped to it.
    fn public(&mut self) -> Result<BTreeMap<Ipv4Addr, Vec<Ipv4Addr>>> {
        let mut map: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for public in self.list::<Ipv4Addr>("ipv4-associations")? {
            let key = format!("ipv4-associations/{public}");
            let private = self.get(&key)?.unwrap_or_default();
            for private in self.parse::<Ipv4Addr>(&key, &private)? {
                map.entry(private).or_default().push(public);
            }
        }
        Ok(map)
    }

    fn get(&mut self, key: &str) -> Result<Option<String>> {
        self.source.get(&format!("{MACS}{}/{key}", self.mac))
    }

    /// The values of `key`; none when the ENI's listing lacks it. A listing can be ahead of its keys
    /// (amazon-ec2-net-utils #38): listed but 404 means late, not none.
    fn list<T: FromStr<Err: Display>>(&mut self, key: &str) -> Result<Vec<T>> {
        if !self.keys.contains(key) {
            return Ok(Vec::new());
        }
        let slash = if key == "ipv4-associations" { "/" } else { "" };
        let text = self.get(&format!("{key}{slash}"))?.ok_or_else(|| self.late(key))?;
        self.parse(key, &text)
    }

    fn optional<T: FromStr<Err: Display>>(&mut self, key: &str) -> Result<Option<T>> {
        let mut values = self.list(key)?;
        match values.len() {
            0 | 1 => Ok(values.pop()),
            n => Err(self.wrong(key, format!("{n} values where one belongs"))),
        }
    }

    fn parse<T: FromStr<Err: Display>>(&self, key: &str, text: &str) -> Result<Vec<T>> {
        let value =
            |line: &str| line.parse().map_err(|why: T::Err| self.wrong(key, format!("`{}`: {why}", shown(line))));
        lines(text).map(value).collect()
    }

    fn late(&self, key: &str) -> Error {
        self.wrong(key, "not published yet; it may take EC2 half a minute after an attach")
    }

    fn wrong(&self, key: &str, why: impl Into<String>) -> Error {
        wrong(self.mac, key, why.into())
    }
}

/// Foreign text as it may stand in a message: short, and without control characters.
fn shown(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests;
