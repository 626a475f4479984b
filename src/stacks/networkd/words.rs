//! What a .network file says of its interface beside addresses and routes (systemd.network(5)): whose port it is, and
//! whether it is to be left alone. Shared by both backends that end in systemd-networkd. Pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::nic::Nic;
use super::read::Unit;
use super::syntax::Assignment;
use crate::net::{Declared, Mac, Word};

/// What makes a word of a value.
type Meaning = fn(&str) -> Option<Word>;

/// The section, the key, and what its value means.
const KEYS: [(&str, &str, Meaning); 6] = [
    ("Network", "Bridge", port),
    ("Network", "Bond", port),
    ("Network", "VRF", port),
    ("Network", "BatmanAdvanced", port),
    ("Link", "Unmanaged", unmanaged),
    ("Link", "ActivationPolicy", activation),
];

/// The last value of each of these keys, and the file that it stands in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(BTreeMap<usize, (String, PathBuf)>);

impl Words {
    /// One line of a file: it replaces what came before, and without a value it clears that.
    pub fn assign(&mut self, line: &Assignment, path: &Path) {
        let is_it =
            |(section, key, _): &(&str, &str, _)| *section == line.section && *key == line.key;
        let Some(index) = KEYS.iter().position(is_it) else {
            return;
        };
        if line.value.is_empty() {
            self.0.remove(&index);
        } else {
            self.0.insert(index, (line.value.clone(), path.to_owned()));
        }
    }

    /// The strongest of them.
    pub fn declared(&self) -> Option<Declared> {
        let all = self.0.iter().filter_map(|(index, (value, path))| {
            let (_, key, meaning) = KEYS.get(*index)?;
            let assignment = format!("{key}={value}");
            Some(Declared::new(meaning(value)?, &assignment, path.display()))
        });
        all.min_by_key(|declared| declared.word.clone())
    }
}

/// What the file says that networkd will go by at its next start: the first that is sure to match, unless it runs the
/// interface by an earlier one, whose conditions only networkd knows.
pub fn declared(units: &BTreeMap<String, Unit>, nic: &Nic, mac: Mac) -> Option<Declared> {
    let chosen = nic.unit.as_ref().and_then(|unit| units.get(unit));
    let first = units.values().find(|unit| unit.matches(nic, mac));
    let next = [chosen, first]
        .into_iter()
        .flatten()
        .min_by_key(|unit| &unit.name);
    next?.words.declared()
}

fn port(holder: &str) -> Option<Word> {
    Some(Word::Port(holder.into()))
}

/// systemd's words for it (systemd.syntax(7)).
pub fn is_yes(value: &str) -> bool {
    let yes = ["1", "yes", "y", "true", "t", "on"];
    yes.iter().any(|word| value.eq_ignore_ascii_case(word))
}

fn unmanaged(value: &str) -> Option<Word> {
    is_yes(value).then_some(Word::LeftAlone)
}

/// By `up`, `always-up` and `bound` it comes up without anybody's doing.
fn activation(policy: &str) -> Option<Word> {
    match policy {
        "manual" => Some(Word::Manual),
        "down" | "always-down" => Some(Word::LeftAlone),
        _ => None,
    }
}
