//! The proof that a change has not cut the primary ENI off: what worked before it must work after it, by the kernel's
//! word for each of the primary's addresses, and by packets to the metadata service. Asks, and changes nothing.

mod questions;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::assess::Assessment;
use crate::diff::{lifelines, lost_lifeline};
use crate::error::{Error, Result};
use crate::gather::Gather;
use crate::kernel::Kernel;
use crate::ledger::Ledger;
use crate::metadata::imds::{self, Imds};
use crate::net::{Dev, Family, Link, MAIN, Route, link_of_mac};
use crate::numbering::Number;
use crate::object::{Change, Object, Observed};
use crate::plan::holders;
use questions::Questions;

/// An address outside, to ask the kernel for the way there; nothing is sent to it.
pub const OUTSIDE_IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8));
/// The same in IPv6.
pub const OUTSIDE_IPV6: IpAddr =
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888));

/// An address of a family that is outside of every VPC.
pub fn outside(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => OUTSIDE_IPV4,
        Family::Ipv6 => OUTSIDE_IPV6,
    }
}

/// What worked before the first change.
#[derive(Debug, Serialize, Deserialize)]
pub struct Baseline {
    /// The primary's interface, then the bridge or bond above it, and what each has.
    held: Vec<(Dev, Vec<Object>)>,
    lookups: Vec<Lookup>,
    /// The ways by which the metadata service answered.
    ways: Vec<imds::Way>,
}

/// A packet that left by the primary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Lookup {
    /// `None`: of a socket that is bound to no address.
    from: Option<IpAddr>,
    to: IpAddr,
    dev: Dev,
}

impl Baseline {
    /// What works now. `ledger` knows the primary where the metadata does not.
    ///
    /// # Errors
    /// [`Error::Kernel`].
    pub fn take(
        kernel: &mut Kernel,
        assessment: &Assessment,
        ledger: &Ledger,
        service: Option<&mut Imds>,
    ) -> Result<Self> {
        let observed = &assessment.observed;
        let primary = assessment.metadata.enis.iter().find(|eni| eni.primary);
        let mac = assessment.metadata.primary.or(ledger.primary);
        let devs = mac
            .and_then(|mac| link_of_mac(mac, &observed.links))
            .map_or(Vec::new(), |link| with_uppers(link, &observed.links));
        let metadata = service
            .as_ref()
            .map_or_else(imds::default_addresses, |service| service.addresses());
        let asked = Questions {
            primary,
            enis: &assessment.metadata.enis,
            devs: &devs,
            observed,
            metadata,
        };
        let sources = asked.sources();
        let mut lookups = Vec::new();
        for (from, to) in asked.all(&sources) {
            lookups.extend(asked.by_primary(kernel, from, to)?);
        }
        if assessment.is_removal() {
            lookups = without_ours(kernel, observed, lookups)?;
        }
        let has_ipv6 = sources.iter().any(IpAddr::is_ipv6);
        let ways = service.map_or_else(Vec::new, |service| service.ways(has_ipv6));
        let held = devs
            .iter()
            .map(|dev| (dev.clone(), lifelines(dev, observed)))
            .collect();
        Ok(Self {
            held,
            lookups,
            ways,
        })
    }

    /// Whether all of it works still, but for what `done` took away on purpose. `wait` bounds the packets; an answer
    /// ends it at once. Returns what the kernel holds now.
    ///
    /// # Errors
    /// What does not work any more, before and after.
    pub fn prove(&self, kernel: &mut Kernel, done: &[Change], wait: Duration) -> Result<Observed> {
        let after = kernel.observe()?;
        for (dev, held) in &self.held {
            if let Some(lost) = lost_lifeline(dev, held, &after, done) {
                return Err(Error::Failed(format!(
                    "the primary ENI lost something: {}",
                    Change::Remove(lost.clone())
                )));
            }
        }
        let removed = removed_addresses(done);
        let is_gone = |lookup: &&Lookup| match lookup.from {
            Some(from) => removed.contains(&from),
            // With the last address of its family goes the way of an unbound socket.
            None => {
                removed.iter().any(|ip| is_like(ip, &lookup.to))
                    && !self.has_address_like(&after, &lookup.to)
            }
        };
        for lookup in self.lookups.iter().filter(|lookup| !is_gone(lookup)) {
            lookup.prove(kernel, &after.links)?;
        }
        // A detachment is dealt with also while the service is silent.
        imds::reach(&self.ways, wait).map_err(|error| {
            Error::Failed(format!("the metadata service stopped answering: {error}"))
        })?;
        Ok(after)
    }

    /// The primary's interface still has an address of the same family, beside the link's own.
    fn has_address_like(&self, after: &Observed, to: &IpAddr) -> bool {
        let is_held = |dev: &Dev| self.held.iter().any(|(held, _)| held == dev);
        let is_link_local = |ip: IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let mut there = after
            .addresses
            .iter()
            .filter(|up| is_held(&up.dev) && !is_link_local(up.net.addr()));
        there.any(|up| is_like(&up.net.addr(), to))
    }
}

/// Of the same family.
fn is_like(a: &IpAddr, b: &IpAddr) -> bool {
    a.is_ipv4() == b.is_ipv4()
}

impl Lookup {
    fn prove(&self, kernel: &mut Kernel, links: &[Link]) -> Result<()> {
        let ways = kernel.ways_out(self.to, self.from, links)?;
        if !ways.is_empty() && ways.iter().all(|dev| *dev == self.dev) {
            return Ok(());
        }
        let Self { from, to, dev } = self;
        let from = from.map_or_else(|| "an unbound socket".to_owned(), |from| from.to_string());
        let now = match &ways[..] {
            [] => "would not leave at all".to_owned(),
            ways => format!("would leave by {}", ways.join(" and ")),
        };
        Err(Error::Failed(format!(
            "the primary ENI would be cut off: packets from {from} to {to} left by {dev}, and {now}"
        )))
    }
}

/// What would leave by the primary without eniroute, too.
fn without_ours(kernel: &mut Kernel, observed: &Observed, all: Vec<Lookup>) -> Result<Vec<Lookup>> {
    let mut left = Vec::new();
    for lookup in all {
        if !is_by_ours(kernel, observed, lookup.from, lookup.to)? {
            left.push(lookup);
        }
    }
    Ok(left)
}

/// Without us the host is as it was before: what our tables, or our route in main, alone give the primary goes with them.
fn is_by_ours(
    kernel: &mut Kernel,
    observed: &Observed,
    from: Option<IpAddr>,
    to: IpAddr,
) -> Result<bool> {
    let covers = |route: &&Route| route.table == MAIN && route.dst.contains(&to);
    let in_main = observed
        .routes
        .iter()
        .filter(covers)
        .min_by_key(|route| (Reverse(route.dst.prefix_len()), route.metric));
    let is_ours = |table| {
        Number::of_table(table)
            .or_else(|| Number::of_metric(in_main?.metric))
            .is_some()
    };
    Ok(kernel
        .route_get(to, from)?
        .is_some_and(|lookup| is_ours(lookup.table)))
}

/// An interface, and those above it that have its addresses: a bridge, a bond.
fn with_uppers(link: &Link, links: &[Link]) -> Vec<Dev> {
    std::iter::once(link)
        .chain(holders(link, links))
        .map(|link| link.name.clone())
        .collect()
}

fn removed_addresses(done: &[Change]) -> BTreeSet<IpAddr> {
    let removed = done.iter().filter_map(|change| match change {
        Change::Remove(object) => object.address().map(|address| address.net.addr()),
        Change::Add(_) | Change::Replace { .. } => None,
    });
    removed.into_set()
}
