//! One change of what the kernel holds, shown as the command that does the same.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Kind, Object, Stage};
use crate::net::sysctl::Key;
use crate::net::{Dev, Route};

/// One change of the kernel's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Makes it.
    Add(Object),
    /// Takes the place of the route with the same [`Route::key`], in one step.
    Replace {
        /// The one that stands.
        old: Box<Route>,
        /// The one that is wanted.
        new: Box<Route>,
    },
    /// Takes it away.
    Remove(Object),
}

impl Change {
    /// The interface that it is about.
    pub fn dev(&self) -> Option<&Dev> {
        match self {
            Self::Add(object) | Self::Remove(object) => object.dev(),
            Self::Replace { new, .. } => new.dev.as_ref(),
        }
    }

    /// It makes something, and takes nothing away.
    pub fn is_addition(&self) -> bool {
        matches!(self, Self::Add(_))
    }

    /// It is about our table of nftables.
    pub fn is_of_nft(&self) -> bool {
        match self {
            Self::Add(object) | Self::Remove(object) => object.nft().is_some(),
            Self::Replace { .. } => false,
        }
    }

    /// The setting that it is about.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Add(object) | Self::Remove(object) => object.sysctl().map(|sysctl| &sysctl.key),
            Self::Replace { .. } => None,
        }
    }

    /// See [`Object::stage`].
    pub fn stage(&self) -> Stage {
        match self {
            Self::Add(object) | Self::Remove(object) => object.stage(),
            Self::Replace { .. } => Stage::Ways,
        }
    }

    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Add(object) | Self::Remove(object) => object.kind(),
            Self::Replace { .. } => Kind::ROUTE,
        }
    }

    /// The change that takes this one back.
    pub fn inverse(&self) -> Self {
        match self {
            Self::Add(object) => Self::Remove(object.clone()),
            Self::Remove(object) => Self::Add(object.clone()),
            Self::Replace { old, new } => {
                let (old, new) = (new.clone(), old.clone());
                Self::Replace { old, new }
            }
        }
    }
}

impl fmt::Display for Change {
    /// The `ip` command that does the same, ready to paste.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Add(object) => f.write_str(&object.add_command()),
            Self::Remove(object) => f.write_str(&object.remove_command()),
            Self::Replace { new, .. } => f.write_str(&new.replace_command()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{IndexRule, Rule};

    #[test]
    fn what_there_are_thousands_of_takes_little_room() {
        assert!(size_of::<Rule>() <= 48);
        assert!(size_of::<IndexRule>() <= 40);
        assert!(size_of::<Object>() <= 48);
        assert!(size_of::<Change>() <= 56);
    }
}
