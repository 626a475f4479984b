//! The host is made what the metadata says: the kernel, then the files, then another look.

use super::assess::Assessment;
use super::host::Host;
use super::how::How;
use super::run::Run;
use super::state;
use crate::error::Result;
use crate::metadata::Metadata;
use crate::metadata::cache::Memory;
use crate::metadata::record::Record;
use crate::platform;
use crate::report::Report;

/// Makes the host what `metadata` says, and remembers it for the next run.
///
/// # Errors
/// A selector that means no ENI; the kernel cannot be read; as [`executor::Executor::execute`].
pub fn converge(host: &mut Host, how: &How, metadata: Metadata) -> Result<Report> {
    let mut run = Run::of(host, how, metadata)?;
    if how.is_repeated {
        let told = Memory::load(&run.host.disk).told;
        run.report.errors.retain(|error| !told.contains(error));
    }
    if run.round()? {
        // With our files loaded, a DHCP client may have let go of an ENI, and with it of routes that we left to it.
        let again = Assessment::of(run.host, run.assessment.metadata.clone(), &how.selected)?;
        if again.desired != run.assessment.desired {
            run.assessment = again;
            run.round()?;
        }
    }
    run.remember();
    run.report.enis = state::all(&run.assessment, None)?;
    Ok(run.report)
}

impl Run<'_> {
    /// Kernel, then files, then another look. Returns whether a network manager has loaded files of ours.
    fn round(&mut self) -> Result<bool> {
        let files = self.plan_files();
        if self.how.live {
            self.change_kernel()?;
        }
        let loaded = self.commit_files(&files);
        if self.how.live && loaded {
            self.repair(&files)?;
        }
        Ok(loaded)
    }

    /// What is known now: for the runs of this boot, and for the next boot.
    fn remember(&mut self) {
        if !self.how.live || !self.how.selected.enis.is_empty() {
            return;
        }
        let disk = &self.host.disk;
        let (metadata, links) = (&self.assessment.metadata, &self.assessment.observed.links);
        let known = Memory::load(disk).after(metadata, links, self.how.force);
        let mut ended = vec![known.save(disk)];
        if self.how.persist && !metadata.recalled {
            let record = Record::load(disk).after(metadata, platform::instance(disk), links);
            ended.push(record.save(disk));
        }
        self.report.errors.extend(ended.into_iter().filter_map(Result::err).map(|error| error.to_string()));
    }
}
