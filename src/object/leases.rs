//! Which addresses are DHCPv6 clients' business.

use std::net::{IpAddr, Ipv6Addr};

use super::Observed;
use crate::net::{Address, Dev};

/// Nobody renews an IPv6 address that has so many seconds left: EC2's leases last for 450, and are renewed every 70.
pub const NOT_RENEWED: u32 = 120;

impl Observed {
    /// A DHCPv6 client runs on this interface: it is bound to the link-local address there, or to none.
    pub fn has_dhcpv6_client(&self, dev: &Dev) -> bool {
        let is_on_dev = |ip: IpAddr| {
            self.addresses
                .iter()
                .any(|up| up.dev == *dev && up.net.addr() == ip)
        };
        self.dhcpv6_clients
            .iter()
            .any(|ip| ip.is_unspecified() || is_on_dev((*ip).into()))
    }

    /// This IPv6 address is there, with an end that a client may still put off.
    pub fn is_leased(&self, dev: &Dev, ip: Ipv6Addr) -> bool {
        let is_it = |address: &Address| address.dev == *dev && address.net.addr() == IpAddr::V6(ip);
        self.expiring
            .iter()
            .any(|(address, left)| is_it(address) && *left > NOT_RENEWED)
    }
}
