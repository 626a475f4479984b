//! The ENIs beside those that eniroute configures. An ENI that is left alone, or of which EC2 has not said all yet, is
//! there all the same: its interface may carry traffic, and its subnet has neighbours.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::{Skipped, link_of, usable};
use crate::eni::Eni;
use crate::gather::Gather;
use crate::net::{Dev, Link, MAIN, RouteKind, nics};
use crate::object::Observed;

/// What is there besides.
pub(super) struct Beside {
    /// The ENIs that are left alone, but have an interface.
    pub left_alone: Vec<Eni>,
    /// The subnets of NICs of which EC2 has not said all yet.
    pub subnets: Vec<IpNet>,
}

impl Beside {
    /// What is there beside the ENIs that are planned.
    pub fn of(enis: &[Eni], skipped: &[Skipped], observed: &Observed) -> Self {
        let left_alone = |skipped: &Skipped| left_alone(&skipped.eni, &observed.links);
        Self {
            left_alone: skipped.iter().filter_map(left_alone).gathered(),
            subnets: unpublished(enis, observed),
        }
    }
}

/// What `eni` has on this host; `None` if it has no interface. Where that is a port of a bridge or bond, the addresses
/// are that one's, and so is the setting whether there is IPv6.
fn left_alone(eni: &Eni, links: &[Link]) -> Option<Eni> {
    let link = link_of(eni, links)?;
    Some(usable(eni, holders(link, links).last().unwrap_or(link)))
}

/// The interfaces by which ENIs other than `own`'s are reached: the NICs, and what they are ports of.
pub(super) fn others<'a>(own: &Dev, links: &'a [Link]) -> BTreeSet<&'a Dev> {
    let nics = nics(links).filter(|nic| nic.name != *own);
    nics.flat_map(|nic| std::iter::once(nic).chain(holders(nic, links)))
        .map(|link| &link.name)
        .into_set()
}

/// The subnets of NICs that are none of `enis`, as main has them on their links: EC2 has not said all of them yet. On a
/// host where a veth may be an ENI, one in a bridge leads to a container.
fn unpublished(enis: &[Eni], observed: &Observed) -> Vec<IpNet> {
    let links = &observed.links;
    let is_known = |nic: &Link| enis.iter().any(|eni| Some(eni.mac) == nic.eni_mac());
    let nics =
        nics(links).filter(|nic| !is_known(nic) && (nic.kind.is_none() || nic.master.is_none()));
    let devs: BTreeSet<&Dev> = nics
        .flat_map(|nic| std::iter::once(nic).chain(holders(nic, links)))
        .map(|link| &link.name)
        .into_set();
    let on_link = observed.routes.iter().filter(|route| {
        route.table == MAIN
            && route.kind == RouteKind::Unicast
            && route.ways().all(|(via, _)| via.is_none())
    });
    let theirs = on_link
        .filter(|route| route.ways().any(|(_, dev)| devs.contains(dev)))
        .map(|route| route.dst);
    theirs
        .filter(|dst| (1..dst.max_prefix_len()).contains(&dst.prefix_len()) && !is_link_local(dst))
        .gathered()
}

fn is_link_local(net: &IpNet) -> bool {
    match net {
        IpNet::V4(net) => net.addr().is_link_local(),
        IpNet::V6(net) => net.addr().is_unicast_link_local(),
    }
}

/// The addresses of `eni`, which is left alone, that main leads to one by one: a container on this host has them.
pub(super) fn handed_on<'a>(
    eni: &'a Eni,
    observed: &'a Observed,
) -> impl Iterator<Item = IpNet> + 'a {
    let is_led = |host: &IpNet| {
        observed.routes.iter().any(|route| {
            route.table == MAIN && route.kind == RouteKind::Unicast && route.dst == *host
        })
    };
    eni.addresses().map(IpNet::from).filter(is_led)
}

/// What `link` is a port of, and what that is a port of: a bond in a bridge, the uppermost last.
pub fn holders<'a>(link: &'a Link, links: &'a [Link]) -> impl Iterator<Item = &'a Link> {
    let holder = |link: &&'a Link| links.iter().find(|upper| link.master == Some(upper.index));
    std::iter::successors(holder(&link), move |link| holder(link)).take(links.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Family, Mac, Route};

    fn link(index: u32, name: &str, kind: Option<&str>, master: Option<u32>) -> Link {
        Link {
            index,
            name: name.into(),
            altnames: Vec::new(),
            mac: Some(Mac([2, 0, 0, 0, 0, index as u8])),
            permanent_mac: None,
            kind: kind.map(str::to_owned),
            master,
            ipv6: true,
            up: true,
        }
    }

    fn on_link(dst: &str, dev: &str) -> Route {
        crate::plan::routes::route(MAIN, dst.parse().unwrap(), &dev.into())
    }

    #[test]
    fn an_eni_is_reached_by_what_its_interface_is_a_port_of() {
        let links = [
            link(2, "eth0", None, None),
            link(3, "eth1", None, Some(4)),
            link(4, "bond0", Some("bond"), Some(5)),
            link(5, "br0", Some("bridge"), None),
            link(6, "veth1", Some("veth"), Some(7)),
            link(7, "docker0", Some("bridge"), None),
            link(8, "tun0", Some("tun"), None),
        ];
        let found: Vec<&str> = others(&"eth0".into(), &links)
            .into_iter()
            .map(|dev| &**dev)
            .collect();
        assert_eq!(found, ["bond0", "br0", "eth1"]);
        let circle = [link(2, "eth0", None, None), link(3, "eth1", None, Some(3))];
        assert_eq!(
            others(&"eth0".into(), &circle).len(),
            1,
            "and what cannot be ends, too"
        );
    }

    #[test]
    fn of_a_nic_that_ec2_has_not_published_main_tells_the_subnets() {
        let links = vec![
            link(2, "eth0", None, None),
            link(3, "eth1", None, None),
            link(7, "docker0", Some("bridge"), None),
        ];
        let via = Route {
            via: Some("10.1.0.1".parse().unwrap()),
            ..on_link("192.0.2.0/24", "eth1")
        };
        let routes = vec![
            on_link("10.1.0.0/20", "eth1"),
            on_link("2001:db8:0:b::/64", "eth1"),
            on_link("172.17.0.0/16", "docker0"),
            on_link("10.1.0.2/32", "eth1"),
            on_link("169.254.0.0/16", "eth1"),
            on_link("fe80::/64", "eth1"),
            Route {
                dst: Family::Ipv4.everything(),
                ..on_link("10.1.0.0/20", "eth1")
            },
            via,
        ];
        let observed = Observed {
            links,
            routes,
            ..Observed::default()
        };
        let found: Vec<String> = unpublished(&[], &observed)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, ["10.1.0.0/20", "2001:db8:0:b::/64"]);
    }
}
