//! Which interfaces an Ethernet profile is for: by `connection`, `match` and `802-3-ethernet` of nm-settings(5). Pure.

use super::keyfile::{list, value};
use crate::gather::Gather;
use crate::net::Mac;
use crate::stacks::networkd::nic::fnmatch;

/// The sections that hold the settings of the NIC.
pub const SECTIONS: [&str; 2] = ["ethernet", "802-3-ethernet"];

/// What restricts an Ethernet profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ethernet {
    name: Option<String>,
    /// `match.interface-name`, element by element.
    patterns: Vec<String>,
    mac: Option<Mac>,
    /// `mac-address-denylist`, until 1.48 `mac-address-blacklist`.
    denied: Vec<Mac>,
}

impl Ethernet {
    /// From a keyfile.
    pub fn parse(text: &str) -> Self {
        let texts = |sections: &[&str], keys: &[&str]| {
            let found = value(text, sections, keys).unwrap_or_default();
            list(found).map(str::to_owned).gathered::<Vec<_>>()
        };
        let mac = |text: &str| text.replace('-', ":").parse().ok();
        let denied = texts(
            &SECTIONS,
            &["mac-address-denylist", "mac-address-blacklist"],
        );
        Self {
            name: value(text, &["connection"], &["interface-name"])
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            patterns: texts(&["match"], &["interface-name"]),
            mac: value(text, &SECTIONS, &["mac-address"]).and_then(mac),
            denied: denied.iter().filter_map(|text| mac(text)).gathered(),
        }
    }

    /// Whether it is for the NIC with this MAC, which has one of these names or gets it at the next boot; and not for any
    /// that comes.
    pub fn names(&self, names: &[&str], mac: Mac) -> bool {
        let is_named = |name: &String| names.contains(&name.as_str());
        let names_any = self.patterns.iter().any(|pattern| pattern != "*");
        let names_one = self.name.is_some() || self.mac.is_some() || names_any;
        names_one
            && self.name.as_ref().is_none_or(is_named)
            && self.mac.is_none_or(|own| own == mac)
            && !self.denied.contains(&mac)
            && names.iter().any(|name| passes(&self.patterns, name))
    }
}

/// `|GLOB` or `GLOB`: one of them is to match; `&GLOB`: each is; a `!` turns it round, and makes one without a sign `&`.
fn passes(patterns: &[String], name: &str) -> bool {
    let (mut any, mut some) = (false, false);
    for pattern in patterns {
        let (is_mandatory, rest) = match pattern.split_at_checked(1) {
            Some(("&", rest)) => (true, rest),
            Some(("|", rest)) => (false, rest),
            _ => (pattern.starts_with('!'), pattern.as_str()),
        };
        let (not, glob) = rest
            .strip_prefix('!')
            .map_or((false, rest), |glob| (true, glob));
        let is_match = fnmatch(glob, name) != not;
        if is_mandatory && !is_match {
            return false;
        }
        some |= !is_mandatory;
        any |= !is_mandatory && is_match;
    }
    any || !some
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_its(text: &str) -> bool {
        let mac = "06:00:00:00:00:01".parse().unwrap();
        Ethernet::parse(text).names(&["eth1", "lan0"], mac)
    }

    #[test]
    fn a_pattern_means_what_networkmanager_makes_of_it() {
        for (list, expected) in [
            ("eth1", true),
            ("eth1;eth2;", true),
            ("eth2;eth1", true),
            ("eth2", false),
            ("eth*", true),
            ("eth[1-9]", true),
            ("eth[2-9]", false),
            ("eth*;!eth0", true),
            ("eth*;!eth1;!lan*", false),
            ("!eth0", true),
            ("!eth1;!lan0", false),
            ("lan*", true),
            ("|eth1;|eth7", true),
            ("&eth*;&*1", true),
            ("&eth*;&*2", false),
            ("&!eth0;eth*", true),
            ("|!eth1;|!lan0", true),
            ("*", false),
            ("", false),
        ] {
            assert_eq!(
                is_its(&format!("[match]\ninterface-name={list}\n")),
                expected,
                "{list}"
            );
        }
    }

    #[test]
    fn a_mac_a_name_and_a_list_of_others_restrict_it() {
        for (text, expected) in [
            ("[802-3-ethernet]\nmac-address=06:00:00:00:00:01\n", true),
            ("[ethernet]\nmac-address=06-00-00-00-00-01\n", true),
            ("[ethernet]\nmac-address=06:00:00:00:00:02\n", false),
            ("[connection]\ninterface-name=lan0\n", true),
            (
                "[connection]\ninterface-name=eth1\n[ethernet]\nmac-address-denylist=06:00:00:00:00:01;\n",
                false,
            ),
            (
                "[connection]\ninterface-name=eth1\n[ethernet]\nmac-address-blacklist=06:00:00:00:00:02\n",
                true,
            ),
            (
                "[ethernet]\nmac-address-denylist=06:00:00:00:00:02;\n",
                false,
            ),
            (
                "[connection]\ninterface-name=eth2\n[match]\ninterface-name=eth1\n",
                false,
            ),
            ("[connection]\nid=any\n", false),
        ] {
            assert_eq!(is_its(text), expected, "{text}");
        }
    }
}
