//! One ENI's objects, given what the others are: its tables, its part of main, its rules.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

use super::Planned;
use super::beside::{self, Beside};
use crate::config::Config;
use crate::eni::{Eni, IPV6_ROUTER};
use crate::net::{Address, Dev, Family, IPV6_METRIC, MAIN, Route, RouteKind, Rule};
use crate::numbering::{self, Band, Number};
use crate::object::Observed;

/// The VPC router in an IPv4 subnet: base + 1, in the 32-bit value, since a base may end in .16 or .240
/// (Amazon VPC user guide, subnet sizing).
pub(super) fn router(subnet: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from_bits(subnet.network().to_bits().wrapping_add(1))
}

/// What each ENI's plan needs to know of the others.
pub(super) struct Host<'a> {
    pub present: &'a [(Eni, &'a Dev)],
    pub beside: Beside,
    pub observed: &'a Observed,
    pub config: &'a Config,
}

impl Host<'_> {
    pub fn planned(&self, eni: &Eni, dev: &Dev) -> Planned {
        let host = |ip: IpAddr| Address::host(dev, ip);
        let (addresses, table, main): (Vec<Address>, _, Vec<Route>) = if eni.primary {
            let secondaries = eni.ipv4.iter().skip(1).map(|ip| host((*ip).into()));
            let ipv6 = self.unleased(eni, dev).map(|ip| host(ip.into()));
            (
                secondaries.chain(ipv6).collect(),
                self.narrow_table(eni, dev),
                self.primary_default(dev).into_iter().collect(),
            )
        } else {
            (
                eni.addresses().map(host).collect(),
                self.table(eni, dev),
                self.main(eni, dev),
            )
        };
        let (left_to_owner, main): (Vec<_>, Vec<_>) =
            main.into_iter().partition(|route| self.owner_keeps(route));
        let rules = if table.is_empty() {
            Vec::new()
        } else {
            self.rules(eni, dev)
        };
        let routes = [table, main].concat();
        Planned {
            eni: eni.clone(),
            dev: dev.clone(),
            addresses,
            routes,
            left_to_owner,
            rules,
        }
    }

    /// The primary ENI's IPv6 addresses that no DHCPv6 client brings: none runs on its interface or may still come, and
    /// none did when the address came.
    fn unleased<'a>(&'a self, eni: &'a Eni, dev: &'a Dev) -> impl Iterator<Item = Ipv6Addr> + 'a {
        let is_up = |ip: &Ipv6Addr| {
            let wanted = Address::host(dev, (*ip).into());
            self.observed
                .addresses
                .iter()
                .any(|up| up.is_same_ip(&wanted))
        };
        let ipv6 = eni
            .ipv6
            .iter()
            .copied()
            .filter(|_| !self.observed.has_dhcpv6_client(dev));
        let ipv6 = ipv6.filter(move |ip| !self.observed.is_starting || is_up(ip));
        ipv6.filter(|ip| !self.observed.is_expiring(dev, (*ip).into()))
    }

    /// The way out for such addresses, in main behind whatever a router advertises. Where a client has taken them over
    /// meanwhile, it stays as long as it is the only one.
    fn primary_default(&self, dev: &Dev) -> Option<Route> {
        let (eni, _) = self.present.iter().find(|(eni, _)| eni.primary)?;
        let everything = Family::Ipv6.everything();
        let ours = Route {
            via: Some(IPV6_ROUTER.into()),
            metric: eni.number().metric(),
            ..route(MAIN, everything, dev)
        };
        let mut defaults = self.observed.routes.iter().filter(|route| {
            (route.table, route.kind, route.dst) == (MAIN, RouteKind::Unicast, everything)
                && route.leaves_by(dev)
        });
        let is_only = eni.has_ipv6()
            && defaults.clone().any(|route| *route == ours)
            && defaults.all(|route| *route == ours);
        let wanted = self.unleased(eni, dev).next().is_some() || is_only;
        (self.config.main_route && wanted).then_some(ours)
    }

    /// The primary ENI's table has no default: a neighbour in another ENI's subnet is answered by the way it came,
    /// and all else (containers, VPN) falls through to main as before. No other ENI, no table.
    fn narrow_table(&self, eni: &Eni, dev: &Dev) -> Vec<Route> {
        let defaults = [Family::Ipv4, Family::Ipv6]
            .into_iter()
            .filter(|family| self.is_usurped(dev, *family));
        let defaults: Vec<Route> = defaults
            .filter_map(|family| default(eni, dev, family))
            .collect();
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
    fn all(&self) -> impl Iterator<Item = &Eni> {
        self.present
            .iter()
            .map(|(eni, _)| eni)
            .chain(&self.beside.left_alone)
    }

    /// Another ENI's default in main is as good as the primary's or better: what the primary sends would leave by that
    /// ENI. Then the primary's table needs a default, too. It may be the other's DHCP client's, or ours, where a client
    /// has left the primary without any: Debian's dhclient gives main one default only, whichever lease comes first.
    fn is_usurped(&self, dev: &Dev, family: Family) -> bool {
        let defaults = self.observed.routes.iter().filter(|route| {
            route.table == MAIN
                && route.kind == RouteKind::Unicast
                && route.dst == family.everything()
        });
        let elsewhere = beside::others(dev, &self.observed.links);
        let others = defaults
            .clone()
            .filter(|route| route.ways().any(|(_, dev)| elsewhere.contains(dev)));
        let others = others
            .filter(|route| !self.is_ours(route))
            .map(|route| route.metric);
        let ours = self
            .primary_default(dev)
            .filter(|route| route.family() == family);
        let own = defaults
            .clone()
            .filter(|route| route.leaves_by(dev))
            .chain(&ours)
            .map(|route| route.metric)
            .min();
        let others = others.chain(self.our_default(dev, family)).min();
        others.is_some_and(|other| own.is_none_or(|own| other <= own))
    }

    /// By its metric, and by an ENI that we configure: what was left on another one stays there.
    fn is_ours(&self, default: &Route) -> bool {
        let is_present = |dev: &Dev| self.present.iter().any(|(_, present)| *present == dev);
        Number::of_metric(default.metric).is_some()
            && default.ways().all(|(_, dev)| is_present(dev))
    }

    /// The metric of the best default of ours in main, beside a primary ENI that has its address: until then its lease
    /// is under way, and its default with it.
    fn our_default(&self, dev: &Dev, family: Family) -> Option<u32> {
        let own = self
            .present
            .iter()
            .find(|(eni, _)| eni.primary)
            .and_then(|(eni, _)| eni.ipv4.first());
        let is_own = |address: &Address| {
            own.is_some_and(|ip| address.is_same_ip(&Address::host(dev, (*ip).into())))
        };
        let has_lease = self.observed.addresses.iter().any(is_own);
        let ours = self
            .present
            .iter()
            .filter(|(eni, _)| !eni.primary && has(eni, family))
            .map(|(eni, _)| eni.number().metric());
        ours.min()
            .filter(|_| has_lease && self.config.main_route && family == Family::Ipv4)
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
        subnets
            .map(|subnet| Route {
                src: source(eni, &subnet),
                ..route(eni.number().table(), subnet, dev)
            })
            .collect()
    }

    /// The subnets of the other ENIs, as seen from `eni`: by its own router.
    fn other_subnets(&self, eni: &Eni, dev: &Dev) -> Vec<Route> {
        let mut routes: Vec<Route> = Vec::new();
        for subnet in self
            .all()
            .flat_map(Eni::subnets)
            .chain(self.beside.subnets.iter().copied())
        {
            let own = eni.subnets().any(|mine| mine == subnet)
                || routes.iter().any(|route| route.dst == subnet);
            if own || !has(eni, family(&subnet)) {
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
        let handed_on = self
            .beside
            .left_alone
            .iter()
            .flat_map(|other| beside::handed_on(other, self.observed));
        let seen = self
            .all()
            .flat_map(Eni::prefixes)
            .chain(handed_on)
            .filter(|prefix| has(eni, family(prefix)));
        seen.map(|dst| Route {
            table: eni.number().table(),
            kind: RouteKind::Throw,
            dst,
            via: None,
            dev: None,
            next_hops: Vec::new(),
            src: None,
            metric: metric(family(&dst)),
        })
        .collect()
    }

    /// Unbound traffic: the subnet and a default in main, behind the primary's by their metric. A primary that is left
    /// alone, or that EC2 has not published yet, has no table of its own: its answers to another subnet than its own would
    /// leave by this ENI, so that one is not put into main.
    fn main(&self, eni: &Eni, dev: &Dev) -> Vec<Route> {
        let (Some(subnet), true) = (
            eni.subnet_ipv4,
            has(eni, Family::Ipv4) && self.config.main_route,
        ) else {
            return Vec::new();
        };
        let subnet_route = Route {
            src: source(eni, &subnet.into()),
            metric: eni.number().metric(),
            ..route(MAIN, subnet.into(), dev)
        };
        let default = Route {
            via: Some(router(subnet).into()),
            metric: eni.number().metric(),
            ..route(MAIN, Family::Ipv4.everything(), dev)
        };
        let has_table = self.present.iter().any(|(eni, _)| eni.primary);
        let is_in_it = |primary: &Eni| primary.primary && primary.subnet_ipv4 == Some(subnet);
        let is_harmless = has_table || self.beside.left_alone.iter().any(is_in_it);
        if is_harmless || self.observed.routes.contains(&subnet_route) {
            vec![subnet_route, default]
        } else {
            vec![default]
        }
    }

    /// Whether the NIC's owner keeps such a route itself. Once ours is there it stays, beside a lease that came later.
    fn owner_keeps(&self, wanted: &Route) -> bool {
        !self.observed.routes.contains(wanted)
            && self.observed.routes.iter().any(|route| {
                route.table == MAIN
                    && route.kind == RouteKind::Unicast
                    && route.dst == wanted.dst
                    && wanted.dev.as_ref().is_some_and(|dev| route.leaves_by(dev))
                    && route.metric != wanted.metric
            })
    }

    fn rules(&self, eni: &Eni, dev: &Dev) -> Vec<Rule> {
        let sources = eni.addresses().map(IpNet::from).chain(eni.prefixes());
        sources
            .flat_map(|from| self.bands(eni, dev, from))
            .collect()
    }

    /// The rules of one source. The primary's narrow table needs no bands while it has no default; when it has one,
    /// main's specific routes go before it in any case, as they did without us.
    fn bands(&self, eni: &Eni, dev: &Dev, from: IpNet) -> Vec<Rule> {
        let banded = if eni.primary {
            self.is_usurped(dev, family(&from))
        } else {
            self.config.main_routes_first
        };
        let bands: &[Band] = if banded {
            &[Band::OwnSpecific, Band::Main, Band::Default]
        } else {
            &[Band::Own]
        };
        bands
            .iter()
            .map(|band| numbering::rule(*band, eni.number(), from))
            .collect()
    }
}

/// The default route of an ENI's own table, if it has this family.
fn default(eni: &Eni, dev: &Dev, family: Family) -> Option<Route> {
    let via = match family {
        Family::Ipv4 => eni.subnet_ipv4.map(|subnet| router(subnet).into()),
        Family::Ipv6 => Some(IPV6_ROUTER.into()),
    };
    has(eni, family).then(|| Route {
        via,
        ..route(eni.number().table(), family.everything(), dev)
    })
}

/// An on-link unicast route, to be completed by the caller.
pub(super) fn route(table: u32, dst: IpNet, dev: &Dev) -> Route {
    Route {
        table,
        kind: RouteKind::Unicast,
        dst,
        via: None,
        dev: Some(dev.clone()),
        next_hops: Vec::new(),
        src: None,
        metric: metric(family(&dst)),
    }
}

/// The metric that networkd and the kernel give a route which names none, so that both ways make one route.
fn metric(family: Family) -> u32 {
    match family {
        Family::Ipv4 => 0,
        Family::Ipv6 => IPV6_METRIC,
    }
}

fn family(net: &IpNet) -> Family {
    Family::of(net.addr())
}

/// Whether `eni` has an address or prefix of this family.
fn has(eni: &Eni, family: Family) -> bool {
    match family {
        Family::Ipv4 => !eni.ipv4.is_empty(),
        Family::Ipv6 => eni.has_ipv6(),
    }
}

/// Every IPv4 subnet route names the ENI's primary address, so that source selection does not depend on the order
/// of addresses.
fn source(eni: &Eni, subnet: &IpNet) -> Option<IpAddr> {
    eni.ipv4
        .first()
        .filter(|_| family(subnet) == Family::Ipv4)
        .map(|ip| (*ip).into())
}
