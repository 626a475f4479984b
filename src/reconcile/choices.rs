//! What the configuration says of single ENIs, held against the ENIs that there are. Pure.

use crate::config::{Config, EniConfig};
use crate::eni::Eni;
use crate::error::{Error, Result};
use crate::metadata::Metadata;
use crate::net::Link;
use crate::plan::{Desired, Planned, chosen, link_of};
use crate::select::Selector;

/// The shortest packet that IPv6 asks of every link (RFC 8200, 5).
const IPV6_LEAST: u32 = 1280;

/// Refuses a choice that cannot be followed, before anything is changed.
///
/// # Errors
/// [`Error::Usage`]: two tables mean one ENI; an MTU is too small for an ENI's IPv6.
pub(super) fn demand_clear(config: &Config, desired: &Desired, links: &[Link]) -> Result<()> {
    let secondaries = desired.enis.iter().filter(|planned| !planned.eni.primary);
    let mut refusals = secondaries.filter_map(|planned| refusal(config, planned, links));
    refusals.next().map_or(Ok(()), Err)
}

fn refusal(config: &Config, planned: &Planned, links: &[Link]) -> Option<Error> {
    let link = link_of(&planned.eni, links);
    let tables: Vec<&EniConfig> = chosen(config, &planned.eni, link).collect();
    let [table, others @ ..] = &tables[..] else {
        return None;
    };
    if let Some(other) = others.first() {
        return Some(ambiguous(planned, table, other));
    }
    let small = table.mtu_internet.filter(|mtu| *mtu < IPV6_LEAST);
    let small = small.filter(|_| planned.eni.has_ipv6());
    small.map(|mtu| too_small(planned, table, mtu))
}

fn ambiguous(planned: &Planned, first: &EniConfig, second: &EniConfig) -> Error {
    Error::Usage(format!(
        "{}: {} means {} ({}), as {} ({}) does; keep one of them",
        second.place,
        name(second),
        planned.dev,
        planned.eni.id,
        name(first),
        first.place,
    ))
}

fn too_small(planned: &Planned, table: &EniConfig, mtu: u32) -> Error {
    Error::Usage(format!(
        "{}: mtu_internet is {mtu} for {} ({}), which has IPv6: it must be at least {IPV6_LEAST}",
        table.place, planned.dev, planned.eni.id
    ))
}

/// What of the configuration has no effect, and why, in words.
pub(super) fn idle(config: &Config, metadata: &Metadata, links: &[Link]) -> Vec<String> {
    let meant = |text: &str| {
        let selector = Selector::new(text);
        let mut enis = metadata.enis.iter();
        enis.find(|eni| selector.matches(eni, link_of(eni, links)))
    };
    let none = |entry: &str, text: &str| {
        let selector = Selector::new(text);
        format!("{entry} in the configuration: no ENI is `{selector}`")
    };
    let excluded = config.exclude.iter();
    let excluded = excluded.filter(|text| meant(text).is_none());
    let chosen = config.eni.iter().filter_map(|table| {
        let entry = format!("`{}`", name(table));
        match meant(&table.selector) {
            Some(eni) => primary(&entry, eni),
            None => Some(none(&entry, &table.selector)),
        }
    });
    excluded
        .map(|text| none("`exclude`", text))
        .chain(chosen)
        .collect()
}

fn primary(entry: &str, eni: &Eni) -> Option<String> {
    let why = "the primary ENI, whose default route is not eniroute's";
    eni.primary.then(|| {
        format!(
            "{entry} in the configuration has no effect: {} is {why}",
            eni.id
        )
    })
}

/// As the file has it.
fn name(table: &EniConfig) -> String {
    format!("[eni.{:?}]", table.selector)
}
