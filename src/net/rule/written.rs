//! A rule as it stands in files: all that it says on one level.

use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Extra, Mark, Rule};
use crate::net::{Dev, Family, prefix};

/// See [`Rule`] and [`Extra`].
#[derive(Serialize, Deserialize)]
pub(super) struct Written {
    priority: u32,
    family: Family,
    #[serde(serialize_with = "prefix::maybe")]
    from: Option<IpNet>,
    table: u32,
    suppress_prefixlength: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark: Option<Mark>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iif: Option<Dev>,
    to: Option<IpNet>,
    foreign: Option<Arc<str>>,
}

impl From<Rule> for Written {
    fn from(rule: Rule) -> Self {
        let Extra {
            mark,
            iif,
            to,
            foreign,
        } = rule.extra().clone();
        Self {
            priority: rule.priority,
            family: rule.family,
            from: rule.from,
            table: rule.table,
            suppress_prefixlength: rule.suppress_prefixlength,
            mark,
            iif,
            to,
            foreign,
        }
    }
}

impl From<Written> for Rule {
    fn from(written: Written) -> Self {
        let rule = Self {
            priority: written.priority,
            family: written.family,
            from: written.from,
            table: written.table,
            suppress_prefixlength: written.suppress_prefixlength,
            extra: None,
        };
        rule.with(Extra {
            mark: written.mark,
            iif: written.iif,
            to: written.to,
            foreign: written.foreign,
        })
    }
}
