//! Addresses: listed, added and removed.

use ipnet::IpNet;
use neli::consts::nl::NlmF;
use neli::consts::rtnl::{Ifa, IfaF, RtAddrFamily, RtScope, Rtm};
use neli::rtnl::{Ifaddrmsg, IfaddrmsgBuilder};
use nix::errno::Errno;

use super::attributes::{af, attributes, family, index, ip, ip_value, name, number_value, value};
use super::refusal::Refusal;
use super::{ABSENT, Kernel};
use crate::gather::Gather;
use crate::net::{Address, Family, Link};

/// `IFA_F_NODAD | IFA_F_NOPREFIXROUTE`; the second does not fit the header's eight bits.
const IPV6_ADDRESS_FLAGS: u32 = 0x02 | 0x200;

/// The lifetime of an address that has no end (`INFINITY_LIFE_TIME`).
const FOR_EVER: u32 = u32::MAX;

impl Kernel {
    /// Each with the seconds after which it ends, if it does.
    pub(super) fn addresses(
        &mut self,
        links: &[Link],
    ) -> Result<Vec<(Address, Option<u32>)>, Refusal> {
        let every = builder(RtAddrFamily::Unspecified, 0, 0)
            .build()
            .map_err(Refusal::because)?;
        let keep = |all: &mut Vec<_>, row: Ifaddrmsg| {
            all.extend(decode(&row, links).map(|address| (address, end(&row))));
        };
        self.socket.dump(Rtm::Getaddr, every, &keep)
    }

    /// One that is there and has an end is there for good from then on.
    pub(super) fn add_address(
        &mut self,
        address: &Address,
        links: &[Link],
    ) -> Result<bool, Refusal> {
        let flags = NlmF::CREATE | NlmF::EXCL;
        match self
            .socket
            .change(Rtm::Newaddr, flags, new(address, links)?)
        {
            Err(refusal) if refusal.is(&[Errno::EEXIST]) => {
                let ends = self.ends(address, links)?;
                if ends {
                    self.socket
                        .change(Rtm::Newaddr, NlmF::REPLACE, new(address, links)?)?;
                }
                Ok(ends)
            }
            added => added.map(|()| true),
        }
    }

    /// The address is there, and not for good.
    fn ends(&mut self, address: &Address, links: &[Link]) -> Result<bool, Refusal> {
        let all = self.addresses(links)?;
        let is_it = |(one, end): &(Address, Option<u32>)| one.is_same_ip(address) && end.is_some();
        Ok(all.iter().any(is_it))
    }

    pub(super) fn remove_address(
        &mut self,
        address: &Address,
        links: &[Link],
    ) -> Result<bool, Refusal> {
        let Ok(index) = index(links, &address.dev) else {
            return Ok(false);
        };
        let message = encode(address, index)?;
        let routes = match self.is_last_ipv4(address, links)? {
            true => self.independent(address, index)?,
            false => Vec::new(),
        };
        let removed = self.socket.change(Rtm::Deladdr, NlmF::empty(), message);
        if removed
            .as_ref()
            .err()
            .is_none_or(|refusal| refusal.is(&ABSENT))
        {
            routes.iter().try_for_each(|route| self.put_back(route))?;
        }
        removed.map(|()| true)
    }

    /// With the last IPv4 address of a link the kernel drops all IPv4 routes of the link (`fib_disable_ip`). Whoever
    /// made them did not ask for that.
    fn is_last_ipv4(&mut self, address: &Address, links: &[Link]) -> Result<bool, Refusal> {
        let is_v4 = |address: &Address| address.net.addr().is_ipv4();
        let all = self.standing_addresses(links)?.iter();
        let on_link = all.filter(|one| one.dev == address.dev && is_v4(one));
        Ok(is_v4(address) && on_link.count() == 1)
    }

    pub(super) fn standing_addresses(&mut self, links: &[Link]) -> Result<&[Address], Refusal> {
        let listed = match self.listed.addresses.take() {
            Some(listed) => listed,
            None => {
                let all = self.addresses(links)?.into_iter();
                all.map(|(address, _)| address).gathered()
            }
        };
        Ok(self.listed.addresses.insert(listed))
    }
}

/// The message that makes it.
pub(super) fn new(address: &Address, links: &[Link]) -> Result<Ifaddrmsg, Refusal> {
    encode(address, index(links, &address.dev)?)
}

/// IPv6: without duplicate address detection, and without the kernel's own prefix route. An IPv4 /32 has
/// neither.
fn encode(address: &Address, index: u32) -> Result<Ifaddrmsg, Refusal> {
    let (family, ip) = (Family::of(address.net.addr()), ip_value(address.net.addr()));
    let flags = (family == Family::Ipv6).then_some(IPV6_ADDRESS_FLAGS);
    let message = builder(af(family), address.net.prefix_len(), index)
        // Linux before 3.14 reads the header's flags only.
        .ifa_flags(flags.map_or(IfaF::empty(), |_| IfaF::NODAD))
        .rtattrs(attributes([
            (Ifa::Local, Some(ip.clone())),
            (Ifa::Address, Some(ip)),
            (Ifa::Flags, flags.map(number_value)),
        ])?);
    message.build().map_err(Refusal::because)
}

pub(super) fn builder(family: RtAddrFamily, length: u8, index: u32) -> IfaddrmsgBuilder {
    IfaddrmsgBuilder::default()
        .ifa_family(family)
        .ifa_prefixlen(length)
        .ifa_scope(RtScope::Universe)
        .ifa_index(index)
}

/// The link's own address (`IFA_LOCAL`; `IFA_ADDRESS` is the peer's on a point-to-point link). All states and
/// scopes are kept: a tentative or link-local address is there, and nobody adds it twice. `None` for a link that
/// came after `links` were listed.
pub(super) fn decode(message: &Ifaddrmsg, links: &[Link]) -> Option<Address> {
    family(*message.ifa_family())?;
    let attributes = message.rtattrs();
    let ip = ip(attributes, Ifa::Local).or_else(|| ip(attributes, Ifa::Address))?;
    let net = IpNet::new(ip, *message.ifa_prefixlen()).ok()?;
    Some(Address {
        dev: name(links, *message.ifa_index())?,
        net,
    })
}

/// In how many seconds an address ends (`struct ifa_cacheinfo`: preferred, valid, two times of day); `None` for one that
/// stays.
pub(super) fn end(message: &Ifaddrmsg) -> Option<u32> {
    let (_, rest) = value(message.rtattrs(), Ifa::Cacheinfo)?.split_first_chunk::<4>()?;
    let (valid, _) = rest.split_first_chunk::<4>()?;
    Some(u32::from_ne_bytes(*valid)).filter(|valid| *valid != FOR_EVER)
}
