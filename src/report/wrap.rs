//! Text in lines of a width.

use crate::gather::Gather;

/// Where the lines of a paragraph begin and end.
#[derive(Clone, Copy)]
pub(super) struct Margins<'a> {
    /// What the first line begins with.
    pub first: &'a str,
    /// How far the others are indented.
    pub indent: usize,
    /// Characters in a line.
    pub columns: usize,
    /// What a line ends with that goes on in the next one.
    pub goes_on: &'a str,
}

/// A paragraph, broken between words; a word that is longer than a line has one of its own.
pub(super) fn wrapped(text: &str, margins: Margins) -> String {
    let last = margins.columns.saturating_sub(margins.goes_on.len());
    let mut paragraph = margins.first.to_owned();
    let (mut column, mut is_first) = (margins.first.chars().count(), true);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        let gap = usize::from(!is_first);
        if !is_first && column + gap + length > last {
            paragraph += &format!(
                "{}\n{:indent$}",
                margins.goes_on,
                "",
                indent = margins.indent
            );
            column = margins.indent;
        } else if !is_first {
            paragraph.push(' ');
            column += gap;
        }
        paragraph += word;
        column += length;
        is_first = false;
    }
    paragraph.trim_end().to_owned() + "\n"
}

/// `text` behind `head`, which the lines after the first leave room for; a line end in `text` begins a new one. What stands
/// in backticks, a command, stays in one piece where it can.
pub(super) fn paragraph(head: &str, text: &str, columns: usize) -> String {
    let room = head.chars().count();
    let lines = text
        .lines()
        .flat_map(|line| broken(line, columns.saturating_sub(room)));
    let mut wrapped = String::new();
    for (n, line) in lines.enumerate() {
        let head = if n == 0 { head } else { &" ".repeat(room) };
        wrapped += (head.to_owned() + &line).trim_end();
        wrapped.push('\n');
    }
    wrapped
}

/// One line as several, none longer than `width` but for a word that is so itself.
fn broken(line: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces(line) {
        match lines.last_mut() {
            Some(last) if length(last) + 1 + length(&piece) <= width => {
                last.push(' ');
                last.push_str(&piece);
            }
            _ if length(&piece) <= width => lines.push(piece),
            _ => lines.extend(continued(&piece, width)),
        }
    }
    lines
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// A command that is longer than a line, as a shell takes it.
fn continued(command: &str, width: usize) -> Vec<String> {
    let margins = Margins {
        first: "",
        indent: 0,
        columns: width,
        goes_on: " \\",
    };
    wrapped(command, margins)
        .lines()
        .map(str::to_owned)
        .gathered()
}

/// The words of a line; those of a command stay together.
fn pieces(line: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in line.split_whitespace() {
        match pieces.last_mut() {
            Some(last) if is_open => {
                last.push(' ');
                last.push_str(word);
            }
            _ => pieces.push(word.to_owned()),
        }
        is_open ^= word.matches('`').count() % 2 == 1;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(columns: usize, goes_on: &str) -> Margins<'_> {
        Margins {
            first: "do: ",
            indent: 4,
            columns,
            goes_on,
        }
    }

    #[test]
    fn lines_break_between_words_and_the_next_ones_are_indented() {
        assert_eq!(
            wrapped("one two three", at(12, "")),
            "do: one two\n    three\n"
        );
        assert_eq!(wrapped("one two", at(11, "")), "do: one two\n");
        assert_eq!(wrapped("", at(11, "")), "do:\n");
    }

    #[test]
    fn a_command_goes_on_behind_a_backslash_so_that_a_shell_reads_it_as_one() {
        assert_eq!(
            wrapped("one two three", at(12, " \\")),
            "do: one \\\n    two \\\n    three\n"
        );
    }

    #[test]
    fn a_word_that_is_longer_than_a_line_stays_whole() {
        assert_eq!(
            wrapped("a 2001:db8::1234 b", at(10, "")),
            "do: a\n    2001:db8::1234\n    b\n"
        );
    }

    #[test]
    fn lines_end_at_80_columns_between_words_and_never_within_a_command_that_fits() {
        let words = "word ".repeat(20);
        let command = "`ip route get 8.8.8.8 from 10.0.1.20`";
        let text = paragraph("head  ", &format!("{words}{command}"), 80);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|line| length(line) <= 80), "{text}");
        assert!(lines[0].starts_with("head  word"), "{text}");
        assert!(lines[1].starts_with("      word"), "{text}");
        assert!(lines.iter().any(|line| line.ends_with(command)), "{text}");
        assert_eq!(text.split_whitespace().count(), 27);
    }

    #[test]
    fn a_longer_command_goes_on_behind_a_backslash_as_a_shell_takes_it() {
        let command = format!("`grep {}`: who", "/etc/sysctl.d ".repeat(9).trim());
        let text = paragraph("    ", &command, 80);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|line| length(line) <= 80), "{text}");
        assert!(
            lines[0].ends_with(" \\") && lines[1].ends_with(": who"),
            "{text}"
        );
        let joined: Vec<&str> = text
            .split_whitespace()
            .filter(|word| *word != "\\")
            .collect();
        assert_eq!(joined.join(" "), command);
    }
}
