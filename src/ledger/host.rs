//! What was made that belongs to no ENI: the host's own settings.

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::net::sysctl::{Key, Sysctl};
use crate::object::Object;

/// The host's entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEntry {
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    settings: Settings,
}

impl HostEntry {
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty()
    }

    /// What is listed.
    pub fn objects(&self) -> impl Iterator<Item = Object> {
        self.settings.all(None).map(Object::Sysctl)
    }

    /// The settings that are listed.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.settings.all(None).map(|sysctl| sysctl.key)
    }

    /// An object of an ENI that has no entry is nobody's.
    pub(super) fn note(&mut self, object: &Object) {
        if let Some(sysctl) = of_host(object) {
            self.settings.note(sysctl);
        }
    }

    pub(super) fn forget(&mut self, object: &Object) {
        if let Some(sysctl) = of_host(object) {
            self.settings.forget(sysctl);
        }
    }
}

fn of_host(object: &Object) -> Option<&Sysctl> {
    object.sysctl().filter(|sysctl| sysctl.key.dev.is_none())
}
