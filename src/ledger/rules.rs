//! The rules of one ENI, as the ledger has them: there may be thousands, and all but the addresses they have in common.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::gather::Gather;
use crate::net::{Dev, Extra, Family, Mark, Rule, prefix};

/// Written as groups of what differs in `from` only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Group>", into = "Vec<Group>")]
pub struct Rules(BTreeSet<Rule>);

/// Rules that differ in `from` only.
#[derive(Serialize, Deserialize)]
struct Group {
    priority: u32,
    table: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suppress_prefixlength: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark: Option<Mark>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iif: Option<Dev>,
    /// Everything is the prefix of length 0, which tells the family.
    #[serde(serialize_with = "prefix::all")]
    from: BTreeSet<IpNet>,
}

impl Rules {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }
}

impl<'a> FromIterator<&'a Rule> for Rules {
    fn from_iter<I: IntoIterator<Item = &'a Rule>>(rules: I) -> Self {
        Self(rules.into_iter().cloned().into_set())
    }
}

impl From<Vec<Group>> for Rules {
    fn from(groups: Vec<Group>) -> Self {
        let rules = groups
            .iter()
            .flat_map(|group| group.from.iter().map(|from| group.rule(*from)));
        Self(rules.into_set())
    }
}

impl Group {
    fn rule(&self, from: IpNet) -> Rule {
        let rule = Rule {
            priority: self.priority,
            family: Family::of(from.addr()),
            from: Some(from).filter(|from| from.prefix_len() > 0),
            table: self.table,
            suppress_prefixlength: self.suppress_prefixlength,
            extra: None,
        };
        rule.with(Extra {
            mark: self.mark,
            iif: self.iif.clone(),
            ..Extra::NONE
        })
    }
}

impl From<Rules> for Vec<Group> {
    fn from(rules: Rules) -> Self {
        let mut groups: BTreeMap<_, BTreeSet<IpNet>> = BTreeMap::new();
        for rule in &rules.0 {
            let from = rule.from.unwrap_or_else(|| rule.family.everything());
            let common = (
                rule.priority,
                rule.table,
                rule.suppress_prefixlength,
                rule.extra().mark,
                rule.extra().iif.as_ref(),
            );
            groups.entry(common).or_default().insert(from);
        }
        let group = |((priority, table, suppress_prefixlength, mark, iif), from)| Group {
            priority,
            table,
            suppress_prefixlength,
            mark,
            iif: Option::<&Dev>::cloned(iif),
            from,
        };
        groups.into_iter().map(group).gathered()
    }
}
