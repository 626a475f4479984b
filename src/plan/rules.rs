//! One ENI's rules: which of its sources asks which table, and when.

use ipnet::IpNet;

use super::routes::family;
use super::tables::Host;
use crate::eni::Eni;
use crate::gather::Gather;
use crate::net::{Dev, Rule};
use crate::numbering::{self, Band};

impl Host<'_> {
    pub(super) fn rules(&self, eni: &Eni, dev: &Dev) -> Vec<Rule> {
        let sources = eni.addresses().map(IpNet::from).chain(eni.prefixes());
        let standby = self.standby(eni, dev).map(IpNet::from);
        let rules = sources
            .chain(standby)
            .flat_map(|from| self.bands(eni, dev, from))
            .chain(self.passing_rules(eni, dev));
        let mut rules: Vec<Rule> = rules.gathered();
        rules.shrink_to_fit();
        rules
    }

    /// The rules of one source. The primary's narrow table needs no bands while it has no default; when it has one,
    /// main's specific routes go before it in any case, as they did without us.
    fn bands(&self, eni: &Eni, dev: &Dev, from: IpNet) -> Vec<Rule> {
        let banded = if eni.primary {
            self.is_usurped(dev, family(&from))
        } else {
            self.config.main_routes_first
        };
        let bands: &[Band] = if banded {
            &[Band::OwnSpecific, Band::Main, Band::Default]
        } else {
            &[Band::Own]
        };
        bands
            .iter()
            .map(|band| numbering::rule(*band, eni.number(), from))
            .gathered()
    }
}
