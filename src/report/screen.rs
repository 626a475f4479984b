//! What a report is shown on: how wide it is, and whether it has colours.

use std::env::var_os;
use std::io::{IsTerminal, stdout};

use terminal_size::{Width, terminal_size_of};

/// Where a report goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Characters in a line.
    pub columns: usize,
    pub has_colours: bool,
}

/// Narrower ones are not wrapped for, wider ones not filled: nobody reads such lines.
const COLUMNS: std::ops::RangeInclusive<usize> = 40..=100;

impl Default for Screen {
    /// A file, a pipe, or a terminal that does not say what it can do.
    fn default() -> Self {
        Self {
            columns: 80,
            has_colours: false,
        }
    }
}

impl Screen {
    /// Standard output, as far as it and the environment tell (`COLUMNS`, `NO_COLOR`: <https://no-color.org>, `TERM`).
    pub fn of_stdout() -> Self {
        let is_terminal = stdout().is_terminal();
        let told = var_os("COLUMNS").and_then(|text| text.to_str()?.parse().ok());
        let measured = || {
            let (Width(columns), _) = terminal_size_of(stdout())?;
            Some(usize::from(columns))
        };
        let columns = told.or_else(measured).unwrap_or(Self::default().columns);
        let refuses = var_os("NO_COLOR").is_some_and(|text| !text.is_empty());
        let is_dumb = var_os("TERM").is_some_and(|text| text == "dumb");
        Self {
            columns: columns.clamp(*COLUMNS.start(), *COLUMNS.end()),
            has_colours: is_terminal && !refuses && !is_dumb,
        }
    }
}
