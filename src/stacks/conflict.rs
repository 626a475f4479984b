//! A file of somebody else's at a path of ours: it stays, all else is written, and a note says what is missing for the
//! next boot. Pure.

use std::collections::BTreeSet;

use crate::files::{File, Standing};
use crate::gather::Gather;

/// So many lines are shown.
const SHOWN: usize = 6;

/// The note that `file` is not written because of what is `standing` there, which reads `theirs`.
pub fn note(file: &File, standing: &Standing, theirs: &str) -> String {
    let path = file.path.display();
    let what = match standing {
        Standing::Other(what) => (*what).to_owned(),
        Standing::Nothing | Standing::Plain(_) => "a file".to_owned(),
    };
    let head = format!("{path} is {what} that eniroute did not write, and was left alone");
    let lacking = lacking(&file.text, theirs);
    if lacking.is_empty() {
        return format!("{head}; it has all that eniroute would write there");
    }
    format!(
        "{head}; it keeps from being written: {}. At a boot that is missing until eniroute.service has run; add it \
         to that file, or move the file away and run `eniroute apply`",
        list(&lacking)
    )
}

/// The first few lines, and how many more there are.
fn list(lines: &[&str]) -> String {
    let shown = lines.iter().take(SHOWN).map(|line| format!("`{line}`"));
    let shown = shown.gathered::<Vec<_>>().join(", ");
    match lines.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more lines"),
    }
}

/// The lines of `ours` that `theirs` has not, comments left out.
pub fn lacking<'a>(ours: &'a str, theirs: &str) -> Vec<&'a str> {
    let present: BTreeSet<_> = lines(theirs).map(meaning).into_set();
    lines(ours)
        .filter(|line| !present.contains(&meaning(line)))
        .gathered()
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The words of a line as `ip route add` and `ip rule add` take them, in pairs and in any order, without what makes no
/// other route or rule. Of any other line, the words.
fn meaning(line: &str) -> BTreeSet<(String, String)> {
    let mut words = line.split_whitespace().peekable();
    let mut pairs = BTreeSet::new();
    if words.peek().is_some_and(|word| is_destination(word)) {
        pairs.insert(("to".to_owned(), words.next().map(value).unwrap_or_default()));
    }
    while let Some(word) = words.next() {
        let key = match word {
            "onlink" | "unicast" => continue,
            "lookup" => "table",
            "prio" | "pref" | "preference" | "order" => "priority",
            key => key,
        };
        let value = words.next().map(value).unwrap_or_default();
        if !["proto", "protocol", "scope"].contains(&key) {
            pairs.insert((key.to_owned(), value));
        }
    }
    pairs
}

fn is_destination(word: &str) -> bool {
    word == "default"
        || word.starts_with(|c: char| c.is_ascii_hexdigit()) && word.contains(['.', ':'])
}

/// One way to write it, of several.
fn value(word: &str) -> String {
    match word {
        "0.0.0.0/0" | "::/0" => "default",
        "254" => "main",
        word => word.trim_end_matches(if word.contains(':') { "/128" } else { "/32" }),
    }
    .to_owned()
}

#[cfg(test)]
#[path = "conflict_tests.rs"]
mod tests;
