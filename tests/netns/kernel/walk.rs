//! The walk of a packet over listed rules and routes against `ip route get`: random rules and tables, one namespace.
//! A failing state is made again with `ENIROUTE_SEED=NUMBER`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use eniroute::check::walk::{End, Packet, Walker};
use eniroute::net::RouteKind;
use eniroute::net::fib::Action;

use super::*;

const STATES: u64 = 40;
const QUESTIONS: usize = 60;

const FAMILIES: [&str; 2] = ["-4", "-6"];
const OWN: [[&str; 4]; 2] = [
    ["10.0.1.5", "10.0.1.6", "10.0.2.5", "10.0.3.7"],
    ["fd00:1::5", "fd00:1::6", "fd00:2::5", "fd00:3::7"],
];
const DESTINATIONS: [[&str; 6]; 2] = [
    [
        "192.0.2.1",
        "10.0.1.1",
        "10.0.2.9",
        "10.9.0.1",
        "10.0.1.5",
        "172.17.0.2",
    ],
    [
        "2001:db8::1",
        "fd00:1::1",
        "fd00:2::9",
        "fd00:9::1",
        "fd00:1::5",
        "fd00:17::2",
    ],
];
const PREFIXES: [[&str; 7]; 2] = [
    [
        "default",
        "10.0.0.0/8",
        "10.0.1.0/24",
        "10.0.2.0/24",
        "192.0.0.0/4",
        "192.0.2.1/32",
        "172.17.0.0/16",
    ],
    [
        "default",
        "fd00::/8",
        "fd00:1::/64",
        "fd00:2::/64",
        "2000::/4",
        "2001:db8::1/128",
        "fd00:17::/64",
    ],
];
const TABLES: [&str; 5] = ["main", "100", "101", "10001", "10002"];

/// Numbers that look random, the same for the same seed (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn one_of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.roll(list.len())]
    }

    fn sometimes(&mut self, text: String) -> String {
        if self.roll(4) == 0 {
            text
        } else {
            String::new()
        }
    }
}

fn seed() -> u64 {
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_nanos()
    };
    std::env::var("ENIROUTE_SEED").map_or_else(
        |_| u64::try_from(now() % 1_000_000).unwrap(),
        |seed| seed.parse().unwrap(),
    )
}

#[test]
fn a_walk_over_random_rules_and_tables_ends_where_ip_route_get_does() {
    on_host(|host| {
        let first = seed();
        let mut ends = BTreeMap::new();
        for seed in first..first + STATES {
            println!("ENIROUTE_SEED={seed}");
            let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
            for v6 in [0, 1] {
                clear(v6);
                force(v6, &state(&mut dice, v6));
                until_addresses_are_up(v6);
                compare(host, &questions(&mut dice, v6), v6, &mut ends);
            }
        }
        println!("{ends:?}");
        assert!(ends.len() > 6, "every kind of end and some ways: {ends:?}");
    });
}

/// Nothing but `local`, `main` and `default` in a fresh state, and no route but the kernel's.
fn clear(v6: usize) {
    ip(&format!("{} rule flush", FAMILIES[v6]));
    let mut lines = String::from("rule add pref 0 lookup local\nrule add pref 32766 lookup main\n");
    for dev in ["eth1", "eth2"] {
        writeln!(lines, "address flush dev {dev}").unwrap();
    }
    for table in TABLES {
        writeln!(lines, "route flush table {table}").unwrap();
    }
    force(v6, &lines);
}

/// Runs each line with `ip`, whatever comes of the others; what it says on stdout, and the numbers of the lines that
/// failed with the reasons.
fn force(v6: usize, lines: &str) -> (String, Vec<(usize, String)>) {
    let mut child = Command::new("ip")
        .args([FAMILIES[v6], "-o", "-force", "-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, lines.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let complaints = String::from_utf8(output.stderr).unwrap();
    let mut failed = Vec::new();
    let mut reason = String::new();
    for line in complaints.lines() {
        match line.strip_prefix("Command failed -:") {
            Some(number) => failed.push((number.parse().unwrap(), std::mem::take(&mut reason))),
            None => reason.push_str(line),
        }
    }
    (String::from_utf8(output.stdout).unwrap(), failed)
}

fn state(dice: &mut Dice, v6: usize) -> String {
    let (length, nodad) = [("24", ""), ("64", "nodad")][v6];
    let mut lines = String::new();
    for (n, own) in OWN[v6].iter().enumerate() {
        let dev = if n < 2 { "eth1" } else { "eth2" };
        writeln!(lines, "address add {own}/{length} dev {dev} {nodad}").unwrap();
    }
    for _ in 0..12 {
        lines.push_str(&route(dice, v6));
    }
    for _ in 0..dice.roll(12) {
        lines.push_str(&rule(dice, v6));
    }
    lines
}

fn route(dice: &mut Dice, v6: usize) -> String {
    let kind = dice.one_of(&[
        "",
        "",
        "",
        "",
        "throw",
        "blackhole",
        "unreachable",
        "prohibit",
    ]);
    let prefix = dice.one_of(&PREFIXES[v6]);
    let table = dice.one_of(&TABLES);
    let metric = dice.roll(3) * 100 + 1;
    let dev = dice.one_of(&["eth1", "eth2"]);
    let router =
        [["10.0.1.1", "10.0.2.1"], ["fd00:1::1", "fd00:2::1"]][v6][usize::from(dev == "eth2")];
    let via = if dice.roll(2) == 0 {
        format!("via {router}")
    } else {
        String::new()
    };
    let way = if kind.is_empty() {
        format!("{via} dev {dev} onlink")
    } else {
        String::new()
    };
    let way = if via.is_empty() {
        way.replace(" onlink", "")
    } else {
        way
    };
    format!("route append {kind} {prefix} {way} table {table} metric {metric}\n")
}

fn rule(dice: &mut Dice, v6: usize) -> String {
    let not = dice.sometimes("not".into());
    let own = dice.one_of(&OWN[v6]);
    let from = dice.one_of(&["all", own, PREFIXES[v6][2], PREFIXES[v6][1]]);
    let to = dice.one_of(&PREFIXES[v6][1..]);
    let to = dice.sometimes(format!("to {to}"));
    let mark = dice.roll(3);
    let mark = dice.sometimes(format!("fwmark {mark}/0x3"));
    let iif = dice.one_of(&["lo", "lo", "eth1"]);
    let iif = dice.sometimes(format!("iif {iif}"));
    let uid = dice.one_of(&["0-0", "1-1000"]);
    let uid = dice.sometimes(format!("uidrange {uid}"));
    let traffic = dice.one_of(&["ipproto tcp dport 53", "tos 0x10", "oif eth1"]);
    let traffic = if dice.roll(8) == 0 { traffic } else { "" };
    let priority = 1000 + dice.roll(40) * 1000;
    let table = dice.one_of(&TABLES);
    let onward = priority + 1000 + dice.roll(5) * 1000;
    let suppress = dice.sometimes(format!("suppress_prefixlength {}", dice_length(priority)));
    let action = match dice.roll(12) {
        0 => format!("goto {onward}"),
        1 => "nop".to_owned(),
        2 => ["unreachable", "prohibit", "blackhole"][priority / 1000 % 3].to_owned(),
        _ => format!("lookup {table} {suppress}"),
    };
    format!(
        "rule add {not} from {from} {to} {mark} {iif} {uid} {traffic} pref {priority} {action}\n"
    )
}

fn dice_length(priority: usize) -> usize {
    [0, 0, 8, 24][priority / 1000 % 4]
}

fn questions(dice: &mut Dice, v6: usize) -> Vec<Packet> {
    let ask = |_| {
        let from = (dice.roll(5) > 0).then(|| dice.one_of(&OWN[v6]).parse().unwrap());
        let to = dice.one_of(&DESTINATIONS[v6]).parse().unwrap();
        let mark = u32::try_from(dice.roll(4)).unwrap();
        Packet {
            mark,
            ..Packet::sent(from, to)
        }
    };
    (0..QUESTIONS).map(ask).collect()
}

fn compare(host: &mut Host, packets: &[Packet], v6: usize, ends: &mut BTreeMap<String, usize>) {
    let lines: String = packets.iter().map(question).collect();
    let (answers, failed) = force(v6, &lines);
    let mut answers = answers.lines();
    let fib = host.kernel.fib(&host.links).unwrap();
    let walker = Walker::new(&fib);
    for (n, packet) in packets.iter().enumerate() {
        let refusal = failed.iter().find(|(line, _)| *line == n + 1);
        let theirs = match refusal {
            Some((_, reason)) => reason.rsplit(": ").next().unwrap().to_owned(),
            None => way_of(answers.next().unwrap()),
        };
        let walk = walker.walk(packet);
        let rules = ip(&format!("{} rule", FAMILIES[v6]));
        let ours = ours(&walk.end);
        assert!(
            ours.contains(&theirs),
            "{packet:?}: {theirs}, not {ours:?}
{rules}{walk:#?}"
        );
        *ends.entry(theirs).or_default() += 1;
        let candidates = walker.candidates(packet.family(), packet.from);
        let short = walker.walk_by(packet, &candidates);
        assert_eq!(
            short.end, walk.end,
            "past all rules and past the candidates: {packet:?}"
        );
    }
}

fn question(packet: &Packet) -> String {
    let from = packet.from.map_or(String::new(), |ip| format!("from {ip}"));
    format!("route get {} {from} mark {}\n", packet.to, packet.mark)
}

/// The kernel makes the `local` route of an IPv6 address a moment after the address.
fn until_addresses_are_up(v6: usize) {
    let are_up = || {
        let routes = ip(&format!("{} route show table local", FAMILIES[v6]));
        let is_up = |own: &&str| routes.contains(&format!("local {own} "));
        OWN[v6].iter().all(is_up)
    };
    for _ in 0..1000 {
        if are_up() {
            return;
        }
        thread::sleep(std::time::Duration::from_millis(2));
    }
    panic!("no local route for an address within two seconds");
}

/// `via` and `dev` of an answer; of what is for this host, `lo`.
fn way_of(answer: &str) -> String {
    if answer.starts_with("local ") {
        return "dev lo ".to_owned();
    }
    let mut words = answer.split_whitespace();
    let mut way = String::new();
    while let Some(word) = words.next() {
        if ["via", "dev"].contains(&word) {
            write!(way, "{word} {} ", words.next().unwrap()).unwrap();
        }
    }
    way
}

/// The same of a walk's end, of which each flow takes one, or the kernel's words for an error.
fn ours(end: &End) -> Vec<String> {
    let refusal = match end {
        End::Route(_) if end.is_local() => "dev lo ",
        End::Route(found) => {
            let via = |ip: Option<IpAddr>| ip.map_or(String::new(), |ip| format!("via {ip} "));
            let ways = found.route.ways();
            return ways
                .map(|(ip, dev)| format!("{}dev {dev} ", via(ip)))
                .collect();
        }
        End::RefusedByRoute(found) => match found.route.kind {
            RouteKind::Other(6) => "Invalid argument",
            RouteKind::Other(7) => "No route to host",
            _ => "Permission denied",
        },
        End::RefusedByRule(rule) => match rule.action {
            Action::Blackhole => "Invalid argument",
            Action::Prohibit => "Permission denied",
            _ => "Network is unreachable",
        },
        End::NoRoute => "Network is unreachable",
    };
    vec![refusal.to_owned()]
}
