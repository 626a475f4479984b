//! What the demo's audience sees: headings, sentences, commands with their real output, and verdicts. It counts the
//! verdicts that were not as told, and knows nothing of networks.

use std::env;
use std::io::{self, IsTerminal};
use std::process::Output;

/// SGR codes of a terminal.
const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";

pub struct Screen {
    colour: bool,
    sections: usize,
    failures: usize,
}

impl Screen {
    /// Colours only for a person at a terminal who has not set `NO_COLOR`.
    pub fn new() -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colour: io::stdout().is_terminal() && !unwanted,
            sections: 0,
            failures: 0,
        }
    }

    pub fn heading(&mut self, text: &str) {
        self.sections += 1;
        println!(
            "\n\n{}",
            self.paint(BOLD, &format!("{}. {text}", self.sections))
        );
    }

    pub fn say(&self, text: &str) {
        println!("\n{text}");
    }

    /// A command as it would be typed at `prompt`, and all that it printed.
    pub fn command(&self, prompt: &str, line: &str, output: &Output) {
        println!("\n{}{}", self.paint(DIM, prompt), self.paint(BOLD, line));
        for stream in [&output.stdout, &output.stderr] {
            print!("{}", String::from_utf8_lossy(stream));
        }
    }

    /// Something that works.
    pub fn good(&mut self, as_told: bool, words: &str) {
        self.verdict(as_told, GREEN, "✓", words);
    }

    /// Something that does not work, and is not meant to.
    pub fn bad(&mut self, as_told: bool, words: &str) {
        self.verdict(as_told, RED, "✗", words);
    }

    fn verdict(&mut self, as_told: bool, colour: &str, mark: &str, words: &str) {
        if as_told {
            println!("{} {words}", self.paint(colour, mark));
        } else {
            self.failures += 1;
            println!(
                "{}",
                self.paint(RED, &format!("!! NOT AS TOLD. Expected: {words}"))
            );
        }
    }

    pub fn failures(&self) -> usize {
        self.failures
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
