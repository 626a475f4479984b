//! Rules in the JSON of `nft -j list ruleset` (libnftables-json(5)). Of nft 0.9.8 to 1.1.3 what is understood here is the
//! same.

use serde_json::Value;

use super::rule::{Field, FilterRule, Verdict, Want, Written};
use crate::gather::Gather;

/// What decides nothing and asks nothing.
const IDLE: [&str; 5] = ["counter", "log", "notrack", "flow", "comment"];

/// A rule, and the others that its verdict map stands for, which come before it.
pub(super) fn rules(expressions: &[Value]) -> Vec<FilterRule> {
    let mut rule = FilterRule {
        text: serde_json::to_string(expressions).unwrap_or_default(),
        ..FilterRule::default()
    };
    let mut rules = Vec::new();
    for one in expressions {
        let Some((word, value)) = one.as_object().and_then(|one| one.iter().next()) else {
            continue;
        };
        match word.as_str() {
            "match" => rule.wants.extend(matched(value)),
            "vmap" => rules.extend(mapped(value, &rule)),
            "mangle" => mangle(value, &mut rule),
            "xt" => by_iptables(value, &mut rule),
            word if IDLE.contains(&word) => {}
            word => match verdict(word, value) {
                Some(verdict) => rule.verdict = verdict,
                None => rule.wants.push(Want::OTHER),
            },
        }
    }
    rules.push(rule);
    rules
}

fn verdict(word: &str, value: &Value) -> Option<Verdict> {
    let target = || value["target"].as_str().unwrap_or_default().to_owned();
    Some(match word {
        "accept" => Verdict::Accept,
        "drop" | "reject" => Verdict::Drop,
        "return" => Verdict::Return,
        "continue" => Verdict::Next,
        "jump" => Verdict::Jump(target()),
        "goto" => Verdict::Goto(target()),
        "masquerade" => Verdict::Translate(None),
        "snat" => Verdict::Translate(value["addr"].as_str().and_then(|ip| ip.parse().ok())),
        "queue" | "dnat" | "redirect" | "tproxy" => Verdict::Other,
        _ => return None,
    })
}

/// What iptables has put there, as far as its name tells.
fn by_iptables(value: &Value, rule: &mut FilterRule) {
    match (value["type"].as_str(), value["name"].as_str()) {
        (_, Some("comment")) => {}
        (Some("target"), Some("REJECT")) => rule.verdict = Verdict::Drop,
        (Some("target"), Some("MASQUERADE" | "SNAT")) => rule.verdict = Verdict::Translate(None),
        (Some("target"), Some("TCPMSS")) => rule.clamps = true,
        (Some("target"), Some("LOG" | "NFLOG")) => {}
        _ => rule.wants.push(Want::OTHER),
    }
}

fn mangle(value: &Value, rule: &mut FilterRule) {
    let key = &value["key"];
    rule.clamps |= key["tcp option"]["name"] == "maxseg";
    let to_connection = key["ct"]["key"] == "mark";
    if to_connection || key["meta"]["key"] == "mark" {
        let (value, mask) = written(&value["value"], key);
        rule.writes = Some(Written {
            to_connection,
            value,
            mask,
        });
    }
}

/// The bits that are set, and those that are changed, of a number or of what the mark was: `mark & A | B`.
fn written(value: &Value, own: &Value) -> (u32, u32) {
    let of = |word: &str| {
        let ends = value[word].as_array()?;
        Some((ends.first()?, bits(ends.last()?)?))
    };
    if let Some((rest, set)) = of("|").or_else(|| of("^")) {
        let (value, mask) = written(rest, own);
        return (value | set, mask | set);
    }
    match (of("&"), bits(value)) {
        (Some((rest, kept)), _) if rest == own => (0, !kept),
        (_, Some(number)) => (number, u32::MAX),
        _ if value == own => (0, 0),
        _ => (0, u32::MAX),
    }
}

fn bits(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
}

/// One rule for each element of a verdict map that is written out.
fn mapped(value: &Value, rule: &FilterRule) -> Vec<FilterRule> {
    let elements = value["data"]["set"].as_array();
    let Some(elements) = elements else {
        let rest = FilterRule {
            verdict: Verdict::Other,
            ..rule.clone()
        };
        return vec![rest];
    };
    let of = |element: &Value| {
        let (word, target) = element[1].as_object()?.iter().next()?;
        let mut rule = rule.clone();
        rule.wants.extend(wants(&value["key"], &element[0], false));
        rule.verdict = verdict(word, target)?;
        Some(rule)
    };
    elements.iter().filter_map(of).gathered()
}

fn matched(value: &Value) -> Vec<Want> {
    match value["op"].as_str() {
        Some("==" | "in") => wants(&value["left"], &value["right"], false),
        Some("!=") => wants(&value["left"], &value["right"], true),
        _ => vec![Want::OTHER],
    }
}

/// A part of a header is only one of its own protocol's.
fn wants(left: &Value, right: &Value, is_not: bool) -> Vec<Want> {
    let header = left["payload"]["protocol"].as_str();
    let of = header.and_then(|header| match header {
        "ip" => Some((Field::Family, "ipv4")),
        "ip6" => Some((Field::Family, "ipv6")),
        "tcp" | "udp" | "icmp" | "icmpv6" | "sctp" => Some((Field::Protocol, header)),
        _ => None,
    });
    let of = of.map(|(field, name)| Want {
        field,
        is_not: false,
        among: vec![name.to_owned()],
    });
    let wanted = field(left).and_then(|field| {
        let among = match field {
            Field::Connmark => connmark(left, right).map(|mark| vec![mark]),
            _ => values(right),
        };
        Some(Want {
            field,
            is_not,
            among: among?,
        })
    });
    let all = of.into_iter().chain([wanted.unwrap_or(Want::OTHER)]);
    all.gathered()
}

fn field(left: &Value) -> Option<Field> {
    let key = |what: &str| left[what]["key"].as_str();
    let is_ip = || {
        left["payload"]["protocol"]
            .as_str()
            .is_some_and(|name| name.starts_with("ip"))
    };
    Some(
        match (key("meta"), key("ct"), left["payload"]["field"].as_str()) {
            (Some("iif" | "iifname"), ..) => Field::Iif,
            (Some("oif" | "oifname"), ..) => Field::Oif,
            (Some("nfproto" | "protocol"), ..) => Field::Family,
            (Some("l4proto"), ..) => Field::Protocol,
            (_, _, Some("protocol" | "nexthdr")) => Field::Protocol,
            (_, Some("state"), _) => Field::State,
            (_, Some("status"), _) => Field::Status,
            (_, Some("direction"), _) => Field::Direction,
            (_, Some("mark"), _) => Field::Connmark,
            (_, _, Some("saddr")) if is_ip() => Field::Source,
            (_, _, Some("daddr")) if is_ip() => Field::Destination,
            _ if left["&"][0]["ct"]["key"] == "mark" => Field::Connmark,
            _ => return None,
        },
    )
}

/// `VALUE/MASK`. Some bits from the first on are shown as a prefix, by some versions of nft.
fn connmark(left: &Value, right: &Value) -> Option<String> {
    let prefix = &right["prefix"];
    let length = |value: &Value| u32::MAX.checked_shl(32_u32.checked_sub(bits(value)?)?);
    let (value, mask) = match left["&"].get(1) {
        Some(mask) => (bits(right)?, bits(mask)?),
        None if prefix.is_object() => (bits(&prefix["addr"])?, length(&prefix["len"])?),
        None => (bits(right)?, u32::MAX),
    };
    Some(format!("{value:#x}/{mask:#x}"))
}

/// `None`: what is there is not known from here, as of a set that has a name.
fn values(right: &Value) -> Option<Vec<String>> {
    let many = right.as_array().or_else(|| right["set"].as_array());
    if let Some(many) = many {
        let each: Option<Vec<_>> = many.iter().map(values).gathered();
        return Some(each?.concat());
    }
    let (prefix, range) = (&right["prefix"], &right["range"]);
    let value = match (prefix["addr"].as_str(), range.as_array()) {
        (Some(address), _) => format!("{address}/{}", prefix["len"]),
        (_, Some(range)) => format!("{}-{}", range.first()?.as_str()?, range.last()?.as_str()?),
        _ if right["elem"].is_object() => return values(&right["elem"]["val"]),
        _ => word(right.as_str()?)?.to_owned(),
    };
    Some(vec![value])
}

fn word(word: &str) -> Option<&str> {
    match word {
        "ip" => Some("ipv4"),
        "ip6" => Some("ipv6"),
        word => Some(word).filter(|word| !word.starts_with('@')),
    }
}
