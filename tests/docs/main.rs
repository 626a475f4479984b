//! The manual page and the shell completions come from the program's own definition of its commands,
//! docs/troubleshooting.md from what it says of each code, and the outputs in the documentation from runs. They are
//! committed, so that no package's build needs more than cargo; `make pages` writes them anew.

// Helper functions of tests may panic, too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod commands;
mod configuration;
mod links;
mod shown;
#[path = "../support/mod.rs"]
mod support;
mod troubleshooting;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use eniroute::cli::Cli;
use support::shown::WRITE;

#[test]
fn the_manual_page_the_completions_and_the_troubleshooting_are_up_to_date() {
    let pages = [
        ("eniroute.8", manual()),
        ("completions/eniroute", completions(Shell::Bash)),
        ("eniroute.toml.5", configuration()),
        ("../docs/troubleshooting.md", troubleshooting::page()),
    ]
    .into_iter();
    let more = [("_eniroute", Shell::Zsh), ("eniroute.fish", Shell::Fish)];
    for (name, text) in pages.chain(more.map(|(name, shell)| (name, completions(shell)))) {
        let path = match name {
            "_eniroute" | "eniroute.fish" => system("completions").join(name),
            _ => system(name),
        };
        if std::env::var_os(WRITE).is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "{} is out of date: make pages",
            path.display()
        );
    }
}

#[test]
fn man_and_mandoc_find_nothing_wrong_with_the_manual_pages() {
    for page in ["eniroute.8", "eniroute.toml.5"].map(system) {
        let page = page.to_str().unwrap();
        assert_silent(Command::new("mandoc").args(["-T", "lint", "-W", "warning", page]));
        assert_silent(Command::new("sh").args([
            "-c",
            "man --warnings --local-file \"$0\" > /dev/null",
            page,
        ]));
    }
}

#[test]
fn every_shell_reads_its_completions() {
    let [bash, zsh, fish] =
        ["eniroute", "_eniroute", "eniroute.fish"].map(|name| system("completions").join(name));
    let ask = "source \"$0\"; COMP_WORDS=(eniroute hot); COMP_CWORD=1; _eniroute eniroute hot eniroute; echo ${COMPREPLY[*]}";
    assert_eq!(
        said(Command::new("bash").args(["-c", ask]).arg(bash)),
        "hotplug\n"
    );
    assert_silent(Command::new("zsh").arg("-n").arg(zsh));
    let ask = "source $argv[1]; complete --do-complete 'eniroute hot' | string split -f 1 \\t";
    assert_eq!(
        said(
            Command::new("fish")
                .args(["--no-config", "-c", ask])
                .arg(fish)
        ),
        "hotplug\n"
    );
}

#[test]
fn help_fits_a_terminal_of_80_columns_where_none_says_how_wide_it_is() {
    for args in [
        &["--help"][..],
        &["apply", "--help"],
        &["remove", "--help"],
        &["hotplug", "--help"],
        &["explain", "--help"],
    ] {
        let help = said(
            Command::new(env!("CARGO_BIN_EXE_eniroute"))
                .args(args)
                .env_remove("COLUMNS"),
        );
        let long: Vec<&str> = help
            .lines()
            .filter(|line| line.chars().count() > 80)
            .collect();
        assert!(
            long.is_empty() && help.contains("Usage: eniroute"),
            "{args:?}: {long:?}"
        );
    }
    let narrow = said(
        Command::new(env!("CARGO_BIN_EXE_eniroute"))
            .args(["apply", "--help"])
            .env("COLUMNS", "60"),
    );
    assert!(
        narrow.lines().all(|line| line.chars().count() <= 60),
        "{narrow}"
    );
}

fn system(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("system")
        .join(name)
}

fn said(command: &mut Command) -> String {
    let out = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: run tests/setup"));
    let text =
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?}: {text}");
    text
}

fn assert_silent(command: &mut Command) {
    assert_eq!(said(command), "", "{command:?}");
}

fn completions(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "eniroute", &mut text);
    String::from_utf8(text).unwrap()
}

fn configuration() -> String {
    let page = system("../docs/configuration.md");
    configuration::manual(&fs::read_to_string(page).unwrap())
}

/// The hand-written page, with what the program says of itself in the place of `@...@`.
fn manual() -> String {
    let mut page = fs::read_to_string(system("eniroute.8.in")).unwrap();
    for (mark, text) in [
        ("@VERSION@", env!("CARGO_PKG_VERSION").to_owned()),
        ("@COMMANDS@", commands("eniroute", &Cli::command())),
        ("@OPTIONS@", options(Cli::command())),
        ("@EXIT@", exit_codes()),
    ] {
        assert!(page.contains(mark), "{mark}");
        page = page.replace(mark, text.trim_end());
    }
    page
}

/// The options as clap's own page has them, without what every page has once, and the heading.
fn options(command: clap::Command) -> String {
    let mut text = Vec::new();
    Man::new(command).render_options_section(&mut text).unwrap();
    // The page does not define roff's string for an apostrophe.
    let text = String::from_utf8(text).unwrap().replace(r"\*(Aq", r"\(aq");
    let is_text = |line: &&str| {
        ![".ie ", ".el ", ".SH "]
            .iter()
            .any(|once| line.starts_with(once))
    };
    text.lines()
        .filter(is_text)
        .map(|line| line.to_owned() + "\n")
        .collect()
}

/// Each command with its own options; those of all commands have a section.
fn commands(parent: &str, command: &clap::Command) -> String {
    let describe = |command: &clap::Command| {
        let name = format!("{parent} {}", command.get_name());
        let about = command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default()
            .replace('-', "\\-");
        let own = command
            .clone()
            .disable_help_flag(true)
            .disable_version_flag(true);
        let has_own = own.get_arguments().next().is_some();
        let own = if has_own { options(own) } else { String::new() };
        format!(
            ".SS {}\n{about}.\n{own}{}",
            name.replace('-', "\\-"),
            commands(&name, command)
        )
    };
    command.get_subcommands().map(describe).collect()
}

/// The list of the help's end, `  CODE  MEANING`.
fn exit_codes() -> String {
    let help = Cli::command().get_after_help().unwrap().to_string();
    let (_, codes) = help.split_once("Exit codes:").unwrap();
    let codes = codes
        .lines()
        .filter_map(|line| line.trim().split_once("  "));
    let codes: String = codes
        .map(|(code, meaning)| format!(".TP\n.B {code}\n{meaning}\n"))
        .collect();
    assert!(codes.contains(".B 0"), "{help}");
    codes
}
