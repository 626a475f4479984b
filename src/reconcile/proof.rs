//! The proof that a change has not cut the primary ENI off: what worked before it must work after it, by the kernel's
//! word for each of the primary's addresses, and by packets to the metadata service. Asks, and changes nothing.

mod questions;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::assess::Assessment;
use crate::diff::{lifelines, lost_lifeline};
use crate::error::{Error, Result};
use crate::gather::Gather;
use crate::kernel::Kernel;
use crate::ledger::Ledger;
use crate::metadata::imds::{self, Asked, Imds};
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

/// How long the metadata service is waited for between two looks at the ways there: it answers within milliseconds.
const LOOKS: Duration = Duration::from_millis(200);

/// What worked before the first change.
#[derive(Debug, Serialize, Deserialize)]
pub struct Baseline {
    /// The primary's interface, then the bridge or bond above it, and what each has.
    held: Vec<(Dev, Vec<Object>)>,
    lookups: Vec<Lookup>,
    /// The ways by which the metadata service answered.
    ways: Vec<imds::Way>,
}

/// What does not work any more.
pub struct Broken {
    pub why: Error,
    /// What the primary had before and has no more, though no change was to take it away.
    pub lost: Option<Box<Object>>,
    /// For how long the metadata service was waited for.
    pub waited: Duration,
}

impl Broken {
    fn by_loss_of(lost: &Object) -> Self {
        let what = Change::Remove(lost.clone());
        Self {
            lost: Some(Box::new(lost.clone())),
            ..Error::Failed(format!("the primary ENI lost something: {what}")).into()
        }
    }
}

impl From<Error> for Broken {
    fn from(why: Error) -> Self {
        Self {
            why,
            lost: None,
            waited: Duration::ZERO,
        }
    }
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
        let link = mac.and_then(|mac| link_of_mac(mac, &observed.links));
        let devs = link.map_or(Vec::new(), |link| with_uppers(link, &observed.links));
        let addresses = service.as_ref().map(|service| service.addresses());
        let mut asked = Questions {
            primary,
            enis: &assessment.metadata.enis,
            devs: &devs,
            observed,
            metadata: addresses.unwrap_or_else(imds::default_addresses),
        };
        let sources = asked.sources();
        let has_ipv6 = sources.iter().any(IpAddr::is_ipv6);
        let ways = service.map(|service| service.ways(has_ipv6));
        // Where the host's own routes keep the service from whoever goes by them (systemd-imdsd), they owe it no way.
        let is_locked = |ways: &Vec<imds::Way>| !ways.iter().any(imds::Way::is_plain);
        if ways.as_ref().is_some_and(is_locked) {
            asked.metadata.clear();
        }
        let mut lookups = asked.by_primary(kernel, &sources)?;
        if assessment.is_removal() {
            lookups = without_ours(kernel, observed, lookups)?;
        }
        let held = devs
            .iter()
            .map(|dev| (dev.clone(), lifelines(dev, observed)));
        Ok(Self {
            held: held.gathered(),
            lookups,
            ways: ways.unwrap_or_default(),
        })
    }

    /// Whether all of it works still, but for what `done` took away on purpose. `wait` bounds the packets; an answer
    /// ends it at once. Returns what the kernel holds now.
    ///
    /// # Errors
    /// What does not work any more, before and after.
    pub fn prove(
        &self,
        kernel: &mut Kernel,
        done: &[Change],
        wait: Duration,
    ) -> Result<Observed, Broken> {
        // Its answer takes as long as the look at the host; where that shows enough, nobody waits for it.
        let asked = Asked::by(&self.ways, wait);
        let after = kernel.observe()?;
        for (dev, held) in &self.held {
            if let Some(lost) = lost_lifeline(dev, held, &after, done) {
                return Err(Broken::by_loss_of(lost));
            }
        }
        let removed = removed_addresses(done);
        let lookups = self.lookups.iter();
        let owed: Vec<&Lookup> = lookups
            .filter(|lookup| !self.is_gone(lookup, &removed, &after))
            .gathered();
        let mut look = || {
            let mut owed = owed.iter();
            owed.try_for_each(|lookup| lookup.prove(kernel, &after.links))
        };
        // First of all: a detachment is dealt with also while the service is silent.
        look()?;
        let begin = Instant::now();
        answered(asked, look).map_err(|why| Broken {
            waited: begin.elapsed(),
            ..why.into()
        })?;
        Ok(after)
    }

    /// Its source was taken away on purpose. With the last address of its family goes the way of an unbound socket.
    fn is_gone(&self, lookup: &Lookup, removed: &BTreeSet<IpAddr>, after: &Observed) -> bool {
        let Lookup { from, to, .. } = lookup;
        match from {
            Some(from) => removed.contains(from),
            None => removed.iter().any(|ip| is_like(ip, to)) && !self.has_address_like(after, to),
        }
    }

    /// The primary's interface still has an address of the same family, beside the link's own.
    fn has_address_like(&self, after: &Observed, to: &IpAddr) -> bool {
        let is_held = |dev: &Dev| self.held.iter().any(|(held, _)| held == dev);
        let is_link_local = |ip: IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let held = after.addresses.iter().filter(|up| is_held(&up.dev));
        let mut there = held.map(|up| up.net.addr());
        there.any(|ip| is_like(&ip, to) && !is_link_local(ip))
    }
}

/// Waits for the metadata service. While it is silent, somebody else's route may be what takes its answers away: one does
/// `look`, then, now and again, and waits no more for those.
fn answered(asked: Asked, mut look: impl FnMut() -> Result<()>) -> Result<()> {
    let mut is_late = false;
    while !asked.is_over_within(LOOKS) {
        is_late = true;
        look()?;
    }
    asked.end().map_err(|error| {
        Error::Failed(format!("the metadata service stopped answering: {error}"))
    })?;
    if is_late { look() } else { Ok(()) }
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
    let Some(lookup) = kernel.route_get(to, from)? else {
        return Ok(false);
    };
    let by_route = || Number::of_metric(in_main(observed, to)?.metric);
    Ok(Number::of_table(lookup.table).or_else(by_route).is_some())
}

/// The route of main that takes a packet there.
fn in_main(observed: &Observed, to: IpAddr) -> Option<&Route> {
    let routes = observed.routes.iter();
    let covers = routes.filter(|route| route.table == MAIN && route.dst.contains(&to));
    covers.min_by_key(|route| (Reverse(route.dst.prefix_len()), route.metric))
}

/// An interface, and those above it that have its addresses: a bridge, a bond.
fn with_uppers(link: &Link, links: &[Link]) -> Vec<Dev> {
    std::iter::once(link)
        .chain(holders(link, links))
        .map(|link| link.name.clone())
        .gathered()
}

fn removed_addresses(done: &[Change]) -> BTreeSet<IpAddr> {
    let removed = done.iter().filter_map(|change| match change {
        Change::Remove(object) => object.address().map(|address| address.net.addr()),
        Change::Add(_) | Change::Replace { .. } => None,
    });
    removed.into_set()
}
