//! rtnetlink attributes, read and written. One that is absent (older kernels), cut or unknown (newer ones) never fails
//! a dump. Constants that neli lacks, cuts to eight bits or leaves out on musl are written as the numbers of the
//! kernel's headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use neli::consts::rtnl::{RtAddrFamily, Rta, RtaType};
use neli::rtnl::{Rtattr, RtattrBuilder};
use neli::types::{Buffer, RtBuffer};

use super::refusal::Refusal;
use crate::net::{Dev, Family, Link};

/// `RTA_VIA`: a gateway of another family than the destination's; neli leaves it out on musl.
pub const RTA_VIA: u16 = 18;
/// `IFLA_PROP_LIST`'s and other nests' types carry `NLA_F_NESTED` in their two upper bits.
const TYPE_MASK: u16 = 0x3fff;

/// The attributes of a message, undecoded.
pub type Attributes<T> = RtBuffer<T, Buffer>;

/// Those of `list` that have a value, for a request.
pub fn attributes<T: RtaType>(
    list: impl IntoIterator<Item = (T, Option<Vec<u8>>)>,
) -> Result<Attributes<T>, Refusal> {
    let present = list
        .into_iter()
        .filter_map(|(kind, value)| Some((kind, value?)));
    present
        .map(|(kind, value)| {
            RtattrBuilder::default()
                .rta_type(kind)
                .rta_payload(value)
                .build()
        })
        .collect::<Result<_, _>>()
        .map_err(Refusal::because)
}

/// A 32-bit number as an attribute's value.
pub fn number_value(value: u32) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

/// The value of an attribute that is a name.
pub fn name_value(name: &str) -> Vec<u8> {
    [name.as_bytes(), &[0]].concat()
}

/// An address as an attribute's value.
pub fn ip_value(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// It is of this kind, nested or not.
pub fn is<T: RtaType>(attribute: &Rtattr<T, Buffer>, kind: u16) -> bool {
    let found: u16 = (*attribute.rta_type()).into();
    found & TYPE_MASK == kind
}

/// The first one of a kind.
pub fn find<T: RtaType>(
    attributes: &Attributes<T>,
    kind: impl Into<u16>,
) -> Option<&Rtattr<T, Buffer>> {
    let kind = kind.into();
    attributes.iter().find(|attribute| is(attribute, kind))
}

/// The bytes of the first one of a kind.
pub fn value<T: RtaType>(attributes: &Attributes<T>, kind: impl Into<u16>) -> Option<&[u8]> {
    find(attributes, kind).map(|attribute| attribute.rta_payload().as_ref())
}

/// The same as a 32-bit number; `None` also where it has another length.
pub fn number<T: RtaType>(attributes: &Attributes<T>, kind: impl Into<u16>) -> Option<u32> {
    Some(u32::from_ne_bytes(
        value(attributes, kind)?.try_into().ok()?,
    ))
}

/// The same as an address; `None` also where it has the length of none.
pub fn ip<T: RtaType>(attributes: &Attributes<T>, kind: impl Into<u16>) -> Option<IpAddr> {
    ip_of(value(attributes, kind)?)
}

/// The router of a route or of one of its ways, of whichever family.
pub fn gateway(attributes: &Attributes<Rta>) -> Option<IpAddr> {
    ip(attributes, Rta::Gateway).or_else(|| ip_of_via(value(attributes, RTA_VIA)?))
}

/// The address in an attribute's value.
pub fn ip_of(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|b| Ipv4Addr::from(b).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|b| Ipv6Addr::from(b).into()))
        .ok()
}

/// The address in the value of [`RTA_VIA`] (`struct rtvia`): it stands behind a family of two bytes.
pub fn ip_of_via(bytes: &[u8]) -> Option<IpAddr> {
    bytes.get(2..).and_then(ip_of)
}

/// The text in an attribute's value.
pub fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .trim_end_matches('\0')
        .to_owned()
}

/// The value of one attribute among those that `bytes` hold (`struct rtattr`: length, type, value, padding to 4).
pub fn nested(mut bytes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let (header, _) = bytes.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        if u16::from_ne_bytes([header[2], header[3]]) & TYPE_MASK == kind {
            return bytes.get(4..length);
        }
        bytes = bytes.get(length.next_multiple_of(4).max(4)..)?;
    }
}

/// One attribute for [`nested`] to read; its value is a multiple of four bytes long, and needs no padding.
pub fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or_default();
    [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat()
}

/// The kernel's word for a family.
pub fn af(family: Family) -> RtAddrFamily {
    match family {
        Family::Ipv4 => RtAddrFamily::Inet,
        Family::Ipv6 => RtAddrFamily::Inet6,
    }
}

/// `None` for a family that is neither: without IPv6 the kernel may answer for all that it has.
pub fn family(af: RtAddrFamily) -> Option<Family> {
    match af {
        RtAddrFamily::Inet => Some(Family::Ipv4),
        RtAddrFamily::Inet6 => Some(Family::Ipv6),
        _ => None,
    }
}

/// The name of the interface `index`; `None` for one that came after `links` were listed.
pub fn name(links: &[Link], index: u32) -> Option<Dev> {
    links
        .iter()
        .find(|link| link.index == index)
        .map(|link| link.name.clone())
}

/// The index of the interface `dev`.
pub fn index(links: &[Link], dev: &Dev) -> Result<u32, Refusal> {
    let link = links.iter().find(|link| link.name == *dev);
    link.map(|link| link.index)
        .ok_or_else(|| Refusal::because(format!("no interface is named `{dev}`")))
}
