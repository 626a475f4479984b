//! What a host has that forwards by its ENIs: rules for marked packets, and for what comes in by each ENI; settings of the
//! links and of the host; rules for stand-by addresses that have come up.
//!
//! Tried with packets: an answer goes back by the ENI of its flow's mark; a new flow goes on by the ENI that it came in by, or
//! by the one that a path names. `net.ipv4.ip_forward` is left as it is: a link's own setting suffices.

use std::net::IpAddr;

use super::link_of;
use super::routes::has;
use super::tables::Host;
use crate::config::{Client, ForwardingPath};
use crate::eni::Eni;
use crate::gather::Gather;
use crate::net::sysctl::{
    ACCEPT_RA, ALL_RP_FILTER, FORCE_FORWARDING, FORWARDING, HOST_REDIRECTS, INBOUND_ERRORS, Key,
    ROUTER_IPV6, RP_FILTER, SEND_REDIRECTS, Sysctl,
};
use crate::net::{Dev, Family, Link, MAIN, Rule};
use crate::numbering;
use crate::object::Observed;
use crate::select::Selector;

/// What tunnels' interfaces are called, there or not: those of a Gateway Load Balancer's handler, WireGuard's, others'.
const TUNNELS: [&str; 4] = ["gwi-", "gwo-", "wg", "tun"];

/// An end of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// An ENI.
    Eni(Box<Eni>),
    /// Another interface: a tunnel's, which may come later, or whichever is there.
    Other(Dev),
    /// Nothing of that name is here.
    Absent,
}

/// What an end of a path names: one of `enis` before any other interface.
pub fn end<'a>(name: &str, enis: impl Iterator<Item = &'a Eni>, links: &[Link]) -> End {
    let selector = Selector::new(name);
    let mut meant = enis.filter(|eni| selector.matches(eni, link_of(eni, links)));
    if let Some(eni) = meant.next() {
        return End::Eni(Box::new(eni.clone()));
    }
    let is_tunnel = TUNNELS.iter().any(|tunnel| name.starts_with(tunnel));
    let mut links = links.iter().filter(|link| !link.is_nic());
    match links.find(|link| selector.names(Some(link))) {
        Some(link) => End::Other(link.name.clone()),
        None if is_tunnel => End::Other(name.into()),
        None => End::Absent,
    }
}

impl Host<'_> {
    /// The rules for marked packets and for what comes in by an ENI, of the families that `eni` has.
    pub(super) fn passing_rules(&self, eni: &Eni, dev: &Dev) -> Vec<Rule> {
        let families = [Family::Ipv4, Family::Ipv6].into_iter();
        let families = families.filter(|family| has(eni, *family));
        families
            .flat_map(|family| {
                let arrived = self.arrivals(eni, dev).into_iter();
                let arrived = arrived.flat_map(move |(dev, table)| {
                    numbering::arrived(eni.number(), &dev, table, family)
                });
                self.marked(eni, family).into_iter().chain(arrived)
            })
            .gathered()
    }

    /// The primary's own table has no default: main goes before what comes in by an ENI.
    fn marked(&self, eni: &Eni, family: Family) -> Vec<Rule> {
        let rules = numbering::marked(eni.number(), family);
        let rules = rules.filter(|_| self.config.marks()).into_iter().flatten();
        rules.take(if eni.primary { 2 } else { 1 }).gathered()
    }

    /// For which interfaces the ENI has such rules, and the table by which their packets go on: its own, and the tunnels
    /// whose path leads to it.
    fn arrivals(&self, eni: &Eni, dev: &Dev) -> Vec<(Dev, u32)> {
        if !self.config.forwards() {
            return Vec::new();
        }
        let own = self.way_on(eni).map(|table| (dev.clone(), table));
        let tunnels = self.paths().filter_map(|path| {
            let End::Other(tunnel) = self.end(&path.input) else {
                return None;
            };
            let leads_here = matches!(self.end(&path.output), End::Eni(out) if out.mac == eni.mac);
            leads_here.then(|| (tunnel, eni.number().table()))
        });
        own.into_iter().chain(tunnels).gathered()
    }

    /// The table by which goes on what comes in by this ENI. The primary's goes by main, where no path says otherwise.
    fn way_on(&self, eni: &Eni) -> Option<u32> {
        let is_its = |path: &&ForwardingPath| matches!(self.end(&path.input), End::Eni(input) if input.mac == eni.mac);
        let out = self.paths().find(is_its).map(|path| self.end(&path.output));
        let own = Some(eni.number().table()).filter(|_| !eni.primary);
        match out {
            Some(End::Eni(out)) => Some(out.number().table()),
            // What leads there is whoever's the tunnel is.
            Some(End::Other(_)) => Some(MAIN),
            Some(End::Absent) | None => own,
        }
    }

    fn paths(&self) -> impl Iterator<Item = &ForwardingPath> {
        self.config.forwarding.paths.iter()
    }

    fn end(&self, name: &str) -> End {
        let present = self.present.iter().map(|(eni, _)| eni);
        end(name, present, &self.observed.links)
    }

    /// Addresses that are up on this ENI's interface by another's doing, and that EC2 may list later or never.
    pub(super) fn standby<'a>(
        &'a self,
        eni: &'a Eni,
        dev: &'a Dev,
    ) -> impl Iterator<Item = IpAddr> + 'a {
        let up = self.observed.addresses.iter().filter(|up| up.dev == *dev);
        let ips = up.map(|up| up.net.addr());
        let is_known = |ip: &IpAddr| eni.addresses().any(|own| own == *ip);
        ips.filter(|ip| self.config.forwarding.is_standby(*ip))
            .filter(move |ip| !is_known(ip))
    }

    /// The settings of an ENI's link.
    pub(super) fn settings_of(&self, eni: &Eni, dev: &Dev) -> Vec<Sysctl> {
        if !self.passes_on(Family::Ipv4) {
            return Vec::new();
        }
        let link = |name, value| Sysctl::new(Key::of_link(name, dev), value);
        let v4 = [
            Some(link(SEND_REDIRECTS, "0")),
            self.loose(dev).then(|| link(RP_FILTER, "2")),
            Some(link(FORWARDING, "1")),
        ];
        let v6 = [
            self.takes_routes(eni, dev).then(|| link(ACCEPT_RA, "2")),
            self.has_force(dev).then(|| link(FORCE_FORWARDING, "1")),
        ];
        let has_ipv6 = eni.has_ipv6() && self.passes_on(Family::Ipv6);
        let v6 = v6.into_iter().filter(|_| has_ipv6);
        v4.into_iter().chain(v6).flatten().gathered()
    }

    /// The host's settings: none where nothing is forwarded.
    pub(super) fn settings(&self) -> impl Iterator<Item = Sysctl> {
        let host = |name: &str, value| Sysctl::new(Key::of_host(name), value);
        let redirects = HOST_REDIRECTS.map(|name| host(name, "0"));
        let router = || host(ROUTER_IPV6, "1");
        let router = self.needs_router().then(router);
        let errors = || host(INBOUND_ERRORS, "1");
        let errors = self.config.forwards().then(errors);
        let tunnels = self.passing_tunnels();
        let tunnels = tunnels.filter(|_| self.config.forwards());
        redirects
            .into_iter()
            .filter(|_| self.passes_on(Family::Ipv4))
            .chain(errors)
            .chain(router)
            .chain(tunnels)
    }

    /// What comes in by a tunnel goes on as what comes in by an ENI.
    fn passing_tunnels(&self) -> impl Iterator<Item = Sysctl> {
        let tunnels = self.paths().filter_map(|path| match self.end(&path.input) {
            End::Other(dev) => Some(dev),
            End::Eni(_) | End::Absent => None,
        });
        let has_force = self.present.iter().any(|(_, dev)| self.has_force(dev));
        let keys = move |dev: Dev| {
            let [v4, v6] = Key::passing(&dev);
            [Some(v4), Some(v6).filter(|_| has_force)]
        };
        let keys = tunnels.flat_map(keys).flatten();
        keys.map(|key| Sysctl::new(key, "1"))
    }

    /// Strict checking knows nothing of marks. What is not checked at all stays so.
    fn loose(&self, dev: &Dev) -> bool {
        let own = value(self.observed, Key::of_link(RP_FILTER, dev));
        let all = value(self.observed, Key::of_host(ALL_RP_FILTER));
        own == Some("2") || own.max(all) == Some("1")
    }

    /// Where the host is made a router, a link takes routes from router advertisements only if told so expressly, and loses
    /// those that it has. A link's own switch changes nothing there (tried on Linux 6.18).
    fn takes_routes(&self, eni: &Eni, dev: &Dev) -> bool {
        if !self.needs_router() {
            return false;
        }
        let now = value(self.observed, Key::accept_ra(dev));
        let is_up = |link: &Link| link.name == *dev && link.up;
        let has_owner = eni.primary || self.observed.links.iter().any(is_up);
        has_owner && matches!(now, Some("1" | "2"))
    }

    fn has_force(&self, dev: &Dev) -> bool {
        value(self.observed, Key::of_link(FORCE_FORWARDING, dev)).is_some()
    }

    /// Packets of this family are passed on: of a host that forwards, or of clients.
    fn passes_on(&self, family: Family) -> bool {
        let is_of = |client: &Client| match client {
            Client::Net(net) => Family::of(net.addr()) == family,
            Client::Name(name) => {
                let known = self.observed.names.get(name).into_iter().flatten();
                family == Family::Ipv4 || known.copied().any(|ip| Family::of(ip) == family)
            }
        };
        let mut clients = self.config.egress.iter().flat_map(|egress| &egress.from);
        let has_clients = !self.config.egress.is_empty() && family == Family::Ipv4;
        self.config.forwards() || has_clients || clients.any(is_of)
    }

    fn needs_router(&self) -> bool {
        if !self.passes_on(Family::Ipv6) {
            return false;
        }
        let mut with_ipv6 = self.present.iter().filter(|(eni, _)| eni.has_ipv6());
        with_ipv6.any(|(_, dev)| !self.has_force(dev))
    }
}

fn value(observed: &Observed, key: Key) -> Option<&str> {
    observed.sysctls.get(&key).map(String::as_str)
}
