//! The commands that let a packet through somebody else's chain, in the words of whoever runs the firewall.

use super::packet::End;
use crate::gather::Gather;
use crate::net::Family;
use crate::numbering::MARKS;
use crate::plan::egress::Range;
use crate::reconcile::inspect::rulesets::{Chain, Rulesets, Tool, stem};

/// So many clients get a rule each; of more eniroute's own mark is asked for, which flows have that came in by an ENI.
const MANY: usize = 8;

/// Docker calls it before its own rules, and leaves it to others.
const DOCKER: &str = "DOCKER-USER";

/// What a rule is to let through, or to leave alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line<'a> {
    pub iif: Option<&'a str>,
    pub oif: Option<&'a str>,
    pub from: Option<Range>,
    pub to: Option<Range>,
    pub is_marked: bool,
}

/// What somebody's chain is, and how it is changed.
pub struct Keeper<'a> {
    pub rulesets: &'a Rulesets,
    pub chain: &'a Chain,
    pub family: Family,
    /// Nothing but the policy is in the way.
    pub by_policy: bool,
    /// Connection tracking sees half of what is to pass, and calls it invalid.
    pub is_half: bool,
}

/// Whoever makes the chain's rules.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    Nft,
    Iptables,
    Ufw,
    Firewalld,
}

impl<'a> Line<'a> {
    /// From `from` to `to`; of the Internet nothing is said.
    pub fn between(iif: Option<&'a str>, oif: Option<&'a str>, from: &End, to: &End) -> Self {
        let one = |end: &End| match end {
            End::These(ranges) => ranges.first().copied(),
            End::Outside => None,
        };
        Self {
            iif,
            oif,
            from: one(from),
            to: one(to),
            is_marked: false,
        }
    }
}

/// As few of `lines` as do the same.
pub fn few(lines: Vec<Line>, family: Family) -> Vec<Line> {
    let marked = Line {
        is_marked: true,
        ..Line::default()
    };
    match lines.len() > 2 * MANY && family == Family::Ipv4 {
        true => vec![marked],
        false => lines,
    }
}

impl Keeper<'_> {
    /// One line for a shell that lets all of it through.
    pub fn accept(&self, lines: &[Line]) -> String {
        let program = self.program();
        let each = lines.iter().map(|line| match program {
            Program::Ufw => ufw(line),
            Program::Firewalld => self.firewalld(line),
            Program::Iptables => self.iptables(line, "ACCEPT"),
            Program::Nft => self.nft(line, "accept"),
        });
        let each: Vec<String> = each.gathered();
        match program {
            Program::Firewalld => firewalld_policy(&each),
            _ => each.join(" && "),
        }
    }

    /// The same that leaves it alone: for a chain of NAT.
    pub fn exempt(&self, lines: &[Line]) -> String {
        let each = lines.iter().map(|line| match self.program() {
            Program::Iptables | Program::Ufw => self.iptables(line, "RETURN"),
            Program::Nft | Program::Firewalld => self.nft(line, "return"),
        });
        each.gathered::<Vec<_>>().join(" && ")
    }

    /// The command that shows the chain.
    pub fn show(&self) -> String {
        let Chain {
            family,
            table,
            name,
            ..
        } = self.chain;
        match self.chain.tool {
            Tool::Nft => format!("nft -a list chain {family} {table} {name}"),
            _ => format!("{} -t {table} -S {name}", self.command()),
        }
    }

    fn has(&self, name: &str) -> bool {
        let mut others = self.rulesets.of_table(self.chain);
        others.any(|other| other.name == name)
    }

    /// firewalld drops what is invalid before it asks its policies: there the chain itself has to be told.
    fn program(&self) -> Program {
        let is_firewalld = self.chain.table == "firewalld" || self.has("FORWARD_direct");
        match self.chain {
            _ if is_firewalld && !self.is_half => Program::Firewalld,
            _ if self.has("ufw-user-forward") || self.has("ufw6-user-forward") => Program::Ufw,
            chain if chain.is_by_iptables() => Program::Iptables,
            _ => Program::Nft,
        }
    }

    /// The plain name may be the older one's.
    fn command(&self) -> String {
        let stem = stem(self.family);
        match self.chain.tool {
            Tool::Nft | Tool::Iptables if self.rulesets.legacy.is_empty() => stem.to_owned(),
            tool => stem.to_owned() + tool.suffix(),
        }
    }

    fn iptables(&self, line: &Line, target: &str) -> String {
        let (program, table, chain) = (self.command(), self.table(), self.entrance());
        let mark = || format!("-m connmark ! --mark 0/{MARKS:#x} ");
        let words = words([
            line.iif.map(|dev| format!("-i {dev} ")),
            line.oif.map(|dev| format!("-o {dev} ")),
            line.from.map(|range| end(range, ("-s", "src"))),
            line.to.map(|range| end(range, ("-d", "dst"))),
            line.is_marked.then(mark),
        ]);
        format!("{program} {table}-I {chain} {words}-j {target}")
    }

    fn table(&self) -> String {
        match self.chain.table.as_str() {
            "filter" => String::new(),
            table => format!("-t {table} "),
        }
    }

    /// The chain that others may put rules into.
    fn entrance(&self) -> &str {
        let is_docker = self.has(DOCKER);
        if is_docker { DOCKER } else { &self.chain.name }
    }

    fn nft(&self, line: &Line, verdict: &str) -> String {
        let Chain {
            family,
            table,
            name,
            ..
        } = self.chain;
        // Behind a rule that drops, another would not be asked.
        let verb = if self.by_policy { "add" } else { "insert" };
        let ip = ip(self.family);
        let words = words([
            line.iif.map(|dev| format!("iifname {dev} ")),
            line.oif.map(|dev| format!("oifname {dev} ")),
            line.from.map(|net| format!("{ip} saddr {net} ")),
            line.to.map(|net| format!("{ip} daddr {net} ")),
            line.is_marked
                .then(|| format!("'ct mark & {MARKS:#x} != 0' ")),
        ]);
        format!("nft {verb} rule {family} {table} {name} {words}{verdict}")
    }

    fn firewalld(&self, line: &Line) -> String {
        let family = match self.family {
            Family::Ipv4 => "ipv4",
            Family::Ipv6 => "ipv6",
        };
        let from = line.from.map(|net| format!(" source address=\"{net}\""));
        let to = line.to.map(|net| format!(" destination address=\"{net}\""));
        format!("rule family=\"{family}\"{} accept", words([from, to]))
    }
}

/// Those that there are, one behind the other.
fn words<const N: usize>(words: [Option<String>; N]) -> String {
    words.into_iter().flatten().gathered()
}

/// As nft calls it.
fn ip(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ip",
        Family::Ipv6 => "ip6",
    }
}

/// An option of iptables for a source or a destination.
fn end(range: Range, (option, word): (&str, &str)) -> String {
    match range.to_string() {
        range if range.contains('-') => format!("-m iprange --{word}-range {range} "),
        net => format!("{option} {net} "),
    }
}

/// A policy of its own for what passes from any zone to any zone. One that is there already is taken; a call adds one zone.
fn firewalld_policy(rules: &[String]) -> String {
    let set = "firewall-cmd --permanent --policy=eniroute";
    let rules = rules
        .iter()
        .map(|rule| format!(" --add-rich-rule='{rule}'"));
    let rules: String = rules.gathered();
    format!(
        "firewall-cmd --permanent --new-policy=eniroute; {set} --add-ingress-zone=ANY && {set} --add-egress-zone=ANY && \
         {set}{rules} && firewall-cmd --reload"
    )
}

/// Answers pass by rules that ufw has by itself.
fn ufw(line: &Line) -> String {
    let words = words([
        line.iif.map(|dev| format!(" in on {dev}")),
        line.oif.map(|dev| format!(" out on {dev}")),
        line.from.map(|net| format!(" from {net}")),
        line.to.map(|net| format!(" to {net}")),
    ]);
    format!("ufw route allow{words}")
}
