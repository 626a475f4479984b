//! One ENI's objects, given what the others are: its addresses, its own table, and what stands elsewhere for it.

use std::net::Ipv6Addr;

use ipnet::IpNet;

use super::Planned;
use super::beside::{self, Beside};
use super::routes::{self, default, family, has, route, router, source};
use crate::config::Config;
use crate::eni::{Eni, IPV6_ROUTER};
use crate::gather::Gather;
use crate::net::{Address, Declared, Dev, Family, Route};
use crate::object::Observed;

/// What each ENI's plan needs to know of the others.
pub(super) struct Host<'a> {
    pub present: &'a [(Eni, &'a Dev)],
    pub beside: Beside,
    pub observed: &'a Observed,
    pub config: &'a Config,
}

impl Host<'_> {
    /// The part of `eni`, whose interface is `dev`.
    pub fn planned(&self, eni: &Eni, dev: &Dev) -> Planned {
        let (table, main) = match eni.primary {
            true => (
                self.narrow_table(eni, dev),
                self.primary_default(dev).into_iter().gathered(),
            ),
            false => (self.table(eni, dev), self.main(eni, dev)),
        };
        let (left_to_owner, main): (Vec<_>, Vec<_>) =
            main.into_iter().partition(|route| self.owner_keeps(route));
        let rules = match table[..] {
            [] => Vec::new(),
            _ => self.rules(eni, dev),
        };
        Planned {
            eni: eni.clone(),
            dev: dev.clone(),
            addresses: self.addresses(eni, dev),
            routes: [table, main].concat(),
            left_to_owner,
            rules,
            settings: self.settings_of(eni, dev),
            manual: self.manual(eni, dev),
        }
    }

    /// By whose word the link is not ours to bring up. The primary's never is.
    fn manual(&self, eni: &Eni, dev: &Dev) -> Option<Declared> {
        let declared = self.observed.declared.get(dev);
        declared.filter(|_| !eni.primary).cloned()
    }

    /// The primary's own come by its lease, the IPv4 one always.
    fn addresses(&self, eni: &Eni, dev: &Dev) -> Vec<Address> {
        let host = |ip| Address::host(dev, ip);
        if !eni.primary {
            return eni.addresses().map(host).gathered();
        }
        let secondaries = eni.ipv4.iter().skip(1).map(|ip| host((*ip).into()));
        let ipv6 = self.unleased(eni, dev).map(|ip| host(ip.into()));
        secondaries.chain(ipv6).gathered()
    }

    /// The primary ENI's IPv6 addresses that no DHCPv6 client brings: none runs on its interface or may still come, and
    /// none did when the address came, or the one that did has not renewed it in time.
    pub(super) fn unleased<'a>(
        &'a self,
        eni: &'a Eni,
        dev: &'a Dev,
    ) -> impl Iterator<Item = Ipv6Addr> + 'a {
        let observed = self.observed;
        let is_up = |ip: Ipv6Addr| {
            let wanted = Address::host(dev, ip.into());
            observed.addresses.iter().any(|up| up.is_same_ip(&wanted))
        };
        let ipv6 = eni.ipv6.iter().copied();
        let ipv6 = ipv6.filter(|_| !observed.has_dhcpv6_client(dev));
        let ipv6 = ipv6.filter(move |ip| !observed.is_starting || is_up(*ip));
        ipv6.filter(|ip| !observed.is_leased(dev, *ip))
    }

    /// The primary ENI's table has no default: a neighbour in another ENI's subnet is answered by the way it came,
    /// and all else (containers, VPN) falls through to main as before. No other ENI, no table.
    fn narrow_table(&self, eni: &Eni, dev: &Dev) -> Vec<Route> {
        let defaults = [Family::Ipv4, Family::Ipv6]
            .into_iter()
            .filter(|family| self.is_usurped(dev, *family));
        let defaults: Vec<Route> = defaults
            .filter_map(|family| default(eni, dev, family))
            .gathered();
        if self.all().count() < 2 && self.beside.subnets.is_empty() && defaults.is_empty() {
            return Vec::new();
        }
        [
            self.own_subnets(eni, dev),
            self.other_subnets(eni, dev),
            self.throws(eni),
            defaults,
        ]
        .concat()
    }

    /// Every ENI that has an interface here.
    pub(super) fn all(&self) -> impl Iterator<Item = &Eni> {
        self.present
            .iter()
            .map(|(eni, _)| eni)
            .chain(&self.beside.left_alone)
    }

    /// A secondary ENI's table: its subnets, then its default routes.
    fn table(&self, eni: &Eni, dev: &Dev) -> Vec<Route> {
        let mut routes = self.own_subnets(eni, dev);
        if self.config.main_routes_first {
            // Else main's connected route of another ENI would be the more specific one.
            routes.extend(self.other_subnets(eni, dev));
        }
        routes.extend(self.throws(eni));
        routes.extend(
            [Family::Ipv4, Family::Ipv6]
                .into_iter()
                .filter_map(|family| default(eni, dev, family)),
        );
        routes
    }

    fn own_subnets(&self, eni: &Eni, dev: &Dev) -> Vec<Route> {
        let subnets = eni.subnets().filter(|subnet| has(eni, family(subnet)));
        let routes = subnets.map(|subnet| Route {
            src: source(eni, &subnet),
            ..route(eni.number().table(), subnet, dev)
        });
        routes.gathered()
    }

    /// The subnets of the other ENIs, as seen from `eni`: by its own router.
    fn other_subnets(&self, eni: &Eni, dev: &Dev) -> Vec<Route> {
        let mut routes: Vec<Route> = Vec::new();
        let known = self.all().flat_map(Eni::subnets);
        for subnet in known.chain(self.beside.subnets.iter().copied()) {
            // Within its own subnet lies a range of another VPC only: these addresses are its neighbours all the same.
            let is_own = eni.subnets().any(|mine| mine.contains(&subnet));
            let is_there = is_own || routes.iter().any(|route| route.dst == subnet);
            if is_there || !has(eni, family(&subnet)) {
                continue;
            }
            let via = match family(&subnet) {
                Family::Ipv4 => eni.subnet_ipv4.map(|mine| router(mine).into()),
                Family::Ipv6 => Some(IPV6_ROUTER.into()),
            };
            routes.push(Route {
                via,
                src: source(eni, &subnet),
                ..route(eni.number().table(), subnet, dev)
            });
        }
        routes
    }

    /// Delegated prefixes are often used for containers on the host: traffic to them falls through to main, where
    /// the bridge's route is. So may be single addresses of an ENI that is left alone.
    fn throws(&self, eni: &Eni) -> Vec<Route> {
        let left_alone = self.beside.left_alone.iter();
        let handed_on = left_alone.flat_map(|other| beside::handed_on(other, self.observed));
        let all = self.all().flat_map(Eni::prefixes).chain(handed_on);
        let throw = |dst: IpNet| routes::throw(eni.number().table(), dst);
        let seen = all.filter(|prefix| has(eni, family(prefix)));
        seen.map(throw).gathered()
    }
}
