//! One ENI's rules: which of its sources asks which table, and when.

use ipnet::IpNet;

use super::routes::family;
use super::tables::Host;
use crate::eni::Eni;
use crate::gather::Gather;
use crate::net::{Dev, Family, Rule};
use crate::numbering::{self, Band};

impl Host<'_> {
    pub(super) fn rules(&self, eni: &Eni, dev: &Dev) -> Vec<Rule> {
        let sources = eni.addresses().map(IpNet::from).chain(eni.prefixes());
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
