//! Whose a rule or route is: its protocol, and the tool that is known to make such rules.

use crate::net::MAIN;
use crate::net::fib::{FibRoute, PolicyRule, Protocol};
use crate::net::maker::maker;

/// A rule that names no priority is put right before the first one that is there (`fib_default_rule_pref`): eniroute's
/// first is at 10000.
const BEFORE_OURS: std::ops::RangeInclusive<u32> = 9_900..=9_999;

/// The rule, with who made it.
pub(super) fn rule(rule: &PolicyRule) -> String {
    let family = rule.family().flag();
    let words = &rule.rule;
    format!("the rule `ip {family} rule: {words}` ({})", of_rule(rule))
}

/// The route, with who made it.
pub(super) fn route(found: &FibRoute) -> String {
    let FibRoute {
        route, protocol, ..
    } = found;
    format!(
        "the route `{route}` of table {} ({})",
        table(route.table),
        of_protocol(*protocol)
    )
}

/// A table by the name that it has.
pub(super) fn table(number: u32) -> String {
    match number {
        MAIN => "main".to_owned(),
        number => number.to_string(),
    }
}

/// The program that makes such rules, or the protocol; and why it stands where it does.
pub(super) fn of_rule(rule: &PolicyRule) -> String {
    let maker = maker(&rule.rule, rule.protocol.0);
    if BEFORE_OURS.contains(&rule.rule.priority) {
        format!("{maker}; made without a priority, it landed before the first rule")
    } else {
        maker
    }
}

/// `protocol boot: an ip command`
fn of_protocol(protocol: Protocol) -> String {
    let who = match protocol.0 {
        0 => ": its maker did not say",
        2 => ": the kernel itself",
        3 => ": an `ip` command",
        4 => ": a network manager, or an administrator",
        9 => ": a router advertisement",
        16 => ": a DHCP client",
        _ => "",
    };
    format!("protocol {protocol}{who}")
}
