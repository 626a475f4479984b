//! What was made that belongs to no ENI.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::net::sysctl::Key;
use crate::object::Object;

/// The host's entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEntry {
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    settings: Settings,
    /// A rule index was made: the rules in its place that have its form are eniroute's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rule_index: bool,
    /// All else.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    objects: BTreeSet<Object>,
}

impl HostEntry {
    /// Nothing was made.
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty() && self.objects.is_empty() && !self.rule_index
    }

    /// What is listed.
    pub fn objects(&self) -> impl Iterator<Item = Object> {
        let settings = self.settings.all(None).map(Object::Sysctl);
        settings.chain(self.objects.iter().cloned())
    }

    /// The settings that are listed.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.settings.all(None).map(|sysctl| sysctl.key)
    }

    /// An object of an ENI that has no entry is nobody's.
    pub(super) fn note(&mut self, object: &Object) {
        match object.sysctl() {
            _ if !object.is_of_host() => {}
            Some(sysctl) => self.settings.note(sysctl),
            None => drop(self.objects.insert(object.clone())),
        }
    }

    pub(super) fn forget(&mut self, object: &Object) {
        match object.sysctl() {
            _ if !object.is_of_host() => {}
            Some(sysctl) => self.settings.forget(sysctl),
            None => drop(self.objects.remove(object)),
        }
    }
}
