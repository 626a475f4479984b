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

/// One line as several, none longer than `width` but for a piece that is so itself.
fn broken(line: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces(line) {
        match lines.last_mut() {
            Some(last) if last.chars().count() + 1 + piece.chars().count() <= width => {
                last.push(' ');
                last.push_str(&piece);
            }
            _ => lines.push(piece),
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
    fn lines_end_at_80_columns_between_words_and_never_within_a_command() {
        let words = "word ".repeat(20);
        let text = wrapped(
            "head  ",
            &format!("{words}`ip route get 8.8.8.8 from 10.0.1.20`"),
        );
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines.iter().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert!(
            lines[0].starts_with("head  word") && lines[1].starts_with("      word"),
            "{text}"
        );
        assert!(
            lines
                .iter()
                .any(|line| line.ends_with("`ip route get 8.8.8.8 from 10.0.1.20`"))
        );
        assert_eq!(text.split_whitespace().count(), 27);
    }
}
