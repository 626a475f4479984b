//! The hand-over of new YAML to a running host: netplan checks it and makes units of it in a scratch root, and of those
//! only what concerns secondary ENIs is put in place. Loading them is networkd's part.
//!
//! `netplan generate` rewrites every unit, and networkd takes each as changed.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::generate;
use crate::command::PATIENCE;
use crate::error::Result;
use crate::stacks::networkd::{process, reload};
use crate::stacks::stack::{HandOver, Prepared};

/// What netplan has made of the YAML.
pub struct Generated<'a> {
    about: HandOver<'a>,
    /// Its units for our YAML beside everybody's, below a root of their own; `None` where no YAML changes.
    root: Option<TempDir>,
}

/// Has netplan check the YAML, in a copy.
///
/// # Errors
/// netplan refuses our YAML or somebody else's, or does not end in time.
pub fn prepare<'a>(about: &HandOver<'a>) -> Result<Generated<'a>> {
    let HandOver {
        disk,
        changes,
        wait,
        ..
    } = *about;
    let root = generate::generate(disk, &changes.files, wait.saturating_mul(PATIENCE))?;
    Ok(Generated {
        about: *about,
        root,
    })
}

impl Prepared for Generated<'_> {
    /// Where networkd does not run yet it has read nothing: all of the units that netplan has made for its start are
    /// brought up to date.
    fn install(&self) -> Result<Vec<PathBuf>> {
        let (Some(root), HandOver { disk, changes, .. }) = (&self.root, self.about) else {
            return Ok(Vec::new());
        };
        let root: &Path = root.path();
        match process::started()? {
            Some(_) => generate::install(disk, root, |unit| {
                reload::is_secondary(unit, &changes.definitions)
            }),
            None if generate::has_generated(disk) => {
                generate::install(disk, root, generate::is_unit)
            }
            None => Ok(Vec::new()),
        }
    }
}
