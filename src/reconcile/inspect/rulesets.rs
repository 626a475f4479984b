//! The firewall and NAT of this network: nftables' rules, as `nft` tells them, and whether the older iptables has tables
//! of its own, which nft does not see.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::command;
use crate::files::plain;
use crate::net::Family;

/// nft must be done by then: a node of a large cluster has tens of thousands of rules.
const WAIT: Duration = Duration::from_secs(5);

/// What is loaded, and where what can be loaded lies.
const LOADED: &str = "/proc/modules";
const RELEASE: &str = "/proc/sys/kernel/osrelease";

/// The older iptables' tables, by family.
const LEGACY: [(Family, &str); 2] = [
    (Family::Ipv4, "/proc/net/ip_tables_names"),
    (Family::Ipv6, "/proc/net/ip6_tables_names"),
];

/// What filters and translates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rulesets {
    pub chains: Vec<Chain>,
    /// Families whose packets the older iptables filters.
    pub legacy: Vec<Family>,
    /// Why nftables' rules are not known.
    pub unseen: Option<String>,
}

/// A chain of nftables'.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chain {
    /// `ip`, `ip6`, `inet`.
    pub family: String,
    pub table: String,
    pub name: String,
    /// `filter`, `nat`; empty: no hook leads to it but from another chain.
    pub kind: String,
    /// `input`, `forward`, `postrouting`.
    pub hook: String,
    pub priority: i64,
    /// What is no rule's is dropped.
    pub drops: bool,
    /// The rules, each as nft's JSON has its expressions.
    pub rules: Vec<Vec<Value>>,
}

impl Rulesets {
    /// Asks for them, as only root may.
    pub fn read(is_root: bool) -> Self {
        let said = if is_root && may_have_rules() {
            command::output("nft", &["-j", "list", "ruleset"], WAIT)
        } else {
            Ok(String::new())
        };
        let (chains, unseen) = match said {
            Ok(text) => (chains(&text), None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let is_filtered = |path| {
            let tables = plain::text(path).unwrap_or_default();
            tables.lines().any(|table| table == "filter")
        };
        let legacy = LEGACY.into_iter().filter(|(_, path)| is_filtered(*path));
        Self {
            chains,
            legacy: legacy.map(|(family, _)| family).collect(),
            unseen,
        }
    }

    /// The chains of this table, the base chains among them.
    pub fn of_table<'a>(&'a self, like: &'a Chain) -> impl Iterator<Item = &'a Chain> {
        let chains = self.chains.iter();
        chains.filter(move |chain| (&chain.family, &chain.table) == (&like.family, &like.table))
    }
}

/// nftables is loaded, or built into the kernel. Asking for rules would load it.
fn may_have_rules() -> bool {
    let modules = plain::text(LOADED).unwrap_or_default();
    let is_loaded = modules.lines().any(|line| line.starts_with("nf_tables "));
    is_loaded || !is_loadable()
}

fn is_loadable() -> bool {
    let release = plain::text(RELEASE).unwrap_or_default();
    let folder = format!("/lib/modules/{}/kernel/net/netfilter", release.trim());
    let is_there = |end: &str| Path::new(&format!("{folder}/nf_tables.ko{end}")).exists();
    ["", ".xz", ".zst", ".gz"].into_iter().any(is_there)
}

/// The chains of `nft -j list ruleset` (libnftables-json(5)), with their rules.
fn chains(text: &str) -> Vec<Chain> {
    let all: Value = serde_json::from_str(text).unwrap_or_default();
    let all = items(&all, "nftables");
    let chains = all.iter().filter_map(|entry| entry.get("chain"));
    chains.map(|chain| with_rules(chain, &all)).collect()
}

fn items(of: &Value, key: &str) -> Vec<Value> {
    of[key].as_array().cloned().unwrap_or_default()
}

fn word(of: &Value, key: &str) -> String {
    of[key].as_str().unwrap_or_default().to_owned()
}

fn is_in(rule: &Value, chain: &Value) -> bool {
    let keys = [("family", "family"), ("table", "table"), ("chain", "name")];
    keys.iter()
        .all(|(of_rule, own)| rule[of_rule] == chain[own])
}

fn with_rules(chain: &Value, all: &[Value]) -> Chain {
    let rules = all.iter().filter_map(|entry| entry.get("rule"));
    let rules = rules.filter(|rule| is_in(rule, chain));
    Chain {
        family: word(chain, "family"),
        table: word(chain, "table"),
        name: word(chain, "name"),
        kind: word(chain, "type"),
        hook: word(chain, "hook"),
        priority: chain["prio"].as_i64().unwrap_or_default(),
        drops: chain["policy"] == "drop",
        rules: rules.map(|rule| items(rule, "expr")).collect(),
    }
}
