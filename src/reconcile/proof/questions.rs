//! The packets whose way out is asked of the kernel, before a change and after it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{Lookup, OUTSIDE_IPV4, OUTSIDE_IPV6};
use crate::eni::Eni;
use crate::error::Result;
use crate::gather::Gather;
use crate::kernel::Kernel;
use crate::net::{Dev, Family, MAIN, Route, nics};
use crate::object::Observed;

/// How many addresses of a subnet are looked at for one that is nobody's of this host.
const CANDIDATES: usize = 512;

/// How many addresses at a subnet's beginning are EC2's (Amazon VPC user guide, subnet sizing).
const RESERVED: usize = 3;

/// What is asked of the kernel.
pub(super) struct Questions<'a> {
    /// As EC2 has it, where that is known.
    pub primary: Option<&'a Eni>,
    pub enis: &'a [Eni],
    pub devs: &'a [Dev],
    pub observed: &'a Observed,
    /// Addresses of the metadata service.
    pub metadata: Vec<IpAddr>,
}

impl Questions<'_> {
    /// The packets that leave by the primary, whichever way their flows take.
    pub(super) fn by_primary(
        &self,
        kernel: &mut Kernel,
        sources: &BTreeSet<IpAddr>,
    ) -> Result<Vec<Lookup>> {
        let mut lookups = Vec::new();
        for (from, to) in self.all(sources) {
            lookups.extend(self.lookup(kernel, from, to)?);
        }
        Ok(lookups)
    }

    fn lookup(
        &self,
        kernel: &mut Kernel,
        from: Option<IpAddr>,
        to: IpAddr,
    ) -> Result<Option<Lookup>> {
        let ways = kernel.ways_out(to, from, &self.observed.links)?;
        let is_only = |dev: &&Dev| self.devs.contains(dev) && ways.iter().all(|way| way == *dev);
        let dev = ways.first().filter(is_only).cloned();
        Ok(dev.map(|dev| Lookup { from, to, dev }))
    }

    /// Each packet that is asked for: from whom, to whom.
    fn all(&self, sources: &BTreeSet<IpAddr>) -> Vec<(Option<IpAddr>, IpAddr)> {
        let families = [Family::Ipv4, Family::Ipv6];
        let unbound = families
            .iter()
            .filter(|family| !self.is_contested(**family));
        let unbound = unbound.flat_map(|family| self.far(*family));
        let mut all: Vec<_> = unbound.map(|to| (None, to)).gathered();
        for family in families {
            let mut far = self.far(family);
            far.extend(self.neighbours(&self.own_subnets(), family));
            let others = self.neighbours(&self.other_subnets(), family);
            for from in sources.iter().filter(|from| Family::of(**from) == family) {
                let mut to = far.clone();
                // From an address that EC2 has taken from the primary, its neighbours in other subnets are not owed a way.
                to.extend(others.iter().filter(|_| self.is_assigned(*from)));
                all.extend(to.into_iter().map(|to| (Some(*from), to)));
            }
        }
        all
    }

    /// The primary has this address, as EC2 has it.
    fn is_assigned(&self, ip: IpAddr) -> bool {
        let mut own = self.primary.into_iter().flat_map(Eni::addresses);
        own.any(|own| own == ip)
    }

    /// The primary's addresses. One that EC2 has assigned to another ENI instead is no longer its own.
    pub(super) fn sources(&self) -> BTreeSet<IpAddr> {
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
            .into_set()
    }

    fn far(&self, family: Family) -> BTreeSet<IpAddr> {
        let outside = [OUTSIDE_IPV4, OUTSIDE_IPV6]
            .into_iter()
            .chain(self.metadata.iter().copied());
        outside.filter(|ip| Family::of(*ip) == family).into_set()
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
            .into_set()
    }

    fn other_subnets(&self) -> BTreeSet<IpNet> {
        self.enis
            .iter()
            .filter(|eni| !eni.primary)
            .flat_map(Eni::subnets)
            .into_set()
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
        of_family.filter_map(nobodys).into_set()
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
