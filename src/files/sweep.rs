//! What a run that was killed has left: temporary files and folders, by their names. Needs the lock, which says that no
//! run is at work on them.

use std::fs;
use std::path::{Path, PathBuf};

use log::info;

use super::{Disk, name};
use crate::gather::Gather;

/// The leading dot keeps a file from every consumer: netplan reads *.yaml, ifup ifcfg-*, run-parts no dots.
pub const TEMPORARY_FILE: &str = ".eniroute-";
/// Folders have no dot: nobody reads them.
pub const TEMPORARY_FOLDER: &str = "eniroute-";

/// How many letters and digits tempfile puts behind a prefix.
const RANDOM: usize = 6;

impl Disk {
    /// Takes away temporary files of ours in these folders, and in the drop-in folders there. What cannot be taken away
    /// harms nobody.
    pub fn sweep_files<'a>(&self, folders: impl IntoIterator<Item = &'a str>) {
        for folder in folders {
            let paths = self.list(folder).unwrap_or_default();
            let drop_ins = paths.iter().filter(|path| name(path).ends_with(".d"));
            let within: Vec<PathBuf> = drop_ins
                .flat_map(|path| self.list(path).unwrap_or_default())
                .gathered();
            let all = paths.into_iter().chain(within);
            all.filter(|path| is_temporary(path, TEMPORARY_FILE))
                .for_each(|path| self.take_away(&path, |real| fs::remove_file(real)));
        }
    }

    /// The same with temporary folders of ours in `folder`.
    pub fn sweep_folders(&self, folder: &str) {
        let paths = self.list(folder).unwrap_or_default().into_iter();
        paths
            .filter(|path| is_temporary(path, TEMPORARY_FOLDER))
            .for_each(|path| self.take_away(&path, |real| fs::remove_dir_all(real)));
    }

    fn take_away(&self, path: &Path, remove: impl Fn(&Path) -> std::io::Result<()>) {
        let Ok((folder, name)) = self.target(path, false) else {
            return;
        };
        if remove(&folder.join(name)).is_ok() {
            info!(
                "took away {}, which an interrupted run had left",
                path.display()
            );
        }
    }
}

fn is_temporary(path: &Path, prefix: &str) -> bool {
    name(path).strip_prefix(prefix).is_some_and(|random| {
        random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}
