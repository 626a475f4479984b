//! The pipeline: metadata -> plan -> diff -> kernel -> files -> report. The only module that knows all others.

mod act;
mod state;
mod survey;

use std::path::Path;

use crate::cli::{Apply, Cli, Command, Common, Parts, Selected};
use crate::config::Config;
use crate::diff::diff;
use crate::error::{Error, Result};
use crate::files::{Disk, Lock};
use crate::imds::{self, Imds};
use crate::kernel::Kernel;
use crate::net::{Dev, Link};
use crate::peers;
use crate::report::Report;
use survey::Survey;

/// Held while a run changes anything; below `--root`.
const LOCK: &str = "/run/eniroute.lock";

/// Does what the command line says.
///
/// # Errors
/// What ends the run before anything was changed, or after all was rolled back. What failed on the way stands in
/// [`Report::errors`].
pub fn run(cli: &Cli) -> Result<Report> {
    match &cli.command {
        Command::Apply(apply) if !apply.dry_run => self::apply(&cli.common, apply),
        Command::Apply(Apply { selected, parts, .. }) => plan(&cli.common, selected, parts),
        Command::Plan(wanted) => plan(&cli.common, &wanted.selected, &wanted.parts),
        Command::Status(selected) => status(&cli.common, selected),
        Command::Remove(selected) => remove(&cli.common, selected),
    }
}

/// The host, and the metadata service that answers it.
struct Host {
    disk: Disk,
    config: Config,
    kernel: Kernel,
    imds: Imds,
}

impl Host {
    fn open(common: &Common) -> Result<Self> {
        let disk = Disk::new(&common.root)?;
        let (path, must_exist) = common.config_path();
        let config = Config::load(&path, must_exist)?;
        let mut kernel = Kernel::open()?;
        let urls = common.imds.clone().map_or_else(|| imds::DEFAULT_URLS.map(str::to_owned).to_vec(), |url| vec![url]);
        let nics = nics(kernel.links()?);
        let imds = Imds::connect(&imds::Options { urls, wait: common.wait }, &nics)?;
        Ok(Self { disk, config, kernel, imds })
    }
}

/// Where to ask for metadata when no route leads to the service. A veth may lead to a container, which could tell
/// root what it likes: none is asked on a host that has a physical interface.
fn nics(links: Vec<Link>) -> Vec<Dev> {
    let has_physical = links.iter().any(|link| link.is_nic() && link.kind.is_none());
    let asked = links.into_iter().filter(|link| link.is_nic() && (link.kind.is_none() || !has_physical));
    asked.map(|link| link.name).collect()
}

fn apply(common: &Common, options: &Apply) -> Result<Report> {
    demand_root("apply")?;
    let _lock = lock(common)?;
    if !options.force {
        peers::demand_none(&Disk::new(&common.root)?)?;
    }
    let mut host = Host::open(common)?;
    let mut survey = Survey::take(&mut host, &options.selected)?;
    let mut report = survey.report("apply");
    if round(&mut host, &mut survey, common, options, &mut report)? {
        // With our files loaded, a DHCP client may have let go of an ENI, and with it of routes that we left to it.
        let again = Survey::take(&mut host, &options.selected)?;
        if again.desired != survey.desired {
            survey = again;
            round(&mut host, &mut survey, common, options, &mut report)?;
        }
    }
    report.enis = state::all(&survey, None)?;
    Ok(report)
}

/// Kernel, then files, then another look. Returns whether a network manager has loaded files of ours.
fn round(host: &mut Host, survey: &mut Survey, common: &Common, options: &Apply, report: &mut Report) -> Result<bool> {
    let live = !options.parts.no_kernel;
    let files = act::plan_files(&host.disk, survey, &options.parts, report);
    if live {
        act::change_kernel(host, survey, common.wait, report)?;
    }
    let loaded = act::commit_files(&host.disk, survey, &files, live, common.wait, report);
    if live && loaded {
        act::repair(host, survey, &files, report)?;
    }
    Ok(loaded)
}

fn plan(common: &Common, selected: &Selected, parts: &Parts) -> Result<Report> {
    let mut host = Host::open(common)?;
    let survey = Survey::take(&mut host, selected)?;
    let mut report = survey.report("plan");
    report
        .notes
        .extend(peers::demand_none(&host.disk).err().map(|why| format!("`eniroute apply` would refuse: {why}")));
    if !parts.no_kernel {
        report.kernel = diff(&survey.desired, &survey.observed, &survey.scope);
    }
    let files = act::plan_files(&host.disk, &survey, parts, &mut report);
    report.files = files.files.iter().map(|change| state::file(change, true)).collect();
    report.enis = state::all(&survey, None)?;
    Ok(report)
}

fn status(common: &Common, selected: &Selected) -> Result<Report> {
    let mut host = Host::open(common)?;
    let survey = Survey::take_with_public(&mut host, selected)?;
    let mut report = survey.report("status");
    report.enis = state::all(&survey, Some(&mut host.kernel))?;
    report.enis.retain(|eni| survey.is_meant(eni.mac));
    report.notes.extend(state::rivals(&survey));
    Ok(report)
}

/// Needs no metadata: what to take away stands in the ledger, in the files and in our tables' numbers.
fn remove(common: &Common, selected: &Selected) -> Result<Report> {
    demand_root("remove")?;
    let _lock = lock(common)?;
    let disk = Disk::new(&common.root)?;
    let mut kernel = Kernel::open()?;
    let mut survey = Survey::of_what_we_made(&disk, &mut kernel, selected)?;
    let mut report = survey.report("remove");
    act::remove(&disk, &mut kernel, &mut survey, common.wait, &mut report)?;
    Ok(report)
}

fn lock(common: &Common) -> Result<Lock> {
    Disk::new(&common.root)?.lock(Path::new(LOCK), common.wait)
}

fn demand_root(command: &str) -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "`eniroute {command}` changes routes and files, so it must run as root: sudo eniroute {command} (`status` needs no root)"
    )))
}
