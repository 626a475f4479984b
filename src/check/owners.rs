//! Other owners (O): tools that configure the same, firewalls, NAT, and forwarding that nobody here asked for.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use crate::conflicts::Peer;
use crate::net::Family;
use crate::numbering::Owner;
use crate::plan::Planned;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::forwarding::Switch;
use crate::reconcile::inspect::rulesets::Chain;
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// What to do about a firewall.
const LOOK: &str = "see whether it lets through what should pass";

/// Every finding of the group that a run itself does not make.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let switches = inspection.owners.forwarding.switches.iter();
    let peers = inspection.owners.peers.iter().map(in_charge);
    peers
        .chain(inspection.owners.beside.iter().map(beside))
        .chain(filters(inspection))
        .chain(
            inspection
                .owners
                .rulesets
                .legacy
                .iter()
                .map(|family| legacy(*family)),
        )
        .chain(translated(inspection))
        .chain(switches.filter_map(switched))
        .collect()
}

/// O1: eniroute stands down for it.
fn in_charge(peer: &Peer) -> Finding {
    let both = format!("{} and eniroute", peer.name);
    let finding = Finding::told(Code::O1, Owner::Host, peer.sentence());
    known(finding.is_not(both, "one of the two"), peer)
}

/// With what there is of it, and the command that turns it off.
fn known(finding: Finding, peer: &Peer) -> Finding {
    let evidence = Evidence::file(&peer.evidence, "is there");
    let mut finding = finding.about(peer.name).known_from(evidence);
    let off = peer.off.split(", or ").filter(|off| !off.is_empty());
    finding.remedies.extend(off.take(1).map(Remedy::review));
    finding
}

/// O1: it makes rules or takes interfaces, too, and the two get on.
fn beside(peer: &Peer) -> Finding {
    let what = format!(
        "{} configures ENIs, too; eniroute's rules come first",
        peer.name
    );
    let finding = Finding::told(Code::O1, Owner::Host, what);
    known(finding.rated(Severity::Hint), peer)
}

/// O2: chains by which packets to this host, or through it, may be dropped.
fn filters(inspection: &Inspection) -> impl Iterator<Item = Finding> {
    let forwards = inspection.owners.forwarding.is_on();
    let chains = inspection.owners.rulesets.chains.iter();
    let asked = chains.filter(move |chain| is_asked(chain, forwards));
    asked.filter_map(|chain| filter(inspection, chain))
}

/// Packets to this host pass it, or those through it.
fn is_asked(chain: &Chain, forwards: bool) -> bool {
    chain.kind == "filter" && (chain.hook == "input" || forwards && chain.hook == "forward")
}

fn filter(inspection: &Inspection, chain: &Chain) -> Option<Finding> {
    let count = dropping(inspection, chain);
    if !chain.drops && count == 0 {
        return None;
    }
    let policy = if chain.drops { "drop" } else { "accept" };
    let now = format!("policy {policy}, {count} rules that drop or reject");
    let (verb, severity) = match drops_all(chain) {
        true => ("drops all", Severity::Warning),
        false => ("may drop", Severity::Hint),
    };
    let (name, families) = (title(chain), families(chain));
    let what = format!("the firewall's chain `{name}` {verb} {families} packets ({now})");
    let finding = Finding::new(Code::O2, Owner::Host, what, LOOK)
        .rated(severity)
        .about(name.clone())
        .is_not(now.clone(), "a rule that accepts what should pass")
        .mended_by(Remedy::review(format!("nft -a list chain {name}")))
        .known_from(Evidence::kernel(format!("nft list chain {name}"), now));
    Some(finding)
}

/// How many rules drop or reject, in the chain and those that it may jump to.
fn dropping(inspection: &Inspection, chain: &Chain) -> usize {
    let reached = inspection.owners.rulesets.of_table(chain);
    let reached = reached.filter(|other| other.hook.is_empty() || *other == chain);
    let rules = reached.flat_map(|chain| &chain.rules);
    rules.filter(|rule| has(rule, &["drop", "reject"])).count()
}

/// As nft takes it.
fn title(chain: &Chain) -> String {
    format!("{} {} {}", chain.family, chain.table, chain.name)
}

fn families(chain: &Chain) -> &'static str {
    match chain.family.as_str() {
        "ip" => "IPv4",
        "ip6" => "IPv6",
        _ => "IPv4 and IPv6",
    }
}

/// No packet gets through: the policy drops and nothing is let through, or the first rule drops whatever comes.
fn drops_all(chain: &Chain) -> bool {
    let lets_through = |rule: &Vec<Value>| has(rule, &["accept", "jump", "goto", "vmap", "queue"]);
    let first_drops = chain.rules.first().is_some_and(|rule| is_plain_drop(rule));
    first_drops || chain.drops && !chain.rules.iter().any(lets_through)
}

/// It drops, and selects nothing.
fn is_plain_drop(rule: &[Value]) -> bool {
    let is_plain = |one: &Value| one.get("drop").is_some() || one.get("counter").is_some();
    has(rule, &["drop"]) && rule.iter().all(is_plain)
}

fn name(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "IPv4",
        Family::Ipv6 => "IPv6",
    }
}

fn has(rule: &[Value], words: &[&str]) -> bool {
    let mut found = rule.iter();
    found.any(|one| words.iter().any(|word| one.get(word).is_some()))
}

fn legacy(family: Family) -> Finding {
    let command = match family {
        Family::Ipv4 => "iptables-legacy -S",
        Family::Ipv6 => "ip6tables-legacy -S",
    };
    let what = format!(
        "iptables-legacy filters {}, and nft does not show its rules",
        name(family)
    );
    Finding::new(Code::O2, Owner::Host, what, LOOK)
        .about("iptables-legacy")
        .is_not("a table `filter`", "no rule that drops what should pass")
        .mended_by(Remedy::review(command))
        .known_from(Evidence::kernel("/proc/net/ip_tables_names", "filter"))
}

/// O3: rules that give packets from an ENI's address another one.
fn translated(inspection: &Inspection) -> impl Iterator<Item = Finding> {
    let chains = inspection.owners.rulesets.chains.iter();
    let chains = chains.filter(|chain| chain.kind == "nat" && chain.hook == "postrouting");
    let rules = chains.flat_map(|chain| chain.rules.iter().map(move |rule| (chain, rule)));
    rules.filter_map(|(chain, rule)| inspection.enis().find_map(|one| changed(chain, rule, one)))
}

fn changed(chain: &Chain, rule: &[Value], planned: &Planned) -> Option<Finding> {
    let to = source(rule, planned)?;
    let mut own = planned.eni.ipv4.iter().map(|ip| IpAddr::V4(*ip));
    let from = own.find(|ip| *ip != to && is_for(rule, planned, *ip))?;
    let name = title(chain);
    let dev = &planned.dev;
    let what = format!("`{name}` makes {from} leave {dev} as {to}");
    let finding = Finding::new(
        Code::O3,
        Owner::Eni(planned.eni.mac),
        what,
        "narrow that rule",
    )
    .of_address(from)
    .is_not(to.to_string(), from.to_string())
    .mended_by(Remedy::review(format!("nft -a list chain {name}")))
    .known_from(Evidence::kernel(
        format!("nft list chain {name} (priority {})", chain.priority),
        serde_json::to_string(rule).unwrap_or_default(),
    ));
    Some(finding)
}

/// The address that a rule gives what leaves an ENI: a masquerade its first one.
fn source(rule: &[Value], planned: &Planned) -> Option<IpAddr> {
    if has(rule, &["masquerade"]) {
        return planned.eni.ipv4.first().map(|ip| IpAddr::V4(*ip));
    }
    let mut snat = rule.iter().filter_map(|one| one.get("snat"));
    snat.find_map(|snat| snat["addr"].as_str()?.parse().ok())
}

/// Whether it is for packets from `ip` that leave by the ENI. What selects by anything else is for others.
fn is_for(rule: &[Value], planned: &Planned, ip: IpAddr) -> bool {
    let mut matches = rule.iter().filter_map(|one| one.get("match"));
    matches.all(|one| {
        let (left, right) = (&one["left"], &one["right"]);
        let is_equal = one["op"] == "==";
        if left["meta"]["key"] == "oifname" || left["meta"]["key"] == "oif" {
            return is_equal == (*right == *planned.dev);
        }
        is_equal && left["payload"]["field"] == "saddr" && holds(right, ip)
    })
}

fn holds(right: &Value, ip: IpAddr) -> bool {
    let prefix = &right["prefix"];
    let pair = prefix["addr"].as_str().zip(prefix["len"].as_u64());
    let net = pair.and_then(|(address, length)| format!("{address}/{length}").parse().ok());
    net.or_else(|| host(right))
        .is_some_and(|net| net.contains(&ip))
}

fn host(right: &Value) -> Option<IpNet> {
    right.as_str()?.parse().ok().map(|ip: IpAddr| ip.into())
}

/// O4: forwarding is on, or off, and the files say something else, or nothing.
fn switched(switch: &Switch) -> Option<Finding> {
    let state = if switch.is_on { "on" } else { "off" };
    match &switch.winner {
        None if switch.is_on => {
            let why = "and no file in sysctl.d asks for it: a program has switched it on";
            Some(set(switch, state, why).is_not("on", "off, or asked for in a file"))
        }
        Some((path, line, value)) if switch.is_on == (value == "0") => {
            let source = format!("{}:{line}", path.display());
            let why = format!("and {source} says {value}, which holds from the next boot");
            let evidence = Evidence::file(source, format!("{} = {value}", switch.key));
            let finding = set(switch, state, &why).is_not(state, value);
            Some(finding.known_from(evidence))
        }
        _ => None,
    }
}

fn set(switch: &Switch, state: &str, why: &str) -> Finding {
    let (key, now) = (switch.key, u8::from(switch.is_on));
    let what = format!("{} forwarding is {state}, {why}", name(switch.family));
    let remedy = "say in one file in /etc/sysctl.d what is meant";
    Finding::new(Code::O4, Owner::Host, what, remedy)
        .about(key)
        .mended_by(Remedy::review(format!("sysctl -w {key}={}", 1 - now)))
        .known_from(Evidence::kernel(format!("sysctl {key}"), now.to_string()))
}
