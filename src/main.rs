//! The logger, the command line, the run, and the exit code: the only place that exits.

use std::io::{self, Write};
use std::process::ExitCode;

use eniroute::cli::{Cli, Common};
use eniroute::error::Result;
use eniroute::logger::{self, escape};
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
    // A reader that has gone away (`eniroute status | head -1`) is no failure of the run.
    let _ = io::stdout().write_all(document(&cli.common, &outcome, code).as_bytes());
    ExitCode::from(code)
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
