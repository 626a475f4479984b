//! The firewall and NAT of this network: nftables' rules, as `nft` tells them, and those of iptables, whose own matches nft
//! does not tell. The older iptables has tables of its own, which nft does not see at all.

mod iptables;
mod nft;
mod rule;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::command;
use crate::files::plain;
use crate::gather::Gather;
use crate::net::Family;
use crate::net::nft::TABLE;
pub use rule::{Field, FilterRule, Verdict, Want, Written};

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
    /// Families whose packets the older iptables filters, and whether its rules are known.
    pub legacy: Vec<(Family, bool)>,
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
    /// Whose words it is known in.
    pub tool: Tool,
    pub rules: Vec<FilterRule>,
}

/// Which program shows a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tool {
    #[default]
    Nft,
    /// iptables, whose rules nftables has.
    Iptables,
    /// The older iptables, which has tables of its own.
    Legacy,
}

impl Rulesets {
    /// Asks for them, as only root may.
    pub fn read(is_root: bool) -> Self {
        let said = if is_root && may_have_rules() {
            command::output("nft", &["-j", "list", "ruleset"], WAIT)
        } else {
            Ok(String::new())
        };
        let (mut chains, unseen) = match said {
            Ok(text) => (chains(&text), None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        tell_matches(&mut chains);
        let filtered = LEGACY.into_iter().filter(|(_, path)| is_filtered(path));
        let legacy = filtered.map(|(family, _)| {
            let told = is_root.then(|| saved(family, Tool::Legacy)).flatten();
            let is_known = told.is_some();
            chains.extend(told.into_iter().flatten());
            (family, is_known)
        });
        Self {
            legacy: legacy.gathered(),
            chains,
            unseen,
        }
    }

    /// The chains of this table, the base chains among them.
    pub fn of_table<'a>(&'a self, like: &'a Chain) -> impl Iterator<Item = &'a Chain> {
        let chains = self.chains.iter();
        chains.filter(move |chain| chain.is_beside(like))
    }

    /// The chains of others that packets pass at `hook`.
    pub fn foreign<'a>(&'a self, hook: &'a str) -> impl Iterator<Item = &'a Chain> {
        let chains = self.chains.iter();
        chains.filter(move |chain| chain.hook == hook && !chain.is_ours())
    }
}

impl Tool {
    /// What the name of iptables' program ends with, where there are both.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Legacy => "-legacy",
            Self::Nft | Self::Iptables => "-nft",
        }
    }
}

impl Chain {
    /// Both are of one table.
    pub fn is_beside(&self, other: &Self) -> bool {
        let table = |chain: &Self| (chain.family.clone(), chain.table.clone());
        (self.tool == Tool::Legacy) == (other.tool == Tool::Legacy) && table(self) == table(other)
    }

    /// It is eniroute's.
    pub fn is_ours(&self) -> bool {
        TABLE.split_once(' ') == Some((&self.family, &self.table))
    }

    /// Whose packets pass it.
    pub fn families(&self) -> &'static [Family] {
        match self.family.as_str() {
            "ip" => &[Family::Ipv4],
            "ip6" => &[Family::Ipv6],
            "inet" => &[Family::Ipv4, Family::Ipv6],
            _ => &[],
        }
    }

    /// iptables has made it: such a chain has its hook's name, in capitals.
    pub fn is_by_iptables(&self) -> bool {
        let is_named = self.name == self.hook.to_uppercase() && self.family != "inet";
        self.tool != Tool::Nft || is_named && !self.hook.is_empty()
    }
}

fn is_filtered(path: &str) -> bool {
    let tables = plain::text(path).unwrap_or_default();
    tables.lines().any(|table| table == "filter")
}

/// Puts what iptables says in the place of what nft says of iptables' chains, where there is something that nft does not
/// tell.
fn tell_matches(chains: &mut Vec<Chain>) {
    for (family, _) in LEGACY {
        let is_its = |chain: &Chain| chain.family != "inet" && chain.families() == [family];
        let is_dark = |chain: &Chain| chain.rules.iter().any(|rule| rule.text.contains("\"xt\":"));
        if !chains.iter().any(|chain| is_its(chain) && is_dark(chain)) {
            continue;
        }
        let told = saved(family, Tool::Iptables).unwrap_or_default();
        chains.retain(|chain| !told.iter().any(|other| other.is_beside(chain)));
        chains.extend(told);
    }
}

/// All tables of iptables, of the one kind or of the other. The program by the plain name may be of either.
fn saved(family: Family, tool: Tool) -> Option<Vec<Chain>> {
    let (stem, kind) = (stem(family), tool.suffix());
    let mut programs = [format!("{stem}{kind}-save"), format!("{stem}-save")].into_iter();
    let program = programs.find(|program| command::is_there(program))?;
    let text = command::output(&program, &[], WAIT).ok()?;
    let mut remarks = text.lines().filter(|line| line.starts_with('#'));
    let is_nft = remarks.any(|line| line.contains("(nf_tables)") || line.contains("xtables-save"));
    (is_nft != (tool == Tool::Legacy)).then(|| iptables::chains(&text, family, tool))
}

/// What the program is called.
pub fn stem(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "iptables",
        Family::Ipv6 => "ip6tables",
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
    chains.map(|chain| with_rules(chain, &all)).gathered()
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
        tool: Tool::Nft,
        rules: rules
            .flat_map(|rule| nft::rules(&items(rule, "expr")))
            .gathered(),
    }
}

#[cfg(test)]
mod tests;
