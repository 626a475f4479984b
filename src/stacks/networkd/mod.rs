//! systemd-networkd without netplan: a complete .network file of ours for an ENI that nobody owns or that a
//! catch-all owns, and a drop-in where a file specific to it owns it. Pure once [`Networkd::read`] is done.

pub mod audit;
pub mod daemon;
pub mod detect;
pub mod foreign;
mod gateways;
pub mod hold;
pub mod leftover;
pub mod matching;
mod next_name;
pub mod nic;
pub mod process;
pub(super) mod read;
pub mod reload;
pub mod syntax;
pub mod unit;
pub(super) mod words;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::files::{Disk, File};
use crate::net::{Declared, Dev, Link};
use crate::plan::Planned;
use crate::stacks::networkd::nic::Nic;
use crate::stacks::rendering::{Renderer, Rendering, Share, rules};
use crate::stacks::stack::{Finding, Stack};
use hold::Newcomers;
use read::Unit;

/// The program that configures links, for netplan, too.
pub const PROGRAM: &str = "systemd-networkd";

/// systemd-networkd without netplan.
pub static STACK: Stack = Stack {
    name: "networkd",
    folders: &[hold::FOLDER, unit::FOLDER],
    reads: &read::FOLDERS,
    program: PROGRAM,
    primary_last: true,
    runs_host: |disk| Ok(Finding::by(disk, detect::STATE)),
    witness: |host| Ok(Box::new(detect::Records(host))),
    read: |disk, links| Ok(Some(Box::new(Networkd::read(disk, links)?))),
    prepare: |about| Ok(Box::new(reload::Reload::of(about))),
    audit: audit::findings,
    leftovers: leftover::leftovers,
};

/// What networkd's files say already, and who each interface is.
#[derive(Debug, Default)]
pub struct Networkd {
    units: BTreeMap<String, Unit>,
    /// Units that are for more than one interface, whatever they say.
    shared: BTreeSet<String>,
    nics: BTreeMap<Dev, Nic>,
    /// Something tells eniroute of a new NIC.
    hooked: bool,
}

/// The .network file that something goes into.
struct Place<'a> {
    unit: String,
    /// Whose it is; `None` for a complete one of ours.
    owner: Option<&'a Unit>,
}

impl Networkd {
    /// Reads the .network files of others. Errors: one that cannot be read.
    pub fn read(disk: &Disk, links: &[Link]) -> Result<Self> {
        let (units, nics) = (read::units(disk)?, Nic::read_all(disk, links)?);
        Ok(Self {
            shared: read::shared(units.values(), &nics),
            units,
            nics,
            hooked: hold::is_hooked(disk),
        })
    }

    /// A file that is one interface's alone, so that something may be added to it.
    fn is_own(&self, unit: &Unit) -> bool {
        unit.is_specific() && !self.shared.contains(&unit.name)
    }

    /// Where an ENI's part goes, or the reason why it has no place in networkd's files.
    fn place(&self, planned: &Planned) -> Result<Place<'_>, String> {
        let winner = self.winner(planned);
        let owner = winner.filter(|unit| self.is_own(unit));
        let unit = match owner {
            Some(owner) => owner.name.clone(),
            None if planned.eni.primary => {
                return Err("no file is its alone, and the primary never changes owner".into());
            }
            None => own_unit(planned, winner)?,
        };
        Ok(Place { unit, owner })
    }

    fn nic(&self, planned: &Planned) -> Nic {
        let unknown = || Nic::named(&planned.dev);
        self.nics.get(&planned.dev).cloned().unwrap_or_else(unknown)
    }

    /// The file of somebody else's that configures the interface, or would without us, under the name that it gets at
    /// the next boot or under today's: the one that is its alone counts before one that others share.
    fn winner(&self, planned: &Planned) -> Option<&Unit> {
        let nic = self.nic(planned);
        let next = nic.renamed().and_then(|nic| self.winner_of(&nic, planned));
        let own = next.filter(|unit| self.is_own(unit));
        own.or_else(|| self.winner_of(&nic, planned)).or(next)
    }

    /// networkd's own choice counts, where it made one; else the order of the names decides.
    fn winner_of(&self, nic: &Nic, planned: &Planned) -> Option<&Unit> {
        let chosen = nic.unit.as_ref().and_then(|unit| self.units.get(unit));
        let mut units = self.units.values();
        chosen.or_else(|| units.find(|unit| unit.matches(nic, planned.eni.mac)))
    }

    /// The file that holds other NICs back where a catch-all runs the primary.
    fn newcomers(&self, share: &Share, rendering: &Rendering) -> Option<File> {
        let primary = share.enis.iter().find(|planned| planned.eni.primary);
        let winner = self.winner(primary.filter(|_| self.hooked)?)?;
        let newcomers = Newcomers {
            desired: share.desired,
            nics: &self.nics,
            units: &rendering.definitions,
        };
        let is_catch_all = !winner.matching.is_for_some();
        is_catch_all.then(|| newcomers.file(&winner.name)).flatten()
    }

    fn is_permanent(&self, planned: &Planned) -> bool {
        self.nics
            .get(&planned.dev)
            .is_some_and(|nic| nic.is_permanent)
    }

    fn add(&self, planned: &Planned, place: &Result<Place, String>, rendering: &mut Rendering) {
        match place {
            Ok(place) => self.put(planned, place, rendering),
            Err(why) => rendering.refuse(planned, why.clone()),
        }
    }

    /// All of the ENI's own, also what its owner has: see netplan.
    fn put(&self, planned: &Planned, place: &Place, rendering: &mut Rendering) {
        if !planned.eni.primary {
            let unit = place.unit.clone();
            rendering.definitions.insert(planned.dev.clone(), unit);
        }
        if let Some(owner) = place.owner {
            rendering.leave_to_owner(planned);
            let spared = owner.gateways.spare(planned, rendering);
            unit::add_to(&spared, &place.unit, rendering);
        } else {
            let whole = planned.without_owner();
            let text =
                self.head(&whole) + &unit::routes(&whole.routes) + &unit::rules(&whole.rules);
            rendering.complete(planned);
            rendering.add(unit::file(planned, &place.unit, &text), &whole);
        }
    }

    /// A VLAN or bridge on the ENI copies its MAC, but has no permanent one: so that one is asked for, where the
    /// driver tells it.
    fn head(&self, planned: &Planned) -> String {
        let key = if self.is_permanent(planned) {
            "PermanentMACAddress"
        } else {
            "MACAddress"
        };
        let link = if planned.manual.is_some() {
            "[Link]\nActivationPolicy=manual\n"
        } else {
            ""
        };
        format!(
            "[Match]\n{key}={}\n{link}[Network]\nDHCP=no\nIPv6AcceptRA=no\nLinkLocalAddressing=ipv6\n{}",
            planned.eni.mac,
            unit::addresses(&planned.addresses)
        )
    }
}

/// A name for a complete file that sorts before the one that holds the interface now.
fn own_unit(planned: &Planned, winner: Option<&Unit>) -> Result<String, String> {
    let names =
        ["10", "05", "00"].map(|prefix| format!("{prefix}-eniroute-{}.network", planned.dev));
    let found = names
        .into_iter()
        .find(|name| winner.is_none_or(|winner| *name < winner.name));
    let winner = winner.map_or("", |winner| &winner.name);
    found.ok_or_else(|| format!("no name of ours sorts before {winner}"))
}

impl Renderer for Networkd {
    /// The primary's rules are global. They are added to a secondary ENI's unit, where loading them touches nothing
    /// else, but in a file of the primary's, so that each file depends on one ENI's metadata alone. Without such a unit
    /// they stand beside the primary's routes.
    fn render(&self, share: &Share) -> Rendering {
        let mut rendering = Rendering::default();
        let enis = share.enis.iter().copied();
        let places = enis.map(|planned| (planned, self.place(planned)));
        let (own, others): (Vec<_>, Vec<_>) = places.partition(|(planned, _)| planned.eni.primary);
        let host = host(&others);
        for (planned, place) in &own {
            let planned = share.with_rules(planned, host.is_none());
            self.add(&planned, place, &mut rendering);
        }
        if let (Some(planned), Some(host)) = (share.rules_of, host) {
            unit::add_to(&rules(planned), &host.unit, &mut rendering);
        }
        for (planned, place) in &others {
            self.add(planned, place, &mut rendering);
        }
        rendering.files.extend(self.newcomers(share, &rendering));
        rendering
    }

    fn declared(&self, planned: &Planned) -> Option<Declared> {
        let nic = self.nic(planned);
        let word = |nic: &Nic| words::declared(&self.units, nic, planned.eni.mac);
        nic.renamed()
            .and_then(|nic| word(&nic))
            .or_else(|| word(&nic))
    }
}

/// The secondary ENI's place that the primary's rules go to: a complete unit of ours rather than somebody's.
fn host<'a>(secondaries: &'a [(&Planned, Result<Place<'a>, String>)]) -> Option<&'a Place<'a>> {
    secondaries
        .iter()
        .filter_map(|(_, place)| place.as_ref().ok())
        .min_by_key(|place| place.owner.is_some())
}

#[cfg(test)]
mod tests;
