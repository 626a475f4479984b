//! The source of a connection that is bound to a NIC: the NIC's own address. Left to itself, the kernel takes another
//! ENI's while the NIC has none (its lease is under way), and the VPC drops a frame with such a source.

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::sys::socket::{
    self, AddressFamily, SockaddrIn, SockaddrIn6, SockaddrLike, SockaddrStorage,
};

/// Gives a socket of this family the first address of `device` as its source.
///
/// # Errors
/// `AddrNotAvailable`: the NIC has no address yet by which anything beyond its link could answer.
pub(super) fn bind(fd: &OwnedFd, device: &str, family: AddressFamily) -> io::Result<()> {
    let mut own = getifaddrs()?.filter(|found| is_of(found, device));
    let address = own.find_map(|found| found.address.filter(|address| is_usable(address, family)));
    match address {
        Some(address) => Ok(socket::bind(fd.as_raw_fd(), &address)?),
        None => Err(io::Error::new(
            ErrorKind::AddrNotAvailable,
            format!("{device} has no address of its own yet"),
        )),
    }
}

/// An IPv4 address may be listed by its label (`eth1:0`).
fn is_of(found: &InterfaceAddress, device: &str) -> bool {
    found.interface_name.split(':').next() == Some(device)
}

fn is_usable(address: &SockaddrStorage, family: AddressFamily) -> bool {
    let beyond = |v6: &SockaddrIn6| !v6.ip().is_unicast_link_local();
    let v4 = |v4: &SockaddrIn| !v4.ip().is_link_local();
    address.family() == Some(family)
        && address.as_sockaddr_in6().is_none_or(beyond)
        && address.as_sockaddr_in().is_none_or(v4)
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{SockFlag, SockType, SockaddrStorage};

    use super::*;

    fn socket_of(family: AddressFamily) -> OwnedFd {
        socket::socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap()
    }

    #[test]
    fn the_source_is_the_device_s_own_address() {
        let fd = socket_of(AddressFamily::Inet);
        bind(&fd, "lo", AddressFamily::Inet).unwrap();
        let name: SockaddrStorage = socket::getsockname(fd.as_raw_fd()).unwrap();
        assert!(name.as_sockaddr_in().unwrap().ip().is_loopback());
    }

    #[test]
    fn a_device_without_an_address_is_an_error_that_names_it() {
        let fd = socket_of(AddressFamily::Inet);
        let error = bind(&fd, "nosuch0", AddressFamily::Inet).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        assert!(error.to_string().contains("nosuch0"), "{error}");
    }
}
