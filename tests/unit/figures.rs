//! How long functions and files of `src/` are, how many parameters a function has, and what is documented: measured by
//! the text, as rustfmt leaves it.

use std::fs;
use std::path::{Path, PathBuf};

/// Longer ones are cut by subject.
const FILE: usize = 320;
const FUNCTION: usize = 45;
const PARAMETERS: usize = 4;

/// What half of all functions, and nine of ten, do not exceed.
const MEDIAN: usize = 7;
const NINE_OF_TEN: usize = 20;

/// A file of `src/` without its tests.
struct Source {
    name: String,
    lines: Vec<String>,
}

#[test]
fn no_file_is_long() {
    let long = |file: &Source| {
        (file.lines.len() > FILE).then(|| format!("{}: {}", file.name, file.lines.len()))
    };
    assert_eq!(offenders(|file| long(file).into_iter().collect()), [""; 0]);
}

#[test]
fn no_function_is_long() {
    assert_eq!(
        offenders(|file| file.functions(|at| file.length(at) > FUNCTION)),
        [""; 0]
    );
}

#[test]
fn most_functions_are_short() {
    let mut lengths: Vec<usize> = sources().iter().flat_map(Source::lengths).collect();
    lengths.sort_unstable();
    let (median, nine_of_ten) = (lengths[lengths.len() / 2], lengths[lengths.len() * 9 / 10]);
    assert!(
        median <= MEDIAN && nine_of_ten <= NINE_OF_TEN,
        "of {} functions half have at most {median} lines, nine of ten at most {nine_of_ten}",
        lengths.len()
    );
}

#[test]
fn no_function_has_many_parameters() {
    assert_eq!(
        offenders(|file| file.functions(|at| file.parameters(at) > PARAMETERS)),
        [""; 0]
    );
}

#[test]
fn every_public_item_is_documented() {
    let items = ["fn", "struct", "enum", "trait", "const", "type", "static"]
        .map(|word| format!("pub {word} "));
    let is_bare = |file: &Source, at: usize| {
        let mut above = file.lines[..at].iter().rev().map(|line| line.trim_start());
        let first = above.find(|line| !line.starts_with('#') && !line.starts_with(')'));
        items
            .iter()
            .any(|item| file.lines[at].trim_start().starts_with(item))
            && !first.is_some_and(|line| line.starts_with("///"))
    };
    assert_eq!(offenders(|file| file.at(|at| is_bare(file, at))), [""; 0]);
}

fn offenders(of: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    sources().iter().flat_map(of).collect()
}

impl Source {
    fn at(&self, is_it: impl Fn(usize) -> bool) -> Vec<String> {
        let lines = (0..self.lines.len()).filter(|at| is_it(*at));
        lines
            .map(|at| format!("{}:{}: {}", self.name, at + 1, self.lines[at].trim()))
            .collect()
    }

    fn functions(&self, is_it: impl Fn(usize) -> bool) -> Vec<String> {
        self.at(|at| self.is_function(at) && is_it(at))
    }

    fn is_function(&self, at: usize) -> bool {
        let words = self.lines[at].split_whitespace();
        words
            .take_while(|word| !word.contains(['/', '=', '\"']))
            .take(4)
            .any(|word| word == "fn")
    }

    /// Of its functions; what a trait only declares is none.
    fn lengths(&self) -> Vec<usize> {
        (0..self.lines.len())
            .filter(|at| self.is_function(*at) && !self.lines[*at].ends_with(';'))
            .map(|at| self.length(at))
            .collect()
    }

    /// From its first line to the brace that ends it, at the same depth.
    fn length(&self, at: usize) -> usize {
        let line = &self.lines[at];
        if line.ends_with('}') || line.ends_with(';') {
            return 1;
        }
        let end = format!("{}}}", " ".repeat(line.len() - line.trim_start().len()));
        self.lines[at..]
            .iter()
            .position(|line| *line == end)
            .unwrap_or_default()
            + 1
    }

    fn parameters(&self, at: usize) -> usize {
        let text = self.lines[at..].join(" ");
        let name = text.split("fn ").nth(1).unwrap_or_default();
        let (mut depth, mut count, mut is_open, mut before) = (0, 0, false, ' ');
        for c in name.chars().skip_while(|c| !['(', '<'].contains(c)) {
            let is_list = is_open && depth == 1;
            match c {
                '(' | '[' | '<' => {
                    is_open |= c == '(' && depth == 0;
                    depth += 1;
                }
                ')' if is_list => {
                    return count
                        + usize::from(!before.is_whitespace() && before != ',' && before != '(');
                }
                ')' | ']' => depth -= 1,
                '>' if before != '-' => depth -= 1,
                ',' if is_list => count += 1,
                _ => {}
            }
            if !c.is_whitespace() {
                before = c;
            }
        }
        count
    }
}

fn sources() -> Vec<Source> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&src, &mut found);
    let source = |path: &PathBuf| Source {
        name: path.strip_prefix(&src).unwrap().display().to_string(),
        lines: fs::read_to_string(path)
            .unwrap()
            .split("#[cfg(test)]\nmod ")
            .next()
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect(),
    };
    found
        .iter()
        .filter(|path| !path.to_string_lossy().contains("tests"))
        .map(source)
        .collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}
