//! What goes when an object is to go: the very one, and no other. That the kernel calls it absent proves nothing: a look
//! does.

use std::net::IpAddr;

use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;

use super::refusal::Refusal;
use super::route::{Way, devices, encode};
use super::{ABSENT, Kernel, Listed, Verb, instead};
use crate::net::{Dev, Link, Route};
use crate::object::Object;

/// A route as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub route: Route,
    /// The next hop object that it goes by. The kernel tells its ways, too, and deletes it by this number alone (IPv4).
    pub object: Option<u32>,
}

impl Kernel {
    /// What a removal has come to: false where the object was gone already, which a new look shows.
    pub(super) fn unless_gone(
        &mut self,
        removed: Result<bool, Refusal>,
        object: &Object,
        links: &[Link],
    ) -> Result<bool, Refusal> {
        match removed {
            Err(refusal) if refusal.is(&ABSENT) && !self.stands(object, links)? => Ok(false),
            Err(refusal) if refusal.is(&ABSENT) => Err(refusal.with_words(
                "it is there all the same, as something that the kernel removes by other words; remove it by hand",
            )),
            removed => removed,
        }
    }

    pub(super) fn remove_route(&mut self, route: &Route, links: &[Link]) -> Result<bool, Refusal> {
        match deletable(route, self.standing_routes(route, links)?)? {
            Some(present) => self.delete_route(&present, links),
            None => Ok(false),
        }
    }

    pub(super) fn delete_route(
        &mut self,
        present: &Standing,
        links: &[Link],
    ) -> Result<bool, Refusal> {
        let message = match present.object {
            Some(object) => encode(&present.route, Way::Object(object), Verb::Delete)?,
            None => {
                let indexes = devices(links, &present.route)?;
                encode(&present.route, Way::Links(&indexes), Verb::Delete)?
            }
        };
        let removed = self.socket.change(Rtm::Delroute, NlmF::empty(), message);
        removed.map(|()| true)
    }

    fn stands(&mut self, object: &Object, links: &[Link]) -> Result<bool, Refusal> {
        self.listed = Listed::default();
        Ok(match object {
            // Its file tells by itself what is not there.
            Object::Sysctl(_) | Object::Nft(_) => true,
            Object::LinkUp(dev) => {
                let links = self.list_links()?;
                links.iter().any(|link| link.name == *dev && link.up)
            }
            Object::Address(address) => self.standing_addresses(links)?.contains(address),
            Object::Route(route) => {
                let standing = self.standing_routes(route, links)?;
                standing.iter().any(|present| present.is_same_way(route))
            }
            Object::Rule(rule) => {
                let standing = self.standing_rules(rule.family)?;
                standing.iter().any(|present| present.rule == *rule)
            }
        })
    }
}

impl Standing {
    /// Two routes of one key are the same but for their preferred source.
    pub(super) fn is_same_way(&self, route: &Route) -> bool {
        self.route.kind == route.kind && self.route.ways().eq(route.ways())
    }

    /// Whether the kernel, asked to delete this one, may take `present`, which has the same key, for it, or a way of it:
    /// what is not asked for is not compared, and for IPv6 not even the kind (`fib_nh_match`, `ip6_route_del`). One that
    /// goes by a next hop object answers to its number; for IPv6 to anything else, too.
    fn would_delete(&self, present: &Self) -> bool {
        match (self.object, present.object) {
            (Some(asked), other) => other == Some(asked),
            (None, Some(_)) => present.route.dst.addr().is_ipv6() || self.names_no_way(),
            (None, None) => self.names_no_way() || self.names_a_way_of(present),
        }
    }

    fn names_no_way(&self) -> bool {
        self.route.ways().next().is_none()
    }

    fn names_a_way_of(&self, present: &Self) -> bool {
        let is_asked = |(via, dev): (Option<IpAddr>, &Dev)| {
            let mut ways = present.route.ways();
            ways.any(|(other, way)| way == dev && (via.is_none() || via == other))
        };
        self.route.ways().any(is_asked)
    }
}

/// Which of those of one key goes when `route` is to go: itself, or one that differs in its source or MTU; `None`: it is
/// gone.
///
/// # Errors
/// The kernel could take another one for it.
pub(super) fn deletable(
    route: &Route,
    mut standing: Vec<Standing>,
) -> Result<Option<Standing>, Refusal> {
    let exact = standing.iter().position(|present| present.route == *route);
    let same = || {
        standing
            .iter()
            .position(|present| present.is_same_way(route))
    };
    let Some(position) = exact.or_else(same) else {
        return Ok(None);
    };
    let asked = standing.swap_remove(position);
    let is_in_the_way = |other: &&Standing| asked.would_delete(other) && !other.is_same_way(route);
    match standing.iter().find(is_in_the_way) {
        Some(other) => Err(instead(&other.route)),
        None => Ok(Some(asked)),
    }
}

#[cfg(test)]
#[path = "removal_tests.rs"]
mod tests;
