//! Command lines and keys in the documentation: each is one that the program takes, and each of the program's is there.

use std::fs;
use std::path::Path;

use clap::{CommandFactory, Parser};
use eniroute::cli::Cli;
use eniroute::config::Config;

use crate::support::shown::pages;

/// What stands for a value in the documentation, and one such value.
const VALUES: [(&str, &str); 10] = [
    ("SELECTOR", "eth1"),
    ("ADDRESS", "10.0.0.10"),
    ("DESTINATION", "8.8.8.8"),
    ("INTERFACE", "eth1"),
    ("COMMAND", "apply"),
    ("CODE", "R1"),
    ("FILE", "/tmp/earlier.json"),
    ("ETH", "eth1"),
    ("SECONDS", "30"),
    ("URL", "http://192.0.2.1"),
];

#[test]
fn every_command_line_in_the_documentation_is_one_that_the_program_takes() {
    let mut seen = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for line in command_lines(&page) {
            let words = line.split_whitespace().map(value);
            let taken = Cli::try_parse_from(words);
            assert!(
                taken.is_ok(),
                "{}: `{line}`: {}",
                path.display(),
                taken.unwrap_err()
            );
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} command lines were found");
}

#[test]
fn every_command_is_in_the_readme_or_in_operation_md() {
    let text = ["README.md", "docs/operation.md"].map(read).concat();
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        let is_there = command.is_hide_set()
            || ["eniroute ", "`"]
                .iter()
                .any(|before| text.contains(&format!("{before}{name}")));
        assert!(is_there, "{name} is in neither");
    }
}

#[test]
fn the_help_of_every_command_ends_with_an_example_that_the_program_takes() {
    for command in Cli::definition().get_subcommands_mut() {
        let help = command.render_long_help().to_string();
        let (_, end) = help
            .rsplit_once("Example:\n  ")
            .unwrap_or_else(|| panic!("{help}"));
        let line = end.lines().next().unwrap();
        assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        assert!(end.contains("Read on: man eniroute, docs/"), "{end}");
    }
}

#[test]
fn every_key_of_the_configuration_is_in_its_page_its_example_and_the_manual_page() {
    let mut keys = keys_of("nobody = 1\n");
    keys.extend(keys_of("[eni.\"eth1\"]\nnobody = 1\n"));
    keys.extend(keys_of("[forwarding]\nnobody = 1\n"));
    keys.extend(keys_of("[[forwarding.path]]\nnobody = 1\n"));
    keys.extend(keys_of("[[egress]]\nnobody = 1\n"));
    assert!(keys.len() > 9, "{keys:?}");
    for place in [
        "docs/configuration.md",
        "system/eniroute.toml",
        "system/eniroute.toml.5",
    ] {
        let text = read(place);
        for key in &keys {
            assert!(text.contains(key.as_str()), "{place} lacks {key}");
        }
    }
}

/// The keys that the program takes where it does not take the last one of `text`: its error lists them.
fn keys_of(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eniroute.toml");
    fs::write(&path, text).unwrap();
    let error = Config::load(&path, true).unwrap_err().to_string();
    let (_, known) = error
        .split_once(", expected ")
        .unwrap_or_else(|| panic!("{error}"));
    let quoted = known.split('`').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

/// Each command line of eniroute's, in a block of code or within a sentence; not those with choices in them.
fn command_lines(page: &str) -> Vec<String> {
    let blocks = page.lines().map(|line| {
        let line = line.trim_start();
        let prompts = ["guest# ", "outside$ ", "sudo ", "$ "];
        prompts.iter().fold(line, |line, prompt| {
            line.strip_prefix(prompt).unwrap_or(line)
        })
    });
    let inline = page.lines().filter(|line| !line.starts_with("    "));
    let inline = inline.flat_map(|line| line.split('`').skip(1).step_by(2));
    blocks
        .chain(inline)
        .filter(|line| line.starts_with("eniroute ") && !line.contains(['[', '|', '>', '<', '…']))
        .map(|line| {
            line.split(" #")
                .next()
                .unwrap()
                .trim_end_matches([';', '.'])
                .to_owned()
        })
        .filter(|line| Cli::command().find_subcommand(second(line)).is_some() || is_bare(line))
        .collect()
}

fn second(line: &str) -> &str {
    line.split_whitespace().nth(1).unwrap_or_default()
}

/// `eniroute COMMAND` and what is meant as a command, not a sentence that begins so.
fn is_bare(line: &str) -> bool {
    second(line).starts_with('-')
}

fn value(word: &str) -> String {
    let replace = |word: String, (name, value): &(&str, &str)| {
        if word == *name {
            (*value).to_owned()
        } else {
            word
        }
    };
    VALUES
        .iter()
        .fold(word.trim_matches('\'').to_owned(), replace)
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}
