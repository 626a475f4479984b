//! Who has made a rule that is not eniroute's: programs by what `ip rule` shows of theirs. Pure.

use super::rule::STATIC;
use super::{MAIN, Mark, Rule};

/// A program, and what its rules are like; with their protocol.
type Maker = (&'static str, fn(&Rule, u8) -> bool);

/// What programs are known by: their documentation, or their source. The first that fits.
const KNOWN: [Maker; 15] = [
    ("Tailscale", |rule, _| {
        let is_marked = has_mark(rule, 0x8_0000, 0xff_0000);
        (5_210..=5_270).contains(&rule.priority) && (rule.table == 52 || is_marked)
    }),
    ("Cloudflare WARP", |rule, _| rule.table == 65_743),
    ("Mullvad", |rule, _| rule.table == 0x6d6f_6c65),
    ("NordVPN", |rule, _| {
        rule.table == 205 && rule.extra().mark.is_some_and(|mark| mark.value == 0xe1f1)
    }),
    ("NetBird", |rule, _| {
        rule.table == 7_120 || rule.extra().mark.is_some_and(|mark| mark.value == 0x1_bd00)
    }),
    // The number of the table is the mark of WireGuard's own packets: 51820 (0xca6c), or the next that is free.
    ("wg-quick (WireGuard)", |rule, _| {
        is_inverted(rule)
            && rule
                .extra()
                .mark
                .is_some_and(|mark| mark.value == rule.table)
    }),
    ("wg-quick (WireGuard) or another VPN", |rule, _| {
        is_for_all(rule) && rule.table == MAIN && rule.suppress_prefixlength == Some(0)
    }),
    ("strongSwan (IPsec)", |rule, _| {
        (rule.priority, rule.table) == (220, 220)
    }),
    ("the AWS VPC CNI", |rule, _| match rule.priority {
        512 => rule.extra().to.is_some() && rule.table == MAIN,
        1_024 => has_mark(rule, 0x80, 0x80),
        1_536 => rule.from.is_some(),
        _ => false,
    }),
    ("Cilium", |rule, _| {
        let is_endpoints = matches!(rule.priority, 110 | 111) && rule.from.is_some();
        matches!(rule.table, 2_004 | 2_005) || is_endpoints
    }),
    ("Calico", |rule, protocol| {
        protocol == 80 || rule.priority == 99 && is_inverted(rule)
    }),
    ("nm-cloud-setup", |rule, _| {
        (30_200..30_500).contains(&rule.priority) && (30_200..30_500).contains(&rule.table)
    }),
    ("keepalived", |_, protocol| protocol == 18),
    ("FRRouting", |_, protocol| protocol == 11),
    ("BIRD", |_, protocol| protocol == 12),
];

/// Whose `rule` is, of this protocol (`RTPROT_*`), as it stands behind a comma.
pub fn maker(rule: &Rule, protocol: u8) -> String {
    match KNOWN.iter().find(|(_, is_its)| is_its(rule, protocol)) {
        Some((name, _)) => format!("as {name} makes it"),
        None => format!(
            "protocol {}, not created by eniroute",
            protocol_name(protocol)
        ),
    }
}

/// Who has surely made `rule`, if that is a program that has the upper bytes of marks for itself.
pub fn marker(rule: &Rule, protocol: u8) -> Option<&'static str> {
    match (rule.table, protocol) {
        (2_004 | 2_005, _) => Some("Cilium"),
        (_, 80) => Some("Calico"),
        _ => None,
    }
}

/// As iproute2 calls it.
fn protocol_name(protocol: u8) -> String {
    match protocol {
        // What `ip rule` makes without the word `protocol`.
        0 => "unspec".to_owned(),
        2 => "kernel".to_owned(),
        3 => "boot".to_owned(),
        STATIC => "static".to_owned(),
        16 => "dhcp".to_owned(),
        number => number.to_string(),
    }
}

fn is_inverted(rule: &Rule) -> bool {
    rule.extra()
        .foreign
        .as_ref()
        .is_some_and(|words| words.starts_with("not "))
}

fn is_for_all(rule: &Rule) -> bool {
    rule.from.is_none() && rule.extra.is_none()
}

fn has_mark(rule: &Rule, value: u32, mask: u32) -> bool {
    rule.extra().mark == Some(Mark { value, mask })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Extra, Family};

    fn rule(priority: u32, table: u32) -> Rule {
        Rule {
            priority,
            family: Family::Ipv4,
            from: None,
            table,
            suppress_prefixlength: None,
            extra: None,
        }
    }

    #[test]
    fn the_rules_of_vpns_and_cnis_are_known_by_their_form() {
        let marked = |rule: Rule, value, mask| {
            rule.with(Extra {
                mark: Some(Mark { value, mask }),
                ..Extra::NONE
            })
        };
        let inverted = |rule: Rule| {
            let extra = rule.extra().clone();
            rule.with(Extra {
                foreign: Some("not from all fwmark 0xca6c lookup 51820".into()),
                ..extra
            })
        };
        let specifics = Rule {
            suppress_prefixlength: Some(0),
            ..rule(9_998, MAIN)
        };
        let all = u32::MAX;
        for (rule, protocol, name) in [
            (
                inverted(marked(rule(9_999, 51_820), 0xca6c, all)),
                3,
                "wg-quick",
            ),
            (
                inverted(marked(rule(77, 51_821), 0xca6d, all)),
                3,
                "wg-quick",
            ),
            (specifics, 3, "wg-quick"),
            (rule(5_270, 52), 3, "Tailscale"),
            (
                marked(rule(5_210, MAIN), 0x8_0000, 0xff_0000),
                3,
                "Tailscale",
            ),
            (rule(220, 220), 3, "strongSwan"),
            (marked(rule(1_024, MAIN), 0x80, 0x80), 3, "VPC CNI"),
            (rule(7, 99), 18, "keepalived"),
            (rule(7, 99), 80, "Calico"),
        ] {
            let said = maker(&rule, protocol);
            assert!(
                said.starts_with("as ") && said.contains(name),
                "{rule}: {said}"
            );
        }
    }

    #[test]
    fn of_any_other_rule_the_protocol_is_told() {
        for (rule, protocol, words) in [
            (rule(9_999, 200), 3, "protocol boot"),
            (rule(5_270, 200), STATIC, "protocol static"),
            (rule(5_000, 52), 99, "protocol 99"),
            (rule(1_024, MAIN), 3, "protocol boot"),
        ] {
            let said = maker(&rule, protocol);
            assert!(said.starts_with(words), "{said}");
            assert!(said.ends_with("not created by eniroute"), "{said}");
        }
    }
}
