//! The connection table (nf_conntrack): entries are ended, by what they have in common. Read and written byte by byte: of
//! `nfnetlink_conntrack` this needs no more than two requests.

use std::net::IpAddr;

use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;
use neli::consts::socket::NlFamily;
use neli::types::Buffer;
use nix::errno::Errno;

use super::attributes::{ip_of, nested};
use super::refusal::Refusal;
use super::socket::Socket;
use super::{Kernel, needless};
use crate::error::Result;
use crate::net::{Flow, Flows, Target};

/// `NFNL_SUBSYS_CTNETLINK << 8`, and in it `IPCTNL_MSG_CT_GET` and `IPCTNL_MSG_CT_DELETE`.
const GET: u16 = 0x101;
const DELETE: u16 = 0x102;

/// `struct nfgenmsg`: family, version, resource id.
pub(super) const HEADER: usize = 4;

const NESTED: u16 = 0x8000;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_MARK: u16 = 8;
const CTA_ID: u16 = 12;
const CTA_ZONE: u16 = 18;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_DST_PORT: u16 = 3;
/// Sources and destinations, IPv4 before IPv6.
const CTA_IP_SRC: [u16; 2] = [1, 3];
const CTA_IP_DST: [u16; 2] = [2, 4];

/// A kernel without this part of netfilter, or without netlink for it.
pub(super) const NONE: [Errno; 4] = [
    Errno::EPROTONOSUPPORT,
    Errno::EINVAL,
    Errno::EOPNOTSUPP,
    Errno::ENOENT,
];

/// What names one entry, as the kernel told it.
struct Listed(Vec<u8>);

impl Kernel {
    /// Ends all connections that one of `flows` means, and tells how many there were: of each the next packet begins a new
    /// one. Where nothing tracks connections, there are none.
    ///
    /// # Errors
    /// The table cannot be listed, or an entry not be deleted.
    pub fn end_flows(&mut self, flows: &[Flows]) -> Result<usize> {
        if flows.is_empty() {
            return Ok(0);
        }
        self.end_flows_that(&|flow| flows.iter().any(|flows| flows.have(flow)))
    }

    /// The same of those that `is_meant`.
    ///
    /// # Errors
    /// As [`Kernel::end_flows`].
    pub fn end_flows_that(&mut self, is_meant: &dyn Fn(&Flow) -> bool) -> Result<usize> {
        let ended = end(is_meant);
        ended.map_err(|refusal| refusal.of("end connections (nfnetlink_conntrack)"))
    }

    /// Shows all connections to `look`, in no order: a router has hundreds of thousands.
    ///
    /// # Errors
    /// The table cannot be listed.
    pub fn flows(&self, look: &mut dyn FnMut(&Flow)) -> Result<()> {
        let seen = each(look);
        seen.map_err(|refusal| refusal.of("list connections (nfnetlink_conntrack)"))
    }
}

fn each(look: &mut dyn FnMut(&Flow)) -> Result<(), Refusal> {
    let seen = |flow: &Flow| {
        look(flow);
        false
    };
    let socket = open()?;
    socket.map_or(Ok(()), |mut socket| listed(&mut socket, seen).map(|_| ()))
}

/// `None`: nothing tracks connections.
fn open() -> Result<Option<Socket>, Refusal> {
    match Socket::of(NlFamily::Netfilter).map_err(Refusal::from) {
        Err(refusal) if refusal.is(&NONE) => Ok(None),
        socket => socket.map(Some),
    }
}

fn end(is_meant: &dyn Fn(&Flow) -> bool) -> Result<usize, Refusal> {
    let Some(mut socket) = open()? else {
        return Ok(0);
    };
    let mut ended = 0;
    for Listed(request) in listed(&mut socket, is_meant)? {
        let (kind, payload) = (Rtm::from(DELETE), Buffer::from(request));
        let deleted = socket.change(kind, NlmF::empty(), payload);
        ended += usize::from(needless(deleted.map(|()| true), &[Errno::ENOENT])?);
    }
    Ok(ended)
}

/// The entries that are meant, of both families.
fn listed(
    socket: &mut Socket,
    mut is_meant: impl FnMut(&Flow) -> bool,
) -> Result<Vec<Listed>, Refusal> {
    let mut meant = Vec::new();
    let every = Buffer::from(vec![0; HEADER]);
    let take = |entry: Buffer| {
        let entry: &[u8] = entry.as_ref();
        let is_one = flow(entry).is_some_and(|flow| is_meant(&flow));
        meant.extend(is_one.then(|| named(entry)).flatten());
    };
    match socket.each(Rtm::from(GET), every, take) {
        Err(refusal) if refusal.is(&NONE) => Ok(Vec::new()),
        done => done.map(|()| meant),
    }
}

/// An entry's message without what is not looked at; `None` where it lacks a part.
fn flow(entry: &[u8]) -> Option<Flow> {
    let attributes = entry.get(HEADER..)?;
    let address = |tuple: u16, kinds: [u16; 2]| -> Option<IpAddr> {
        let ips = nested(nested(attributes, tuple)?, CTA_TUPLE_IP)?;
        kinds.iter().find_map(|kind| ip_of(nested(ips, *kind)?))
    };
    let kind = of_protocol(attributes, CTA_PROTO_NUM);
    let port = of_protocol(attributes, CTA_PROTO_DST_PORT);
    let mark = nested(attributes, CTA_MARK).and_then(|mark| mark.try_into().ok());
    Some(Flow {
        mark: mark.map_or(0, u32::from_be_bytes),
        source: address(CTA_TUPLE_ORIG, CTA_IP_SRC)?,
        answered_at: address(CTA_TUPLE_REPLY, CTA_IP_DST)?,
        to: Target {
            address: address(CTA_TUPLE_ORIG, CTA_IP_DST)?,
            protocol: kind.map_or(0, |[protocol]| protocol),
            port: port.map_or(0, u16::from_be_bytes),
        },
    })
}

/// A value of this many bytes in what an entry says of its first packet's protocol.
fn of_protocol<const N: usize>(attributes: &[u8], kind: u16) -> Option<[u8; N]> {
    let protocol = nested(nested(attributes, CTA_TUPLE_ORIG)?, CTA_TUPLE_PROTO)?;
    nested(protocol, kind)?.try_into().ok()
}

/// The request that deletes this entry and no other: its first tuple, its zone, and its number, which a later entry with the
/// same tuple does not have.
fn named(entry: &[u8]) -> Option<Listed> {
    let (header, attributes) = entry.split_at_checked(HEADER)?;
    let mut request = header.to_vec();
    request.extend(padded(
        CTA_TUPLE_ORIG | NESTED,
        nested(attributes, CTA_TUPLE_ORIG)?,
    ));
    for kind in [CTA_ZONE, CTA_ID] {
        let value = nested(attributes, kind);
        request.extend(value.into_iter().flat_map(|value| padded(kind, value)));
    }
    Some(Listed(request))
}

/// `struct nlattr`: length, type, value, padding to 4.
fn padded(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or_default();
    let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
