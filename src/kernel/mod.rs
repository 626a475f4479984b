//! The kernel's links, addresses, routes and rules, by rtnetlink: what is there, one change at a time, and
//! which way a packet would leave. It decides nothing and touches no file; the sockets and messages stay in here.

mod apply;
mod decode;
mod dhcpv6;
mod encode;
mod events;
mod nexthop;
mod socket;
mod sysctl;

use std::net::IpAddr;

use neli::consts::rtnl::Rtm;
use neli::rtnl::{Fibmsg, Ifaddrmsg, Ifinfomsg, Rtmsg};
use nix::errno::Errno;

use crate::eni::TABLES;
use crate::error::Result;
use crate::net::{Address, Dev, Family, Link, MAIN, Route, Rule};
use crate::object::Observed;

pub use events::changed_links;

use apply::Listed;
use encode::{FIB_MATCH, LOOKUP_TABLE};
use neli::types::Buffer;
use nexthop::{NHMSG, Objects, RTM_GETNEXTHOP};
use socket::{Changes, Refusal, Socket, settled};

/// The multicast groups `RTNLGRP_IPV4_RULE` and `RTNLGRP_IPV6_RULE`.
const RULE_GROUPS: [u32; 2] = [8, 19];

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

/// One network namespace's view: use it in the namespace in which it was opened. Changes need `CAP_NET_ADMIN`; one
/// request is under way at a time.
pub struct Kernel {
    socket: Socket,
    listed: Listed,
}

impl Kernel {
    /// The kernel as the calling thread's network namespace has it.
    ///
    /// # Errors
    /// No netlink socket: the process has too many files open, or is forbidden `AF_NETLINK` (`RestrictAddressFamilies=`).
    pub fn open() -> Result<Self> {
        let socket = Socket::open().map_err(|error| Refusal::from(error).of("open an rtnetlink socket"))?;
        Ok(Self { socket, listed: Listed::default() })
    }

    /// Every link, address, rule and DHCPv6 client, and the routes of the main table and of ours (10000 to 13199).
    /// A kernel without IPv6 has none of that family.
    ///
    /// # Errors
    /// [`crate::error::Error::Kernel`], which names the list, when a dump fails, takes longer than five seconds, or was
    /// interrupted ten times.
    pub fn observe(&mut self) -> Result<Observed> {
        let links = self.links()?;
        let addresses = self.addresses(&links).map_err(|refusal| refusal.of("list addresses"))?;
        let expiring = addresses.iter().filter_map(|(address, end)| Some((address.clone(), (*end)?))).collect();
        let addresses = addresses.into_iter().map(|(address, _)| address).collect();
        let mut observed =
            Observed { links, addresses, expiring, dhcpv6_clients: dhcpv6::clients(), ..Observed::default() };
        for family in [Family::Ipv4, Family::Ipv6] {
            let what = |list: &str| format!("list {list} ({})", family.flag());
            let routes = self.routes(family, &observed.links).map_err(|refusal| refusal.of(what("routes")))?;
            observed.routes.extend(routes);
            observed.rules.extend(self.rules(family).map_err(|refusal| refusal.of(what("rules")))?);
        }
        Ok(observed)
    }

    /// Which way a packet to `to` would leave; `from` `None` is a socket that is not bound to an address.
    /// `None` when it would not: no route, `unreachable`, `prohibit`, `blackhole`, or an IPv4 `from` that this host
    /// does not have (the kernel lets any IPv6 `from` through).
    ///
    /// # Errors
    /// [`crate::error::Error::Kernel`] for any other answer.
    pub fn route_get(&mut self, to: IpAddr, from: Option<IpAddr>) -> Result<Option<Lookup>> {
        let what = || format!("ip route get {to}{}", from.map(|ip| format!(" from {ip}")).unwrap_or_default());
        self.lookup(to, from).map_err(|refusal| refusal.of(what()))
    }

    /// Every interface by which packets from `from` (`None`: unbound) to `to`'s side may leave: of a route with several
    /// ways each flow takes one, and [`Kernel::route_get`] tells of one flow. Empty where none would leave, as there. `links` give
    /// the interfaces their names. Linux before 4.13 tells one way only.
    ///
    /// # Errors
    /// As [`Kernel::route_get`].
    pub fn ways_out(&mut self, to: IpAddr, from: Option<IpAddr>, links: &[Link]) -> Result<Vec<Dev>> {
        let what = || format!("ip route get fibmatch {to}{}", from.map(|ip| format!(" from {ip}")).unwrap_or_default());
        self.matching(to, from, links).map_err(|refusal| refusal.of(what()))
    }

    fn matching(&mut self, to: IpAddr, from: Option<IpAddr>, links: &[Link]) -> Result<Vec<Dev>, Refusal> {
        let Some(reply) = self.answer(encode::lookup(to, from, FIB_MATCH)?)? else { return Ok(Vec::new()) };
        let objects = self.next_hop_objects(std::slice::from_ref(&reply))?;
        let ways = decode::ways(&reply, links, &objects);
        let ways = ways.ok_or_else(|| Refusal::because("an interface came or went away meanwhile; run again"))?;
        Ok(ways.into_iter().map(|way| way.dev).collect())
    }

    fn answer(&mut self, question: Rtmsg) -> Result<Option<Rtmsg>, Refusal> {
        match self.socket.get(Rtm::Getroute, question) {
            Err(refusal) if refusal.is(&NO_WAY) => Ok(None),
            // `blackhole`, or an IPv4 source that is no address of this host; with words, it is a wrong request.
            Err(refusal) if refusal.is(&[Errno::EINVAL]) && !refusal.has_words() => Ok(None),
            reply => reply.map(Some),
        }
    }

    fn lookup(&mut self, to: IpAddr, from: Option<IpAddr>) -> Result<Option<Lookup>, Refusal> {
        // IPv6 always names the table, and under strict checking refuses to be asked for it
        // (`inet6_rtm_valid_getroute_req`).
        let flags = if to.is_ipv4() { LOOKUP_TABLE } else { 0 };
        let Some(reply) = self.answer(encode::lookup(to, from, flags)?)? else { return Ok(None) };
        let Some(index) = decode::way(&reply) else { return Ok(None) };
        let link = self.link(index)?.ok_or_else(|| Refusal::because(format!("interface {index} went away")))?;
        Ok(Some(decode::lookup(&reply, link.name)))
    }

    /// Every link.
    ///
    /// # Errors
    /// As [`Kernel::observe`].
    pub fn links(&mut self) -> Result<Vec<Link>> {
        self.list_links().map_err(|refusal| refusal.of("list links"))
    }

    fn list_links(&mut self) -> Result<Vec<Link>, Refusal> {
        let rows: Vec<Ifinfomsg> = self.socket.dump(Rtm::Getlink, encode::link(0)?)?;
        Ok(rows.iter().filter_map(decode::link).collect())
    }

    fn link(&mut self, index: u32) -> Result<Option<Link>, Refusal> {
        let reply: Ifinfomsg = self.socket.get(Rtm::Getlink, encode::link(index)?)?;
        Ok(decode::link(&reply))
    }

    /// Each with the seconds after which it ends, if it does.
    fn addresses(&mut self, links: &[Link]) -> Result<Vec<(Address, Option<u32>)>, Refusal> {
        let rows: Vec<Ifaddrmsg> = self.socket.dump(Rtm::Getaddr, encode::addresses()?)?;
        Ok(rows.iter().filter_map(|row| Some((decode::address(row, links)?, decode::end(row)))).collect())
    }

    /// A kernel without IPv6 answers with another family's routes (`rtnl_dump_all`): they are left out.
    fn routes(&mut self, family: Family, links: &[Link]) -> Result<Vec<Route>, Refusal> {
        let rows: Vec<Rtmsg> = self.socket.dump(Rtm::Getroute, encode::routes(family)?)?;
        let objects = self.next_hop_objects(&rows)?;
        let routes = rows.iter().filter_map(|row| decode::route(row, links, &objects));
        Ok(routes.filter(|r| r.family() == family && (r.table == MAIN || TABLES.contains(&r.table))).collect())
    }

    /// Asked for only where a route names one and tells nothing else of its ways.
    fn next_hop_objects(&mut self, rows: &[Rtmsg]) -> Result<Objects, Refusal> {
        if !rows.iter().any(|row| decode::object(row).is_some()) {
            return Ok(Objects::default());
        }
        let rows: Vec<Buffer> = self.socket.dump(Rtm::from(RTM_GETNEXTHOP), Buffer::from(NHMSG.to_vec()))?;
        Ok(Objects::of(&rows))
    }

    /// In the kernel's order. It walks rules by position and marks no interruption (`dump_rules` in
    /// net/core/fib_rules.c): where one goes meanwhile, another is left out. So changes are listened for.
    fn rules(&mut self, family: Family) -> Result<Vec<Rule>, Refusal> {
        let changes = Changes::of(&RULE_GROUPS)?;
        let rows = settled(|| {
            let rows: Vec<Fibmsg> = match self.socket.dump(Rtm::Getrule, encode::rules(family)?) {
                // a kernel without IPv6
                Err(refusal) if refusal.is(&[Errno::EAFNOSUPPORT, Errno::EOPNOTSUPP]) => Vec::new(),
                rows => rows?,
            };
            Ok((!changes.any()?).then_some(rows))
        })?;
        Ok(rows.iter().filter_map(decode::rule).filter(|rule| rule.family == family).collect())
    }
}
