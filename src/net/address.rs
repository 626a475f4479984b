//! IPv4 or IPv6, and an address on a link.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Dev, prefix, quoted};

/// An address without its length, where that is all of it; else the whole prefix.
pub fn short(net: IpNet) -> String {
    match net.prefix_len() == net.max_prefix_len() {
        true => net.addr().to_string(),
        false => net.to_string(),
    }
}

/// IPv4 or IPv6: the kernel keeps routes and rules apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    /// The family of `ip`.
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    /// `0.0.0.0/0` or `::/0`.
    pub fn everything(self) -> IpNet {
        match self {
            Self::Ipv4 => IpNet::new_assert(Ipv4Addr::UNSPECIFIED.into(), 0),
            Self::Ipv6 => IpNet::new_assert(Ipv6Addr::UNSPECIFIED.into(), 0),
        }
    }

    /// Its two halves: `0.0.0.0/1` and `128.0.0.0/1`, or `::/1` and `8000::/1`.
    pub fn halves(self) -> [IpNet; 2] {
        let upper = match self {
            Self::Ipv4 => Ipv4Addr::new(128, 0, 0, 0).into(),
            Self::Ipv6 => Ipv6Addr::new(0x8000, 0, 0, 0, 0, 0, 0, 0).into(),
        };
        [self.everything().addr(), upper].map(|ip| IpNet::new_assert(ip, 1))
    }

    /// The metric of a route that names none (`IP6_RT_PRIO_USER` for IPv6), as the kernel and systemd-networkd have it.
    pub fn metric(self) -> u32 {
        match self {
            Self::Ipv4 => 0,
            Self::Ipv6 => 1024,
        }
    }

    /// The option that makes `ip` speak of this family: `-4` or `-6`.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Ipv4 => "-4",
            Self::Ipv6 => "-6",
        }
    }
}

/// An address on a link. `net` keeps the host part: `172.31.41.29/20`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    pub dev: Dev,
    #[serde(serialize_with = "prefix::one")]
    pub net: IpNet,
}

impl Address {
    /// A /32 or /128, the only kind of address that eniroute adds.
    pub fn host(dev: &Dev, ip: IpAddr) -> Self {
        Self {
            dev: dev.clone(),
            net: IpNet::from(ip),
        }
    }

    /// It is a /32 or /128: no other address on the link has to do with it.
    pub fn is_host(&self) -> bool {
        self.net.prefix_len() == self.net.max_prefix_len()
    }

    /// The same address on the same link, whatever the prefix length: a DHCP lease's /20 is there.
    pub fn is_same_ip(&self, other: &Self) -> bool {
        self.dev == other.dev && self.net.addr() == other.net.addr()
    }
}

impl Address {
    /// The `ip` command that makes it. One that is there may have an end, which goes by that.
    pub fn add_command(&self) -> String {
        let flags = match self.net.addr() {
            IpAddr::V4(_) => "",
            IpAddr::V6(_) => " nodad noprefixroute",
        };
        format!("ip {} address replace {self}{flags}", self.flag())
    }

    /// The `ip` command that takes it away.
    pub fn remove_command(&self) -> String {
        format!("ip {} address del {self}", self.flag())
    }

    fn flag(&self) -> &'static str {
        Family::of(self.net.addr()).flag()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} dev {}", self.net, quoted(&self.dev))
    }
}
