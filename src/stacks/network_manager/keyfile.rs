//! The notation of NetworkManager's files, as GLib reads it: sections, keys, lists. Pure.

/// One assignment of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment<'a> {
    pub section: &'a str,
    pub key: &'a str,
    pub value: &'a str,
}

/// The assignments of a file, in their order; comments and lines before the first section are none.
pub fn assignments(text: &str) -> impl Iterator<Item = Assignment<'_>> {
    let mut section = None;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = Some(name);
            return None;
        }
        let (key, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
        let (key, value) = (key.trim_end(), value.trim_start());
        Some(Assignment {
            section: section?,
            key,
            value,
        })
    })
}

/// The last value of one of these keys in one of these sections.
pub fn value<'a>(text: &'a str, sections: &[&str], keys: &[&str]) -> Option<&'a str> {
    let found = assignments(text)
        .filter(|line| sections.contains(&line.section) && keys.contains(&line.key));
    found.last().map(|line| line.value)
}

/// The elements of a list, without blanks around them.
pub fn list(value: &str) -> impl Iterator<Item = &str> {
    let elements = value.split([';', ',']).map(str::trim);
    elements.filter(|element| !element.is_empty())
}

/// What NetworkManager takes for a no.
pub fn is_false(value: &str) -> bool {
    let no = ["0", "no", "n", "false", "f", "off"];
    no.iter().any(|word| value.eq_ignore_ascii_case(word))
}
