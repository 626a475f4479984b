//! Takes away what eniroute made: kernel, files, ledger, in this order.

use std::path::PathBuf;

use super::assess::Assessment;
use super::executor::Executor;
use super::run::Run;
use crate::error::Result;
use crate::files::Disk;
use crate::ledger::HostEntry;
use crate::metadata::record::Record;
use crate::net::Mac;
use crate::numbering::Owner;
use crate::report::Report;
use crate::stacks::{self, Changes, OwnFile};

impl Run<'_> {
    /// Takes away everything that is known to be ours: kernel, files, ledger. Where it is not live, only the files: the
    /// ledger then goes on telling what is in the kernel.
    ///
    /// # Errors
    /// As [`Executor::execute`]; no file was touched then. A file of ours that cannot be read.
    pub fn remove(mut self) -> Result<Report> {
        if self.how.live {
            while !self.execute(self.assessment.ledger.clone(), self.changes())? {
                self.look_again()?;
            }
        }
        if self.how.live {
            self.complete_index();
        }
        let failed = !self.report.errors.is_empty();
        let paths = files_to_remove(&self.host.disk, &self.assessment, &mut self.report)?;
        let files = Changes {
            files: self.host.disk.plan(Vec::new(), &paths)?,
            ..Changes::default()
        };
        self.commit_files(&files);
        if self.how.live && !failed {
            self.forget();
        }
        Record::forget(&self.host.disk, |mac| self.assessment.is_meant(mac))?;
        Ok(self.report)
    }

    /// Takes what this run was about out of the ledger.
    fn forget(&mut self) {
        let mut ledger = self.assessment.ledger.clone();
        let keep = &self.assessment.keep;
        ledger.enis.retain(|mac, _| keep.contains(mac));
        if self.assessment.is_about_all() {
            ledger.host = HostEntry::default();
        }
        Executor::of(self.host, self.how.wait, &mut self.report).save(&ledger);
    }
}

/// The files of the ENIs that are removed, and another ENI's file that has a part of theirs: the primary's rules
/// stand in a definition of a secondary, which would go on to configure that one.
fn files_to_remove(
    disk: &Disk,
    assessment: &Assessment,
    report: &mut Report,
) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    let is_meant = |file: &OwnFile| file.owner != Some(Owner::Host) || assessment.is_about_all();
    for file in stacks::own_files(disk)?.into_iter().filter(is_meant) {
        let path = file.path.display();
        let is_unknown = |mac: Mac| !assessment.ledger.enis.contains_key(&mac);
        if file.mac().is_some_and(is_unknown) {
            report.notes.push(format!(
                "{path}: the ledger does not know its ENI, so what the file has brought up stays until the next boot"
            ));
        }
        if file.is_kept(&assessment.keep) {
            if !names_removed(disk, assessment, &file)? {
                continue;
            }
            report.notes.push(format!(
                "{path} goes too, because it names a removed ENI; `eniroute apply` writes it anew"
            ));
        }
        paths.push(file.path);
    }
    Ok(paths)
}

/// Whether a file has a part of an ENI that is removed.
fn names_removed(disk: &Disk, assessment: &Assessment, file: &OwnFile) -> Result<bool> {
    let Assessment { ledger, keep, .. } = assessment;
    let text = disk.read(&file.path)?.unwrap_or_default().to_lowercase();
    let mut removed = ledger.enis.keys().filter(|mac| !keep.contains(mac));
    Ok(removed.any(|mac| text.contains(&mac.to_string())))
}
