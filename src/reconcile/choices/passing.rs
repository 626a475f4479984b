//! What the configuration says of forwarding, held against the host. Pure.

use super::Idle;
use crate::code::Code;
use crate::config::{Config, ForwardingPath};
use crate::eni::Eni;
use crate::error::{Error, Result};
use crate::metadata::Metadata;
use crate::net::{Link, maker};
use crate::numbering::{MARKS, Slot};
use crate::object::Observed;
use crate::plan::{Desired, End, end};

/// Interfaces of programs that have the upper bytes of marks for themselves: Cilium's identities, and Calico's bits
/// (`0xffff0000`, or in its eBPF mode all that it likes).
const MARKERS: [(&str, &str); 4] = [
    ("cilium_", "Cilium"),
    ("cali", "Calico"),
    ("vxlan.calico", "Calico"),
    ("bpfin.cali", "Calico"),
];

/// # Errors
/// [`Error::Usage`]: two paths for what comes in by one ENI; marks are needed, and an ENI has no slot.
pub(super) fn demand_clear(config: &Config, desired: &Desired, observed: &Observed) -> Result<()> {
    demand_one_path(config, desired, observed)?;
    if !config.marks() {
        return Ok(());
    }
    let mut enis = desired.enis.iter().map(|planned| &planned.eni);
    let lacking = enis.find(|eni| Slot::of(eni.number()).is_none());
    lacking.map_or(Ok(()), |eni| Err(no_slot(eni)))
}

/// # Errors
/// [`Error::Usage`]: marks are needed, and another program has their bits.
pub(crate) fn demand_free_marks(config: &Config, observed: &Observed) -> Result<()> {
    let marker = config.marks().then(|| marker(observed)).flatten();
    marker.map_or(Ok(()), |marker| {
        Err(Error::Usage(format!(
            "forwarding by marks ({MARKS:#x}) cannot work beside {marker}, which has these bits of marks for itself; set \
             symmetric = false in [forwarding] and have no [[egress]], or forward on another host"
        )))
    })
}

fn no_slot(eni: &Eni) -> Error {
    Error::Usage(format!(
        "{} is device {} on network card {}, for which a mark has no slot: forwarding takes devices 0 to 61 of card 0, and \
         0 and 1 of the other cards; exclude it in /etc/eniroute.toml, or attach it elsewhere",
        eni.id, eni.device_number, eni.network_card
    ))
}

fn demand_one_path(config: &Config, desired: &Desired, observed: &Observed) -> Result<()> {
    let input = |path: &ForwardingPath| {
        let enis = desired.enis.iter().map(|planned| &planned.eni);
        end(&path.input, enis, &observed.links)
    };
    let paths = &config.forwarding.paths;
    for (index, path) in paths.iter().enumerate() {
        let meant = input(path);
        let is_rival = |other: &&ForwardingPath| meant != End::Absent && input(other) == meant;
        if let Some(first) = paths[..index].iter().find(is_rival) {
            return Err(first.rivals(path, &first.input));
        }
    }
    Ok(())
}

/// Whose the upper bytes of marks are, and how we know.
pub(crate) fn marker(observed: &Observed) -> Option<String> {
    let of_link = |link: &Link| {
        let mut known = MARKERS.iter();
        let (_, name) = known.find(|(prefix, _)| link.name.starts_with(prefix))?;
        Some(format!("{name} (its interface {} is here)", link.name))
    };
    let mut links = observed.links.iter();
    let mut rules = observed.rules.iter();
    links.find_map(of_link).or_else(|| {
        let protocol = |rule| observed.protocols.get(rule).copied().unwrap_or_default();
        rules.find_map(|rule| {
            let name = maker::marker(rule, protocol(rule))?;
            Some(format!("{name} (its rule `{rule}` is here)"))
        })
    })
}

/// Ends of paths that are not here, in words: nothing goes by them until they come.
pub(super) fn idle<'a>(
    config: &'a Config,
    metadata: &'a Metadata,
    links: &'a [Link],
) -> impl Iterator<Item = Idle> + 'a {
    let forwarding = &config.forwarding;
    let ends = forwarding.paths.iter().flat_map(|path| {
        [("in", &path.input), ("out", &path.output)].map(|(key, name)| (path, key, name))
    });
    let is_here = move |name: &str| match end(name, metadata.enis.iter(), links) {
        End::Eni(_) => true,
        End::Other(dev) => links.iter().any(|link| link.name == dev),
        End::Absent => forwarding.awaits(name),
    };
    let off = forwarding
        .paths
        .first()
        .filter(|_| !forwarding.enabled)
        .map(not_enabled);
    ends.filter(move |(_, _, name)| forwarding.enabled && !is_here(name))
        .map(|(path, key, name)| absent(path, key, name))
        .chain(off)
}

fn not_enabled(path: &ForwardingPath) -> Idle {
    Idle {
        code: Code::M6,
        entry: "[[forwarding.path]]".to_owned(),
        what: "a [[forwarding.path]] in the configuration has no effect: [forwarding] lacks `enabled = true`".to_owned(),
        place: path.place.clone(),
        is: "forwarding that is not enabled".to_owned(),
        expected: "`enabled = true` in [forwarding], or no path".to_owned(),
    }
}

fn absent(path: &ForwardingPath, key: &str, name: &str) -> Idle {
    Idle {
        code: Code::M6,
        entry: format!("[[forwarding.path]] {key} = {name:?}"),
        what: format!(
            "`{key} = {name:?}` of a [[forwarding.path]] in the configuration: no ENI or tunnel here is that, and the path has \
             no effect until one comes"
        ),
        place: path.place.clone(),
        is: "an end that is not here".to_owned(),
        expected: "an ENI, or the interface of a tunnel".to_owned(),
    }
}
