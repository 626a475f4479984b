//! Unified diffs, as `diff -u` prints them. Text only.

use std::fmt::Write;
use std::ops::Range;

use similar::algorithms::{Capture, Replace, myers};
use similar::{DiffOp, DiffTag};

use crate::gather::Gather;

/// Unchanged lines around a change.
const CONTEXT: usize = 3;

/// The lines that lead from `old` to `new`, under the two names; nothing when they are equal.
pub fn diff(old_name: &str, new_name: &str, old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (
        old.split_inclusive('\n').gathered(),
        new.split_inclusive('\n').gathered(),
    );
    let hunks = hunks(&old, &new);
    let mut text = String::new();
    if !hunks.is_empty() {
        let _ = writeln!(text, "--- {old_name}\n+++ {new_name}");
    }
    for hunk in hunks {
        let _ = writeln!(
            text,
            "@@ -{} +{} @@",
            span(&hunk, DiffOp::old_range),
            span(&hunk, DiffOp::new_range)
        );
        for op in &hunk {
            let (before, after) = (&old[op.old_range()], &new[op.new_range()]);
            match op.tag() {
                DiffTag::Equal => lines(&mut text, ' ', before),
                _ => {
                    lines(&mut text, '-', before);
                    lines(&mut text, '+', after);
                }
            }
        }
    }
    text
}

/// The crate's own text differ brings five algorithms into the binary, and the one that is enough comes twice, unless it is
/// the plain one.
fn hunks(old: &[&str], new: &[&str]) -> Vec<Vec<DiffOp>> {
    let mut capture = Replace::new(Capture::new());
    // Its error type has no values.
    let (before, after) = (0..old.len(), 0..new.len());
    let _ = myers::diff_deadline_raw(&mut capture, old, before, new, after, None);
    capture.into_inner().into_grouped_ops(CONTEXT)
}

/// Where a hunk stands on one side: `first line,count`.
fn span(hunk: &[DiffOp], side: fn(&DiffOp) -> Range<usize>) -> String {
    let start = hunk.first().map_or(0, |op| side(op).start);
    let count = hunk.last().map_or(0, |op| side(op).end) - start;
    match count {
        0 => format!("{start},0"),
        1 => (start + 1).to_string(),
        count => format!("{},{count}", start + 1),
    }
}

fn lines(text: &mut String, sign: char, lines: &[&str]) {
    for line in lines {
        let _ = write!(text, "{sign}{line}");
        if !line.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::process::Command;

    /// What `diff -u` says of the same two texts.
    fn oracle(old: &str, new: &str) -> String {
        let file = |text: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        };
        let (old, new) = (file(old), file(new));
        let out = Command::new("diff")
            .args(["-u", "--label", "a", "--label", "b"])
            .args([old.path(), new.path()])
            .output();
        String::from_utf8(out.unwrap().stdout).unwrap()
    }

    #[test]
    fn says_what_diff_says() {
        let ten = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";
        let cases = [
            ("", "one\ntwo\n"),
            ("one\n", ""),
            ("one\n", "one\n"),
            ("one", "one\n"),
            (ten, &ten.replace('5', "five")),
            (ten, &ten.replace("1\n", "one\n")),
            (ten, &format!("0\n{ten}11")),
        ];
        for (old, new) in cases {
            assert_eq!(
                diff("a", "b", old, new),
                oracle(old, new),
                "{old:?} -> {new:?}"
            );
        }
    }
}
