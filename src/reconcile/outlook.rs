//! What will be there once a network manager runs by the files of a run: a complete definition of ours takes an ENI from
//! a DHCP client, and with it what the client keeps in main. The files are planned from that, whatever is there now: else
//! a file would be planned from a route that its own hand-over ends, and have to be written and handed over again. And
//! without the program that loads the table of nftables at a boot, that boot must not pass packets on.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::assess::Assessment;
use crate::command;
use crate::config::Config;
use crate::error::Result;
use crate::files::Disk;
use crate::gather::Gather;
use crate::net::nft::NFT;
use crate::net::{Dev, MAIN, NextHop, Route};
use crate::object::Object;
use crate::plan::Desired;
use crate::stacks::{self, Rendered, Stacks, Target};

/// The files of what will be there. The assessment has that plan then, where it differs from the one for now.
///
/// # Errors
/// As [`stacks::render`].
pub fn render(
    assessment: &mut Assessment,
    disk: &Disk,
    config: &Config,
    stacks: &Stacks,
) -> Result<Rendered> {
    let files = |desired: &Desired, of: &Assessment| {
        let links = &of.observed.links;
        let closed = match command::is_there(NFT) {
            true => None,
            false => desired.without_table(),
        };
        let desired = closed.as_ref().unwrap_or(desired);
        stacks::render(&Target { disk, links }, stacks, desired, &of.keep)
    };
    let now = files(&assessment.desired, assessment)?;
    assessment.later = later(assessment, config, &now.complete);
    let Some(later) = &assessment.later else {
        return Ok(now);
    };
    drop(now);
    files(later, assessment)
}

/// The plan without what clients keep in main on the interfaces that our definitions have `taken`; `None` where they keep
/// nothing, or nothing that the plan goes by.
fn later(assessment: &mut Assessment, config: &Config, taken: &BTreeSet<Dev>) -> Option<Desired> {
    let left = left(assessment, taken)?;
    // In its place for as long as it takes: there can be thousands of rules to copy.
    let routes = std::mem::replace(&mut assessment.observed.routes, left);
    let later = assessment.planned_now(config);
    assessment.observed.routes = routes;
    (later != assessment.desired).then_some(later)
}

/// The routes then; `None` where they are those of now.
fn left(assessment: &Assessment, taken: &BTreeSet<Dev>) -> Option<Vec<Route>> {
    let is_kept = |route: &Route| is_client_s(route, taken, assessment);
    let routes = || assessment.observed.routes.iter();
    if !routes().any(is_kept) {
        return None;
    }
    let left = |route: &Route| match is_kept(route) {
        true => without(route, taken),
        false => Some(route.clone()),
    };
    Some(
        routes()
            .chain(&assessment.expected)
            .filter_map(left)
            .gathered(),
    )
}

/// The kernel's own of a link, fe80::/64, is nobody's, and nothing is planned by it.
fn is_client_s(route: &Route, taken: &BTreeSet<Dev>, assessment: &Assessment) -> bool {
    let is_link_s = matches!(route.dst, IpNet::V6(net) if net.addr().is_unicast_link_local());
    route.table == MAIN
        && !is_link_s
        && route.ways().any(|(_, dev)| taken.contains(dev))
        && !assessment.scope.has_made(&Object::from(route.clone()))
}

/// What is left of it: of several ways those by other interfaces.
fn without(route: &Route, taken: &BTreeSet<Dev>) -> Option<Route> {
    let left = |hop: &&NextHop| !taken.contains(&hop.dev);
    let next_hops: Vec<NextHop> = route.next_hops.iter().filter(left).cloned().gathered();
    (!next_hops.is_empty()).then(|| Route {
        next_hops,
        ..route.clone()
    })
}
