//! What /etc/network/interfaces says of an interface beside addresses and routes: whose port it is, by its own stanza
//! or by its holder's, and whether ifup brings it up by itself. Pure.

use super::interfaces::{Interfaces, Stanza};
use crate::net::{Declared, Word};
use crate::stacks::networkd::nic::fnmatch;

/// The options of a port's stanza that name its holder; ifup takes `-` and `_` for the same.
const HOLDERS: [&str; 5] = [
    "bond-master",
    "vrf",
    "vrf-member",
    "ovs-bridge",
    "team-master",
];

/// Those of a holder's stanza that list its ports.
const PORTS: [&str; 8] = [
    "bridge-ports",
    "bond-slaves",
    "bond-ports",
    "bond-members",
    "slaves",
    "ovs-ports",
    "ovs-bonds",
    "team-ports",
];

/// What it says of `dev`.
pub fn declared(interfaces: &Interfaces, dev: &str) -> Option<Declared> {
    let by_holder = || interfaces.all().find_map(|stanza| lists(stanza, dev));
    let own = || interfaces.owners(dev);
    let by_itself = || own().find_map(names_holder);
    let manual = || {
        let stanza = own().next().filter(|_| !interfaces.brings_up(dev))?;
        let assignment = format!("iface {dev}");
        let file = format!(
            "{} without `auto {dev}` or `allow-hotplug {dev}`",
            stanza.path.display()
        );
        Some(Declared::new(Word::Manual, &assignment, file))
    };
    by_itself().or_else(by_holder).or_else(manual)
}

fn names_holder(stanza: &Stanza) -> Option<Declared> {
    let is_its = |key: &str| HOLDERS.contains(&key.replace('_', "-").as_str());
    let (key, holder) = stanza.options().find(|(key, _)| is_its(key))?;
    let word = Word::Port(holder.into());
    Some(Declared::new(
        word,
        &format!("{key} {holder}"),
        stanza.path.display(),
    ))
}

fn lists(stanza: &Stanza, dev: &str) -> Option<Declared> {
    let is_its = |key: &str| PORTS.contains(&key.replace('_', "-").as_str());
    let mut lists = stanza.options().filter(|(key, _)| is_its(key));
    let (key, ports) = lists.find(|(_, ports)| has_port(ports, dev))?;
    let word = Word::Port(stanza.name().into());
    let assignment = format!("{key} {ports}");
    let file = format!("{}, iface {}", stanza.path.display(), stanza.name());
    Some(Declared::new(word, &assignment, file))
}

/// `none`, `all`, names, and after `regex` expressions, until `noregex` (bridge-utils-interfaces(5)).
fn has_port(ports: &str, dev: &str) -> bool {
    let mut is_regex = false;
    ports.split_whitespace().any(|word| match word {
        "regex" | "noregex" => {
            is_regex = word == "regex";
            false
        }
        "all" => ["eth*", "em*", "en*", "p[0-9]*"]
            .iter()
            .any(|glob| fnmatch(glob, dev)),
        word if is_regex => fnmatch(&word.replace(".*", "*").replace('.', "?"), dev),
        word => word == dev,
    })
}
