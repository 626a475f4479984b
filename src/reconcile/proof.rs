//! The proof that a change has not cut the primary ENI off: what worked before it must work after it, by the kernel's
//! word for each of the primary's addresses, and by packets to the metadata service. Asks, and changes nothing.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::assess::Assessment;
use crate::diff::{lifelines, lost_lifeline};
use crate::eni::Eni;
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::ledger::Ledger;
use crate::metadata::imds::{self, Imds};
use crate::net::{Dev, Family, Link, MAIN, Route, link_of_mac, nics};
use crate::numbering::Number;
use crate::object::{Change, Object, Observed};
use crate::plan::holders;

/// An address outside, to ask the kernel for the way there; nothing is sent to it.
pub const OUTSIDE_IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8));
/// The same in IPv6.
pub const OUTSIDE_IPV6: IpAddr =
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888));

/// How many addresses of a subnet are looked at for one that is nobody's of this host.
const CANDIDATES: usize = 512;

/// How many addresses at a subnet's beginning are EC2's (Amazon VPC user guide, subnet sizing).
const RESERVED: usize = 3;

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
            let ways = kernel.ways_out(to, from, &observed.links)?;
            let by_primary = ways
                .first()
                .filter(|dev| devs.contains(dev) && ways.iter().all(|way| way == *dev));
            let Some(dev) = by_primary else { continue };
            if !assessment.is_removal() || !is_by_ours(kernel, observed, from, to)? {
                lookups.push(Lookup {
                    from,
                    to,
                    dev: dev.clone(),
                });
            }
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
    removed.collect()
}

/// What is asked of the kernel.
struct Questions<'a> {
    /// As EC2 has it, where that is known.
    primary: Option<&'a Eni>,
    enis: &'a [Eni],
    devs: &'a [Dev],
    observed: &'a Observed,
    /// Addresses of the metadata service.
    metadata: Vec<IpAddr>,
}

impl Questions<'_> {
    /// Each packet that is asked for: from whom, to whom.
    fn all(&self, sources: &BTreeSet<IpAddr>) -> Vec<(Option<IpAddr>, IpAddr)> {
        let families = [Family::Ipv4, Family::Ipv6];
        let far = families.map(|family| (family, self.far(family)));
        let own = families.map(|family| (family, self.neighbours(&self.own_subnets(), family)));
        let others =
            families.map(|family| (family, self.neighbours(&self.other_subnets(), family)));
        let unbound = far.iter().filter(|(family, _)| !self.is_contested(*family));
        let mut all: Vec<_> = unbound
            .flat_map(|(_, to)| to)
            .map(|to| (None, *to))
            .collect();
        for from in sources {
            let of = |lists: &[(Family, BTreeSet<IpAddr>); 2]| -> BTreeSet<IpAddr> {
                lists
                    .iter()
                    .filter(|(family, _)| *family == Family::of(*from))
                    .flat_map(|(_, to)| to.clone())
                    .collect()
            };
            let mut to = of(&far);
            to.extend(of(&own));
            // From an address that EC2 has taken from the primary, its neighbours in other subnets are not owed a way.
            if self
                .primary
                .is_some_and(|eni| eni.addresses().any(|ip| ip == *from))
            {
                to.extend(of(&others));
            }
            all.extend(to.into_iter().map(|to| (Some(*from), to)));
        }
        all
    }

    /// The primary's addresses. One that EC2 has assigned to another ENI instead is no longer its own.
    fn sources(&self) -> BTreeSet<IpAddr> {
        let is_moved = |ip: IpAddr| {
            let has = |eni: &Eni| eni.addresses().any(|own| own == ip);
            self.primary.is_some_and(|primary| !has(primary)) && self.enis.iter().any(has)
        };
        let on_primary = self
            .observed
            .addresses
            .iter()
            .filter(|address| self.devs.contains(&address.dev));
        on_primary
            .map(|address| address.net.addr())
            .filter(|ip| !is_link_local(*ip) && !is_moved(*ip))
            .collect()
    }

    fn far(&self, family: Family) -> BTreeSet<IpAddr> {
        let outside = [OUTSIDE_IPV4, OUTSIDE_IPV6]
            .into_iter()
            .chain(self.metadata.iter().copied());
        outside.filter(|ip| Family::of(*ip) == family).collect()
    }

    /// As EC2 has them, and as the prefix lengths of the primary's addresses tell.
    fn own_subnets(&self) -> BTreeSet<IpNet> {
        let on_primary = self
            .observed
            .addresses
            .iter()
            .filter(|address| self.devs.contains(&address.dev));
        let nets = on_primary
            .map(|address| address.net)
            .filter(|net| net.prefix_len() < net.max_prefix_len());
        let nets = nets
            .filter(|net| !is_link_local(net.addr()))
            .map(|net| net.trunc());
        nets.chain(self.primary.into_iter().flat_map(Eni::subnets))
            .collect()
    }

    fn other_subnets(&self) -> BTreeSet<IpNet> {
        self.enis
            .iter()
            .filter(|eni| !eni.primary)
            .flat_map(Eni::subnets)
            .collect()
    }

    /// In each subnet one address that is nobody's of this host.
    fn neighbours(&self, subnets: &BTreeSet<IpNet>, family: Family) -> BTreeSet<IpAddr> {
        let of_family = subnets
            .iter()
            .filter(|subnet| Family::of(subnet.addr()) == family);
        let nobodys = |subnet: &IpNet| {
            subnet
                .hosts()
                .skip(RESERVED)
                .take(CANDIDATES)
                .find(|ip| !self.is_taken(*ip, subnet.prefix_len()))
        };
        of_family.filter_map(nobodys).collect()
    }

    /// The address is this host's, or in a part of the subnet that goes another way (containers).
    fn is_taken(&self, ip: IpAddr, length: u8) -> bool {
        let is_part = |net: &IpNet| net.prefix_len() > length && net.contains(&ip);
        self.observed
            .addresses
            .iter()
            .any(|address| address.net.addr() == ip)
            || self.enis.iter().any(|eni| {
                eni.addresses().any(|own| own == ip) || eni.prefixes().any(|net| net.contains(&ip))
            })
            || self.observed.routes.iter().any(|route| is_part(&route.dst))
    }

    /// main has a default of another ENI's that is as good as the primary's: which of two such routes an unbound
    /// packet takes is the kernel's whim (`fib_select_default`), and no change of ours.
    fn is_contested(&self, family: Family) -> bool {
        let is_default = |route: &&Route| route.table == MAIN && route.dst == family.everything();
        let defaults = || self.observed.routes.iter().filter(is_default);
        let own = defaults()
            .filter(|route| self.devs.iter().any(|dev| route.leaves_by(dev)))
            .map(|r| r.metric)
            .min();
        let is_other = |route: &&Route| {
            nics(&self.observed.links)
                .any(|nic| !self.devs.contains(&nic.name) && route.leaves_by(&nic.name))
        };
        own.is_some_and(|own| defaults().filter(is_other).any(|route| route.metric == own))
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}
