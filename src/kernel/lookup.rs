//! Which way a packet would leave, as the kernel's own lookup decides it.

use std::net::IpAddr;

use ipnet::IpNet;
use neli::consts::nl::NlmF;
use neli::consts::rtnl::{Rta, Rtm, RtmF, Rtn};
use neli::rtnl::Rtmsg;
use nix::errno::Errno;

use super::attributes::{attributes, gateway, ip, ip_value, number};
use super::refusal::Refusal;
use super::request::{BATCH, Request};
use super::{Kernel, nexthop, route};
use crate::error::Result;
use crate::gather::Gather;
use crate::net::{Dev, Family, Link};

/// `RTM_F_LOOKUP_TABLE`: answer with the table that decided.
const LOOKUP_TABLE: u32 = 0x1000;
/// `RTM_F_FIB_MATCH`: answer with the whole route that matches, not with the way of one flow.
const FIB_MATCH: u32 = 0x2000;

/// What the kernel answers for a packet that would not leave: no route, `unreachable`, `prohibit`.
const NO_WAY: [Errno; 3] = [Errno::ENETUNREACH, Errno::EHOSTUNREACH, Errno::EACCES];

/// The way of a packet, as the kernel's own lookup decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// `lo` for an address of this host.
    pub dev: Dev,
    pub via: Option<IpAddr>,
    /// The source address that an unbound packet gets. For a bound one the kernel repeats it or leaves it out.
    pub src: Option<IpAddr>,
    /// The table that decided. For IPv4, Linux before 4.4 says the main table whatever it was.
    pub table: u32,
}

impl Kernel {
    /// Which way a packet to `to` would leave; `from` `None` is a socket that is not bound to an address.
    /// `None` when it would not: no route, `unreachable`, `prohibit`, `blackhole`, or an IPv4 `from` that this host
    /// does not have (the kernel lets any IPv6 `from` through).
    ///
    /// # Errors
    /// [`crate::error::Error::Kernel`] for any other answer.
    pub fn route_get(&mut self, to: IpAddr, from: Option<IpAddr>) -> Result<Option<Lookup>> {
        let what = || {
            let from = from.map(|ip| format!(" from {ip}")).unwrap_or_default();
            format!("ip route get {to}{from}")
        };
        self.lookup(to, from).map_err(|refusal| refusal.of(what()))
    }

    /// Every interface by which packets from `from` (`None`: unbound) to `to`'s side may leave: of a route with several
    /// ways each flow takes one, and [`Kernel::route_get`] tells of one flow. Empty where none would leave, as there.
    /// `links` give the interfaces their names. Linux before 4.13 tells one way only.
    ///
    /// # Errors
    /// As [`Kernel::route_get`].
    pub fn ways_out(
        &mut self,
        to: IpAddr,
        from: Option<IpAddr>,
        links: &[Link],
    ) -> Result<Vec<Dev>> {
        let what = || {
            format!(
                "ip route get fibmatch {to}{}",
                from.map(|ip| format!(" from {ip}")).unwrap_or_default()
            )
        };
        self.matching(to, from, links)
            .map_err(|refusal| refusal.of(what()))
    }

    /// The same of many packets, each from an address and to one: several go in a datagram, because an instance can have
    /// thousands of addresses.
    ///
    /// # Errors
    /// As [`Kernel::route_get`].
    pub fn all_ways_out(
        &mut self,
        packets: &[(IpAddr, IpAddr)],
        links: &[Link],
    ) -> Result<Vec<Vec<Dev>>> {
        let mut all = Vec::with_capacity(packets.len());
        for some in packets.chunks(BATCH) {
            let ways = self.some_ways_out(some, links);
            all.extend(ways.map_err(|refusal| refusal.of("ip route get fibmatch"))?);
        }
        Ok(all)
    }

    fn some_ways_out(
        &mut self,
        packets: &[(IpAddr, IpAddr)],
        links: &[Link],
    ) -> Result<Vec<Vec<Dev>>, Refusal> {
        let mut questions = Vec::with_capacity(packets.len());
        for (from, to) in packets {
            let question = request(*to, Some(*from), None, FIB_MATCH)?;
            questions.push(Request::of(Rtm::Getroute, NlmF::REQUEST, &question)?);
        }
        let replies = self.socket.get_all(&questions)?;
        let ways = |reply| self.ways(leaving(reply)?, links);
        replies.into_iter().map(ways).gathered()
    }

    fn matching(
        &mut self,
        to: IpAddr,
        from: Option<IpAddr>,
        links: &[Link],
    ) -> Result<Vec<Dev>, Refusal> {
        let reply = self.answer(request(to, from, None, FIB_MATCH)?)?;
        self.ways(reply, links)
    }

    fn ways(&mut self, reply: Option<Rtmsg>, links: &[Link]) -> Result<Vec<Dev>, Refusal> {
        let Some(reply) = reply else {
            return Ok(Vec::new());
        };
        let objects = self.next_hop_objects(std::slice::from_ref(&reply))?;
        let ways = nexthop::ways(&reply, links, &objects);
        let ways = ways.ok_or_else(|| {
            Refusal::because("an interface came or went away meanwhile; run again")
        })?;
        Ok(ways.into_iter().map(|way| way.dev).gathered())
    }

    fn answer(&mut self, question: Rtmsg) -> Result<Option<Rtmsg>, Refusal> {
        leaving(self.socket.get(Rtm::Getroute, question))
    }

    fn lookup(&mut self, to: IpAddr, from: Option<IpAddr>) -> Result<Option<Lookup>, Refusal> {
        let flags = table_flag(to);
        let Some(reply) = self.answer(request(to, from, None, flags)?)? else {
            return Ok(None);
        };
        let Some(index) = way(&reply) else {
            return Ok(None);
        };
        let link = self
            .link(index)?
            .ok_or_else(|| Refusal::because(format!("interface {index} went away")))?;
        Ok(Some(decode(&reply, link.name)))
    }
}

/// `None` for a packet that would not leave.
fn leaving(reply: Result<Rtmsg, Refusal>) -> Result<Option<Rtmsg>, Refusal> {
    match reply {
        Err(refusal) if refusal.is(&NO_WAY) => Ok(None),
        // `blackhole`, or an IPv4 source that is no address of this host; with words, it is a wrong request.
        Err(refusal) if refusal.is(&[Errno::EINVAL]) && !refusal.has_words() => Ok(None),
        reply => reply.map(Some),
    }
}

/// What asks for the table that decided. IPv6 always names it, and under strict checking refuses to be asked for it
/// (`inet6_rtm_valid_getroute_req`).
pub(super) fn table_flag(to: IpAddr) -> u32 {
    if to.is_ipv4() { LOOKUP_TABLE } else { 0 }
}

/// The way of a packet to `to`, from `from` or unbound, that came in by the interface with the index `iif`, or is the
/// host's own; `flags` say what to answer.
pub(super) fn request(
    to: IpAddr,
    from: Option<IpAddr>,
    iif: Option<u32>,
    flags: u32,
) -> Result<Rtmsg, Refusal> {
    let message = route::builder(Family::of(to))
        .rtm_dst_len(IpNet::from(to).prefix_len())
        .rtm_src_len(from.map_or(0, |ip| IpNet::from(ip).prefix_len()))
        .rtm_flags(RtmF::from_bits_retain(flags))
        .rtattrs(attributes([
            (Rta::Dst, Some(ip_value(to))),
            (Rta::Src, from.map(ip_value)),
            (Rta::Iif, iif.map(|index| index.to_ne_bytes().to_vec())),
        ])?);
    message.build().map_err(Refusal::because)
}

/// The index of the interface by which the packet leaves, `lo` for this host itself; `None` if it does not leave.
fn way(reply: &Rtmsg) -> Option<u32> {
    let leaves = matches!(*reply.rtm_type(), Rtn::Unicast | Rtn::Local);
    number(reply.rtattrs(), Rta::Oif).filter(|_| leaves)
}

pub(super) fn decode(reply: &Rtmsg, dev: Dev) -> Lookup {
    let attributes = reply.rtattrs();
    Lookup {
        dev,
        via: gateway(attributes),
        src: ip(attributes, Rta::Prefsrc),
        table: route::table(reply),
    }
}
