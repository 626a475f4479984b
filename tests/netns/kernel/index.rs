//! The rule index: what the kernel answers while it comes and goes, rule by rule.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use eniroute::net::index_rule::{END, FLAT, IndexRule};
use eniroute::net::{Family, Rule};
use eniroute::plan::rule_index::{Ground, in_order};

use super::{Host, batch, ip, on_host};

/// So many tables, the first one without a default.
const TABLES: u32 = 4;
const EACH: u32 = 24;

fn source(family: Family, table: u32, host: u32) -> String {
    match family {
        Family::Ipv4 => format!("10.{}.{table}.{}", table % 2, 10 + host * 3),
        Family::Ipv6 => format!("2001:db8:{}:{table}::{:x}", table % 2, 10 + host * 3),
    }
}

fn sources(family: Family) -> Vec<(u32, String)> {
    (0..TABLES)
        .flat_map(|table| (0..EACH).map(move |host| (table, source(family, table, host))))
        .collect()
}

/// Addresses, tables and rules as eniroute makes them; main has a default by eth1.
fn furnish(family: Family) {
    let flag = family.flag();
    let (gateway, other, length) = match family {
        Family::Ipv4 => ("192.0.2.1", "10.9.0.0/16", 32),
        Family::Ipv6 => ("2001:db8:99::1", "2001:db8:9::/48", 128),
    };
    let mut lines = format!(
        "route add default via {gateway} dev eth1 onlink src {}\n",
        source(family, 0, 0)
    );
    for (_, source) in sources(family) {
        let words = if family == Family::Ipv6 { " nodad" } else { "" };
        lines = format!("address add {source}/{length} dev lo{words}\n{lines}");
    }
    lines += &format!("route add {other} via {gateway} dev eth2 onlink table 10000\n");
    for table in 1..TABLES {
        lines += &format!(
            "route add default via {gateway} dev eth2 onlink table {}\n",
            10_000 + table
        );
    }
    for (table, source) in sources(family) {
        let table = 10_000 + table;
        lines += &format!("rule add from {source} lookup {table} pref {table} protocol static\n");
    }
    let lines = lines.lines().map(|line| format!("{flag} {line}\n"));
    lines.for_each(|line| drop(ip(line.trim())));
}

/// What the kernel says of packets from some addresses of each table, from none, and from elsewhere.
fn answers(family: Family) -> Vec<String> {
    let to = match family {
        Family::Ipv4 => ["8.8.8.8", "10.9.0.1"],
        Family::Ipv6 => ["2001:4860:4860::8888", "2001:db8:9::1"],
    };
    let own = sources(family)
        .into_iter()
        .step_by(5)
        .map(|(_, source)| source);
    let questions: Vec<String> = own
        .flat_map(|from| to.map(|to| format!("route get {to} from {from}")))
        .chain(to.map(|to| format!("route get {to}")))
        .collect();
    let mut child = Command::new("ip")
        .args([family.flag(), "-force", "-o", "-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(questions.join("\n").as_bytes())
        .unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let answers: Vec<String> = said.lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), questions.len(), "{said}");
    answers
}

fn index_of(host: &mut Host, family: Family) -> BTreeSet<IndexRule> {
    let observed = host.observe();
    let rules: Vec<&Rule> = observed
        .rules
        .iter()
        .filter(|rule| rule.family == family)
        .collect();
    let ground = Ground {
        family,
        rules: &rules,
        is_ours: &|_| true,
        standing: &[],
        has_made: true,
    };
    ground.wanted().unwrap().into_iter().collect()
}

#[test]
fn after_each_single_rule_that_comes_or_goes_the_kernel_answers_as_without_an_index() {
    for family in [Family::Ipv4, Family::Ipv6] {
        on_host(move |host| {
            furnish(family);
            let before = answers(family);
            assert!(
                before[0].contains("dev eth1") && before[1].contains("table 10000"),
                "{before:#?}"
            );
            assert!(
                before.iter().any(|line| line.contains("table 10003")),
                "{before:#?}"
            );
            let index = index_of(host, family);
            for rule in in_order(index.iter().copied().collect()) {
                host.kernel.change_index(&[], &[rule]).unwrap();
                assert_eq!(answers(family), before, "{rule} has come");
            }
            assert_eq!(host.observe().index, index);
            let nodes = index.iter().filter(|rule| rule.priority < FLAT);
            for rule in nodes.copied().collect::<Vec<_>>() {
                host.kernel.change_index(&[rule], &[]).unwrap();
                assert_eq!(answers(family), before, "{rule} is lost");
                host.kernel.change_index(&[], &[rule]).unwrap();
            }
            for rule in in_order(index.iter().copied().collect()).iter().rev() {
                host.kernel.change_index(&[*rule], &[]).unwrap();
                assert_eq!(answers(family), before, "{rule} has gone");
            }
            assert_eq!(host.observe().index, BTreeSet::new());
        });
    }
}

#[test]
fn an_index_is_made_in_few_datagrams_and_ip_shows_it() {
    on_host(|host| {
        furnish(Family::Ipv4);
        let index = index_of(host, Family::Ipv4);
        host.kernel
            .change_index(&[], &in_order(index.iter().copied().collect()))
            .unwrap();
        assert_eq!(host.observe().index, index);
        let shown = ip("-4 -details rule");
        let shown: Vec<&str> = shown
            .lines()
            .filter(|line| line.contains("proto kernel"))
            .collect();
        let goes = format!("{END}:\tfrom all nop");
        assert!(
            shown.iter().any(|line| line.starts_with(&goes)),
            "{shown:#?}"
        );
        for rule in &index {
            let line = format!("{}:\t", rule.priority);
            assert!(shown.iter().any(|shown| shown.starts_with(&line)), "{rule}");
        }
        // What its commands make is the same.
        let commands = |command: fn(&IndexRule) -> String| {
            let lines = index.iter().map(command);
            lines
                .map(|line| line.replacen("ip -4 ", "", 1) + "\n")
                .collect::<String>()
        };
        batch(commands(IndexRule::remove_command));
        assert_eq!(host.observe().index, BTreeSet::new());
        batch(commands(IndexRule::add_command));
        assert_eq!(host.observe().index, index);
        let mut gone = in_order(index.iter().copied().collect());
        gone.reverse();
        host.kernel.change_index(&gone, &[]).unwrap();
        assert_eq!(host.observe().index, BTreeSet::new());
    });
}
