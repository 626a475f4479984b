//! eniroute.toml(5) is docs/configuration.md in the form of a manual page: a table's rows are its keys.

/// The page.
pub fn manual(markdown: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut page = format!(
        ".\\\" Written from docs/configuration.md: make pages.\n\
         .TH ENIROUTE.TOML 5 2026-11-26 \"eniroute {version}\" \"File Formats\"\n\
         .SH NAME\neniroute.toml \\- configuration of eniroute(8)\n\
         .SH DESCRIPTION\n"
    );
    let mut in_code = false;
    for block in markdown.split("\n\n").skip(1) {
        for line in block.lines() {
            if line.starts_with("```") {
                in_code = !in_code;
                page.push_str(if in_code {
                    ".PP\n.in +4n\n.EX\n"
                } else {
                    ".EE\n.in\n"
                });
            } else if in_code {
                page.push_str(&(literal(line) + "\n"));
            } else {
                page.push_str(&prose(line));
            }
        }
        let ends_prose = !in_code && !block.ends_with("```");
        page.push_str(if in_code {
            "\n"
        } else if ends_prose {
            ".PP\n"
        } else {
            ""
        });
    }
    page.push_str(".SH SEE ALSO\n.BR eniroute (8)\n");
    without_empty_paragraphs(&page)
}

fn without_empty_paragraphs(page: &str) -> String {
    let lines: Vec<&str> = page.lines().collect();
    let is_empty = |n: usize| {
        let starts = |line: Option<&&str>| {
            line.is_some_and(|line| {
                [".SH", ".PP", ".TP"]
                    .iter()
                    .any(|one| line.starts_with(one))
            })
        };
        let before = n.checked_sub(1).and_then(|before| lines.get(before));
        lines[n] == ".PP" && (starts(before) || starts(lines.get(n + 1)))
    };
    let kept = (0..lines.len()).filter(|n| !is_empty(*n));
    kept.map(|n| format!("{}\n", lines[n])).collect()
}

/// A line outside of code.
fn prose(line: &str) -> String {
    let heading = line.trim_start_matches('#').trim();
    if line.starts_with('#') {
        return format!(".SH {}\n", text(heading).to_uppercase());
    }
    let Some(row) = line.strip_prefix("| ") else {
        return sentence(line);
    };
    let row = row.trim_end_matches(" |").replace(" | | ", " |  | ");
    let cells: Vec<&str> = row.split(" | ").collect();
    match cells[..] {
        ["key", ..] => String::new(),
        [key, default, meaning] => {
            let default = match default.trim() {
                "" => String::new(),
                default => format!(" (default: {})", text(default)),
            };
            format!(".TP\n{}{default}\n{}", text(key), sentence(meaning))
        }
        _ => String::new(),
    }
}

/// A line that begins with a dot or an apostrophe would be a request. Each sentence has a line.
fn sentence(line: &str) -> String {
    if line.starts_with("|--") || line.is_empty() {
        return String::new();
    }
    let text = text(line).replace(". ", ".\n");
    let guard = |line: &str| {
        let asks = line.starts_with(['.', '\'']);
        format!("{}{line}\n", if asks { "\\&" } else { "" })
    };
    text.lines().map(guard).collect()
}

/// Code is bold; of a link the text is left.
fn text(markdown: &str) -> String {
    let mut shown = String::new();
    for (n, part) in markdown.split('`').enumerate() {
        let part = literal(&unlinked(part));
        if n % 2 == 1 {
            shown += &format!("\\fB{part}\\fP");
        } else {
            shown += &part.replace('*', "");
        }
    }
    shown
}

fn unlinked(text: &str) -> String {
    let Some((before, rest)) = text.split_once('[') else {
        return text.to_owned();
    };
    match rest.split_once("](") {
        Some((name, rest)) => {
            let after = rest.split_once(')').map_or("", |(_, after)| after);
            format!("{before}{name}{}", unlinked(after))
        }
        None => text.to_owned(),
    }
}

fn literal(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('"', "\\(dq")
}
