//! Rules in the words of iptables-save(8), which tells what nft does not: what iptables' own matches select by, and the
//! tables of the older iptables.

use super::rule::{Field, FilterRule, Verdict, Want, Written};
use super::{Chain, Tool};
use crate::gather::Gather;
use crate::net::Family;

/// What the tables' own chains are to the kernel: the table, and its priority where packets are passed on.
const TABLES: [(&str, i64); 5] = [
    ("raw", -300),
    ("mangle", -150),
    ("filter", 0),
    ("security", 50),
    ("nat", 100),
];

/// Modules whose options are understood below, or that ask for nothing of their own.
const KNOWN: [&str; 6] = [
    "conntrack",
    "state",
    "comment",
    "iprange",
    "connmark",
    "tcpmss",
];

/// Targets that let the next rule be asked.
const IDLE: [&str; 9] = [
    "LOG", "NFLOG", "MARK", "CONNMARK", "TCPMSS", "CT", "NOTRACK", "ULOG", "TRACE",
];

/// The chains of all tables.
pub(super) fn chains(text: &str, family: Family, tool: Tool) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    let mut table = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name;
        } else if let Some(declared) = line.strip_prefix(':') {
            chains.push(declare(declared, table, (family, tool)));
        } else if let Some((name, rule)) = line.strip_prefix("-A ").map(with_rule) {
            let mut known = chains.iter_mut().rev();
            if let Some(chain) = known.find(|chain| chain.table == table && chain.name == name) {
                chain.rules.push(rule_of(rule));
            }
        }
    }
    chains
}

/// The name of its chain, and the rest.
fn with_rule(line: &str) -> (&str, &str) {
    line.split_once(' ').unwrap_or((line, ""))
}

/// `FORWARD DROP [0:0]`; a chain of one's own has no policy.
fn declare(line: &str, table: &str, (family, tool): (Family, Tool)) -> Chain {
    let mut words = line.split(' ');
    let name = words.next().unwrap_or_default().to_owned();
    let policy = words.next().unwrap_or_default();
    let is_base = policy != "-";
    let known = TABLES.iter().find(|(known, _)| *known == table);
    let kind = if table == "nat" { "nat" } else { "filter" };
    let of_base = |text: String| if is_base { text } else { String::new() };
    Chain {
        family: match family {
            Family::Ipv4 => "ip".to_owned(),
            Family::Ipv6 => "ip6".to_owned(),
        },
        table: table.to_owned(),
        kind: of_base(kind.to_owned()),
        hook: of_base(name.to_lowercase()),
        name,
        priority: known.map_or(0, |(_, priority)| *priority),
        drops: policy == "DROP",
        tool,
        rules: Vec::new(),
    }
}

/// What stands behind the name of the chain.
fn rule_of(line: &str) -> FilterRule {
    let mut rule = FilterRule {
        text: line.to_owned(),
        ..FilterRule::default()
    };
    let (mut words, mut is_not) = (words(line).into_iter().peekable(), false);
    while let Some(word) = words.next() {
        if word == "!" {
            is_not = true;
            continue;
        }
        let mut values = Vec::new();
        while let Some(value) = words.next_if(|next| !is_option(next)) {
            values.push(value);
        }
        match (word, values.first()) {
            ("-j", Some(target)) => {
                let options: Vec<&str> = values
                    .iter()
                    .copied()
                    .skip(1)
                    .chain(words.by_ref())
                    .gathered();
                aim(&mut rule, target, &options);
            }
            ("-g", Some(target)) => rule.verdict = Verdict::Goto((*target).to_owned()),
            ("-m", Some(module)) => {
                let is_known = KNOWN.contains(module);
                rule.wants.extend((!is_known).then_some(Want::OTHER));
            }
            ("--comment", _) => {}
            (option, value) => rule.wants.push(wanted(option, value.copied(), is_not)),
        }
        is_not = false;
    }
    rule
}

fn is_option(word: &str) -> bool {
    word == "!" || word.starts_with('-') && word.len() > 1
}

/// By spaces, but those between quotes.
fn words(line: &str) -> Vec<&str> {
    let parts = line.split('"').enumerate();
    parts
        .flat_map(|(number, part)| match number % 2 {
            0 => part.split_whitespace().gathered(),
            _ => vec![part],
        })
        .gathered()
}

fn wanted(option: &str, value: Option<&str>, is_not: bool) -> Want {
    let field = match option {
        "-i" => Field::Iif,
        "-o" => Field::Oif,
        "-s" | "--src-range" => Field::Source,
        "-d" | "--dst-range" => Field::Destination,
        "-p" => Field::Protocol,
        "--ctstate" | "--state" => Field::State,
        "--ctstatus" => Field::Status,
        "--ctdir" => Field::Direction,
        "--mark" => Field::Connmark,
        _ => return Want::OTHER,
    };
    let value = value.unwrap_or_default();
    let among = match field {
        Field::Iif | Field::Oif => vec![value.replace('+', "*")],
        _ => value
            .to_lowercase()
            .split(',')
            .map(str::to_owned)
            .gathered(),
    };
    Want {
        field,
        is_not,
        among,
    }
}

fn aim(rule: &mut FilterRule, target: &str, options: &[&str]) {
    rule.clamps = target == "TCPMSS";
    rule.writes = written(target, options).filter(|_| target.ends_with("MARK"));
    rule.verdict = match target {
        "ACCEPT" => Verdict::Accept,
        "DROP" | "REJECT" => Verdict::Drop,
        "RETURN" => Verdict::Return,
        "MASQUERADE" => Verdict::Translate(None),
        "SNAT" => Verdict::Translate(after(options, "--to-source").and_then(|ip| ip.parse().ok())),
        _ if IDLE.contains(&target) => Verdict::Next,
        chain => Verdict::Jump(chain.to_owned()),
    };
}

fn after<'a>(options: &[&'a str], name: &str) -> Option<&'a str> {
    let place = options.iter().position(|word| *word == name)?;
    options.get(place + 1).copied()
}

/// A mark is set with a mask, or copied from a packet to its connection, or back.
fn written(target: &str, options: &[&str]) -> Option<Written> {
    let number = |text: &str| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok();
    let to_connection = target == "CONNMARK" && !options.contains(&"--restore-mark");
    let copied = if to_connection {
        "--ctmask"
    } else {
        "--nfmask"
    };
    let (value, mask) = match after(options, "--set-xmark") {
        Some(set) => set.split_once('/').unwrap_or((set, "0xffffffff")),
        None => ("0", after(options, copied).unwrap_or("0xffffffff")),
    };
    Some(Written {
        to_connection,
        value: number(value)?,
        mask: number(mask)?,
    })
}
