//! What the configuration says of single ENIs, held against the ENIs that there are. Pure.

mod egress;
mod passing;

use crate::code::Code;
use crate::config::{Config, EniConfig};
use crate::eni::Eni;
use crate::error::{Error, Result};
use crate::gather::Gather;
use crate::metadata::Metadata;
use crate::net::{Link, link_of_mac};
use crate::object::Observed;
use crate::plan::{Desired, IPV6_LEAST, Planned, chosen, link_of};
use crate::select::Selector;
pub(super) use egress::{demand_meaning, unfollowed};
pub(super) use passing::{demand_free_marks, marker};

/// What says it.
const FILE: &str = "/etc/eniroute.toml";

/// Refuses a choice that cannot be followed, before anything is changed.
///
/// # Errors
/// [`Error::Usage`]: two tables mean one ENI; as [`passing::demand_clear`].
pub(super) fn demand_clear(config: &Config, desired: &Desired, observed: &Observed) -> Result<()> {
    let secondaries = desired.enis.iter().filter(|planned| !planned.eni.primary);
    let mut refusals = secondaries.filter_map(|planned| refusal(config, planned, &observed.links));
    refusals.next().map_or(Ok(()), Err)?;
    passing::demand_clear(config, desired, observed)
}

fn refusal(config: &Config, planned: &Planned, links: &[Link]) -> Option<Error> {
    let link = link_of(&planned.eni, links);
    let mut tables = chosen(config, &planned.eni, link);
    let (first, second) = (tables.next()?, tables.next()?);
    Some(Error::Usage(format!(
        "{}: {} means {} ({}), as {} ({}) does; keep one of them",
        second.place,
        name(second),
        planned.dev,
        planned.eni.id,
        name(first),
        first.place,
    )))
}

/// An entry of the configuration without effect, in whole or in part.
pub struct Idle {
    pub code: Code,
    /// As the file has it.
    pub entry: String,
    /// A sentence.
    pub what: String,
    /// The file, with the line where that is known.
    pub place: String,
    pub is: String,
    pub expected: String,
}

/// What of the configuration has no effect.
pub(super) fn idle(config: &Config, metadata: &Metadata, links: &[Link]) -> Vec<Idle> {
    let meant = |text: &str| {
        let selector = Selector::new(text);
        let mut enis = metadata.enis.iter();
        enis.find(|eni| selector.matches(eni, link_of(eni, links)))
    };
    let is_apart = |text: &str| {
        let selector = Selector::new(text);
        let mut apart = metadata.apart.iter().map(|lack| lack.mac);
        apart.any(|mac| selector.means(mac, link_of_mac(mac, links)))
    };
    let excluded = config.exclude.iter();
    let excluded = excluded.filter(|text| meant(text).is_none() && !is_apart(text));
    let excluded = excluded.map(|text| none(metadata, "`exclude`", text, FILE));
    let chosen = config
        .eni
        .iter()
        .filter_map(|table| match meant(&table.selector) {
            Some(eni) if eni.primary => Some(primary(table, eni)),
            Some(eni) => too_small(table, eni),
            None if is_apart(&table.selector) => None,
            None => {
                let entry = format!("`{}`", name(table));
                Some(none(metadata, &entry, &table.selector, &table.place))
            }
        });
    let passing = passing::idle(config, metadata, links);
    excluded.chain(chosen).chain(passing).gathered()
}

fn none(metadata: &Metadata, entry: &str, text: &str, place: &str) -> Idle {
    let selector = Selector::new(text);
    let known = metadata.enis.iter().map(|eni| eni.id.as_str());
    Idle {
        code: Code::M6,
        entry: text.to_owned(),
        what: format!("{entry} in the configuration: no ENI is `{selector}`"),
        place: place.to_owned(),
        is: "an entry that means no ENI".to_owned(),
        expected: format!("one of {}", known.gathered::<Vec<_>>().join(", ")),
    }
}

fn primary(table: &EniConfig, eni: &Eni) -> Idle {
    let (name, id) = (name(table), &eni.id);
    let why = "the primary ENI, whose default route is not eniroute's";
    Idle {
        code: Code::M6,
        what: format!("`{name}` in the configuration has no effect: {id} is {why}"),
        entry: name,
        place: table.place.clone(),
        is: format!("{id}, the primary ENI"),
        expected: "another ENI".to_owned(),
    }
}

/// EC2 may give an ENI IPv6 at any time, which must fail no run.
fn too_small(table: &EniConfig, eni: &Eni) -> Option<Idle> {
    let mtu = table.mtu_internet.filter(|mtu| *mtu < IPV6_LEAST)?;
    let name = name(table);
    eni.has_ipv6().then(|| Idle {
        code: Code::M6,
        what: format!(
            "`{name}` in the configuration has no effect on the IPv6 of {}: mtu_internet is {mtu}, and IPv6 needs \
             {IPV6_LEAST}, so its IPv6 default routes keep the MTU of the interface",
            eni.id
        ),
        entry: name,
        place: table.place.clone(),
        is: format!("mtu_internet = {mtu}"),
        expected: format!("{IPV6_LEAST} at least, for IPv6"),
    })
}

/// As the file has it.
fn name(table: &EniConfig) -> String {
    format!("[eni.{:?}]", table.selector)
}
