//! What a stack is asked about files of ours that are on the disk: whether it goes by them. Reads the disk only.

use std::path::Path;

use crate::files::{Disk, Rights};
use crate::gather::Gather;
use crate::net::{Link, Mac};
use crate::numbering::Owner;
use crate::plan::{Desired, Planned};
use crate::report::{Code, Evidence, Finding, Remedy};
use crate::stacks::gather::Rendered;
use crate::stacks::marker::OwnFile;

/// What is on the disk, and what should be.
#[derive(Clone, Copy)]
pub struct Audit<'a> {
    pub disk: &'a Disk,
    pub links: &'a [Link],
    pub desired: &'a Desired,
    pub rendered: &'a Rendered,
    /// Every file of ours, of any stack.
    pub own: &'a [OwnFile],
}

impl<'a> Audit<'a> {
    /// Files of ours in this folder, or in one of its drop-ins, for ENIs of the plan; the ENI with each.
    pub fn files(&self, folder: &'a str) -> impl Iterator<Item = (&'a OwnFile, &'a Planned)> {
        let enis = &self.desired.enis;
        let planned = move |mac: Mac| enis.iter().find(move |planned| planned.eni.mac == mac);
        let own = self.own.iter();
        own.filter(move |own| own.path.starts_with(folder))
            .filter_map(move |own| Some((own, planned(own.mac()?)?)))
    }

    /// F2 of each file in `folder` whose rights the stack `refuses`, with the reason.
    pub fn unreadable(
        &self,
        folder: &'a str,
        refuses: impl Fn(Rights) -> bool,
        why: &str,
    ) -> Vec<Finding> {
        let rights = |own: &OwnFile| self.disk.rights(&own.path).filter(|now| refuses(*now));
        let refused = self
            .files(folder)
            .filter_map(|(own, planned)| Some((own, planned, rights(own)?)));
        let found = refused.map(|(own, planned, rights)| {
            let now = format!(
                "mode {:04o}, user {}, group {}",
                rights.mode, rights.user, rights.group
            );
            self.ignored(planned, &own.path, why)
                .is_not(now.clone(), why)
                .known_from(Evidence::file(own.path.display().to_string(), now))
        });
        found.gathered()
    }

    /// F2: a file of ours that does not count. `apply` mends what the plan has an answer to.
    pub fn ignored(&self, planned: &Planned, path: &Path, why: &str) -> Finding {
        let what = format!("{} does not count at the next boot: {why}", path.display());
        Finding::new(
            Code::F2,
            Owner::Eni(planned.eni.mac),
            what,
            "see which file wins",
        )
        .about(path.display().to_string())
        .mended_by(Remedy::safe("eniroute apply"))
    }
}
