//! Other owners (O): tools that configure the same, firewalls, NAT, and forwarding that nobody here asked for.

use super::firewall;
use crate::conflicts::Peer;
use crate::gather::Gather;
use crate::net::Family;
use crate::numbering::Owner;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::forwarding::Switch;
use crate::reconcile::inspect::rulesets::{Chain, FilterRule, Tool, Verdict, stem};
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
                .filter_map(|(family, is_known)| legacy(inspection, *family, *is_known)),
        )
        .chain(firewall::findings(inspection))
        .chain(switches.filter_map(switched))
        .gathered()
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

/// O2: chains by which packets to this host, or through it, may be dropped. Of what the configuration wants to pass, it is
/// known better.
fn filters(inspection: &Inspection) -> impl Iterator<Item = Finding> {
    let forwards = inspection.owners.forwarding.is_on() && !firewall::is_configured(inspection);
    let chains = inspection.owners.rulesets.chains.iter();
    let asked = chains.filter(move |chain| is_asked(chain, forwards) && chain.tool != Tool::Legacy);
    asked.filter_map(|chain| filter(inspection, chain))
}

/// Packets to this host pass it, or those through it.
fn is_asked(chain: &Chain, forwards: bool) -> bool {
    let is_filter = chain.kind == "filter" && !chain.is_ours();
    is_filter && (chain.hook == "input" || forwards && chain.hook == "forward")
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
    let (name, families) = (firewall::title(chain), families(chain));
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
    rules.filter(|rule| rule.verdict == Verdict::Drop).count()
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
    let stops = |rule: &FilterRule| {
        matches!(
            rule.verdict,
            Verdict::Next | Verdict::Drop | Verdict::Return
        )
    };
    let is_plain = |rule: &FilterRule| rule.verdict == Verdict::Drop && rule.wants.is_empty();
    chain.rules.first().is_some_and(is_plain) || chain.drops && chain.rules.iter().all(stops)
}

fn name(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "IPv4",
        Family::Ipv6 => "IPv6",
    }
}

/// O2: what nft does not see. Where it is known that nothing of it drops, nothing is told.
fn legacy(inspection: &Inspection, family: Family, is_known: bool) -> Option<Finding> {
    let command = format!("{}-legacy -S", stem(family));
    let chains = inspection.owners.rulesets.chains.iter();
    let mut own = chains.filter(|chain| chain.tool == Tool::Legacy && chain.families() == [family]);
    let forwards = inspection.owners.forwarding.is_on() && !firewall::is_configured(inspection);
    let drops = |chain: &Chain| chain.drops || dropping(inspection, chain) > 0;
    if is_known && !own.any(|chain| is_asked(chain, forwards) && drops(chain)) {
        return None;
    }
    let what = format!(
        "iptables-legacy filters {}, and nft does not show its rules",
        name(family)
    );
    Some(
        Finding::new(Code::O2, Owner::Host, what, LOOK)
            .about("iptables-legacy")
            .is_not("a table `filter`", "no rule that drops what should pass")
            .mended_by(Remedy::review(command))
            .known_from(Evidence::kernel("/proc/net/ip_tables_names", "filter")),
    )
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
