//! What is to be written for the next boot: which stack's files, which of ours are no longer wanted, and which
//! are not ours to write. Reads the disk by [`crate::files`] and writes nothing itself.

mod assign;
pub mod command;
mod conflict;
#[cfg(test)]
#[path = "../../tests/e2e/guest.rs"]
#[allow(dead_code)] // each of its two users leaves another part of it unused
mod guest;
pub mod host;
pub mod ifupdown;
mod left;
pub mod marker;
pub mod netplan;
pub mod network_manager;
pub mod network_scripts;
pub mod networkd;
pub mod rendering;
pub mod stack;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::files::{Disk, File, Standing};
use crate::net::{Dev, Link, Mac};
use crate::object::{Change, Object, Observed};
use crate::plan::{Desired, Planned};

use assign::Renderers;
pub use assign::Stacks;
pub use marker::OwnFile;
pub use rendering::Rendering;
pub use stack::{Before, Changes, HandOver, Prepared, Stack, Told};

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
    found.ok_or_else(|| format!("`{name}` is not a backend; the backends are {}", names()))
}

/// Every file of ours on the disk, of any backend, sorted by folder and name.
///
/// # Errors
/// A folder or a file that cannot be read.
pub fn own_files(disk: &Disk) -> Result<Vec<OwnFile>> {
    let mut folders: Vec<&str> = vec![host::FOLDER];
    for folder in STACKS.iter().flat_map(|stack| stack.folders) {
        if !folders.contains(folder) {
            folders.push(folder);
        }
    }
    marker::own_files(disk, &folders)
}

/// The files for the next boot, for [`Disk::plan`].
#[derive(Debug, Default)]
pub struct Rendered {
    /// No two of them have one path.
    pub wanted: Vec<File>,
    /// Files of ours on the disk that are no longer wanted, of any backend.
    pub obsolete: Vec<PathBuf>,
    /// See [`Rendering::units`].
    pub units: BTreeMap<Dev, String>,
    /// See [`Rendering::complete`].
    pub complete: BTreeSet<Dev>,
    /// See [`Rendering::holds`].
    pub holds: BTreeSet<Object>,
    pub notes: Vec<String>,
    /// Files that cannot be written because another of ours is to stand at their path. All others are `wanted`.
    pub errors: Vec<Error>,
}

impl Rendered {
    /// A file of ours is not written, so its interface is its owner's still.
    fn leave_out(&mut self, file: &File, desired: &Desired) {
        let line = file.text.lines().next().unwrap_or_default();
        let mac = marker::owner(&file.path, line).and_then(|own| own.mac());
        let is_its = |planned: &&Planned| Some(planned.eni.mac) == mac;
        for planned in desired.enis.iter().filter(is_its) {
            self.units.remove(&planned.dev);
            self.complete.remove(&planned.dev);
        }
    }
}

/// Renders each ENI of `desired` in the notation of the stack that runs it.
///
/// `links` are the kernel's, for the names and the winning unit of an interface. `keep` holds the MACs of ENIs
/// whose metadata failed this time: their files stay as they are. For an ENI without a stack nothing is written or
/// deleted. Errors: a foreign file that cannot be read or parsed.
pub fn render(
    disk: &Disk,
    stacks: &Stacks,
    desired: &Desired,
    links: &[Link],
    keep: &BTreeSet<Mac>,
) -> Result<Rendered> {
    let (mut rendered, mut renderers) = (Rendered::default(), Renderers::default());
    for stack in stacks.used(desired) {
        match (stack.read)(disk, links)? {
            Some(renderer) => renderers.0.push((stack, renderer)),
            None => rendered.notes.push(NO_FILES.to_owned()),
        }
    }
    if renderers.0.is_empty() {
        return Ok(rendered);
    }
    let (with, without): (Vec<_>, Vec<_>) =
        (desired.enis.iter()).partition(|planned| renderers.of(stacks.of(planned)).is_some());
    let keep = keep.iter().copied();
    let keep: BTreeSet<Mac> = keep
        .chain(without.iter().map(|planned| planned.eni.mac))
        .collect();
    let renderings = gather(disk, stacks, &renderers, desired, links)?;
    let mut all = Vec::new();
    let is_left = Desired {
        enis: with.into_iter().cloned().collect(),
        ..desired.clone()
    };
    rendered.notes.extend(left::notes(&is_left, &renderings));
    for rendering in renderings {
        rendered.units.extend(rendering.units);
        rendered.complete.extend(rendering.complete);
        rendered.holds.extend(rendering.holds);
        all.extend(rendering.files);
    }
    let (single, doubles) = once_each(all);
    rendered.errors.extend(doubles.iter().map(doubled));
    for file in single {
        if !admit(disk, &file, &keep, &mut rendered)? {
            rendered.leave_out(&file, desired);
        } else {
            rendered.wanted.push(file);
        }
    }
    rendered.obsolete = obsolete(disk, &keep, &rendered.wanted)?;
    rendered.obsolete.retain(|path| !doubles.contains_key(path));
    Ok(rendered)
}

/// What each stack's files are, and the host's.
fn gather(
    disk: &Disk,
    stacks: &Stacks,
    renderers: &Renderers,
    desired: &Desired,
    links: &[Link],
) -> Result<Vec<Rendering>> {
    let (desired, held_back) = &assign::for_the_boot(desired, stacks, renderers);
    let mut renderings = Vec::new();
    for (share, (_, renderer)) in assign::divide(desired, stacks, renderers)
        .iter()
        .zip(&renderers.0)
    {
        let mut rendering = renderer.render(share);
        if let Some(catch_all) = rendering.catch_all.take() {
            rendering.files.extend(networkd::hold::file(
                disk,
                desired,
                links,
                &catch_all,
                &rendering.units,
            )?);
        }
        renderings.push(rendering);
    }
    renderings.push(host::render(&desired.host));
    renderings.push(Rendering {
        limits: held_back.clone(),
        ..Rendering::default()
    });
    Ok(renderings)
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

/// Files that are alone at their path, and the others. Of two, only one could be on the disk: the other one's part
/// would be missing at a boot, and each run would write what it finds to be different.
fn once_each(files: Vec<File>) -> (Vec<File>, BTreeMap<PathBuf, Vec<File>>) {
    let mut count: BTreeMap<PathBuf, usize> = BTreeMap::new();
    files
        .iter()
        .for_each(|file| *count.entry(file.path.clone()).or_default() += 1);
    let (single, others): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|file| count.get(&file.path) == Some(&1));
    let mut doubles: BTreeMap<PathBuf, Vec<File>> = BTreeMap::new();
    others
        .into_iter()
        .for_each(|file| doubles.entry(file.path.clone()).or_default().push(file));
    (single, doubles)
}

fn doubled((path, files): (&PathBuf, &Vec<File>)) -> Error {
    let owner = |file: &File| marker::owner(path, file.text.lines().next()?);
    let name = |own: OwnFile| {
        format!(
            "{} ({})",
            own.eni,
            own.mac().map_or_else(String::new, |mac| mac.to_string())
        )
    };
    let owners: Vec<_> = files.iter().filter_map(owner).map(name).collect();
    Error::Failed(format!(
        "{}: {} files are to stand at this path: of {}. None was written, and what is there was left alone; exclude one \
         of these ENIs in /etc/eniroute.toml, and report this with the output of `eniroute plan -v`",
        path.display(),
        files.len(),
        owners.join(", and of ")
    ))
}

/// Files of ours that are not `wanted`, those of ENIs to be kept left out.
fn obsolete(disk: &Disk, keep: &BTreeSet<Mac>, wanted: &[File]) -> Result<Vec<PathBuf>> {
    let wanted: BTreeSet<_> = wanted.iter().map(|file| &file.path).collect();
    let old = own_files(disk)?
        .into_iter()
        .filter(|own| !own.is_kept(keep) && !wanted.contains(&own.path));
    Ok(old.map(|own| own.path).collect())
}

/// Whether a file may be written: what stands at its path is ours, and not of an ENI that must be kept.
fn admit(disk: &Disk, file: &File, keep: &BTreeSet<Mac>, rendered: &mut Rendered) -> Result<bool> {
    let standing = disk.standing(&file.path)?;
    let owner = match &standing {
        Standing::Nothing => return Ok(true),
        Standing::Plain(line) => marker::owner(&file.path, line),
        Standing::Other(_) => None,
    };
    let note = match owner {
        Some(own) if own.is_kept(keep) => format!(
            "{} was left as it is: it belongs to {}, whose metadata could not be read",
            file.path.display(),
            own.eni
        ),
        Some(_) => return Ok(true),
        None => {
            let theirs = disk.read(&file.path).ok().flatten().unwrap_or_default();
            conflict::note(file, &standing, &theirs)
        }
    };
    rendered.notes.push(note);
    Ok(false)
}

#[cfg(test)]
mod gathered_tests;
#[cfg(test)]
mod tests;
