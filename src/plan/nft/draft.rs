//! The statements of a table, in the order in which every nft takes them: a chain before the map that leads to it (nft
//! 1.0.6), and all of it declared, then emptied, then filled, so that the same text makes the table and replaces it in one
//! transaction, without a packet that sees half of it. Counters are only declared: they outlive a reload.

use std::fmt::{Display, Write};

use crate::gather::Gather;
use crate::net::nft::TABLE;

/// Statements by their kind.
#[derive(Default)]
pub(super) struct Draft {
    counters: Vec<String>,
    timeouts: Vec<String>,
    /// The name, and for a base chain its hook.
    chains: Vec<(String, String)>,
    /// `set` or `map`, the name, its type, and whether a reload empties it.
    sets: Vec<(&'static str, String, String, bool)>,
    elements: Vec<String>,
    rules: Vec<String>,
}

impl Draft {
    /// Something that keeps its count over reloads.
    pub(super) fn counter(&mut self, name: impl Into<String>) {
        once(&mut self.counters, name.into());
    }

    /// How long an idle established TCP flow is remembered, in seconds. Returns its name.
    pub(super) fn timeout(&mut self, seconds: u32) -> String {
        let name = format!("idle_{seconds}");
        let policy = format!("policy = {{ established : {seconds} }};");
        let whole = format!("{name} {{ protocol tcp; l3proto ip; {policy} }}");
        once(&mut self.timeouts, whole);
        name
    }

    /// A chain at a hook of the kernel's: `filter hook forward priority -5`.
    pub(super) fn base_chain(&mut self, name: &str, hook: &str) {
        let hook = format!(" {{ type {hook}; policy accept; }}");
        self.chains.push((name.to_owned(), hook));
    }

    /// A chain of this name is there.
    pub(super) fn has_chain(&self, name: &str) -> bool {
        self.chains.iter().any(|(other, _)| other == name)
    }

    /// A set or a map of this name is there.
    pub(super) fn has_set(&self, name: &str) -> bool {
        self.sets.iter().any(|(_, other, ..)| other == name)
    }

    /// A chain that others lead to, with its rules.
    pub(super) fn chain<R: Display>(&mut self, name: &str, rules: impl IntoIterator<Item = R>) {
        self.chains.push((name.to_owned(), String::new()));
        self.rules(name, rules);
    }

    /// More rules of a chain.
    pub(super) fn rules<R: Display>(&mut self, chain: &str, rules: impl IntoIterator<Item = R>) {
        let rules = rules.into_iter();
        self.rules
            .extend(rules.map(|rule| format!("{chain} {rule}")));
    }

    /// A set that tells `elements` of this type: `ipv4_addr; flags interval`.
    pub(super) fn set<E: Display>(
        &mut self,
        name: &str,
        of: &str,
        elements: impl IntoIterator<Item = E>,
    ) {
        self.filled("set", (name, of.to_owned()), joined(elements));
    }

    /// A map from this type to verdicts.
    pub(super) fn map<E: Display>(
        &mut self,
        name: &str,
        of: &str,
        elements: impl IntoIterator<Item = E>,
    ) {
        let of = match of.split_once(';') {
            Some((key, flags)) => format!("{key} : verdict;{flags}"),
            None => format!("{of} : verdict"),
        };
        self.filled("map", (name, of), joined(elements));
    }

    /// A map from this type to counters.
    pub(super) fn counters(&mut self, name: &str, of: &str, elements: Vec<String>) {
        self.filled("map", (name, format!("{of} : counter")), joined(elements));
    }

    /// A set that rules fill, and that a reload leaves as it is.
    pub(super) fn filled_by_rules(&mut self, name: &str, of: &str) {
        self.sets
            .push(("set", name.to_owned(), of.to_owned(), false));
    }

    fn filled(&mut self, kind: &'static str, (name, of): (&str, String), elements: String) {
        self.sets.push((kind, name.to_owned(), of, true));
        if !elements.is_empty() {
            self.elements.push(format!("{name} {{ {elements} }}"));
        }
    }

    /// All of it, a statement a line.
    pub(super) fn text(&self) -> String {
        let mut text = format!("add table {TABLE}\n");
        let mut say = |what: &str, rest: &str| {
            // Writing to a string cannot fail.
            let (verb, kind) = what.split_once(' ').unwrap_or((what, ""));
            let _ = writeln!(text, "{verb} {kind} {TABLE} {rest}");
        };
        self.counters
            .iter()
            .for_each(|name| say("add counter", name));
        self.timeouts
            .iter()
            .for_each(|it| say("add ct timeout", it));
        let chains = || self.chains.iter();
        chains().for_each(|(name, hook)| say("add chain", &format!("{name}{hook}")));
        for (kind, name, of, _) in &self.sets {
            say(&format!("add {kind}"), &format!("{name} {{ type {of}; }}"));
        }
        chains().for_each(|(name, _)| say("flush chain", name));
        let emptied = self.sets.iter().filter(|(.., is_ours)| *is_ours);
        emptied.for_each(|(kind, name, ..)| say(&format!("flush {kind}"), name));
        self.elements.iter().for_each(|it| say("add element", it));
        self.rules.iter().for_each(|rule| say("add rule", rule));
        text
    }
}

/// `a, b`
pub(super) fn joined<E: Display>(elements: impl IntoIterator<Item = E>) -> String {
    let elements = elements.into_iter().map(|element| element.to_string());
    elements.gathered::<Vec<_>>().join(", ")
}

/// Where each key of `what` leads. A comparison costs less than a map of one.
pub(super) fn led(what: &str, to: &[(String, String)]) -> String {
    if let [(key, verdict)] = to {
        return format!("{what} == {key} {verdict}");
    }
    let to = to.iter().map(|(key, verdict)| format!("{key} : {verdict}"));
    format!("{what} vmap {{ {} }}", joined(to))
}

fn once(list: &mut Vec<String>, line: String) {
    if !list.contains(&line) {
        list.push(line);
    }
}
