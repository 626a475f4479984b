//! The kernel's settings that were changed, with what they were before: those of one ENI's link, or the host's.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::net::Dev;
use crate::net::sysctl::{ACCEPT_RA, Key, Sysctl};
use crate::object::Observed;

/// By [`Key::name`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Settings(BTreeMap<Arc<str>, Setting>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Setting {
    value: String,
    /// `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

/// Earlier versions wrote whether they had switched router advertisements off, the only setting then, and not what it
/// was before.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    NoRouterAdvertisements(bool),
    All(BTreeMap<Arc<str>, Setting>),
}

impl From<Written> for Settings {
    fn from(written: Written) -> Self {
        match written {
            Written::NoRouterAdvertisements(false) => Self::default(),
            Written::NoRouterAdvertisements(true) => Self(
                [(
                    ACCEPT_RA.into(),
                    Setting {
                        value: "0".to_owned(),
                        before: None,
                    },
                )]
                .into(),
            ),
            Written::All(all) => Self(all),
        }
    }
}

impl Settings {
    /// Nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each on the link `dev`, or the host's.
    pub fn all(&self, dev: Option<&Dev>) -> impl Iterator<Item = Sysctl> {
        let key = move |name: &Arc<str>| Key {
            name: name.clone(),
            dev: dev.cloned(),
        };
        self.0
            .iter()
            .map(move |(name, Setting { value, before })| Sysctl {
                key: key(name),
                value: value.clone(),
                before: before.clone(),
            })
    }

    /// What a value of ours takes the place of is what was before that one.
    pub fn note(&mut self, sysctl: &Sysctl) {
        let Sysctl { key, value, before } = sysctl.clone();
        let before = match self.0.get(&key.name) {
            Some(ours) if before.is_none() || before.as_ref() == Some(&ours.value) => {
                ours.before.clone()
            }
            Some(_) | None => before,
        };
        self.0.insert(key.name, Setting { value, before });
    }

    /// It was put back.
    pub fn forget(&mut self, sysctl: &Sysctl) {
        self.0.remove(&sysctl.key.name);
    }

    /// Where it is not known what was before on the link `dev`: what new links get.
    pub fn complete(&mut self, dev: &Dev, observed: &Observed) {
        let settings = self.0.iter_mut();
        for (name, setting) in settings.filter(|(_, setting)| setting.before.is_none()) {
            let of_new_links = Key::of_link(name, dev).of_new_links();
            setting.before = observed.sysctls.get(&of_new_links).cloned();
        }
    }
}
