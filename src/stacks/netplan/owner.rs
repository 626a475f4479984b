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
    /// Finds the definition that wins for an ENI's interface. networkd's own choice counts, where it made one;
    /// else the order of the names decides.
    pub fn owner(&self, planned: &Planned, nic: &Nic) -> Owner<'_> {
        let mac = planned.eni.mac;
        let matching = || {
            self.definitions
                .values()
                .filter(|d| d.matching().holds(nic, Some(mac), false))
        };
        let unit = nic
            .unit
            .as_deref()
            .filter(|unit| !own_ids(planned).iter().any(|id| unit_of(id) == **unit));
        if let Some(winner) = matching().find(|d| Some(unit_of(&d.id).as_str()) == unit) {
            return Owner::Definition(winner);
        }
        let [ours, ..] = own_ids(planned);
        let first = matching()
            .map(|d| unit_of(&d.id))
            .min()
            .unwrap_or_else(|| unit_of(&ours));
        if let Some(unit) = unit.filter(|unit| !unit.starts_with("10-netplan-") && **unit < *first)
        {
            return Owner::Unit(unit.to_owned());
        }
        matching()
            .min_by_key(|d| unit_of(&d.id))
            .map_or(Owner::Nobody, Owner::Definition)
    }
}

/// The renderer that a definition ends up with.
pub fn renderer<'a>(foreign: &'a Foreign, definition: Option<&'a Definition>) -> Option<&'a str> {
    definition
        .and_then(|d| d.renderer.as_deref())
        .or(foreign.renderer.as_deref())
}
