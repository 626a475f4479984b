//! What is to be written for the next boot: which stack's files, which of ours are no longer wanted, and which
//! are not ours to write. Reads the disk by [`crate::files`] and writes nothing itself.

mod assign;
pub mod command;
pub mod detect;
#[cfg(test)]
#[path = "../../tests/e2e/guest.rs"]
#[allow(dead_code)] // each of its two users leaves another part of it unused
mod guest;
pub mod host;
pub mod ifupdown;
mod marker;
pub mod netplan;
pub mod network_manager;
pub mod network_scripts;
pub mod networkd;
mod share;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::files::{Disk, File};
use crate::net::{Dev, Link, Mac};
use crate::plan::{Desired, Planned};

pub use assign::Stacks;
pub use marker::OwnFile;
pub use share::Share;

/// Every folder that holds files of ours for any backend: a host may change its stack.
const FOLDERS: [&str; 7] = [
    host::FOLDER,
    networkd::hold::FOLDER,
    "/etc/netplan",
    "/etc/systemd/network",
    "/etc/sysconfig/network-scripts",
    "/etc/NetworkManager/system-connections",
    "/etc/network/interfaces.d",
];

/// Every file of ours on the disk, of any backend, sorted by folder and name.
///
/// # Errors
/// A folder or a file that cannot be read.
pub fn own_files(disk: &Disk) -> Result<Vec<OwnFile>> {
    marker::own_files(disk, &FOLDERS)
}

/// The stack that configures the host's network, named as `--backend` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backend {
    Netplan,
    NetworkScripts,
    NetworkManager,
    Networkd,
    Ifupdown,
    /// No files at all: the boot service does everything, by netlink.
    None,
}

impl Backend {
    pub const ALL: [Self; 6] =
        [Self::Netplan, Self::NetworkScripts, Self::NetworkManager, Self::Networkd, Self::Ifupdown, Self::None];

    fn name(self) -> &'static str {
        match self {
            Self::Netplan => "netplan",
            Self::NetworkScripts => "network-scripts",
            Self::NetworkManager => "network-manager",
            Self::Networkd => "networkd",
            Self::Ifupdown => "ifupdown",
            Self::None => "none",
        }
    }

    /// Why nothing is written for this backend; `None` for one that has a renderer.
    fn unsupported(self) -> Option<String> {
        let why = "no files are written: kernel only, the boot service repeats it at every boot";
        (self == Self::None).then(|| why.to_owned())
    }

    /// The renderer, which has read what the stack says already; `None` for a backend without one.
    fn renderer(self, disk: &Disk, links: &[Link]) -> Result<Option<Box<dyn Renderer>>> {
        Ok(match self {
            Self::Netplan => Some(Box::new(netplan::Netplan::read(disk, links)?)),
            Self::NetworkScripts => Some(Box::new(network_scripts::NetworkScripts::read(disk)?)),
            Self::NetworkManager => Some(Box::new(network_manager::NetworkManager::read(disk)?)),
            Self::Networkd => Some(Box::new(networkd::Networkd::read(disk, links)?)),
            Self::Ifupdown => Some(Box::new(ifupdown::Ifupdown::read(disk)?)),
            Self::None => None,
        })
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|backend| backend.name() == text);
        found.ok_or_else(|| format!("`{text}` is not a backend; the backends are {names}"))
    }
}

/// One stack's notation. What the stack says already is read when the renderer is made; rendering is pure.
pub trait Renderer {
    /// Every file of ours for `share`, each with one ENI's name in its first line ([`marker::marker`]).
    fn render(&self, share: &Share) -> Rendering;

    /// Whether the files of this ENI, which the stack runs, can hold the primary ENI's rules.
    fn holds_rules(&self, planned: &Planned) -> bool;

    /// Whether the files of the primary ENI, which the stack runs, can hold its routes.
    fn holds_routes(&self, primary: &Planned) -> bool;
}

/// What a renderer has to say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rendering {
    pub files: Vec<File>,
    /// The .network unit that holds each secondary ENI's part, where systemd-networkd is to load it.
    pub units: BTreeMap<Dev, String>,
    /// Interfaces whose whole definition is ours: no owner is left that keeps anything of theirs.
    pub complete: BTreeSet<Dev>,
    /// The unit of systemd-networkd's that runs the primary ENI, and every other NIC that comes.
    pub catch_all: Option<String>,
    /// What the stack's files cannot hold and the boot service does instead, one sentence each.
    pub notes: Vec<String>,
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
    pub notes: Vec<String>,
    /// Files that cannot be written because somebody else's stands at their path, or another of ours is to stand there.
    /// All others are `wanted`.
    pub errors: Vec<Error>,
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
    let (mut rendered, mut renderers) = (Rendered::default(), BTreeMap::new());
    for backend in stacks.used(desired) {
        rendered.notes.extend(backend.unsupported());
        renderers.extend(backend.renderer(disk, links)?.map(|renderer| (backend, renderer)));
    }
    if renderers.is_empty() {
        return Ok(rendered);
    }
    let without = desired.enis.iter().filter(|planned| stacks.of(planned) == Backend::None);
    let keep: BTreeSet<Mac> = keep.iter().copied().chain(without.map(|planned| planned.eni.mac)).collect();
    let desired = &share::for_the_boot(desired, stacks, &renderers);
    let mut all = Vec::new();
    for (backend, share) in share::divide(desired, stacks, &renderers) {
        let Some(renderer) = renderers.get(&backend) else { continue };
        let Rendering { mut files, units, complete, catch_all, notes } = renderer.render(&share);
        if let Some(catch_all) = catch_all {
            files.extend(networkd::hold::file(disk, desired, links, &catch_all, &units)?);
        }
        rendered.units.extend(units);
        rendered.complete.extend(complete);
        rendered.notes.extend(notes);
        all.extend(files);
    }
    all.extend(host::files(&desired.host));
    let (single, doubles) = once_each(all);
    rendered.errors.extend(doubles.iter().map(doubled));
    single.into_iter().try_for_each(|file| admit(disk, file, &keep, &mut rendered))?;
    rendered.obsolete = obsolete(disk, &keep, &rendered.wanted)?;
    rendered.obsolete.retain(|path| !doubles.contains_key(path));
    Ok(rendered)
}

/// Files that are alone at their path, and the others. Of two, only one could be on the disk: the other one's part
/// would be missing at a boot, and each run would write what it finds to be different.
fn once_each(files: Vec<File>) -> (Vec<File>, BTreeMap<PathBuf, Vec<File>>) {
    let mut count: BTreeMap<PathBuf, usize> = BTreeMap::new();
    files.iter().for_each(|file| *count.entry(file.path.clone()).or_default() += 1);
    let (single, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| count.get(&file.path) == Some(&1));
    let mut doubles: BTreeMap<PathBuf, Vec<File>> = BTreeMap::new();
    others.into_iter().for_each(|file| doubles.entry(file.path.clone()).or_default().push(file));
    (single, doubles)
}

fn doubled((path, files): (&PathBuf, &Vec<File>)) -> Error {
    let owner = |file: &File| marker::owner(path, file.text.lines().next()?);
    let name = |own: OwnFile| format!("{} ({})", own.eni, own.mac().map_or_else(String::new, |mac| mac.to_string()));
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
    let old = own_files(disk)?.into_iter().filter(|own| !own.is_kept(keep) && !wanted.contains(&own.path));
    Ok(old.map(|own| own.path).collect())
}

fn note(planned: &Planned, stack: &str, why: &str) -> String {
    format!(
        "{} ({}) is not wholly in {stack}'s files: {why}; the boot service does the rest",
        planned.dev, planned.eni.id
    )
}

/// Wants a file, unless what stands at its path is not ours, or belongs to an ENI that must be kept.
fn admit(disk: &Disk, file: File, keep: &BTreeSet<Mac>, rendered: &mut Rendered) -> Result<()> {
    let path = file.path.display();
    match disk.first_line(&file.path)? {
        None => rendered.wanted.push(file),
        Some(line) => match marker::owner(&file.path, &line) {
            None => rendered.errors.push(Error::Failed(format!(
                "{path} is not eniroute's (its first line does not say so) and was left alone; \
                 move it away, or exclude the ENI in /etc/eniroute.toml"
            ))),
            Some(own) if own.is_kept(keep) => rendered
                .notes
                .push(format!("{path} was left as it is: it belongs to {}, whose metadata could not be read", own.eni)),
            Some(_) => rendered.wanted.push(file),
        },
    }
    Ok(())
}

#[cfg(test)]
mod gathered_tests;
#[cfg(test)]
mod tests;
