//! One ENI's rules: which of its sources asks which table, and when.

use std::net::IpAddr;

use ipnet::IpNet;

use super::routes::family;
use super::tables::Host;
use crate::eni::Eni;
use crate::gather::Gather;
use crate::net::{Dev, Family, Rule};
use crate::numbering::{self, Band};

impl Host<'_> {
    pub(super) fn rules(&self, eni: &Eni, dev: &Dev) -> Vec<Rule> {
        let own = eni.addresses().map(IpNet::from);
        let sources = own.chain(eni.prefixes().flat_map(|net| self.parts(eni, net)));
        let standby = self.standby(eni, dev).map(IpNet::from);
        // Once for each family: there are many sources.
        let [v4, v6] = [Family::Ipv4, Family::Ipv6].map(|family| self.is_banded(eni, dev, family));
        let is_banded = |from: &IpNet| match family(from) {
            Family::Ipv4 => v4,
            Family::Ipv6 => v6,
        };
        let rules = sources
            .chain(standby)
            .flat_map(|from| bands(eni, is_banded(&from), from))
            .chain(self.passing_rules(eni, dev));
        let mut rules: Vec<Rule> = rules.gathered();
        rules.shrink_to_fit();
        rules
    }

    /// A delegated prefix, less the addresses in it that ENIs of other VPCs have: EC2 tells a VPC only where ranges overlap,
    /// and whichever ENI's rules come first would take the others' packets.
    fn parts(&self, eni: &Eni, prefix: IpNet) -> Vec<IpNet> {
        let is_elsewhere = |other: &&Eni| other.vpc.is_some() && other.vpc != eni.vpc;
        let others = self.all().filter(is_elsewhere).flat_map(Eni::addresses);
        let inside = others.filter(|ip| prefix.contains(ip));
        inside.fold(vec![prefix], |parts, ip| {
            parts
                .into_iter()
                .flat_map(|net| without(net, ip))
                .gathered()
        })
    }

    /// The primary's narrow table needs no bands while it has no default; when it has one, main's specific routes go
    /// before it in any case, as they did without us.
    fn is_banded(&self, eni: &Eni, dev: &Dev, family: Family) -> bool {
        if eni.primary {
            self.is_usurped(dev, family)
        } else {
            self.config.main_routes_first
        }
    }
}

/// A network in as few parts as can be, without an address.
fn without(mut net: IpNet, ip: IpAddr) -> Vec<IpNet> {
    let mut parts = Vec::new();
    while net.contains(&ip) {
        let Ok(halves) = net.subnets(net.prefix_len() + 1) else {
            return parts;
        };
        for half in halves {
            match half.contains(&ip) {
                true => net = half,
                false => parts.push(half),
            }
        }
    }
    parts.push(net);
    parts
}

/// The rules of one source.
fn bands(eni: &Eni, is_banded: bool, from: IpNet) -> Vec<Rule> {
    let bands: &[Band] = if is_banded {
        &[Band::OwnSpecific, Band::Main, Band::Default]
    } else {
        &[Band::Own]
    };
    bands
        .iter()
        .map(|band| numbering::rule(*band, eni.number(), from))
        .gathered()
}
