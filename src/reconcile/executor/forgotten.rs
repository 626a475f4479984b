//! Flows that nobody is to have any more: of clients that have left the configuration, and by addresses that have left this
//! host. conntrack would go on with them: the one would go on being forwarded, and the other's ends would hear nothing.

use std::net::{IpAddr, Ipv4Addr};

use log::info;

use super::Executor;
use crate::net::Flow;
use crate::object::{Change, Object};
use crate::plan::nft::Known;

impl Executor<'_> {
    /// Deletes those flows, and nobody else's, where the table of nftables was changed.
    pub(super) fn forget_flows(&mut self, done: &[Change]) {
        for (old, new) in done.iter().filter_map(tables) {
            let left = |flow: &Flow| has_left(flow, &old, &new);
            match self.kernel.end_flows_that(&left) {
                Ok(0) => {}
                Ok(count) => {
                    info!("{count} flows of clients or addresses that have left are forgotten")
                }
                Err(error) => self.report.errors.push(error.to_string()),
            }
        }
    }
}

/// What was before a change, and what is now.
fn tables(change: &Change) -> Option<(Known, Known)> {
    match change {
        Change::Add(Object::Nft(nft)) => {
            let before = nft.before.as_ref()?;
            Some((Known::of(before), Known::of(&nft.text)))
        }
        Change::Remove(Object::Nft(nft)) => Some((Known::of(&nft.text), Known::default())),
        _ => None,
    }
}

/// A flow has been given an address where its answers go elsewhere than to who has begun it.
fn has_left(flow: &Flow, old: &Known, new: &Known) -> bool {
    let v4 = |ip| match ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    };
    let (Some(from), Some(given)) = (v4(flow.source), v4(flow.answered_at)) else {
        return false;
    };
    let client = |ip: Ipv4Addr| old.has_client(ip) && !new.has_client(ip);
    let address = |ip: Ipv4Addr| old.is_own(ip) && !new.is_own(ip);
    from != given && old.has_client(from) && (client(from) || address(given))
}
