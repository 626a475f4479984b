//! What a DHCP client leaves behind on an interface, with the lifetimes that EC2 gives.

use std::net::SocketAddrV4;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, setsockopt, socket, sockopt,
};

use super::eni::{EniSpec, Subnet};
use super::netns::Host;

/// The port of DHCP clients (RFC 2131, 4.1).
const PORT: u16 = 68;

/// As `ip -batch` lines. Only the primary IPv4 address comes by DHCP; all IPv6 addresses do.
pub fn lease(eni: &EniSpec, subnet: &Subnet, metric: u32) -> String {
    let dev = &eni.name;
    let mut batch = format!("link set {dev} up\n");
    if let (Some(address), Some(net), Some(gateway)) =
        (eni.ipv4.first(), subnet.ipv4, subnet.gateway())
    {
        let length = net.prefix_len();
        batch += &format!(
            "address add {address}/{length} dev {dev} metric {metric} valid_lft 3600 preferred_lft 3600\n\
             route add default via {gateway} dev {dev} proto dhcp src {address} metric {metric}\n"
        );
    }
    for address in &eni.ipv6 {
        batch += &format!(
            "address add {address}/128 dev {dev} noprefixroute nodad valid_lft 450 preferred_lft 140\n"
        );
    }
    if let Some(net) = subnet.ipv6.filter(|_| !eni.ipv6.is_empty()) {
        let (router, metric) = (subnet.router_link_local(), 924 + metric);
        batch += &format!(
            "route add {net} dev {dev} proto ra metric {metric}\n\
             route add ::/0 via {router} dev {dev} proto ra metric {metric} expires 1800\n"
        );
    }
    batch
}

/// The socket by which a DHCP client renews the lease of an ENI's IPv4 address: as long as it is open, one is there.
pub fn client(guest: &Host, eni: &EniSpec) -> Option<OwnedFd> {
    let own = SockaddrIn::from(SocketAddrV4::new(*eni.ipv4.first()?, PORT));
    Some(guest.enter(|| {
        let (family, kind) = (AddressFamily::Inet, SockType::Datagram);
        let fd = socket(family, kind, SockFlag::SOCK_CLOEXEC, None).expect("a UDP socket");
        setsockopt(&fd, sockopt::ReuseAddr, &true).expect("room for a real client");
        bind(fd.as_raw_fd(), &own).expect("the port of DHCP clients");
        fd
    }))
}
