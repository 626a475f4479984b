//! What is to be written for the next boot: which stack's files, which of ours are no longer wanted, and which
//! are not ours to write. Reads the disk by [`crate::files`] and writes nothing itself.

mod assign;
pub mod audit;
mod conflict;
mod declared;
mod gather;
#[cfg(test)]
#[path = "../../tests/support/guest.rs"]
#[allow(dead_code)] // each of its two users leaves another part of it unused
mod guest;
pub mod host;
pub mod ifupdown;
mod left;
pub mod marker;
pub mod mention;
pub mod netplan;
pub mod network_manager;
pub mod network_scripts;
pub mod networkd;
pub mod rendering;
pub mod stack;
mod unnamed;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use log::info;

use crate::error::{Error, Result};
use crate::files::Disk;
use crate::nearest::{aside, nearest};
use crate::numbering::Owner;
use crate::object::{Change, Observed};
use crate::plan::Desired;

pub use assign::{Renderers, Stacks};
pub use audit::Audit;
pub use conflict::lacking;
pub use declared::declared;
pub use gather::{Rendered, Target, render};
pub use marker::OwnFile;
pub use rendering::Rendering;
pub use stack::{Before, Changes, HandOver, Loaded, Prepared, Stack};

/// Every stack, in the order in which a host is asked for them: netplan drives networkd, NetworkManager may drive ifcfg
/// files.
pub static STACKS: &[&Stack] = &[
    &netplan::STACK,
    &network_scripts::STACK,
    &network_manager::STACK,
    &networkd::STACK,
    &ifupdown::STACK,
];

/// For a host without a stack.
pub static NONE: Stack = Stack::NONE;

/// What that means.
const NO_FILES: &str =
    "no files are written: kernel only, the boot service repeats it at every boot";

/// Those, and the one for a host without.
pub fn all() -> impl Iterator<Item = &'static Stack> {
    STACKS.iter().copied().chain([&NONE])
}

/// The names of all, as `--backend` takes them.
pub fn names() -> String {
    all().map(|stack| stack.name).collect::<Vec<_>>().join(", ")
}

/// The stack that `--backend` names.
///
/// # Errors
/// There is no such stack; the names of all.
pub fn by_name(name: &str) -> Result<&'static Stack, String> {
    let found = all().find(|stack| stack.name == name);
    found.ok_or_else(|| {
        let meant = aside(nearest(name, &mut all().map(|stack| stack.name)));
        format!(
            "`{name}` is not a backend{meant}; the backends are {}",
            names()
        )
    })
}

/// Whose a file of ours is, by the first line of its text; `None` where that does not say.
pub fn owner_of(path: &Path, text: &str) -> Option<Owner> {
    marker::owner(path, text.lines().next()?)?.owner
}

/// Every file of ours on the disk, of any backend, sorted by folder and name.
///
/// # Errors
/// A folder or a file that cannot be read.
pub fn own_files(disk: &Disk) -> Result<Vec<OwnFile>> {
    marker::own_files(disk, &folders())
}

/// The same of those that can be read.
pub fn readable_own_files(disk: &Disk) -> Vec<OwnFile> {
    let own = |path: PathBuf| marker::own_file(disk, &path).unwrap_or_else(passed_over);
    readable_files(disk, &folders()).filter_map(own).collect()
}

/// The file at this path has the host's settings, and those of all links.
pub fn is_of_host(path: &Path) -> bool {
    host::is_its(path)
}

/// Where files of ours may lie, whatever the stack; each once.
pub fn folders() -> Vec<&'static str> {
    each_once(host::FOLDERS.iter().chain(of_all(|stack| stack.folders)))
}

/// Where all files lie by which links are configured, whatever the stack; each once, netplan's YAML before the units that
/// are made of it.
fn reads() -> Vec<&'static str> {
    each_once(of_all(|stack| stack.reads))
}

fn of_all(
    folders: fn(&Stack) -> &'static [&'static str],
) -> impl Iterator<Item = &'static &'static str> {
    STACKS.iter().flat_map(move |stack| folders(stack))
}

fn each_once<'a>(all: impl Iterator<Item = &'a &'static str>) -> Vec<&'static str> {
    let mut seen = BTreeSet::new();
    all.copied().filter(|folder| seen.insert(*folder)).collect()
}

/// Everything in these folders and their drop-ins, as far as they can be read.
fn readable_files(disk: &Disk, folders: &[&str]) -> impl Iterator<Item = PathBuf> + use<> {
    let list = |folder: &Path| Ok(disk.list(folder).unwrap_or_else(passed_over));
    let files = marker::files(&list, folders);
    files.unwrap_or_default().into_iter()
}

/// What cannot be read is somebody else's, and may be secret.
fn passed_over<T: Default>(error: Error) -> T {
    info!("{error}; it is passed over");
    T::default()
}

/// Makes ready to tell each stack of the files, and has them checked; none where they are for another root, or there are
/// none. Changes nothing.
///
/// # Errors
/// A stack refuses them: they must not be put in place.
pub fn prepare<'a>(about: &HandOver<'a>) -> Result<Vec<Box<dyn Prepared + 'a>>> {
    let is_for_this_host = about.disk.is_host() && !about.changes.files.is_empty();
    STACKS
        .iter()
        .filter(|_| is_for_this_host)
        .map(|stack| (stack.prepare)(about))
        .collect()
}

/// What the stacks have failed to take away in loading files of ours.
pub fn leftovers(before: &Before, desired: &Desired, observed: &Observed) -> Vec<Change> {
    STACKS
        .iter()
        .flat_map(|stack| (stack.leftovers)(before, desired, observed))
        .collect()
}

#[cfg(test)]
mod gathered_tests;
#[cfg(test)]
mod tests;
