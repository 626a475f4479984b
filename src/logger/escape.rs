//! Text from outside as it may be shown: metadata, names, files, programs and the kernel may say anything, and a terminal,
//! a log or a reader's eye must not obey it.

/// What moves a cursor, hides, or turns the order of what stands beside it: controls (C0, DEL, C1), line separators, marks
/// of direction (UAX #9), characters without width, and tags.
fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Several lines: line ends and tabs stay.
pub fn text(text: &str) -> String {
    escaped(text, |c| c == '\n' || c == '\t')
}

/// One line, whatever is in it.
pub fn line(text: &str) -> String {
    escaped(text, |_| false)
}

/// Several lines of one message: those after the first are indented, so that none passes for another message.
pub fn message(message: &str) -> String {
    let mut lines = message.split('\n');
    let first = lines.next().map(line).unwrap_or_default();
    lines.fold(first, |all, next| {
        let indent = if next.starts_with(' ') { "" } else { "  " };
        all + "\n" + indent + &line(next)
    })
}

/// A JSON document: serde escapes C0 alone, and only a string can hold the others.
pub fn json(document: &str) -> String {
    let mut shown = String::with_capacity(document.len());
    for c in document.chars() {
        if is_active(c) && c != '\n' {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter();
            shown.extend(units.map(|unit| format!("\\u{unit:04x}")));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// As Rust writes them: `\u{1b}`, `\n`.
fn escaped(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if stays(c) || !is_active(c) => shown.push(c),
            '\n' | '\r' | '\t' => shown.extend(c.escape_default()),
            c => shown.extend(c.escape_unicode()),
        }
    }
    shown
}

#[cfg(test)]
#[path = "escape_tests.rs"]
mod tests;
