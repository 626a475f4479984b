//! Command lines and keys in the documentation: each is one that the program takes, and each of the program's is there.

use std::fs;
use std::path::Path;

use clap::{CommandFactory, Parser};
use eniroute::cli::Cli;
use eniroute::config::Config;

use crate::support::shown::pages;

/// What stands for a value in the documentation, and one such value.
const VALUES: [(&str, &str); 11] = [
    ("SCRIPT", "postinst"),
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
fn the_help_of_every_command_ends_with_an_example_of_it_and_where_to_read_on() {
    let mut seen = 0;
    let mut ends = |path: &str, command: &mut clap::Command| {
        let help = command.render_long_help().to_string();
        let example = help.rsplit_once("Example:\n  ");
        let (_, end) = example.unwrap_or_else(|| panic!("{path}: {help}"));
        let line = end.lines().next().unwrap();
        assert!(line.starts_with(path), "{path}: {line}");
        assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        let page = end.split_once("Read on: man eniroute, ").unwrap().1.trim();
        assert!(
            Path::new(env!("CARGO_MANIFEST_DIR")).join(page).exists(),
            "{page}"
        );
        seen += 1;
    };
    for command in Cli::definition().get_subcommands_mut() {
        let path = format!("eniroute {}", command.get_name());
        ends(&path, command);
        for inner in command
            .get_subcommands_mut()
            .filter(|one| one.get_name() != "help")
        {
            ends(&format!("{path} {}", inner.get_name()), inner);
        }
    }
    assert!(seen > 14, "{seen}");
}

/// The lines by which docs/operation.md tells a command's flags.
#[test]
fn the_usage_of_every_command_in_operation_md_has_each_of_its_flags() {
    let page = read("docs/operation.md");
    for command in Cli::command()
        .get_subcommands()
        .filter(|one| !one.is_hide_set())
    {
        let start = format!("    eniroute {} ", command.get_name());
        let usage: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with(&start))
            .collect();
        assert!(!usage.is_empty(), "{start}");
        for flag in command.get_arguments().filter_map(clap::Arg::get_long) {
            let is_there = usage.iter().any(|line| line.contains(&format!("--{flag}")));
            assert!(is_there, "--{flag} is not in {usage:?}");
        }
    }
}

#[test]
fn every_target_of_make_in_the_documentation_is_one() {
    let makefile = read("Makefile");
    let mut seen = 0;
    for path in pages() {
        for target in targets(&fs::read_to_string(&path).unwrap()) {
            let is_one = makefile.contains(&format!("\n{target}: "))
                || makefile.contains(&format!(" {target}:"));
            assert!(is_one, "{}: make {target}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 15, "only {seen} targets were found");
}

/// What stands behind `make` in code.
fn targets(page: &str) -> Vec<String> {
    let code = page
        .lines()
        .flat_map(|line| match line.strip_prefix("    ") {
            Some(code) => vec![code],
            None => line.split('`').skip(1).step_by(2).collect(),
        });
    let calls = code.flat_map(|code| code.split(" && "));
    let words = calls.filter_map(|call| {
        let words = call
            .split_whitespace()
            .skip_while(|word| *word == "sudo" || word.contains('='));
        let mut words = words.take(2);
        let is_make = words.next() == Some("make");
        words.next().filter(|_| is_make).map(str::to_owned)
    });
    words
        .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        .collect()
}

#[test]
fn every_configuration_in_the_documentation_is_one_that_the_program_takes() {
    let mut seen = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for block in page.split("```toml\n").skip(1) {
            let text = block.split("```").next().unwrap();
            let taken = config(text);
            assert!(
                taken.is_ok(),
                "{}: {}\n{text}",
                path.display(),
                taken.unwrap_err()
            );
            seen += 1;
        }
    }
    assert!(seen > 5, "only {seen} were found");
}

/// The names of packages have the version in them.
#[test]
fn every_name_of_a_package_in_the_documentation_has_the_version_of_cargo_toml() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let more = ["cloud-init/package.yaml", "contrib/packer/eniroute.pkr.hcl"];
    let mut seen = 0;
    for path in pages().into_iter().chain(more.map(|name| root.join(name))) {
        let page = fs::read_to_string(&path).unwrap();
        for begin in ["eniroute_", "eniroute-"] {
            for rest in page
                .split(begin)
                .skip(1)
                .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            {
                let version = rest.split(['-', '_']).next().unwrap();
                assert_eq!(version, env!("CARGO_PKG_VERSION"), "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 8, "only {seen} names were found");
}

const TABLES: [&str; 5] = [
    "",
    "[eni.\"eth1\"]\n",
    "[forwarding]\n",
    "[[forwarding.path]]\n",
    "[[egress]]\n",
];

#[test]
fn every_key_of_the_configuration_is_in_its_page_its_example_and_the_manual_page() {
    for place in [
        "docs/configuration.md",
        "system/eniroute.toml",
        "system/eniroute.toml.5",
    ] {
        assert_eq!(undocumented(&read(place)), [""; 0], "{place}");
    }
}

#[test]
fn a_key_of_the_configuration_that_a_page_lacks_is_found() {
    let page = read("docs/configuration.md");
    for key in ["mtu_internet", "main_routes_first", "standby", "random"] {
        assert!(page.contains(key), "{key}");
    }
    for key in ["mtu_internet", "main_routes_first", "standby"] {
        assert_eq!(undocumented(&page.replace(key, "")), [key]);
    }
}

/// The keys that this page does not have as words of their own.
fn undocumented(page: &str) -> Vec<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let page = page.replace("\\fB", " ");
    let words: Vec<&str> = page.split(|c| !is_word(c)).collect();
    let keys: Vec<String> = TABLES
        .iter()
        .flat_map(|table| keys_of(&format!("{table}nobody = 1\n")))
        .collect();
    assert!(keys.len() > 15, "{keys:?}");
    keys.into_iter()
        .filter(|key| !words.contains(&key.as_str()))
        .collect()
}

fn config(text: &str) -> eniroute::error::Result<Config> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eniroute.toml");
    fs::write(&path, text).unwrap();
    Config::load(&path, true)
}

/// The keys that the program takes where it does not take the last one of `text`: its error lists them.
fn keys_of(text: &str) -> Vec<String> {
    let error = config(text).unwrap_err().to_string();
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
