//! What is known of addresses and interfaces: whose each is, by EC2 and by the host.

use std::net::{IpAddr, Ipv4Addr};

use crate::eni::Eni;
use crate::gather::Gather;
use crate::net::fib::Fib;
use crate::net::sysctl::Key;
use crate::net::{Address, Dev, Link, link_of_mac};
use crate::reconcile::assess::Assessment;

/// What an explanation goes by.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    pub assessment: &'a Assessment,
    pub fib: &'a Fib,
    /// The metadata service has answered.
    pub has_metadata: bool,
}

impl<'a> Ground<'a> {
    /// Every complete ENI that EC2 has attached.
    pub fn enis(&self) -> impl Iterator<Item = &'a Eni> + Clone + use<'a> {
        self.assessment.metadata.enis.iter()
    }

    /// The ENI that EC2 delivers packets for `ip` to.
    pub fn owner(&self, ip: IpAddr) -> Option<&'a Eni> {
        let has = |eni: &&Eni| eni.addresses().any(|own| own == ip);
        let is_delegated_to = |eni: &&Eni| eni.prefixes().any(|net| net.contains(&ip));
        let mut enis = self.enis();
        enis.clone()
            .find(has)
            .or_else(|| enis.find(is_delegated_to))
    }

    /// It is of a prefix that EC2 delegates to an ENI, for whatever is behind this host.
    pub fn is_delegated(&self, ip: IpAddr) -> bool {
        let mut prefixes = self.enis().flat_map(Eni::prefixes);
        prefixes.any(|net| net.contains(&ip))
    }

    /// The ENI whose interface this is.
    pub fn eni_of(&self, dev: &str) -> Option<&'a Eni> {
        self.enis()
            .find(|eni| self.dev_of(eni).is_some_and(|own| **own == *dev))
    }

    /// The interface by which the ENI's packets come and go: the one that carries its MAC, or the bridge or bond above
    /// it.
    pub fn dev_of(&self, eni: &Eni) -> Option<&'a Dev> {
        let links = &self.assessment.observed.links;
        let link = link_of_mac(eni.mac, links)?;
        let is_above = |upper: &&Link| {
            link.master == Some(upper.index) && upper.kind.as_deref() != Some("vrf")
        };
        Some(&links.iter().find(is_above).unwrap_or(link).name)
    }

    /// Who has an address that no ENI is known to have.
    pub fn nobody(&self) -> &'static str {
        let metadata = &self.assessment.metadata;
        if metadata.incomplete.is_empty() && metadata.unread == 0 {
            "no ENI of this instance"
        } else {
            "no ENI of this instance whose metadata is complete"
        }
    }

    /// The address as the host has it.
    pub fn up(&self, ip: IpAddr) -> Option<&'a Address> {
        let mut up = self.assessment.observed.addresses.iter();
        up.find(|up| up.net.addr() == ip)
    }

    /// The interface that has the address, or else that of the ENI which owns it.
    pub fn dev_of_address(&self, ip: IpAddr) -> Option<&'a Dev> {
        let up = self.up(ip).map(|up| &up.dev);
        up.or_else(|| self.dev_of(self.owner(ip)?))
    }

    /// The interface by which EC2 delivers packets for `ip`; for an address that is no ENI's, the one that has it.
    pub fn delivered_by(&self, ip: IpAddr) -> Option<Dev> {
        let owner = self.owner(ip).and_then(|eni| self.dev_of(eni));
        owner.or_else(|| self.dev_of_address(ip)).cloned()
    }

    /// The value of a setting, where the kernel has it.
    pub fn setting(&self, key: &Key) -> Option<&'a str> {
        let value = self.assessment.observed.sysctls.get(key);
        value.map(String::as_str)
    }

    /// It is on the host, or EC2 gives it to an ENI of the host.
    pub fn is_own(&self, ip: IpAddr) -> bool {
        self.up(ip).is_some() || self.owner(ip).is_some()
    }

    /// The public addresses that EC2 maps to a private one.
    pub fn public_of(&self, ip: IpAddr) -> Vec<Ipv4Addr> {
        let IpAddr::V4(ip) = ip else {
            return Vec::new();
        };
        let mapped = self.enis().filter_map(|eni| eni.public.get(&ip));
        mapped.flatten().copied().gathered()
    }

    /// The private address that a public one of this instance is mapped to; any other address is itself.
    pub fn private_of(&self, ip: IpAddr) -> IpAddr {
        let mut maps = self.enis().flat_map(|eni| &eni.public);
        let private =
            maps.find(|(_, public)| public.iter().any(|public| IpAddr::V4(*public) == ip));
        private.map_or(ip, |(private, _)| IpAddr::V4(*private))
    }

    /// The address by which the Internet knows this one; IPv6 knows no other.
    pub fn seen_as(&self, ip: IpAddr) -> Option<IpAddr> {
        match ip {
            IpAddr::V4(_) => self.public_of(ip).first().copied().map(IpAddr::V4),
            IpAddr::V6(_) => Some(ip),
        }
    }

    /// It is in the Internet, and in no subnet of an ENI.
    pub fn is_outside(&self, ip: IpAddr) -> bool {
        let mut subnets = self.enis().flat_map(Eni::subnets);
        let is_global = match ip {
            IpAddr::V4(ip) => {
                !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_multicast())
            }
            IpAddr::V6(ip) => ip.segments()[0] & 0xe000 == 0x2000,
        };
        is_global && !subnets.any(|net| net.contains(&ip))
    }

    /// Whose address it is.
    pub fn sentence(&self, ip: IpAddr) -> String {
        let owner = self.owner(ip).map(|eni| self.assigned(eni, ip));
        match (self.up(ip), owner) {
            (Some(up), Some(owner)) => format!("{} has {ip}; {owner}.", up.dev),
            (Some(up), None) => format!("{} has {ip}{}.", up.dev, self.unassigned(&up.dev)),
            (None, Some(owner)) if self.is_delegated(ip) => {
                format!("{ip} is of a delegated prefix; {owner}.")
            }
            (None, Some(owner)) => format!("No interface has {ip} (A1); {owner}."),
            (None, None) => format!("{ip} is no address of this host."),
        }
    }

    fn unassigned(&self, dev: &Dev) -> &'static str {
        match (self.has_metadata, self.eni_of(dev)) {
            (false, _) => "; what EC2 knows of it cannot be said without metadata",
            (true, Some(_)) => ", which EC2 does not know (A2)",
            (true, None) => ", which is an address of the host alone, and of no ENI",
        }
    }

    fn assigned(&self, eni: &Eni, ip: IpAddr) -> String {
        let dev = self.dev_of(eni);
        let dev = dev.map_or("no interface here", |dev| dev);
        let table = eni.number().table();
        let owner = format!("EC2 has assigned it to {} ({dev}, table {table})", eni.id);
        let public: Vec<String> = self
            .public_of(ip)
            .iter()
            .map(ToString::to_string)
            .gathered();
        match public.is_empty() {
            true => owner,
            false => format!("{owner}, public address {}", public.join(", ")),
        }
    }
}
