//! What was made that belongs to no ENI.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::net::nft::Nft;
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
        let settings = self.settings.all(None).map(Object::from);
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
            None => self.take(object),
        }
    }

    /// In the place of what has its place. What that was before is nobody's any more.
    fn take(&mut self, object: &Object) {
        self.objects.retain(|other| other.place() != object.place());
        let table = object.nft().cloned();
        let table = table.map(|nft| {
            Object::from(Nft {
                before: None,
                ..nft
            })
        });
        self.objects.insert(table.unwrap_or_else(|| object.clone()));
    }

    /// The table of nftables that was made last.
    pub fn nft(&self) -> Option<&Nft> {
        self.objects.iter().find_map(Object::nft)
    }

    pub(super) fn forget(&mut self, object: &Object) {
        match object.sysctl() {
            _ if !object.is_of_host() => {}
            Some(sysctl) => self.settings.forget(sysctl),
            None => self.objects.retain(|other| other.place() != object.place()),
        }
    }
}
