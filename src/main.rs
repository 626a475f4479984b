//! The logger, the command line, the run, and the exit code: the only place that exits.

use std::io::{self, Write};
use std::process::ExitCode;

use eniroute::cli::{Cli, Common};
use eniroute::error::Result;
use eniroute::logger::{self, escape, journal};
use eniroute::report::{Report, Screen};
use log::{LevelFilter, error};

fn main() -> ExitCode {
    let cli = Cli::read();
    start_logger(&cli.common);
    let outcome = eniroute::commands::run(&cli).map(|report| Report {
        screen: Screen::of_stdout(),
        ..report
    });
    let code = match &outcome {
        Ok(report) => {
            report
                .errors
                .iter()
                .for_each(|text| error!(target: "eniroute", "{text}"));
            report.exit_code()
        }
        Err(error) => {
            error!(target: "eniroute", "{error}");
            error.exit_code()
        }
    };
    let text = document(&cli.common, &outcome, code);
    let text = if cli.common.json {
        text
    } else {
        remaining(&outcome, text)
    };
    // A reader that has gone away (`eniroute status | head -1`) is no failure of the run.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::from(code)
}

/// What of the text is left for stdout where that is the journal: what tells a finding becomes an entry with fields.
fn remaining(outcome: &Result<Report>, text: String) -> String {
    match outcome {
        Ok(report) if journal::reads_stdout() => {
            let is_left = |line: &&str| !is_sent(report, line);
            text.split_inclusive('\n').filter(is_left).collect()
        }
        _ => text,
    }
}

fn is_sent(report: &Report, line: &str) -> bool {
    report
        .entry(line.trim_end())
        .is_some_and(|fields| journal::send(&fields).is_ok())
}

/// What belongs on stdout.
fn document(common: &Common, outcome: &Result<Report>, code: u8) -> String {
    match outcome {
        Ok(report) if common.json => report.json(),
        Ok(_) if common.quiet => String::new(),
        Ok(report) => report.text(),
        Err(error) if common.json => format!(
            "{}\n",
            escape::json(&format!(
                "{:#}",
                serde_json::json!({ "error": error.to_string(), "exit": code })
            ))
        ),
        Err(_) => String::new(),
    }
}

fn start_logger(common: &Common) {
    let level = match (common.quiet, common.verbose) {
        (true, _) => LevelFilter::Error,
        (false, 0) => LevelFilter::Warn,
        (false, 1) => LevelFilter::Info,
        (false, _) => LevelFilter::Debug,
    };
    logger::start(level);
}

/// The frames of a panic's trace: none (`_URC_END_OF_STACK`), as the release binary has no unwind tables, see build.rs. That
/// this is known while it is compiled, and not from the C library when it is linked, leaves out all by which Rust's library
/// would name them: 188 KB.
#[cfg(panic = "abort")]
#[expect(
    unsafe_code,
    reason = "Rust's library knows the function by this name; it is called as it is declared, and does nothing"
)]
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(
    _each: *const std::ffi::c_void,
    _argument: *mut std::ffi::c_void,
) -> i32 {
    5
}
