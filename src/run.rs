//! The pipeline: metadata -> plan -> diff -> kernel -> files -> report. The only module that knows all others.

mod act;
mod ask;
mod executor;
mod follow;
mod late;
mod life;
mod mend;
mod proof;
pub mod service;
mod settle;
mod state;
mod survey;
mod unproven;

use std::path::Path;
use std::time::Duration;

use crate::cli::{Apply, Cli, Command, Common, Parts, Remove, Selected};
use crate::config::Config;
use crate::diff::diff;
use crate::ec2;
use crate::eni::{Metadata, Reading};
use crate::error::{Error, Result};
use crate::files::{Disk, Lock};
use crate::imds::{self, Imds};
use crate::kernel::Kernel;
use crate::memory::{self, Memory};
use crate::net;
use crate::peers;
use crate::record::Record;
use crate::report::Report;
use crate::select::Selector;
use executor::Executor;
use survey::Survey;

/// Held while a run changes anything; below `--root`.
const LOCK: &str = "/run/eniroute.lock";

/// There while the boot's own run is enabled: a link to the unit.
const ENABLED: &str = "/etc/systemd/system/multi-user.target.wants/eniroute.service";

/// Does what the command line says.
///
/// # Errors
/// What ends the run before anything was changed, or after all was rolled back. What failed on the way stands in
/// [`Report::errors`].
pub fn run(cli: &Cli) -> Result<Report> {
    settle::before(cli, || dispatch(cli)).map_err(|error| service::doubt(error, &cli.common))
}

fn dispatch(cli: &Cli) -> Result<Report> {
    match &cli.command {
        Command::Apply(Apply { dry_run: true, selected, parts, .. }) => plan(&cli.common, selected, parts),
        Command::Apply(options @ Apply { service: true, force, .. }) => {
            service::serve("apply", &cli.common, *force, || life::boot(&cli.common, options))
        }
        Command::Apply(options) => apply(&cli.common, options),
        Command::Plan(wanted) => plan(&cli.common, &wanted.selected, &wanted.parts),
        Command::Status(selected) => status(&cli.common, selected),
        Command::Remove(Remove { image: true, .. }) => service::remove_image(&cli.common),
        Command::Remove(wanted) => remove(&cli.common, wanted),
        Command::Refresh => service::serve_silently("refresh", &cli.common, || life::refresh(&cli.common)),
        Command::Hotplug(what) => life::hotplug(&cli.common, what),
    }
}

/// The host, and the metadata service that answers it.
struct Host {
    disk: Disk,
    config: Config,
    kernel: Kernel,
    /// Where to ask.
    service: imds::Options,
    /// There from the first question on.
    imds: Option<Imds>,
    /// Firmware says so, or whoever names the metadata service: what that one refuses now, it may answer later.
    is_ec2: bool,
    /// This run is the boot's: DHCP clients may start after it.
    is_starting: bool,
}

impl Host {
    fn open(common: &Common) -> Result<Self> {
        let disk = Disk::new(&common.root)?;
        let (path, must_exist) = common.config_path();
        let config = Config::load(&path, must_exist)?;
        let urls = common.imds.clone().map_or_else(|| imds::DEFAULT_URLS.map(str::to_owned).to_vec(), |url| vec![url]);
        let service = imds::Options { urls, wait: common.wait };
        let is_ec2 = service::is_certain(common, &disk);
        Ok(Self { disk, config, kernel: Kernel::open()?, service, imds: None, is_ec2, is_starting: false })
    }

    /// The metadata service. Where no route leads to it, every NIC is asked.
    fn imds(&mut self) -> Result<&mut Imds> {
        let imds = match self.imds.take() {
            Some(imds) => imds,
            None => {
                let links = self.kernel.links()?;
                let nics: Vec<_> = net::nics(&links).map(|link| link.name.clone()).collect();
                Imds::connect(&self.service, &nics)?
            }
        };
        let imds = self.imds.insert(imds);
        imds.insist_for(self.service.wait);
        Ok(imds)
    }

    /// The door to the kernel. The metadata service has to answer after a change where it has been asked before.
    fn executor(&mut self, wait: Duration) -> Executor<'_> {
        Executor { kernel: &mut self.kernel, disk: &self.disk, service: self.imds.as_mut(), wait }
    }

    /// Whether public addresses have to be read, because somebody has named an ENI by one.
    fn needs_public(&self, selected: &Selected) -> bool {
        let excluded = self.config.exclude.iter().any(|text| Selector::new(text).is_address());
        excluded || selected.enis.iter().any(Selector::is_address)
    }
}

fn apply(common: &Common, options: &Apply) -> Result<Report> {
    demand_root("apply")?;
    let _lock = lock(common)?;
    let rival = if options.force { None } else { peers::in_charge(&Disk::new(&common.root)?)? };
    if let Some(why) = rival {
        return Err(Error::Usage(format!("{why}; nothing was changed")));
    }
    let mut host = Host::open(common)?;
    let public = host.needs_public(&options.selected);
    let metadata = Reading::start(host.imds()?, public)?.metadata();
    converge(&mut host, metadata, common, options, "apply")
}

/// Makes the host what `metadata` says, and remembers it for the next run.
fn converge(
    host: &mut Host,
    metadata: Metadata,
    common: &Common,
    options: &Apply,
    command: &'static str,
) -> Result<Report> {
    let mut survey = Survey::of(host, metadata, &options.selected)?;
    let mut report = survey.report(command);
    if command != "apply" {
        let told = Memory::load(&host.disk).told;
        report.errors.retain(|error| !told.contains(error));
    }
    if round(host, &mut survey, common, options, &mut report)? {
        // With our files loaded, a DHCP client may have let go of an ENI, and with it of routes that we left to it.
        let again = Survey::of(host, survey.metadata.clone(), &options.selected)?;
        if again.desired != survey.desired {
            survey = again;
            round(host, &mut survey, common, options, &mut report)?;
        }
    }
    remember(host, &survey, options, &mut report);
    report.enis = state::all(&survey, None)?;
    Ok(report)
}

/// What is known now: for the runs of this boot, and for the next boot.
fn remember(host: &Host, survey: &Survey, options: &Apply, report: &mut Report) {
    if options.parts.no_kernel || !options.selected.enis.is_empty() {
        return;
    }
    let (metadata, links) = (&survey.metadata, &survey.observed.links);
    let known = Memory::load(&host.disk).after(metadata, links, options.force);
    let mut ended = vec![known.save(&host.disk)];
    if !options.parts.no_persist && !metadata.recalled {
        let record = Record::load(&host.disk).after(metadata, ec2::instance(&host.disk), links);
        ended.push(record.save(&host.disk));
    }
    report.errors.extend(ended.into_iter().filter_map(Result::err).map(|error| error.to_string()));
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
        act::repair(host, survey, &files, common.wait, report)?;
    }
    Ok(loaded)
}

fn plan(common: &Common, selected: &Selected, parts: &Parts) -> Result<Report> {
    let mut host = Host::open(common)?;
    let survey = Survey::take(&mut host, selected)?;
    let mut report = survey.report("plan");
    report.notes.extend(unproven::note(&host.disk));
    report.notes.extend(peers::in_charge(&host.disk)?.map(|why| format!("`eniroute apply` would refuse: {why}")));
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
    report.notes.extend(unproven::note(&host.disk));
    report.enis = state::all(&survey, Some(&mut host.kernel))?;
    report.enis.retain(|eni| survey.is_meant(eni.mac));
    report.notes.extend(state::rivals(&survey));
    Ok(report)
}

fn remove(common: &Common, wanted: &Remove) -> Result<Report> {
    demand_root("remove")?;
    let _lock = lock(common)?;
    take_away(common, &Disk::new(&common.root)?, &mut Kernel::open()?, wanted)
}

/// Needs no metadata: what to take away stands in the ledger and in the files.
fn take_away(common: &Common, disk: &Disk, kernel: &mut Kernel, wanted: &Remove) -> Result<Report> {
    let Remove { selected, no_kernel, .. } = wanted;
    let (path, must_exist) = common.config_path();
    // A mistake in the configuration keeps nobody from taking all back.
    let config = Config::load(&path, must_exist).unwrap_or_default();
    let mut survey = Survey::of_what_we_made(disk, kernel, &config, selected)?;
    let mut report = survey.report("remove");
    let mut executor = Executor { kernel, disk, service: None, wait: common.wait };
    act::remove(&mut executor, &mut survey, !no_kernel, &mut report)?;
    if selected.enis.is_empty() {
        Memory::erase(disk)?;
    }
    // A run without anything to take away has nothing to warn of.
    let again = if report.kernel.is_empty() && report.files.is_empty() { None } else { will_come_back(disk, selected) };
    report.notes.extend(again);
    Ok(report)
}

/// What would undo a removal.
fn will_come_back(disk: &Disk, selected: &Selected) -> Option<String> {
    if !selected.enis.is_empty() && disk.exists(memory::PATH) {
        return Some("the next run configures it again, unless /etc/eniroute.toml excludes it".to_owned());
    }
    let why = "eniroute.service configures all ENIs again at the next boot; to keep it from that: systemctl disable eniroute.service";
    disk.link_target_name(ENABLED).map(|_| why.to_owned())
}

fn lock(common: &Common) -> Result<Lock> {
    let disk = Disk::new(&common.root)?;
    let lock = disk.lock(Path::new(LOCK), common.wait)?;
    mend::mend(&disk);
    Ok(lock)
}

fn demand_root(command: &str) -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "`eniroute {command}` changes routes and files, so it must run as root: sudo eniroute {command} (`status` needs no root)"
    )))
}
