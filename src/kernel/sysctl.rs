//! The kernel's settings, which rtnetlink cannot write: they are files below /proc/sys. The calling thread's network
//! namespace has those below net/.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::{fs, io};

use super::Kernel;
use super::refusal::Refusal;
use crate::files::plain;
use crate::gather::Gather;
use crate::net::sysctl::{Key, OF_HOST, OF_LINKS, Sysctl};
use crate::net::{Link, nics};

impl Kernel {
    /// [`Kernel::observe`] tells of these settings, too, from now on: it knows of itself those that eniroute may
    /// change.
    pub fn observe_also(&mut self, keys: impl IntoIterator<Item = Key>) {
        self.keys.extend(keys);
    }

    /// The values of these settings that are there.
    pub fn settings(&self, keys: impl IntoIterator<Item = Key>) -> BTreeMap<Key, String> {
        values(keys)
    }
}

/// The values of those that are there, of these links, of the host, and `also` of others. A link without IPv6 has none of
/// that family.
pub(super) fn sysctls(links: &[Link], also: &BTreeSet<Key>) -> BTreeMap<Key, String> {
    let of_links = nics(links).flat_map(|link| OF_LINKS.map(|name| Key::of_link(name, &link.name)));
    let of_host = OF_HOST.iter().map(|name| Key::of_host(name));
    let all = of_links.chain(of_host).chain(also.iter().cloned());
    values(all.flat_map(|key| [key.of_new_links(), key]).into_set())
}

fn values(keys: impl IntoIterator<Item = Key>) -> BTreeMap<Key, String> {
    keys.into_iter()
        .filter_map(|key| read(&key).ok()?.map(|value| (key, value)))
        .into_map()
}

/// False when it is so already, and for one of a link that is gone or has no IPv6.
pub(super) fn set(sysctl: &Sysctl) -> Result<bool, Refusal> {
    write(&sysctl.key, &sysctl.value)
}

/// Puts back what was before, or where that is not known, what new links get. False as with [`set`].
pub(super) fn put_back(sysctl: &Sysctl) -> Result<bool, Refusal> {
    let before = match &sysctl.before {
        Some(before) => Some(before.clone()),
        None => read(&sysctl.key.of_new_links())?,
    };
    before.map_or(Ok(false), |before| write(&sysctl.key, &before))
}

fn write(key: &Key, value: &str) -> Result<bool, Refusal> {
    match read(key)? {
        Some(present) if present != value => Ok(fs::write(path(key), value).map(|()| true)?),
        Some(_) | None => Ok(false),
    }
}

fn read(key: &Key) -> io::Result<Option<String>> {
    match plain::setting(&path(key)) {
        Ok(text) => Ok(Some(text.split_whitespace().gathered::<Vec<_>>().join(" "))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn path(key: &Key) -> String {
    format!("/proc/sys/{key}")
}
