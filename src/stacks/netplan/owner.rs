//! Who configures an interface under netplan and networkd: networkd takes the first .network file, in the order
//! of their names, whose `[Match]` holds. Pure.

use crate::plan::Planned;
use crate::stacks::netplan::read::{Definition, Foreign};
use crate::stacks::networkd::nic::Nic;

/// Whose an interface is, ours left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    Nobody,
    Definition(&'a Definition),
    /// A networkd file that no netplan definition can come before.
    Unit(String),
}

/// The file that netplan writes for an ID.
pub fn unit_of(id: &str) -> String {
    format!("10-netplan-{id}.network")
}

/// The IDs that a complete definition of ours may have, the plain one first; each sorts before the one above it.
pub fn own_ids(planned: &Planned) -> [String; 3] {
    ["", "a-", "0-"].map(|prefix| format!("{prefix}eniroute-{}", planned.dev))
}

impl Foreign {
    /// Finds the definition that wins for an ENI's interface: under the name that it gets at the next boot, else under
    /// today's.
    pub fn owner(&self, planned: &Planned, nic: &Nic) -> Owner<'_> {
        let next = self.next(planned, nic);
        next.map_or_else(|| self.owner_now(planned, nic), Owner::Definition)
    }

    /// The definition that is its alone once it has another name: the definition's own `set-name`, or what a .link file
    /// gives it.
    fn next(&self, planned: &Planned, nic: &Nic) -> Option<&Definition> {
        let mac = Some(planned.eni.mac);
        let renames = |d: &Definition| {
            let name = d.set_name.as_ref();
            let name = name.filter(|name| !nic.names.contains(name))?;
            let conditions = d.conditions();
            let is_its = !conditions.is_empty() && conditions.holds(nic, mac, false);
            is_its.then(|| name.clone())
        };
        let by_netplan = self.definitions.values().find_map(renames);
        let nic = nic.under(by_netplan.as_ref().or(nic.next_name.as_ref())?);
        let all = self.definitions.values();
        let own = all.filter(|d| !d.is_catch_all() && d.matching().holds(&nic, mac, false));
        own.min_by_key(|d| unit_of(&d.id))
    }

    /// networkd's own choice counts, where it made one; else the order of the names decides.
    fn owner_now(&self, planned: &Planned, nic: &Nic) -> Owner<'_> {
        let mac = Some(planned.eni.mac);
        let definitions = self.definitions.values();
        let matching = || {
            let all = definitions.clone();
            all.filter(|d| d.matching().holds(nic, mac, false))
        };
        let is_ours = |unit: &str| own_ids(planned).iter().any(|id| unit_of(id) == unit);
        let unit = nic.unit.as_deref().filter(|unit| !is_ours(unit));
        if let Some(winner) = matching().find(|d| Some(unit_of(&d.id).as_str()) == unit) {
            return Owner::Definition(winner);
        }
        let [ours, ..] = own_ids(planned);
        let first = matching().min_by_key(|d| unit_of(&d.id));
        let before = unit_of(first.map_or(&ours, |first| &first.id));
        let is_first = |unit: &&str| !unit.starts_with("10-netplan-") && **unit < *before;
        match unit.filter(is_first) {
            Some(unit) => Owner::Unit(unit.to_owned()),
            None => first.map_or(Owner::Nobody, Owner::Definition),
        }
    }
}

/// The renderer that a definition ends up with.
pub fn renderer<'a>(foreign: &'a Foreign, definition: Option<&'a Definition>) -> Option<&'a str> {
    definition
        .and_then(|d| d.renderer.as_deref())
        .or(foreign.renderer.as_deref())
}
