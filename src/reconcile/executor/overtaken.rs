//! What others have changed while a run was at work: a change that fails its proof may have been right for the host as it
//! was looked at, and not for the host as it is.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::Executor;
use crate::error::{Error, Result};
use crate::gather::Gather;
use crate::object::{Change, Index, Object, Observed};

/// Changes that were taken back, and are to be planned anew.
pub struct Overtaken {
    /// What failed, and that all is taken back.
    pub why: String,
    /// What others did meanwhile.
    pub by: String,
    /// For how long the metadata service was waited for.
    pub waited: Duration,
}

/// A run goes on only where somebody has done something meanwhile.
pub(super) fn overtaken(why: String, by: Option<String>, waited: Duration) -> Result<Overtaken> {
    match by {
        Some(by) => Ok(Overtaken { why, by, waited }),
        None => Err(Error::Failed(format!(
            "{why}, and the files are as they were before it"
        ))),
    }
}

impl Executor<'_> {
    /// `None` where the host is as it was `before`, now that nothing of this run is left. What was `lost` for a moment, and
    /// has come back by itself, was another's doing, too.
    pub(super) fn done_by_others(
        &mut self,
        before: &Observed,
        lost: Option<&Object>,
    ) -> Option<String> {
        let now = self.kernel.observe().ok()?;
        let is_back = |lost: &&Object| Index::new(&now).has(lost);
        let again = lost.filter(is_back).cloned().map(Change::Add);
        let mut all = between(before, &now);
        all.extend(again);
        let [first, more @ ..] = &all[..] else {
            return None;
        };
        Some(match more.len() {
            0 => format!("`{first}`"),
            more => format!("`{first}` and {more} more"),
        })
    }
}

/// The changes that lead from one to the other. Settings and what a link has by itself while it is up tell of nobody.
fn between(before: &Observed, now: &Observed) -> Vec<Change> {
    let (then, there) = (Index::new(before), Index::new(now));
    let come = now.objects().filter(|object| !then.has(object));
    let gone = before.objects().filter(|object| !there.has(object));
    let come = come.filter(is_somebody_s).map(Change::Add);
    come.chain(gone.filter(is_somebody_s).map(Change::Remove))
        .gathered()
}

fn is_somebody_s(object: &Object) -> bool {
    match object {
        Object::Sysctl(_) | Object::Nft(_) => false,
        Object::Address(address) => !is_link_local(&address.net),
        Object::Route(route) => !is_link_local(&route.dst),
        Object::LinkUp(_) | Object::Rule(_) => true,
    }
}

fn is_link_local(net: &IpNet) -> bool {
    matches!(net.addr(), IpAddr::V6(ip) if ip.is_unicast_link_local())
}
