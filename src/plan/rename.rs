//! An ENI's part under the name that its interface is going to have.

use super::Planned;
use crate::gather::Gather;
use crate::net::sysctl::{Key, Sysctl};
use crate::net::{Address, Dev, Extra, Route, Rule};

impl Planned {
    /// The same on an interface called `dev`: as its owner's file has it, which takes effect at the next boot.
    pub fn under(&self, dev: &Dev) -> Self {
        let address = |address: &Address| Address {
            dev: dev.clone(),
            net: address.net,
        };
        let route = |route: &Route| Route {
            dev: route.dev.as_ref().map(|_| dev.clone()),
            ..route.clone()
        };
        let rule = |rule: &Rule| {
            let extra = rule.extra();
            rule.clone().with(Extra {
                iif: extra.iif.as_ref().map(|iif| self.renamed(iif, dev)),
                ..extra.clone()
            })
        };
        let setting = |sysctl: &Sysctl| Sysctl {
            key: Key::of_link(&sysctl.key.name, dev),
            ..sysctl.clone()
        };
        Self {
            dev: dev.clone(),
            addresses: self.addresses.iter().map(address).gathered(),
            routes: self.routes.iter().map(route).gathered(),
            rules: self.rules.iter().map(rule).gathered(),
            settings: self.settings.iter().map(setting).gathered(),
            left_to_owner: self.left_to_owner.iter().map(route).gathered(),
            ..self.clone()
        }
    }

    /// A rule may be of a tunnel, which keeps its name.
    fn renamed(&self, iif: &Dev, dev: &Dev) -> Dev {
        let new = if *iif == self.dev { dev } else { iif };
        new.clone()
    }
}
