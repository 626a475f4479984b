//! Reads the keys of one ENI, and tells what is missing, late or wrong with them.

mod again;
mod listing;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::Ipv4Addr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::bounds::Depth;
use super::judge::is_id;
use super::{Also, Source};
use crate::eni::Eni;
use crate::error::{Error, Lack, Result};
use crate::gather::Gather;
use crate::net::Mac;
pub use again::asked_again;
pub(super) use listing::KEYS;

/// The list of ENIs, and the folder of their keys.
pub const MACS: &str = "network/interfaces/macs/";

/// The folder of the public addresses.
pub(super) const ASSOCIATIONS: &str = "ipv4-associations";

/// The key of the device number, which is 0 until EC2 has published it.
const DEVICE: &str = "device-number";

/// The path of a key of the ENI `mac`, as a message names it.
pub fn key_of(mac: Mac, key: &str) -> String {
    format!("{MACS}{mac}/{key}")
}

/// The keys that are there only while something of their kind is assigned to the ENI.
const ASSIGNED: [&str; 4] = ["local-ipv4s", "ipv6s", "ipv4-prefix", "ipv6-prefix"];

/// The lines of a value that are not blank. What Unicode takes for a space besides is part of a wrong value.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let is_blank = |c: char| c.is_ascii_whitespace();
    let lines = text.lines().map(move |line| line.trim_matches(is_blank));
    lines.filter(|line| !line.is_empty())
}

/// Reads the keys of one ENI. The ENI's own listing says which keys it has, so that absent ones cost nothing.
pub struct Reader<'a> {
    source: &'a mut dyn Source,
    mac: Mac,
    depth: Depth,
    keys: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    /// Of the ENI `mac`, of which all is read.
    pub fn new(source: &'a mut dyn Source, mac: Mac) -> Self {
        Self::to(Depth::Whole, source, mac)
    }

    /// Of the ENI `mac`, of which so much is read.
    pub fn to(depth: Depth, source: &'a mut dyn Source, mac: Mac) -> Self {
        Self {
            source,
            mac,
            depth,
            keys: BTreeSet::new(),
        }
    }

    /// The whole ENI.
    ///
    /// # Errors
    /// [`Error::Metadata`] for what concerns this ENI alone; else the service has failed.
    pub fn eni(mut self, primary: Mac, also: Also) -> Result<Eni> {
        self.learn_keys(primary)?;
        let primary = self.mac == primary;
        let (device_number, network_card) = if primary { (0, 0) } else { self.position()? };
        let mut eni = Eni {
            mac: self.mac,
            id: self.id()?,
            primary,
            device_number,
            network_card,
            ipv4: self.list("local-ipv4s")?,
            ipv6: self.list("ipv6s")?,
            ipv4_prefixes: self.ipv4_nets("ipv4-prefix")?,
            ipv6_prefixes: self.ipv6_nets("ipv6-prefix")?,
            subnet_ipv4: self.subnet_ipv4()?,
            subnet_ipv6: Vec::new(),
            vpc: None,
            vpc_ranges: Vec::new(),
            public: BTreeMap::new(),
        };
        if eni.has_ipv6() {
            eni.subnet_ipv6 = self.ipv6_nets("subnet-ipv6-cidr-blocks")?;
        }
        if also.public {
            eni.public = self.public(&eni.ipv4)?;
        }
        if also.ranges {
            eni.vpc_ranges = self.vpc_ranges()?;
        }
        if self.depth == Depth::Whole {
            self.demand_complete(&eni)?;
        }
        Ok(eni)
    }

    fn vpc_ranges(&mut self) -> Result<Vec<IpNet>> {
        let v4 = self.ipv4_nets("vpc-ipv4-cidr-blocks")?;
        let v6 = self.ipv6_nets("vpc-ipv6-cidr-blocks")?;
        let v4 = v4.into_iter().map(IpNet::from);
        Ok(v4.chain(v6.into_iter().map(IpNet::from)).gathered())
    }

    fn subnet_ipv4(&mut self) -> Result<Option<Ipv4Net>> {
        let subnet = self.optional::<Ipv4Net>("subnet-ipv4-cidr-block")?;
        Ok(subnet.map(|net| net.trunc()))
    }

    /// Device number and network card. EC2 answers 0 for a device number that has not propagated yet, and only
    /// the primary ENI is device 0 of card 0 (amazon-ec2-net-utils #90); single-card types have no card key.
    fn position(&mut self) -> Result<(u32, u32)> {
        let device = self
            .optional::<u32>(DEVICE)?
            .ok_or_else(|| self.late(DEVICE))?;
        let card = match self.optional::<u32>("network-card")? {
            Some(card) => card,
            None => self.optional::<u32>("network-card-index")?.unwrap_or(0),
        };
        match (device, card) {
            (0, 0) => Err(self.fault(
                DEVICE,
                "is 0, which only the primary ENI has: not propagated yet".to_owned(),
                Lack::Late,
            )),
            (0..100, 0..32) => Ok((device, card)),
            _ => Err(self.wrong(
                DEVICE,
                format!("device {device} on card {card} is out of range"),
            )),
        }
    }

    fn id(&mut self) -> Result<String> {
        const KEY: &str = "interface-id";
        match self.optional::<String>(KEY)? {
            None => Err(self.late(KEY)),
            Some(id) if is_id(&id) => Ok(id),
            Some(id) => Err(self.wrong(KEY, format!("`{}` is not an ENI id", shown(&id)))),
        }
    }

    /// Keys propagate one by one after an attach: a family is there with its subnet and an address, or not at all.
    fn demand_complete(&self, eni: &Eni) -> Result<()> {
        match (eni.subnet_ipv4, eni.ipv4.first()) {
            (None, Some(_)) => return Err(self.late("subnet-ipv4-cidr-block")),
            (Some(_), None) => return Err(self.late("local-ipv4s")),
            (None, None) if !eni.has_ipv6() => return Err(self.late("local-ipv4s")),
            _ => {}
        }
        if eni.has_ipv6() && eni.subnet_ipv6.is_empty() {
            return Err(self.late("subnet-ipv6-cidr-blocks"));
        }
        Ok(())
    }

    /// Private address -> the public addresses that are mapped to it. With one of the first, it is that one's without a
    /// question for each.
    fn public(&mut self, private: &[Ipv4Addr]) -> Result<BTreeMap<Ipv4Addr, Vec<Ipv4Addr>>> {
        let mut map: BTreeMap<_, Vec<_>> = BTreeMap::new();
        if let [only] = private
            && self.keys.contains("public-ipv4s")
        {
            map.insert(*only, self.list("public-ipv4s")?);
            return Ok(map);
        }
        for public in self.list::<Ipv4Addr>(ASSOCIATIONS)? {
            let key = format!("{ASSOCIATIONS}/{public}");
            let private = self.get(&key)?.unwrap_or_default();
            for private in self.parse::<Ipv4Addr>(&key, &private)? {
                map.entry(private).or_default().push(public);
            }
        }
        Ok(map)
    }

    /// The text of one key of this ENI; empty: its listing. One that says nothing is not there yet.
    pub fn get(&mut self, key: &str) -> Result<Option<String>> {
        let text = self.source.get(&key_of(self.mac, key))?;
        Ok(text.filter(|text| lines(text).next().is_some()))
    }

    /// The values of `key`; none when the ENI's listing lacks it. A listing can be ahead of its keys
    /// (amazon-ec2-net-utils #38): listed but 404 means late, not none.
    fn list<T: FromStr<Err: Display> + PartialEq>(&mut self, key: &str) -> Result<Vec<T>> {
        if !self.keys.contains(key) {
            return Ok(Vec::new());
        }
        let slash = if key == ASSOCIATIONS { "/" } else { "" };
        let text = self
            .get(&format!("{key}{slash}"))?
            .ok_or_else(|| self.late(key))?;
        self.parse(key, &text)
    }

    fn ipv4_nets(&mut self, key: &str) -> Result<Vec<Ipv4Net>> {
        let nets = self.list::<Ipv4Net>(key)?;
        Ok(nets.iter().map(Ipv4Net::trunc).gathered())
    }

    fn ipv6_nets(&mut self, key: &str) -> Result<Vec<Ipv6Net>> {
        let nets = self.list::<Ipv6Net>(key)?;
        Ok(nets.iter().map(Ipv6Net::trunc).gathered())
    }

    fn optional<T: FromStr<Err: Display> + PartialEq>(&mut self, key: &str) -> Result<Option<T>> {
        let mut values = self.list(key)?;
        match values.len() {
            0 | 1 => Ok(values.pop()),
            n => Err(self.wrong(key, format!("{n} values where one belongs"))),
        }
    }

    /// Each value once, in their order.
    fn parse<T: FromStr<Err: Display> + PartialEq>(&self, key: &str, text: &str) -> Result<Vec<T>> {
        let count = lines(text).count();
        let most = self.depth.values();
        if count > most {
            let why = format!("{count} values, and eniroute takes {most} at most: is this EC2?");
            return Err(self.wrong(key, why));
        }
        let mut values = Vec::new();
        for line in lines(text) {
            let value = line
                .parse()
                .map_err(|why: T::Err| self.wrong(key, format!("`{}`: {why}", shown(line))))?;
            if !values.contains(&value) {
                values.push(value);
            }
        }
        Ok(values)
    }

    fn late(&self, key: &str) -> Error {
        let why = "not published yet; it may take EC2 half a minute after an attach";
        self.fault(key, why.to_owned(), Lack::Late)
    }

    fn wrong(&self, key: &str, why: impl Into<String>) -> Error {
        self.fault(key, why.into(), Lack::Wrong)
    }

    /// Whatever else is the matter with an ENI of which no address is listed, it is that.
    fn fault(&self, key: &str, why: String, lack: Lack) -> Error {
        let has_address = ASSIGNED.iter().any(|key| self.keys.contains(*key));
        let has_none = !self.keys.is_empty() && !has_address;
        Error::Metadata {
            mac: self.mac,
            key: key.to_owned(),
            why,
            lack: if has_none { Lack::Addresses } else { lack },
        }
    }
}

/// Foreign text as it may stand in a message: short, and without control characters.
fn shown(text: &str) -> String {
    text.chars()
        .take(60)
        .flat_map(char::escape_default)
        .gathered()
}
