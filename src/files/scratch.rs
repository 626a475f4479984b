//! A disk for a test: a temporary folder with these files.

use tempfile::TempDir;

use super::{Disk, File};

/// The folder, which goes with this value, and the disk below it. Files are by path and text, readable for all.
pub fn scratch(files: &[(&str, &str)]) -> (TempDir, Disk) {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::new(root.path()).unwrap();
    for (path, text) in files {
        disk.put(File::readable(*path, (*text).to_owned())).unwrap();
    }
    (root, disk)
}
