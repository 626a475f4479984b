//! What an interface has, and whoever is logged in over it would be cut off without.

use crate::gather::Gather;
use crate::net::{Dev, MAIN, Route};
use crate::object::{Change, Index, Object, Observed};

/// What the interface `dev` has, and whoever is logged in over it would be cut off without: that it is up, its default
/// routes in main (a pair of halves is one), its addresses.
pub fn lifelines(dev: &Dev, observed: &Observed) -> Vec<Object> {
    let mut links = observed.links.iter();
    let is_up = links.any(|link| link.name == *dev && link.up);
    let up = is_up.then(|| Object::LinkUp(dev.clone()));
    let is_default =
        |route: &&Route| route.table == MAIN && route.dst.prefix_len() <= 1 && route.leaves_by(dev);
    let defaults = observed.routes.iter().filter(is_default);
    let defaults = defaults.cloned().map(Object::from);
    let addresses = observed.addresses.iter().filter(|up| up.dev == *dev);
    let addresses = addresses.cloned().map(Object::Address);
    up.into_iter().chain(defaults).chain(addresses).gathered()
}

/// Which of the `lifelines` of `dev` is not there any more, though nobody wanted it away.
pub fn lost_lifeline<'a>(
    dev: &Dev,
    lifelines: &'a [Object],
    after: &Observed,
    done: &[Change],
) -> Option<&'a Object> {
    let present = Index::new(after);
    let keeps = |route: &Route| after.routes.iter().any(|now| keeps_ways(now, route, dev));
    let stands = |object: &Object| object.route().map_or_else(|| present.has(object), keeps);
    lifelines
        .iter()
        .find(|object| !stands(object) && !done.contains(&Change::Remove((*object).clone())))
}

/// `now` takes the place of `before`, and has its ways by `dev`: other ways may have come or gone.
fn keeps_ways(now: &Route, before: &Route, dev: &Dev) -> bool {
    let mut ways = before.ways().filter(|(_, way)| *way == dev);
    now.key() == before.key()
        && now.kind == before.kind
        && ways.all(|way| now.ways().any(|other| other == way))
}
