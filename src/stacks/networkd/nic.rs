//! What networkd matches an interface by. Shared by both backends that end in systemd-networkd. Pure, but for what [`Nic::read`] takes from the disk.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::Result;
use crate::files::{self, Disk};
use crate::gather::Gather;
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
        let state = disk.read(format!("/run/systemd/netif/links/{}", link.index))?;
        let state = state.unwrap_or_default();
        // A unit that has been deleted since says nothing about the next boot.
        let unit = network_file(&state)
            .map(Path::new)
            .filter(|path| disk.exists(path));
        let admin = ["configured", "configuring"];
        let mut names = vec![link.name.to_string()];
        names.extend(link.altnames.iter().cloned());
        Ok(Self {
            names,
            next_name: None,
            driver: disk.link_target_name(format!("/sys/class/net/{}/device/driver", link.name)),
            kind: link.kind.clone(),
            mac: link.eni_mac(),
            properties: properties(disk, link)?,
            is_nic: link.is_nic(),
            is_permanent: link.permanent_mac.is_some(),
            unit: unit.map(|path| files::name(path).to_owned()),
            is_configured: admin.iter().any(|admin| is_in_state(&state, admin)),
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
        links.iter().map(read).gathered()
    }

    /// It, as it is under another name; networkd has not chosen any unit for that yet.
    pub fn under(&self, name: &str) -> Self {
        let others = self.names.iter().skip(1).cloned();
        Self {
            names: [name.to_owned()].into_iter().chain(others).gathered(),
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
    let record = disk.read(format!("/run/udev/data/n{}", link.index))?;
    let record = record.unwrap_or_default();
    let properties = record.lines().filter_map(|line| line.strip_prefix("E:"));
    Ok(properties.map(str::to_owned).gathered())
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
    let mut globs = glob.chars();
    let first = globs.next();
    let rest = globs.as_str();
    match first {
        None => text.is_empty(),
        Some('*') => fnmatch(rest, text) || one(text, |_| true, glob),
        Some('?') => one(text, |_| true, rest),
        Some('[') => match bracket(rest) {
            Some((set, rest)) => one(text, |c| in_set(set, c), rest),
            None => one(text, |c| c == '[', rest),
        },
        Some('\\') => {
            let wanted = globs.next().unwrap_or('\\');
            one(text, |c| c == wanted, globs.as_str())
        }
        Some(wanted) => one(text, |c| c == wanted, rest),
    }
}

/// Whether the text begins with such a character, and goes on as `rest` says.
fn one(text: &str, is_such: impl Fn(char) -> bool, rest: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_such) && fnmatch(rest, chars.as_str())
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

/// A name in a bracket expression, and the characters that it means.
type Class = (&'static str, fn(&char) -> bool);

/// What a bracket expression may name.
const CLASSES: [Class; 6] = [
    ("[:digit:]", char::is_ascii_digit),
    ("[:alpha:]", char::is_ascii_alphabetic),
    ("[:alnum:]", char::is_ascii_alphanumeric),
    ("[:lower:]", char::is_ascii_lowercase),
    ("[:upper:]", char::is_ascii_uppercase),
    ("[:xdigit:]", char::is_ascii_hexdigit),
];

/// Whether a bracket expression, without its brackets, holds `c`.
fn in_set(set: &str, c: char) -> bool {
    let negated = set.starts_with(['!', '^']);
    let set = set.strip_prefix(['!', '^']).unwrap_or(set);
    let is_of_class = |(class, has): &Class| has(&c) && set.contains(class);
    let classed = CLASSES.iter().any(is_of_class);
    let without = |set: String, (class, _): &Class| set.replace(class, "");
    let set = CLASSES.iter().fold(set.to_owned(), without);
    let chars: Vec<char> = set.chars().gathered();
    let range = |w: &[char]| w[1] == '-' && (w[0]..=w[2]).contains(&c);
    (classed || chars.contains(&c) || chars.windows(3).any(range)) != negated
}
