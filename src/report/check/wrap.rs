//! Text in lines of a width.

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
}
