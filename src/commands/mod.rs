//! The commands, a file each: what the command line says is done with what [`crate::reconcile`] gives.

mod apply;
mod boot;
mod check;
mod egress;
mod explain;
mod hotplug;
mod package;
mod plan;
mod refresh;
mod remove;
mod stand_down;
mod status;

use crate::cli::{Apply, Cli, Command, Remove};
use crate::error::Result;
use crate::files::Disk;
use crate::metadata::cache::Memory;
use crate::reconcile::settle;
use crate::report::Report;
use stand_down::{serve, serve_silently};

/// Does what the command line says.
///
/// # Errors
/// What ends the run before anything was changed, or after all was rolled back. What failed on the way stands in
/// [`Report::errors`].
pub fn run(cli: &Cli) -> Result<Report> {
    let report = settle::before(cli, || dispatch(cli))
        .map_err(|error| stand_down::doubt(error, &cli.common))?;
    // What had nothing to look at has proven nothing.
    let is_good = report.errors.is_empty() && !report.enis.is_empty();
    if is_good && cli.command.may_change() && !matches!(cli.command, Command::Remove(_)) {
        Memory::confirm(&Disk::new(&cli.common.root)?);
    }
    Ok(report)
}

fn dispatch(cli: &Cli) -> Result<Report> {
    match &cli.command {
        Command::Apply(Apply {
            dry_run: true,
            selected,
            parts,
            ..
        }) => plan::run(&cli.common, selected, parts),
        Command::Apply(
            options @ Apply {
                service: true,
                force,
                ..
            },
        ) => serve("apply", &cli.common, *force, || {
            boot::run(&cli.common, options)
        }),
        Command::Apply(options) => apply::run(&cli.common, options),
        Command::Plan(wanted) => {
            let report = plan::run(&cli.common, &wanted.selected, &wanted.parts)?;
            Ok(Report {
                tells_drift: wanted.exit_code,
                ..report
            })
        }
        Command::Status(options) => status::run(&cli.common, options),
        Command::Check(options) => check::run(&cli.common, options),
        Command::Explain(wanted) => explain::run(&cli.common, wanted),
        Command::Remove(Remove { image: true, .. }) => remove::image(&cli.common),
        Command::Remove(wanted) => remove::run(&cli.common, wanted),
        Command::Egress(what) => egress::run(&cli.common, what),
        Command::Refresh => serve_silently("refresh", &cli.common, || refresh::run(&cli.common)),
        Command::Hotplug(what) => hotplug::run(&cli.common, what),
        Command::Package(script) => package::run(&cli.common, script),
    }
}
