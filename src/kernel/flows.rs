//! Flows that conntrack knows (nfnetlink_conntrack.h): seen one by one, since a router has hundreds of thousands, and
//! deleted one by one. Whose a flow is, the caller says.

use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;
use neli::consts::socket::NlFamily;
use neli::types::Buffer;
use nix::errno::Errno;

use super::refusal::Refusal;
use super::socket::Socket;
use super::{Kernel, needless};
use crate::error::Result;
use crate::net::Flow;

/// `NFNL_SUBSYS_CTNETLINK` with `IPCTNL_MSG_CT_GET` and `IPCTNL_MSG_CT_DELETE`.
const GET: u16 = 0x0101;
const DELETE: u16 = 0x0102;

/// A kernel without connection tracking, or without netlink for it.
const NONE: [Errno; 4] = [
    Errno::EPROTONOSUPPORT,
    Errno::EINVAL,
    Errno::EOPNOTSUPP,
    Errno::ENOENT,
];

/// `struct nfgenmsg`: the family (none: all), a version, a number that is not used.
const HEADER: [u8; 4] = [0; 4];

/// `CTA_...` of a flow.
const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
const MARK: u16 = 8;
const ID: u16 = 12;
const ZONE: u16 = 18;
/// `CTA_TUPLE_...`, `CTA_IP_...` and `CTA_PROTO_...`
const IP: u16 = 1;
const PROTOCOL: u16 = 2;
const SOURCES: [u16; 2] = [1, 3];
const DESTINATIONS: [u16; 2] = [2, 4];
const NUMBER: u16 = 1;
const TO_PORT: u16 = 3;

/// The bits of an attribute's type that tell of its content.
const FLAGS: u16 = 0xc000;

impl Kernel {
    /// Shows every flow to `look`, in no order. None where conntrack is not loaded.
    ///
    /// # Errors
    /// [`crate::error::Error::Kernel`]: the list fails, or this is not root.
    pub fn flows(&self, mut look: impl FnMut(&Flow)) -> Result<()> {
        let seen = each(&mut |message| decode(message).iter().for_each(&mut look));
        seen.map(|_| ()).map_err(|refusal| refusal.of("list flows"))
    }

    /// Deletes those flows that `is_meant`, and tells how many there were.
    ///
    /// # Errors
    /// As [`Kernel::flows`].
    pub fn forget_flows(&self, is_meant: impl Fn(&Flow) -> bool) -> Result<usize> {
        forget(is_meant).map_err(|refusal| refusal.of("delete flows"))
    }
}

/// Shows each flow's message; the socket, where there is one to ask by.
fn each(look: &mut dyn FnMut(&[u8])) -> Result<Option<Socket>, Refusal> {
    let mut socket = match Socket::of(NlFamily::Netfilter).map_err(Refusal::from) {
        Err(refusal) if refusal.is(&NONE) => return Ok(None),
        socket => socket?,
    };
    let all = Buffer::from(HEADER.to_vec());
    match socket.each(Rtm::from(GET), all, |message| look(message.as_ref())) {
        Err(refusal) if refusal.is(&NONE) => Ok(None),
        done => done.map(|()| Some(socket)),
    }
}

fn forget(is_meant: impl Fn(&Flow) -> bool) -> Result<usize, Refusal> {
    let mut meant = Vec::new();
    let socket = each(&mut |message| {
        if decode(message).is_some_and(|flow| is_meant(&flow)) {
            meant.push(key(message));
        }
    })?;
    let mut count = 0;
    let mut delete = |socket: &mut Socket, key: Vec<u8>| {
        let (kind, key) = (Rtm::from(DELETE), Buffer::from(key));
        let deleted = socket.change(kind, NlmF::empty(), key).map(|()| true);
        // One that has ended meanwhile is gone.
        needless(deleted, &[Errno::ENOENT]).map(|was_there| count += usize::from(was_there))
    };
    if let Some(mut socket) = socket {
        meant
            .into_iter()
            .try_for_each(|key| delete(&mut socket, key))?;
    }
    Ok(count)
}

/// What names a flow to the kernel, as it has said it itself: its family, its original direction, its zone, and its number,
/// which a later flow with the same direction does not have.
fn key(message: &[u8]) -> Vec<u8> {
    let named = attributes(message.get(HEADER.len()..).unwrap_or_default());
    let named = named.filter(|(kind, ..)| [ORIGINAL, ID, ZONE].contains(kind));
    let family = message.first().copied().unwrap_or_default();
    let mut key = vec![family, 0, 0, 0];
    named.for_each(|(_, _, whole)| key.extend(whole));
    key
}

fn decode(message: &[u8]) -> Option<Flow> {
    let body = message.get(HEADER.len()..)?;
    let (original, reply) = (inner(body, ORIGINAL)?, inner(body, REPLY)?);
    let addresses = inner(original, IP)?;
    let protocol = inner(original, PROTOCOL)?;
    Some(Flow {
        from: address(addresses, SOURCES)?,
        to: address(addresses, DESTINATIONS)?,
        protocol: *inner(protocol, NUMBER)?.first()?,
        port: inner(protocol, TO_PORT).and_then(short).unwrap_or(0),
        answered_at: address(inner(reply, IP)?, DESTINATIONS)?,
        mark: inner(body, MARK).and_then(long).unwrap_or(0),
    })
}

fn address(addresses: &[u8], kinds: [u16; 2]) -> Option<std::net::IpAddr> {
    let [v4, v6] = kinds.map(|kind| inner(addresses, kind));
    let v4 = v4.and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    let v6 = v6.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    v4.map(Into::into).or(v6.map(Into::into))
}

/// Numbers are in the network's order.
fn short(bytes: &[u8]) -> Option<u16> {
    bytes.try_into().ok().map(u16::from_be_bytes)
}

fn long(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_be_bytes)
}

/// What the attribute of this kind holds.
fn inner(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    let mut found = attributes(bytes).filter(|(of, ..)| *of == kind);
    found.next().map(|(_, value, _)| value)
}

/// Each attribute: its kind, what it holds, and all of it. What is cut off is not there.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8], &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(*bytes.first_chunk()?));
        let kind = u16::from_ne_bytes(*bytes.get(2..)?.first_chunk()?);
        let value = bytes.get(4..length)?;
        let padded = length.next_multiple_of(4).min(bytes.len());
        let (whole, rest) = bytes.split_at(padded);
        bytes = rest;
        Some((kind & !FLAGS, value, whole))
    })
}

#[cfg(test)]
#[path = "flows_tests.rs"]
mod tests;
