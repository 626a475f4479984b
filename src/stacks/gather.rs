//! All files of a host for the next boot: what the stacks' renderers return, put together, and which of it may be written.
//! Reads the disk by [`crate::files`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::assign::{self, Renderers, Stacks};
use super::marker::{self, OwnFile};
use super::rendering::Rendering;
use super::{NO_FILES, conflict, host, left, own_files, unnamed};
use crate::error::{Error, Result};
use crate::files::{Disk, File, Standing};
use crate::gather::Gather;
use crate::net::{Dev, Link, Mac};
use crate::object::Object;
use crate::plan::{Desired, Planned};

/// The host that files are for.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// Below whose root the files lie.
    pub disk: &'a Disk,
    /// The kernel's, for the names and the winning unit of an interface.
    pub links: &'a [Link],
}

/// The files for the next boot, for [`Disk::plan`].
#[derive(Debug, Default)]
pub struct Rendered {
    /// No two of them have one path.
    pub wanted: Vec<File>,
    /// Files of ours on the disk that are no longer wanted, of any backend.
    pub obsolete: Vec<PathBuf>,
    /// See [`Rendering::definitions`].
    pub definitions: BTreeMap<Dev, String>,
    /// See [`Rendering::complete`].
    pub complete: BTreeSet<Dev>,
    /// What no file brings up at a boot: the boot service has to.
    pub left: Vec<Object>,
    /// Files of ours that are not written because something that is not ours stands at their path, and the note of it.
    pub obstructed: Vec<(File, String)>,
    pub notes: Vec<String>,
    /// Files that cannot be written because another of ours is to stand at their path. All others are `wanted`.
    pub errors: Vec<Error>,
}

impl Rendered {
    /// Takes what a renderer has returned, but for its files.
    fn take(&mut self, rendering: Rendering) -> Vec<File> {
        self.definitions.extend(rendering.definitions);
        self.complete.extend(rendering.complete);
        rendering.files
    }

    /// Takes the files that can be written, and finds what is obsolete then. Returns those that something stands in the
    /// way of.
    fn put(
        &mut self,
        files: Vec<File>,
        disk: &Disk,
        keep: &BTreeSet<Mac>,
    ) -> Result<Vec<(File, String)>> {
        let mut left_out = Vec::new();
        let (single, doubles) = once_each(files);
        self.errors.extend(doubles.iter().map(doubled));
        for file in single {
            match obstacle(disk, &file, keep)? {
                None => self.wanted.push(file),
                Some(note) => left_out.push((file, note)),
            }
        }
        self.obsolete = obsolete(disk, keep, &self.wanted)?;
        self.obsolete.retain(|path| !doubles.contains_key(path));
        Ok(left_out)
    }

    /// A file of ours is not written, so its interface is its owner's still.
    fn leave_out(&mut self, file: File, note: String, desired: &Desired) {
        let line = file.text.lines().next().unwrap_or_default();
        let mac = marker::owner(&file.path, line).and_then(|own| own.mac());
        let is_its = |planned: &&Planned| Some(planned.eni.mac) == mac;
        for planned in desired.enis.iter().filter(is_its) {
            self.definitions.remove(&planned.dev);
            self.complete.remove(&planned.dev);
        }
        self.notes.push(note.clone());
        self.obstructed.push((file, note));
    }
}

/// Renders each ENI of `desired` in the notation of the stack that runs it.
///
/// `keep` holds the MACs of ENIs whose metadata failed this time: their files stay as they are. For an ENI without a
/// stack nothing is written or deleted.
///
/// # Errors
/// A foreign file that cannot be read or parsed.
pub fn render(
    target: &Target,
    stacks: &Stacks,
    desired: &Desired,
    keep: &BTreeSet<Mac>,
) -> Result<Rendered> {
    let (named, notes) = unnamed::without(desired);
    let mut rendered = named_only(target, stacks, &named, keep)?;
    rendered.notes.splice(0..0, notes);
    Ok(rendered)
}

fn named_only(
    target: &Target,
    stacks: &Stacks,
    desired: &Desired,
    keep: &BTreeSet<Mac>,
) -> Result<Rendered> {
    let mut rendered = Rendered::default();
    let renderers = Renderers::read(target, stacks, desired)?;
    if renderers.lacks_one(desired) {
        rendered.notes.push(NO_FILES.to_owned());
    }
    if renderers.is_empty() {
        rendered.left = left::objects(desired, &[], &[]);
        return Ok(rendered);
    }
    let has_files = |planned: &Planned| renderers.has_files(planned);
    let renderings = gather(desired, &renderers);
    let held = left::held(&renderings);
    let notes = left::notes(desired, &has_files, &renderings, &held);
    rendered.notes.extend(notes);
    rendered.left = left::objects(desired, &renderings, &held);
    let renderings = renderings.into_iter();
    let files = renderings.flat_map(|rendering| rendered.take(rendering));
    let files = files.gathered();
    let mut keep = keep.clone();
    let without = desired.enis.iter().filter(|planned| !has_files(planned));
    keep.extend(without.map(|planned| planned.eni.mac));
    for (file, note) in rendered.put(files, target.disk, &keep)? {
        rendered.leave_out(file, note, desired);
    }
    Ok(rendered)
}

/// What each stack's files are, and the host's.
pub(super) fn gather(desired: &Desired, renderers: &Renderers) -> Vec<Rendering> {
    let (desired, limits) = assign::for_the_boot(desired, renderers);
    let mut renderings = renderers.render(&assign::divide(&desired, renderers));
    renderings.push(host::render(&desired));
    let nothing = Rendering::default();
    renderings.push(Rendering { limits, ..nothing });
    renderings
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
    let owners: Vec<_> = files.iter().filter_map(owner).map(name).gathered();
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
    let wanted: BTreeSet<_> = wanted.iter().map(|file| &file.path).into_set();
    let old = own_files(disk)?
        .into_iter()
        .filter(|own| !own.is_kept(keep) && !wanted.contains(&own.path));
    Ok(old.map(|own| own.path).gathered())
}

/// Why a file may not be written: what stands at its path is not ours, or of an ENI that must be kept.
fn obstacle(disk: &Disk, file: &File, keep: &BTreeSet<Mac>) -> Result<Option<String>> {
    let standing = disk.standing(&file.path)?;
    let owner = match &standing {
        Standing::Nothing => return Ok(None),
        Standing::Plain(line) => marker::owner(&file.path, line),
        Standing::Other(_) => None,
    };
    let Some(own) = owner else {
        let theirs = disk.read(&file.path).ok().flatten().unwrap_or_default();
        return Ok(Some(conflict::note(file, &standing, &theirs)));
    };
    let (path, eni) = (file.path.display(), &own.eni);
    let note = || {
        format!("{path} was left as it is: it belongs to {eni}, whose metadata could not be read")
    };
    Ok(own.is_kept(keep).then(note))
}
