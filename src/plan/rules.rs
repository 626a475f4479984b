//! One ENI's rules: which of its sources asks which table, and when.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::routes::family;
use super::tables::Host;
use crate::eni::Eni;
use crate::gather::Gather;
use crate::net::{Dev, Family, Rule};
use crate::numbering::{self, Band};

impl Host<'_> {
    pub(super) fn rules(&self, eni: &Eni, dev: &Dev) -> Vec<Rule> {
        let mut sources: Vec<IpNet> = eni.addresses().map(IpNet::from).gathered();
        for prefix in eni.prefixes() {
            self.push_parts(eni, prefix, &mut sources);
        }
        sources.extend(self.standby(eni, dev).map(IpNet::from));
        // Once for each family: there are many sources.
        let [v4, v6] = [Family::Ipv4, Family::Ipv6].map(|family| self.is_banded(eni, dev, family));
        let is_banded = |from: &IpNet| match family(from) {
            Family::Ipv4 => v4,
            Family::Ipv6 => v6,
        };
        let mut rules = Vec::with_capacity(sources.len());
        for from in sources {
            for band in bands(is_banded(&from)) {
                rules.push(numbering::rule(*band, eni.number(), from));
            }
        }
        rules.extend(self.passing_rules(eni, dev));
        rules.shrink_to_fit();
        rules
    }

    /// A delegated prefix, less the addresses in it that ENIs of other VPCs have: whichever ENI's rules come first would take
    /// the others' packets. A VPC is known only where ranges overlap.
    fn push_parts(&self, eni: &Eni, prefix: IpNet, parts: &mut Vec<IpNet>) {
        let begin = parts.len();
        parts.push(prefix);
        for other in self.all() {
            if other.vpc.is_none() || other.vpc == eni.vpc {
                continue;
            }
            for ip in other.addresses() {
                let around = parts[begin..].iter().position(|part| part.contains(&ip));
                if let Some(around) = around {
                    let around = parts.swap_remove(begin + around);
                    push_without(ip, around.prefix_len(), parts);
                }
            }
        }
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

/// The network of this length that has the address, less it, in as few parts as can be: at each length the half beside.
fn push_without(ip: IpAddr, length: u8, parts: &mut Vec<IpNet>) {
    let longest = IpNet::from(ip).prefix_len();
    for length in length + 1..=longest {
        let bit = longest - length;
        let beside: IpAddr = match ip {
            IpAddr::V4(ip) => Ipv4Addr::from((u32::from(ip) >> bit ^ 1) << bit).into(),
            IpAddr::V6(ip) => Ipv6Addr::from((u128::from(ip) >> bit ^ 1) << bit).into(),
        };
        parts.extend(IpNet::new(beside, length));
    }
}

/// When one source asks the table.
fn bands(is_banded: bool) -> &'static [Band] {
    if is_banded {
        &[Band::OwnSpecific, Band::Main, Band::Default]
    } else {
        &[Band::Own]
    }
}
