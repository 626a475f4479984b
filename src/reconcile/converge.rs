//! The host is made what the metadata says: the kernel, then the files, then another look.

use std::mem::take;

use log::info;

use super::assess::Assessment;
use super::host::Host;
use super::how::How;
use super::rule_index::Work;
use super::run::Run;
use super::strays::let_go;
use super::{findings, leases, names, rule_index};
use crate::eni::Eni;
use crate::error::Result;
use crate::gather::Gather;
use crate::metadata::Metadata;
use crate::metadata::cache::Memory;
use crate::metadata::record::Record;
use crate::net::Route;
use crate::platform;
use crate::report::{Finding, Report};
use crate::stacks::Before;

/// Makes the host what `metadata` says, and remembers it for the next run.
///
/// # Errors
/// A selector that means no ENI; the kernel cannot be read; as [`super::executor::Executor::execute`].
pub fn converge(host: &mut Host, how: &How, metadata: Metadata) -> Result<Report> {
    Run::of(host, how, metadata)?.converge()
}

impl Run<'_> {
    /// Makes the host what is desired, and remembers it for the next run.
    ///
    /// # Errors
    /// The kernel cannot be read; as [`super::executor::Executor::execute`].
    pub fn converge(mut self) -> Result<Report> {
        let known = Memory::load(&self.host.disk);
        if self.how.is_repeated {
            let told = &known.told;
            self.report.errors.retain(|error| !told.contains(error));
        }
        let kept = self.round()?;
        let mut is_loaded = kept.is_some();
        // With our files loaded, a DHCP client may have lost an ENI to us, and with it routes that we left to it.
        if is_loaded || self.is_outdated() {
            let kept = kept.unwrap_or_default();
            let metadata = self.assessment.metadata.clone();
            let again = Assessment::expecting(self.host, metadata, &self.how.selected, kept)?;
            if again.desired != self.assessment.desired {
                self.assessment = again;
                is_loaded |= self.round()?.is_some();
            }
        }
        let index = match self.how.live {
            true => self.complete_index(),
            false => Work::of(&self.assessment, &[]),
        };
        let findings = self.findings(&index)?;
        let mut shadows = findings::notes_of_shadows(&findings);
        if self.how.live {
            shadows.extend(rule_index::notes(&index.obstacles));
        }
        self.report_enis(findings);
        self.tell_news(&shadows, &known.told);
        self.remember(&known, shadows, is_loaded);
        Ok(self.report)
    }

    /// What was there once this run's changes were made is not what they were planned for: others have changed it.
    fn is_outdated(&self) -> bool {
        let known = &self.assessment;
        let is_changed = !self.report.kernel.is_empty();
        is_changed && known.planned_now(&self.host.config).enis != known.desired.enis
    }

    /// Kernel, then files, then another look. Returns what the clients of others keep in main, if a network
    /// manager has loaded files of ours.
    fn round(&mut self) -> Result<Option<Vec<Route>>> {
        let others = leases::of_others(&self.assessment);
        // Whatever becomes of the files, which are made by what anybody has written: the kernel is right by now.
        if self.how.live {
            self.change_kernel()?;
        }
        let files = self.plan_files();
        if self.how.live {
            self.adopt_later()?;
        }
        let before = Before {
            definitions: files.definitions.clone(),
            kept: leases::kept(others, &files.complete),
        };
        if !self.commit_files(&files) {
            return Ok(None);
        }
        self.repair(&before)?;
        leases::await_return(&mut self.host.kernel, &before.kept, self.how.wait)?;
        Ok(Some(before.kept))
    }

    /// What is known at the end. Which way packets take may not be known, where an interface comes or goes meanwhile.
    fn findings(&mut self, index: &Work) -> Result<Vec<Finding>> {
        let ahead = self.assessment.ahead.take();
        let is_changed = !self.report.kernel.is_empty() || self.report.rule_index.is_some();
        if let Some(known) = ahead.filter(|_| !is_changed && index.is_none()) {
            return Ok(known);
        }
        let kernel = self.how.live.then_some(&mut self.host.kernel);
        findings::all(&self.assessment, index, kernel).or_else(|error| {
            info!("which way packets take is not known: {error}");
            findings::all(&self.assessment, index, None)
        })
    }

    /// What runs again and again says it once.
    fn tell_news(&mut self, notes: &[String], told: &[String]) {
        let is_news = |note: &&String| !self.how.is_repeated || !told.contains(note);
        let news: Vec<String> = notes.iter().filter(is_news).cloned().gathered();
        self.report.notes.extend(news.iter().cloned());
        self.report.news.extend(news);
    }

    /// What is known now, beside what was `before`: for the runs of this boot, and for the next boot. A network manager
    /// that has loaded the files has let go of what they do not have.
    fn remember(&mut self, before: &Memory, told: Vec<String>, is_loaded: bool) {
        if !self.how.live || !self.how.selected.enis.is_empty() {
            return;
        }
        let disk = &self.host.disk;
        let (metadata, links) = (&self.assessment.metadata, &self.assessment.observed.links);
        let mut known = before.after(metadata, links, self.how.force);
        known.told.extend(told);
        let before = take(&mut known.let_go);
        if !is_loaded {
            known.let_go = let_go(&self.report.kernel, &self.assessment.desired, before);
        }
        let names = names::save(disk, &self.assessment.observed.names);
        let mut ended = vec![known.save(disk), names];
        let is_news = |eni: &Eni| !metadata.recalled.contains(&eni.mac);
        if self.how.persist && metadata.enis.iter().any(is_news) {
            let record = Record::load(disk).after(metadata, platform::instance(disk), links);
            ended.push(record.save(disk));
        }
        let errors = ended.into_iter().filter_map(Result::err);
        let errors = errors.map(|error| error.to_string());
        self.report.errors.extend(errors);
    }
}
