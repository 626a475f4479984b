//! Text for a terminal of 80 columns: wrapped between words, with what stands in backticks (a command) in one piece.

/// The columns of a terminal.
const COLUMNS: usize = 80;

/// `text` behind `head`, which the lines after the first leave room for; a line end in `text` begins a new one.
pub fn wrapped(head: &str, text: &str) -> String {
    let room = head.chars().count();
    let lines = text.lines().flat_map(|line| broken(line, COLUMNS - room));
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

/// A command that is longer than a line, as a shell takes it: each line but the last ends with a backslash.
fn continued(command: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in command.split(' ') {
        match lines.last_mut() {
            Some(last) if length(last) + length(word) + 3 <= width => {
                last.push(' ');
                last.push_str(word);
            }
            Some(last) => {
                last.push_str(" \\");
                lines.push(word.to_owned());
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
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

    #[test]
    fn lines_end_at_80_columns_between_words_and_never_within_a_command_that_fits() {
        let words = "word ".repeat(20);
        let command = "`ip route get 8.8.8.8 from 10.0.1.20`";
        let text = wrapped("head  ", &format!("{words}{command}"));
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
        let text = wrapped("    ", &command);
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
