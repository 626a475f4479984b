//! What networkd matches an interface by. Shared by both backends that end in systemd-networkd. Pure, but for what [`Nic::read`] takes from the disk.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::Result;
use crate::files::Disk;
use crate::net::{Dev, Link, Mac};
use crate::stacks::networkd::next_name::Renames;

/// What networkd matches an interface by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nic {
    /// Its name, then its alternative names.
    pub names: Vec<String>,
    /// Its name from the next boot on, where that is another.
    pub next_name: Option<String>,
    pub driver: Option<String>,
    pub kind: Option<String>,
    pub mac: Option<Mac>,
    /// udev's properties of it, `KEY=VALUE`.
    pub properties: Vec<String>,
    /// It may carry an ENI: it is no device above another one.
    pub is_nic: bool,
    /// It has a permanent address. Devices above it that copy its MAC (VLAN, bridge, macvlan) have none.
    pub is_permanent: bool,
    /// The base name of the .network file that networkd last chose for it; absent when it has none or runs not.
    pub unit: Option<String>,
    /// networkd has configured it, or is about to.
    pub is_configured: bool,
}

impl Nic {
    /// Reads networkd's own record, which needs no D-Bus, and the driver from sysfs.
    pub fn read(disk: &Disk, link: &Link) -> Result<Self> {
        let state = disk
            .read(format!("/run/systemd/netif/links/{}", link.index))?
            .unwrap_or_default();
        let unit = network_file(&state).map(Path::new);
        // A unit that has been deleted since says nothing about the next boot.
        let unit = unit
            .filter(|path| disk.exists(path))
            .and_then(Path::file_name)
            .and_then(|name| name.to_str());
        let names = [link.name.to_string()]
            .into_iter()
            .chain(link.altnames.iter().cloned());
        Ok(Self {
            names: names.collect(),
            next_name: None,
            driver: disk.link_target_name(format!("/sys/class/net/{}/device/driver", link.name)),
            kind: link.kind.clone(),
            mac: link.eni_mac(),
            properties: properties(disk, link)?,
            is_nic: link.is_nic(),
            is_permanent: link.permanent_mac.is_some(),
            unit: unit.map(str::to_owned),
            is_configured: ["configured", "configuring"]
                .into_iter()
                .any(|admin| is_in_state(&state, admin)),
        })
    }

    /// One of which only the name is known.
    pub fn named(dev: &Dev) -> Self {
        Self {
            names: vec![dev.to_string()],
            ..Self::default()
        }
    }

    /// Every link's.
    pub fn read_all(disk: &Disk, links: &[Link]) -> Result<BTreeMap<Dev, Self>> {
        let renames = Renames::read(disk)?;
        let read = |link: &Link| {
            let nic = Self::read(disk, link)?;
            let next_name = renames.of(&nic);
            Ok((link.name.clone(), Self { next_name, ..nic }))
        };
        links.iter().map(read).collect()
    }

    /// It, as it is under another name; networkd has not chosen any unit for that yet.
    pub fn under(&self, name: &str) -> Self {
        let others = self.names.iter().skip(1).cloned();
        Self {
            names: [name.to_owned()].into_iter().chain(others).collect(),
            next_name: None,
            unit: None,
            ..self.clone()
        }
    }

    /// It, as it is from the next boot on, where its name changes.
    pub fn renamed(&self) -> Option<Self> {
        self.next_name.as_ref().map(|name| self.under(name))
    }

    /// What udev says of it, for example `ID_PATH`.
    pub fn property(&self, key: &str) -> Option<&str> {
        self.properties
            .iter()
            .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    }
}

/// udev's record of an interface has them in lines of their own.
fn properties(disk: &Disk, link: &Link) -> Result<Vec<String>> {
    let record = disk
        .read(format!("/run/udev/data/n{}", link.index))?
        .unwrap_or_default();
    Ok(record
        .lines()
        .filter_map(|line| line.strip_prefix("E:"))
        .map(str::to_owned)
        .collect())
}

/// Whether networkd's record of a link says that it is in this administrative state.
pub fn is_in_state(state: &str, admin: &str) -> bool {
    state
        .lines()
        .any(|line| line.strip_prefix("ADMIN_STATE=") == Some(admin))
}

/// The path of the .network file in networkd's record of a link (`/run/systemd/netif/links/INDEX`).
pub fn network_file(state: &str) -> Option<&str> {
    state
        .lines()
        .find_map(|line| line.strip_prefix("NETWORK_FILE="))
}

/// Whether it names more than one thing: it has a character that [`fnmatch`] takes for a wildcard.
pub fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Shell globs as fnmatch(3) reads them: `*`, `?`, `[a-z]`, `[!0-9]`, `[[:digit:]]`; a backslash before any of these
/// takes its meaning away; everything else stands for itself.
pub fn fnmatch(glob: &str, text: &str) -> bool {
    let (mut glob_chars, mut text_chars) = (glob.chars(), text.chars());
    let literal = |glob: &str, text: &mut std::str::Chars, wanted| {
        text.next() == Some(wanted) && fnmatch(glob, text.as_str())
    };
    match glob_chars.next() {
        None => text.is_empty(),
        Some('*') => {
            fnmatch(glob_chars.as_str(), text)
                || text_chars.next().is_some() && fnmatch(glob, text_chars.as_str())
        }
        Some('?') => {
            text_chars.next().is_some() && fnmatch(glob_chars.as_str(), text_chars.as_str())
        }
        Some('[') => match bracket(glob_chars.as_str()) {
            Some((set, rest)) => {
                text_chars.next().is_some_and(|c| in_set(set, c))
                    && fnmatch(rest, text_chars.as_str())
            }
            None => literal(glob_chars.as_str(), &mut text_chars, '['),
        },
        Some('\\') => {
            let wanted = glob_chars.next().unwrap_or('\\');
            literal(glob_chars.as_str(), &mut text_chars, wanted)
        }
        Some(wanted) => literal(glob_chars.as_str(), &mut text_chars, wanted),
    }
}

/// What stands in a bracket expression, and what after it. A `]` that comes first, or ends a class, is no end.
fn bracket(glob: &str) -> Option<(&str, &str)> {
    let not = usize::from(glob.starts_with(['!', '^']));
    let mut at = not + usize::from(glob[not..].starts_with(']'));
    loop {
        let end = at + glob[at..].find(']')?;
        match glob[at..end].find("[:") {
            Some(class) if glob[at + class..].contains(":]") => {
                at += class + glob[at + class..].find(":]")? + 2
            }
            _ => return Some((&glob[..end], &glob[end + 1..])),
        }
    }
}

/// Whether a bracket expression, without its brackets, holds `c`.
fn in_set(set: &str, c: char) -> bool {
    let (negated, set) = match set.strip_prefix(['!', '^']) {
        Some(rest) => (true, rest),
        None => (false, set),
    };
    let classes = [
        ("[:digit:]", c.is_ascii_digit()),
        ("[:alpha:]", c.is_ascii_alphabetic()),
        ("[:alnum:]", c.is_ascii_alphanumeric()),
        ("[:lower:]", c.is_ascii_lowercase()),
        ("[:upper:]", c.is_ascii_uppercase()),
        ("[:xdigit:]", c.is_ascii_hexdigit()),
    ];
    let classed = classes
        .iter()
        .any(|(class, is_in)| *is_in && set.contains(class));
    let set = classes
        .iter()
        .fold(set.to_owned(), |set, (class, _)| set.replace(class, ""));
    let chars: Vec<char> = set.chars().collect();
    let range = |w: &[char]| w[1] == '-' && (w[0]..=w[2]).contains(&c);
    (classed || chars.contains(&c) || chars.windows(3).any(range)) != negated
}
