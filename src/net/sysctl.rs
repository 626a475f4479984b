//! A setting of the kernel's, of the host or of one link (sysctl(8)).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Dev, quoted};

/// Whether a link takes routes from router advertisements, as [`Key::name`] has it.
pub const ACCEPT_RA: &str = "net/ipv6/conf/*/accept_ra";

/// The settings of a link that eniroute may change.
pub const OF_LINKS: [&str; 1] = [ACCEPT_RA];

/// The settings of the host that eniroute may change: none.
pub const OF_HOST: [&str; 0] = [];

/// The link whose settings a new link gets.
const DEFAULT: &str = "default";

/// Which setting.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Its path below /proc/sys, with `*` for the link's name: `net/ipv6/conf/*/accept_ra`.
    pub name: Arc<str>,
    /// `None`: it is the host's.
    pub dev: Option<Dev>,
}

impl Key {
    /// A link's.
    pub fn of_link(name: &str, dev: &Dev) -> Self {
        Self {
            name: name.into(),
            dev: Some(dev.clone()),
        }
    }

    /// The host's.
    pub fn of_host(name: &str) -> Self {
        Self {
            name: name.into(),
            dev: None,
        }
    }

    /// Whether `dev` takes routes from router advertisements.
    pub fn accept_ra(dev: &Dev) -> Self {
        Self::of_link(ACCEPT_RA, dev)
    }

    /// It says whether a link takes routes from router advertisements.
    pub fn is_accept_ra(&self) -> bool {
        *self.name == *ACCEPT_RA
    }

    /// Where the value lies that a new link gets; for the host's own settings, the same.
    pub fn of_new_links(&self) -> Self {
        Self {
            name: self.name.clone(),
            dev: self.dev.as_ref().map(|_| DEFAULT.into()),
        }
    }
}

impl fmt::Display for Key {
    /// Below /proc/sys, and as `sysctl` takes it: where the first separator is a slash, a dot is a dot.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.dev {
            Some(dev) => f.write_str(&self.name.replacen('*', dev, 1)),
            None => f.write_str(&self.name),
        }
    }
}

/// A setting with its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sysctl {
    pub key: Key,
    /// Without white space at its ends, and with single blanks within.
    pub value: String,
    /// What it was before it was changed to `value`; `None`: that is not known, or it has not been changed yet.
    pub before: Option<String>,
}

impl Sysctl {
    /// A value that is wanted.
    pub fn new(key: Key, value: &str) -> Self {
        Self {
            key,
            value: value.to_owned(),
            before: None,
        }
    }

    /// The command that gives it its value.
    pub fn add_command(&self) -> String {
        set(&self.key, &quoted(&self.value))
    }

    /// The command that puts back what was before, or where that is not known, what new links get.
    pub fn remove_command(&self) -> String {
        let of_new_links = || format!("\"$(sysctl -n {})\"", self.key.of_new_links());
        set(
            &self.key,
            &self.before.as_deref().map_or_else(of_new_links, quoted),
        )
    }
}

/// `value` is one word of a shell.
fn set(key: &Key, value: &str) -> String {
    format!("sysctl -qw {}={value}", quoted(&key.to_string()))
}
