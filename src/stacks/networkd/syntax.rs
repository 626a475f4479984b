//! systemd's notation of its files (systemd.syntax(7)): lines that go on, comments, sections, words. Pure.

/// What systemd takes for blank.
const BLANK: [char; 4] = [' ', '\t', '\n', '\r'];

/// One assignment of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub section: String,
    /// Which section of the file it is, of those of any name: several may have one.
    pub number: usize,
    pub key: String,
    pub value: String,
}

/// The assignments of a file, in their order; `None` for one that systemd refuses, as a section's name has no end.
pub fn assignments(text: &str) -> Option<Vec<Assignment>> {
    let (mut found, mut section, mut number) = (Vec::new(), String::new(), 0);
    for line in lines(text.trim_start_matches('\u{feff}')) {
        let line = line.trim_matches(BLANK);
        if let Some(name) = line.strip_prefix('[') {
            section = name.strip_suffix(']')?.to_owned();
            number += 1;
        } else if let Some((key, value)) = line.split_once('=') {
            let [key, value] = [key, value].map(|part| part.trim_matches(BLANK).to_owned());
            found.push(Assignment {
                section: section.clone(),
                number,
                key,
                value,
            });
        }
    }
    Some(found)
}

/// The lines of a file. One that ends with a backslash goes on in the next; comments between the two do not count.
fn lines(text: &str) -> Vec<String> {
    let (mut found, mut begun) = (Vec::new(), String::new());
    for line in text.lines().map(|line| line.trim_start_matches(BLANK)) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        begun += line;
        let backslashes = begun.len() - begun.trim_end_matches('\\').len();
        if backslashes % 2 == 1 {
            begun.pop();
            begun.push(' ');
        } else {
            found.push(std::mem::take(&mut begun));
        }
    }
    found.extend(Some(begun).filter(|line| !line.is_empty()));
    found
}

/// What quotes and backslashes in a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    /// Quotes are part of a word; a backslash goes, and what it stands before stays.
    Kept,
    /// Quotes hold a word with blanks together; a backslash is part of it.
    Taken,
}

/// The words of a list. After a quote without its end nothing counts any more.
pub fn words(list: &str, quotes: Quotes) -> Vec<String> {
    let (mut found, mut word) = (Vec::new(), None::<String>);
    let (mut quote, mut escaped) = (None, false);
    for c in list.chars() {
        let is_quote = quotes == Quotes::Taken
            && (quote == Some(c) || quote.is_none() && ['\'', '"'].contains(&c));
        if escaped {
            escaped = false;
            word.get_or_insert_default().push(c);
        } else if is_quote {
            quote = if quote.is_some() { None } else { Some(c) };
            word.get_or_insert_default();
        } else if quote.is_none() && BLANK.contains(&c) {
            found.extend(word.take());
        } else if c == '\\' && quotes == Quotes::Kept {
            escaped = true;
        } else {
            word.get_or_insert_default().push(c);
        }
    }
    found.extend(word.filter(|_| quote.is_none() && !escaped));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Option<Vec<String>> {
        let all = assignments(text)?;
        Some(
            all.into_iter()
                .map(|a| format!("{}.{}={}", a.section, a.key, a.value))
                .collect(),
        )
    }

    #[test]
    fn lines_go_on_after_a_backslash_and_comments_between_do_not_count() {
        for (text, expected) in [
            (
                "[Match]\nName=eth0 \\\n  eth1\n",
                vec!["Match.Name=eth0  eth1"],
            ),
            (
                "[Match]\nName=eth0 \\\n# and\n; more\neth1\n",
                vec!["Match.Name=eth0  eth1"],
            ),
            (
                "[Match]\nName=eth0 \\\n\nDriver=ena\n",
                vec!["Match.Name=eth0", "Match.Driver=ena"],
            ),
            (
                "[Match]\nName=eth0\\\\\nDriver=ena",
                vec!["Match.Name=eth0\\\\", "Match.Driver=ena"],
            ),
            ("[Match]\r\n  Name = eth0 \r\n", vec!["Match.Name=eth0"]),
            ("\u{feff}[Match]\nName=eth0\\", vec!["Match.Name=eth0"]),
            (
                "[Match]\nName=a\n[Network]\nDHCP=yes\n[Match]\nName=b",
                vec!["Match.Name=a", "Network.DHCP=yes", "Match.Name=b"],
            ),
            (
                "#[Match]\n [Match ]\nName=x=y\nno pair",
                vec!["Match .Name=x=y"],
            ),
        ] {
            assert_eq!(
                pairs(text),
                Some(expected.into_iter().map(str::to_owned).collect()),
                "{text:?}"
            );
        }
        assert_eq!(pairs("[Match\nName=eth0\n"), None);
    }

    #[test]
    fn words_are_what_extract_first_word_makes_of_them() {
        for (list, kept, taken) in [
            ("a  b\tc", vec!["a", "b", "c"], vec!["a", "b", "c"]),
            ("\"a b\" c", vec!["\"a", "b\"", "c"], vec!["a b", "c"]),
            ("'a'b", vec!["'a'b"], vec!["ab"]),
            ("a\\ b", vec!["a b"], vec!["a\\", "b"]),
            ("a 'b c", vec!["a", "'b", "c"], vec!["a"]),
            ("''", vec!["''"], vec![""]),
        ] {
            assert_eq!(
                (words(list, Quotes::Kept), words(list, Quotes::Taken)),
                (
                    kept.iter().map(|w| (*w).to_owned()).collect(),
                    taken.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()
                ),
                "{list}"
            );
        }
    }
}
