//! The gateways of an owner's own routes that the kernel does not know how to reach before the owner's DHCP lease is there.
//! networkd takes a gateway for reachable as soon as it has a route to it in any table, the kernel by that route's own table
//! and main alone (seen with 252): a subnet in a table of ours has networkd add the owner's route before the lease,
//! the kernel refuse it, and networkd give the link up for good. Pure.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;

use super::syntax::Assignment;
use super::words::is_yes;
use crate::net::{MAIN, Route};
use crate::plan::Planned;
use crate::stacks::rendering::{Rendering, part};

/// What a unit says of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gateways {
    /// Those of routes without `GatewayOnLink=`.
    named: BTreeSet<Ipv4Addr>,
    /// The networks of static addresses, which networkd adds before any route.
    on_link: BTreeSet<Ipv4Net>,
}

impl Gateways {
    /// Adds those of one file.
    pub fn take(&mut self, all: &[Assignment]) {
        let is_on_link = |line: &Assignment| {
            let mut same = all.iter().filter(|other| other.number == line.number);
            same.any(|other| {
                other.key.eq_ignore_ascii_case("GatewayOnLink") && is_yes(&other.value)
            })
        };
        for line in all {
            match (line.section.as_str(), line.key.as_str()) {
                ("Route" | "Network", "Gateway") if !is_on_link(line) => {
                    self.named.extend(line.value.parse::<Ipv4Addr>());
                }
                ("Address" | "Network", "Address") => {
                    self.on_link.extend(line.value.parse::<Ipv4Net>());
                }
                _ => {}
            }
        }
    }

    /// Those that wait for a lease.
    fn waiting(&self) -> impl Iterator<Item = &Ipv4Addr> {
        let is_known = |gateway: &Ipv4Addr| self.on_link.iter().any(|net| net.contains(gateway));
        self.named.iter().filter(move |gateway| !is_known(gateway))
    }

    /// The part of an ENI that may stand beside its owner's routes: without the subnets of its own table by which networkd
    /// would take a gateway that waits for reachable. They are the boot service's.
    pub fn spare(&self, planned: &Planned, rendering: &mut Rendering) -> Planned {
        let covers = |route: &Route| {
            let is_subnet = route.table != MAIN && route.via.is_none() && route.dev.is_some();
            let mut waiting = self.waiting().map(|gateway| IpAddr::from(*gateway));
            is_subnet && waiting.any(|gateway| route.dst.contains(&gateway))
        };
        let spared = part(planned, &|object| !object.route().is_some_and(covers));
        if spared != *planned {
            let why = "its owner has a route by a gateway of that subnet without GatewayOnLink=yes (netplan: on-link: true), \
                       which systemd-networkd would add too early then";
            rendering.limit(planned, why.to_owned());
        }
        spared
    }
}

#[cfg(test)]
#[path = "gateways_tests.rs"]
mod tests;
