//! An ENI's part of the main table, which is not eniroute's: what unbound traffic takes, beside what others have there.

use ipnet::IpNet;

use super::beside;
use super::routes::{has, route, router, source};
use super::tables::Host;
use crate::eni::{Eni, IPV6_ROUTER};
use crate::net::{Address, Dev, Family, MAIN, Route, RouteKind};
use crate::numbering::Number;

impl Host<'_> {
    /// The way out for IPv6 addresses that no client brings, in main behind what a router advertises. Where a client has
    /// taken them over meanwhile, it stays as long as it is the only one.
    pub(super) fn primary_default(&self, dev: &Dev) -> Option<Route> {
        let (eni, _) = self.present.iter().find(|(eni, _)| eni.primary)?;
        let everything = Family::Ipv6.everything();
        let ours = Route {
            via: Some(IPV6_ROUTER.into()),
            metric: eni.number().metric(),
            ..route(MAIN, everything, dev)
        };
        let defaults = self.in_main(everything);
        let mut defaults = defaults.filter(|route| route.leaves_by(dev));
        let is_only = eni.has_ipv6()
            && defaults.clone().any(|route| *route == ours)
            && defaults.all(|route| *route == ours);
        let wanted = self.unleased(eni, dev).next().is_some() || is_only;
        (self.config.main_route && wanted).then_some(ours)
    }

    /// Another ENI's default in main is as good as the primary's or better: what the primary sends would leave by that
    /// ENI. Then the primary's table needs a default, too. It may be the other's DHCP client's, or ours, where a client
    /// has left the primary without any: Debian's dhclient gives main one default only, whichever lease comes first.
    ///
    /// So it is with a half of everything, as VPNs have them: it goes before every default.
    pub(super) fn is_usurped(&self, dev: &Dev, family: Family) -> bool {
        let halves = family.halves();
        self.is_default_usurped(dev, family) || halves.iter().any(|half| self.loses(dev, half))
    }

    /// Another ENI has the better route in main to `dst`, and it is not only another way of ours.
    fn loses(&self, dev: &Dev, dst: &IpNet) -> bool {
        let elsewhere = beside::others(dev, &self.observed.links);
        let best = |is_meant: &dyn Fn(&Route) -> bool| {
            let routes = self.in_main(*dst).filter(|route| is_meant(route));
            routes.map(|route| route.metric).min()
        };
        let own = best(&|route| route.leaves_by(dev));
        let others = best(&|route| route.ways().any(|(_, dev)| elsewhere.contains(dev)));
        others.is_some_and(|other| own.is_none_or(|own| other <= own))
    }

    fn is_default_usurped(&self, dev: &Dev, family: Family) -> bool {
        let defaults = self.in_main(family.everything());
        let elsewhere = beside::others(dev, &self.observed.links);
        let is_elsewhere = |route: &&Route| route.ways().any(|(_, dev)| elsewhere.contains(dev));
        let others = defaults.clone().filter(is_elsewhere);
        let others = others.filter(|route| !self.is_ours(route));
        let others = others.map(|route| route.metric);
        let ours = self.primary_default(dev);
        let ours = ours.filter(|route| route.family() == family);
        let own = defaults.filter(|route| route.leaves_by(dev));
        let own = own.map(|route| route.metric);
        let own = own.chain(ours.map(|route| route.metric)).min();
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
        let others = self.present.iter().map(|(eni, _)| eni);
        let others = others.filter(|eni| !eni.primary && has(eni, family));
        let best = others.map(|eni| eni.number().metric()).min();
        let has_default = self.config.main_route && family == Family::Ipv4 && self.has_lease(dev);
        best.filter(|_| has_default)
    }

    /// The primary ENI has its own address.
    fn has_lease(&self, dev: &Dev) -> bool {
        let primary = self.present.iter().find(|(eni, _)| eni.primary);
        let own = primary.and_then(|(eni, _)| eni.ipv4.first());
        let own = own.map(|ip| Address::host(dev, (*ip).into()));
        let mut up = self.observed.addresses.iter();
        own.is_some_and(|own| up.any(|up| up.is_same_ip(&own)))
    }

    /// Unbound traffic: the subnet and a default in main, behind the primary's by their metric. A primary that is left
    /// alone, or that EC2 has not published yet, has no table of its own: its answers to another subnet than its own would
    /// leave by this ENI, so that one is not put into main.
    pub(super) fn main(&self, eni: &Eni, dev: &Dev) -> Vec<Route> {
        let has_route = has(eni, Family::Ipv4) && self.config.main_route;
        let Some(subnet) = eni.subnet_ipv4.filter(|_| has_route) else {
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
    pub(super) fn owner_keeps(&self, wanted: &Route) -> bool {
        let is_its = |route: &Route| {
            let dev = wanted.dev.as_ref();
            route.metric != wanted.metric && dev.is_some_and(|dev| route.leaves_by(dev))
        };
        let mut theirs = self.in_main(wanted.dst);
        let mut there = self.observed.routes.iter();
        !there.any(|route| route.is_same_but_mtu(wanted)) && theirs.any(is_its)
    }

    /// The routes of main to there.
    fn in_main(&self, dst: IpNet) -> impl Iterator<Item = &Route> + Clone {
        let is_one = move |route: &&Route| {
            (route.table, route.kind, route.dst) == (MAIN, RouteKind::Unicast, dst)
        };
        self.observed.routes.iter().filter(is_one)
    }
}
