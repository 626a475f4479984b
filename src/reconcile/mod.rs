//! What every command is made of: the host, what is known before anything is changed, the one door to the kernel, the
//! files and their hand-over, and waiting for metadata that is late.

pub mod ask;
pub mod assess;
pub mod executor;
pub mod files;
pub mod follow;
pub mod late;
pub mod mend;
mod proof;
pub mod settle;
pub mod state;
pub mod unproven;

use std::path::Path;
use std::time::Duration;

use crate::cli::{Apply, Common, Selected};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::files::{Disk, Lock};
use crate::kernel::Kernel;
use crate::metadata::Metadata;
use crate::metadata::cache::Memory;
use crate::metadata::imds::{self, Imds};
use crate::metadata::record::Record;
use crate::net;
use crate::platform::{self, Platform};
use crate::report::Report;
use crate::select::Selector;
use assess::Survey;
use executor::Executor;

/// Held while a run changes anything; below `--root`.
pub const LOCK: &str = "/run/eniroute.lock";

/// The host, and the metadata service that answers it.
pub struct Host {
    pub disk: Disk,
    pub config: Config,
    pub kernel: Kernel,
    /// Where to ask.
    pub service: imds::Options,
    /// There from the first question on.
    pub imds: Option<Imds>,
    /// Firmware says so, or whoever names the metadata service: what that one refuses now, it may answer later.
    pub is_ec2: bool,
    /// This run is the boot's: DHCP clients may start after it.
    pub is_starting: bool,
}

impl Host {
    pub fn open(common: &Common) -> Result<Self> {
        let disk = Disk::new(&common.root)?;
        let (path, must_exist) = common.config_path();
        let config = Config::load(&path, must_exist)?;
        let urls = common.imds.clone().map_or_else(|| imds::DEFAULT_URLS.map(str::to_owned).to_vec(), |url| vec![url]);
        let service = imds::Options { urls, wait: common.wait };
        let is_ec2 = is_certain(common, &disk);
        Ok(Self { disk, config, kernel: Kernel::open()?, service, imds: None, is_ec2, is_starting: false })
    }

    /// The metadata service. Where no route leads to it, every NIC is asked.
    pub fn imds(&mut self) -> Result<&mut Imds> {
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
    pub fn executor(&mut self, wait: Duration) -> Executor<'_> {
        Executor { kernel: &mut self.kernel, disk: &self.disk, service: self.imds.as_mut(), wait }
    }

    /// Whether public addresses have to be read, because somebody has named an ENI by one.
    pub fn needs_public(&self, selected: &Selected) -> bool {
        let excluded = self.config.exclude.iter().any(|text| Selector::new(text).is_address());
        excluded || selected.enis.iter().any(Selector::is_address)
    }
}

/// Makes the host what `metadata` says, and remembers it for the next run.
pub fn converge(
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
        let record = Record::load(&host.disk).after(metadata, platform::instance(&host.disk), links);
        ended.push(record.save(&host.disk));
    }
    report.errors.extend(ended.into_iter().filter_map(Result::err).map(|error| error.to_string()));
}

/// Kernel, then files, then another look. Returns whether a network manager has loaded files of ours.
fn round(host: &mut Host, survey: &mut Survey, common: &Common, options: &Apply, report: &mut Report) -> Result<bool> {
    let live = !options.parts.no_kernel;
    let files = files::plan_files(&host.disk, survey, &options.parts, report);
    if live {
        files::change_kernel(host, survey, common.wait, report)?;
    }
    let loaded = files::commit_files(&host.disk, survey, &files, live, common.wait, report);
    if live && loaded {
        files::repair(host, survey, &files, common.wait, report)?;
    }
    Ok(loaded)
}

pub fn lock(common: &Common) -> Result<Lock> {
    let disk = Disk::new(&common.root)?;
    let lock = disk.lock(Path::new(LOCK), common.wait)?;
    mend::mend(&disk);
    Ok(lock)
}

pub fn demand_root(command: &str) -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "`eniroute {command}` changes routes and files, so it must run as root: sudo eniroute {command} (`status` needs no root)"
    )))
}

/// This is an EC2 instance, whatever the metadata service says: by the firmware, or because somebody names a service.
pub fn is_certain(common: &Common, disk: &Disk) -> bool {
    common.imds.is_some() || platform::platform(disk) == Platform::Ec2
}
