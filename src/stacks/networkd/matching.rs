//! Which interfaces a `[Match]` section of systemd.network(5) is for. Shared by both backends that end in
//! systemd-networkd. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::gather::Gather;
use crate::net::Mac;
use crate::stacks::networkd::nic::{Nic, fnmatch, is_glob};
use crate::stacks::networkd::syntax::{Quotes, words};

/// Each of these can name one interface alone.
const IDENTITIES: [&str; 4] = ["Name", "MACAddress", "PermanentMACAddress", "Path"];

/// The conditions of one section, all of which must hold. Each is a list of words, joined from all lines with its key;
/// a word with a `!` before it must not match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    conditions: BTreeMap<String, Vec<String>>,
}

impl Match {
    /// One line: it adds to the list, and without a value it clears what came before. A `!` before the first word
    /// turns each of the line's words round.
    pub fn assign(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            self.conditions.remove(key);
            return;
        }
        let list = value.strip_prefix('!');
        let not = list.map_or("", |_| "!");
        let quotes = match is_plain(key) {
            true => Quotes::Kept,
            false => Quotes::Taken,
        };
        let words = words(list.unwrap_or(value), quotes).into_iter();
        let known = self.conditions.entry(key.to_owned()).or_default();
        known.extend(words.map(|word| format!("{not}{word}")));
    }

    /// Without any condition networkd passes over the file.
    pub fn is_empty(&self) -> bool {
        self.conditions.values().all(Vec::is_empty)
    }

    /// Whether all hold for an interface. `unknown`: what is taken for true of a condition that cannot be told from
    /// here (the host, a kernel argument); only networkd's own choice tells then.
    pub fn holds(&self, nic: &Nic, mac: Option<Mac>, unknown: bool) -> bool {
        let permanent = mac.filter(|_| nic.is_permanent);
        self.conditions
            .iter()
            .filter(|(_, list)| !list.is_empty())
            .all(|(key, list)| match key.as_str() {
                // Any of its names will do: to networkd an interface is not called eth0 while it has another name, too.
                "Name" => nic.names.iter().any(|name| passes(list, Some(name))),
                "MACAddress" => mac.is_some_and(|mac| has_mac(list, mac)),
                "PermanentMACAddress" => permanent.is_some_and(|mac| has_mac(list, mac)),
                "Path" => passes(list, nic.property("ID_PATH")),
                "Driver" => passes(list, nic.driver.as_deref()),
                "Kind" => passes(list, nic.kind.as_deref()),
                "Type" => passes(list, Some("ether")),
                "Property" => list.iter().all(|word| has_property(word, nic)),
                _ => unknown,
            })
    }

    /// It names a single interface, so that additions for that one hit no other.
    pub fn is_for_one(&self) -> bool {
        IDENTITIES
            .iter()
            .any(|key| self.named(key).is_some_and(|names| names.len() == 1))
    }

    /// It names its interfaces one by one, so none that comes later is among them.
    pub fn is_for_some(&self) -> bool {
        IDENTITIES.iter().any(|key| self.named(key).is_some())
    }

    /// What a list names in so many words, each once; `None` where a glob may stand for anything.
    fn named(&self, key: &str) -> Option<BTreeSet<String>> {
        let words = self.conditions.get(key)?.iter();
        let wanted = words.filter(|word| !word.starts_with('!'));
        let wanted = wanted.map(|word| word.to_lowercase()).into_set();
        (!wanted.is_empty() && !wanted.iter().any(|word| is_glob(word))).then_some(wanted)
    }
}

/// systemd reads names and addresses without quotes.
fn is_plain(key: &str) -> bool {
    ["Name", "MACAddress", "PermanentMACAddress"].contains(&key)
}

/// A list of globs: none with a `!` may match, and where there is one without, one of those must.
fn passes(list: &[String], text: Option<&str>) -> bool {
    let is_match = |glob: &str| text.is_some_and(|text| fnmatch(glob, text));
    let (not, wanted): (Vec<&String>, Vec<&String>) =
        list.iter().partition(|word| word.starts_with('!'));
    let excluded = not.iter().any(|word| is_match(&word[1..]));
    !excluded && (wanted.is_empty() || wanted.iter().any(|word| is_match(word)))
}

fn has_mac(list: &[String], mac: Mac) -> bool {
    list.iter().any(|word| mac_of(word) == Some(mac))
}

/// Twelve digits, in pairs with `:` or `-`, or in fours with `.`.
fn mac_of(word: &str) -> Option<Mac> {
    let digits: Vec<char> = word.chars().filter(char::is_ascii_hexdigit).gathered();
    let shape = [(':', 2), ('-', 2), ('.', 4)]
        .into_iter()
        .find(|(separator, _)| word.contains(*separator));
    let (separator, length) = shape?;
    let whole = word.split(separator).all(|part| part.len() == length) && digits.len() == 12;
    let pairs: Vec<String> = digits
        .chunks(2)
        .map(|pair| pair.iter().collect())
        .gathered();
    whole.then(|| pairs.join(":").parse().ok())?
}

/// A property of udev's, `KEY=GLOB`.
fn has_property(word: &str, nic: &Nic) -> bool {
    let negated = word.strip_prefix('!');
    let pair = negated.unwrap_or(word).split_once('=');
    let is_match = |(key, glob)| nic.property(key).is_some_and(|value| fnmatch(glob, value));
    pair.is_some_and(|pair| is_match(pair) != negated.is_some())
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
