//! The MTU that the configuration gives an ENI's ways to the Internet: those by its default routes. What has a route of its
//! own, as the VPC's subnets have, keeps the link's.

use super::{Planned, link_of};
use crate::config::{Config, EniConfig};
use crate::eni::Eni;
use crate::net::{Family, Link, Route, RouteKind};
use crate::object::Observed;
use crate::select::Selector;

/// The shortest packet that IPv6 asks of every link (RFC 8200, 5): the kernel takes no smaller MTU for its routes.
pub const IPV6_LEAST: u32 = 1280;

/// Those tables of the configuration that mean `eni`, carried by `link`: one, where it is clear.
pub fn chosen<'a>(
    config: &'a Config,
    eni: &'a Eni,
    link: Option<&'a Link>,
) -> impl Iterator<Item = &'a EniConfig> {
    let tables = config.eni.iter();
    tables.filter(move |table| Selector::new(&table.selector).matches(eni, link))
}

impl Planned {
    /// The same with the MTU that `config` gives its default routes, as far as their family takes it; the primary ENI's
    /// are not ours. `enis` have all
    /// addresses, those of a link without IPv6, too.
    pub(super) fn with_mtu(mut self, enis: &[Eni], observed: &Observed, config: &Config) -> Self {
        let listed = enis.iter().filter(|eni| eni.mac == self.eni.mac);
        let mut tables = listed.flat_map(|eni| chosen(config, eni, link_of(eni, &observed.links)));
        let mtu = tables.find_map(|table| table.mtu_internet);
        let is_default =
            |route: &&mut Route| route.kind == RouteKind::Unicast && route.dst.prefix_len() == 0;
        let routes = self.routes.iter_mut().chain(&mut self.left_to_owner);
        let ours = routes.filter(|_| !self.eni.primary);
        ours.filter(is_default).for_each(|route| {
            let takes = |mtu: &u32| route.family() == Family::Ipv4 || *mtu >= IPV6_LEAST;
            route.mtu = mtu.filter(takes);
        });
        self
    }
}
