//! Whom an object serves.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Object;

impl Object {
    /// The one IP address that it serves; `None`: more than one, or none.
    pub fn subject(&self) -> Option<IpAddr> {
        let one = |net: IpNet| (net.prefix_len() == net.max_prefix_len()).then(|| net.addr());
        match self {
            Self::Address(address) => Some(address.net.addr()),
            Self::Rule(rule) => rule.from.and_then(one),
            Self::Sysctl(_) | Self::LinkUp(_) | Self::Route(_) | Self::Nft(_) => None,
        }
    }
}
