//! netplan with systemd-networkd: one YAML file per secondary ENI, merged into the definition that really wins for
//! its interface, and networkd drop-ins for what netplan cannot say and for the primary ENI. Pure once
//! [`Netplan::read`] is done.

mod audit;
mod bounds;
mod definition;
pub mod detect;
pub mod generate;
mod handover;
mod owner;
mod read;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::files::{Disk, File};
use crate::net::{Declared, Dev, Link, Mac, Route, Rule};
use crate::object::Object;
use crate::plan::Planned;
use crate::stacks::networkd;
use crate::stacks::networkd::hold::Newcomers;
use crate::stacks::networkd::nic::Nic;
use crate::stacks::networkd::read::Unit;
use crate::stacks::networkd::unit;
use crate::stacks::rendering::{Renderer, Rendering, Share, part, rules};
use crate::stacks::stack::Stack;
use owner::{Owner, own_ids, unit_of};
use read::{Definition, Foreign};

/// netplan. Our files lie beside networkd's units, too.
pub static STACK: Stack = Stack {
    name: "netplan",
    folders: &[
        networkd::hold::FOLDER,
        "/etc/netplan",
        networkd::unit::FOLDER,
    ],
    reads: &read::FOLDERS,
    program: networkd::PROGRAM,
    primary_last: true,
    runs_host: detect::runs_host,
    witness: |host| Ok(Box::new(detect::Yaml::read(host)?)),
    read: |disk, links| Ok(Some(Box::new(Netplan::read(disk, links)?))),
    prepare: |about| Ok(Box::new(handover::prepare(about)?)),
    audit: audit::findings,
    ..Stack::NONE
};

/// netplan's word for that renderer.
const NETWORK_MANAGER: &str = "NetworkManager";

/// What netplan says already, and who each interface is.
#[derive(Debug, Default)]
pub struct Netplan {
    foreign: Foreign,
    /// networkd's units that are for more than one interface, whatever the YAML says: somebody has added to them.
    shared: BTreeSet<String>,
    /// networkd's units, those that netplan has made among them.
    units: BTreeMap<String, Unit>,
    nics: BTreeMap<Dev, Nic>,
    /// Something tells eniroute of a new NIC.
    hooked: bool,
}

/// The definition that something goes into.
struct Place<'a> {
    id: String,
    mac: Mac,
    /// Whose it is; `None` for a complete one of ours.
    owner: Option<&'a Definition>,
}

impl Place<'_> {
    /// netplan before 0.106 drops a list of routes from a definition that holds as many already (LP 2003061), which
    /// is what cloud-init's of a secondary ENI does since 24.1. A drop-in of its unit does not go by netplan. Its rules
    /// go with the routes, so that a rule never leads into a table that netplan has dropped.
    fn takes_routes(&self) -> bool {
        self.owner.is_none_or(|owner| !owner.has_routes)
    }

    /// Whether an object can be said in YAML here.
    fn takes(&self, object: &Object) -> bool {
        match (object.route(), object.rule()) {
            (Some(route), _) => self.takes_routes() && is_plain_route(route),
            (_, Some(rule)) => self.takes_routes() && is_plain_rule(rule),
            (None, None) => object.address().is_some() || !object.is_lasting(),
        }
    }
}

/// netplan gives a route without a router a scope in the unit, and networkd warns of each scope of an IPv6 route.
fn is_plain_route(route: &Route) -> bool {
    !route.is_on_link() || route.is_in_scope_link()
}

/// netplan has no keys for `suppress_prefixlength` and `iif`, and none for the mask of a mark.
fn is_plain_rule(rule: &Rule) -> bool {
    rule.suppress_prefixlength.is_none() && rule.from.is_some()
}

impl Netplan {
    /// Reads the YAML of others, and networkd's units. Errors: a file of theirs that cannot be read or is not YAML.
    pub fn read(disk: &Disk, links: &[Link]) -> Result<Self> {
        let yaml = Self::yaml(disk, links)?;
        let units = networkd::read::units(disk)?;
        Ok(Self {
            shared: networkd::read::shared(units.values(), &yaml.nics),
            units,
            hooked: networkd::hold::is_hooked(disk),
            ..yaml
        })
    }

    /// The YAML alone, which tells who runs an interface. Errors: as [`Netplan::read`].
    fn yaml(disk: &Disk, links: &[Link]) -> Result<Self> {
        Ok(Self {
            foreign: Foreign::read(disk)?,
            nics: Nic::read_all(disk, links)?,
            ..Self::default()
        })
    }

    /// A definition that is one interface's alone, so that something may be added to it.
    fn is_own(&self, definition: &Definition) -> bool {
        !definition.is_catch_all() && !self.shared.contains(&unit_of(&definition.id))
    }

    fn nic(&self, planned: &Planned) -> Nic {
        let unknown = || Nic::named(&planned.dev);
        self.nics.get(&planned.dev).cloned().unwrap_or_else(unknown)
    }

    fn owner(&self, planned: &Planned) -> Owner<'_> {
        self.foreign.owner(planned, &self.nic(planned))
    }

    /// Whether netplan has NetworkManager configure the interface, or would if it had a definition of it.
    pub fn hands_to_network_manager(&self, planned: &Planned) -> bool {
        let winner = match self.owner(planned) {
            Owner::Definition(definition) => Some(definition),
            Owner::Nobody => None,
            Owner::Unit(_) => return false,
        };
        owner::renderer(&self.foreign, winner) == Some(NETWORK_MANAGER)
    }

    /// The unit that runs the primary and every other NIC that comes.
    fn catch_all(&self, planned: &Planned) -> Option<String> {
        match self.owner(planned) {
            Owner::Definition(definition) if planned.eni.primary && definition.is_catch_all() => {
                (!self.hands_to_network_manager(planned)).then(|| unit_of(&definition.id))
            }
            _ => None,
        }
    }

    /// The file that holds other NICs back where a catch-all runs the primary.
    fn newcomers(&self, share: &Share, rendering: &Rendering) -> Option<File> {
        let mut enis = share.enis.iter().filter(|_| self.hooked);
        let catch_all = enis.find_map(|planned| self.catch_all(planned))?;
        let newcomers = Newcomers {
            desired: share.desired,
            nics: &self.nics,
            units: &rendering.definitions,
        };
        newcomers.file(&catch_all)
    }

    /// All of the ENI's own, also what the owner has already, for the owner may change its mind: cloud-init writes a file
    /// without secondary ENIs at a boot at which the metadata service does not answer. networkd takes an address that is
    /// there with another prefix length, or by DHCP, for another one.
    fn secondary(&self, planned: &Planned, place: &Place, rendering: &mut Rendering) {
        let unit = unit_of(&place.id);
        if place.owner.is_some() {
            rendering.leave_to_owner(planned);
            let made = self.units.get(&unit);
            let spared = made.map(|made| made.gateways.spare(planned, rendering));
            add(spared.as_ref().unwrap_or(planned), place, rendering);
        } else {
            rendering.complete(planned);
            add(&planned.without_owner(), place, rendering);
        }
        rendering.definitions.insert(planned.dev.clone(), unit);
    }

    /// Where an ENI's part goes, or the reason why it has no place in netplan's files.
    fn place<'a>(&'a self, planned: &'a Planned) -> Result<Place<'a>, String> {
        let winner = match self.owner(planned) {
            Owner::Nobody => None,
            Owner::Definition(definition) => Some(definition),
            Owner::Unit(unit) => {
                return Err(format!("networkd's {unit} owns it, which is not netplan's"));
            }
        };
        if self.hands_to_network_manager(planned) {
            return Err(
                "netplan hands it to NetworkManager, which gets no rules from netplan".into(),
            );
        }
        let owner = winner.filter(|definition| self.is_own(definition));
        let id = match owner {
            Some(owner) => owner.id.clone(),
            None if planned.eni.primary => {
                return Err(
                    "no definition is its alone, and the primary never changes owner".into(),
                );
            }
            None => own_id(planned, winner)?,
        };
        let mac = planned.eni.mac;
        Ok(Place { id, mac, owner })
    }
}

/// An ID for a complete definition whose unit sorts before the one that holds the interface now.
fn own_id(planned: &Planned, winner: Option<&Definition>) -> Result<String, String> {
    let sorts_first = |id: &String| winner.is_none_or(|winner| unit_of(id) < unit_of(&winner.id));
    let found = own_ids(planned).into_iter().find(sorts_first);
    let winner = winner.map_or("", |winner| &winner.id);
    found.ok_or_else(|| format!("no ID of ours sorts before {winner}"))
}

impl Renderer for Netplan {
    /// The primary's rules are global. They stand in a secondary ENI's definition, where loading them touches
    /// nothing else, but in a file of the primary's, so that each file depends on one ENI's metadata alone. Without
    /// such a definition they stand beside the primary's routes.
    fn render(&self, share: &Share) -> Rendering {
        let mut rendering = Rendering::default();
        let mut places = Vec::new();
        for planned in &share.enis {
            match self.place(planned) {
                Ok(place) => places.push((*planned, place)),
                Err(why) => rendering.refuse(planned, why),
            }
        }
        let (own, secondaries): (Vec<_>, Vec<_>) =
            places.iter().partition(|(planned, _)| planned.eni.primary);
        let host = host(&secondaries);
        for (planned, place) in own {
            let planned = share.with_rules(planned, host.is_none());
            primary(&planned, place, &mut rendering);
        }
        if let (Some(planned), Some(host)) = (share.rules_of, host) {
            add(&rules(planned), host, &mut rendering);
        }
        for (planned, place) in secondaries {
            self.secondary(planned, place, &mut rendering);
        }
        rendering.files.extend(self.newcomers(share, &rendering));
        rendering
    }

    /// The YAML counts before what netplan has made of it, and what somebody has added to that.
    fn declared(&self, planned: &Planned) -> Option<Declared> {
        let yaml = match self.owner(planned) {
            Owner::Definition(definition) => self.foreign.declared(&definition.id),
            Owner::Nobody => self.foreign.declared(&planned.dev),
            Owner::Unit(_) => None,
        };
        let units = || networkd::words::declared(&self.units, &self.nic(planned), planned.eni.mac);
        yaml.or_else(units)
    }
}

/// The additions are a drop-in of the owner's unit. As YAML under the owner's ID they would, once the owner's file
/// is gone (an image started elsewhere), be a definition without DHCP, and lock everybody out.
fn primary(planned: &Planned, place: &Place, rendering: &mut Rendering) {
    unit::add_to(planned, &unit_of(&place.id), rendering);
}

/// Adds an ENI's part in `place`: as YAML what netplan takes there, and all the rest as one drop-in of its unit. The
/// unit is there without the owner's part, too, as the addresses are YAML: so the drop-in always counts.
fn add(planned: &Planned, place: &Place, rendering: &mut Rendering) {
    let in_yaml = part(planned, &|object| place.takes(object));
    match definition::file(&in_yaml, place) {
        Ok(Some(file)) => rendering.add(file, &in_yaml),
        Ok(None) => {}
        Err(why) => rendering.limit(planned, why),
    }
    let others = part(planned, &|object| !place.takes(object));
    unit::add_to(&others, &unit_of(&place.id), rendering);
}

/// The secondary ENI's definition that holds the primary's rules: a complete one, if there is one.
fn host<'a>(secondaries: &[&'a (&Planned, Place<'a>)]) -> Option<&'a Place<'a>> {
    secondaries
        .iter()
        .map(|(_, place)| place)
        .min_by_key(|place| place.owner.is_some())
}

#[cfg(test)]
mod tests;
