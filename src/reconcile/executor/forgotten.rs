//! Flows that nobody is to have any more: of clients that have left the configuration, and by addresses that have left this
//! host. conntrack would go on with them: the one would go on being forwarded, and the other's ends would hear nothing. And
//! flows that began while there was no table: conntrack has no address for them, and would give them none any more.

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
            let left = |flow: &Flow| {
                let of = ends(flow);
                of.is_some_and(|ends| has_left(ends, &old, &new) || is_untranslated(ends, &new))
            };
            match self.kernel.end_flows_that(&left) {
                Ok(0) => {}
                Ok(count) => {
                    info!(
                        "{count} flows with a wrong address, or of clients that have left, are forgotten"
                    )
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
            let before = nft.before.as_deref().unwrap_or_default();
            Some((Known::of(before), Known::of(&nft.text)))
        }
        Change::Remove(Object::Nft(nft)) => Some((Known::of(&nft.text), Known::default())),
        _ => None,
    }
}

/// Who has begun a flow, where its answers go, and where it leads.
type Ends = [Ipv4Addr; 3];

/// `None` for one of IPv6, which has no NAT.
fn ends(flow: &Flow) -> Option<Ends> {
    let v4 = |ip| match ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    };
    Some([
        v4(flow.source)?,
        v4(flow.answered_at)?,
        v4(flow.to.address)?,
    ])
}

/// A flow has been given an address where its answers go elsewhere than to who has begun it.
fn has_left([from, given, _]: Ends, old: &Known, new: &Known) -> bool {
    let client = |ip: Ipv4Addr| old.has_client(ip) && !new.has_client(ip);
    let address = |ip: Ipv4Addr| old.is_own(ip) && !new.is_own(ip);
    from != given && old.has_client(from) && (client(from) || address(given))
}

fn is_untranslated([from, given, to]: Ends, new: &Known) -> bool {
    from == given && new.has_client(from) && new.translates(to)
}
