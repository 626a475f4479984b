//! How a file says that it is ours, and for which ENI: its first line. No state but the files themselves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::{Disk, Standing};
use crate::gather::Gather;
use crate::net::Mac;
use crate::numbering::Owner;
use crate::plan::Planned;

const WRITTEN_BY: &str = "# Written by eniroute";
const FOR_HOST: &str = " for this host";

/// What is in a folder.
type List<'a> = dyn Fn(&Path) -> Result<Vec<PathBuf>> + 'a;

/// A file of ours on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnFile {
    pub path: PathBuf,
    /// `eni-0123456789abcdef0`; empty when the first line does not name one.
    pub eni: String,
    /// `None`: the first line does not tell.
    pub owner: Option<Owner>,
}

impl OwnFile {
    /// Whether it belongs to one of `keep`. A file whose ENI cannot be told may be any of them.
    pub fn is_kept(&self, keep: &BTreeSet<Mac>) -> bool {
        match self.owner {
            Some(Owner::Eni(mac)) => keep.contains(&mac),
            Some(Owner::Host) => false,
            None => !keep.is_empty(),
        }
    }

    /// The ENI that it is for.
    pub fn mac(&self) -> Option<Mac> {
        match self.owner? {
            Owner::Eni(mac) => Some(mac),
            Owner::Host => None,
        }
    }
}

/// The first line of every file that we write for this ENI: who wrote it, for whom, and how to opt out.
pub(super) fn marker(planned: &Planned) -> String {
    let (eni, dev) = (&planned.eni, &planned.dev);
    format!(
        "{WRITTEN_BY} for {} ({}). To opt out: exclude it in /etc/eniroute.toml, then run: eniroute remove --eni {dev}\n",
        eni.id, eni.mac
    )
}

/// The first line of every file that we write for no ENI.
pub(super) fn host_marker() -> String {
    format!("{WRITTEN_BY}{FOR_HOST}. To take it away: eniroute remove\n")
}

/// Whether a whole text is a file of ours.
pub(super) fn is_own(text: &str) -> bool {
    text.starts_with(WRITTEN_BY)
}

/// Whether a file is there and ours.
pub(super) fn is_own_file(disk: &Disk, path: &Path) -> Result<bool> {
    Ok(disk.first_line(path)?.is_some_and(|line| is_own(&line)))
}

/// Whether a file is there, and somebody else's. A mask (a link to /dev/null) is nobody's.
pub(super) fn is_foreign_file(disk: &Disk, path: &Path) -> Result<bool> {
    Ok(disk.first_line(path)?.is_some_and(|line| !is_own(&line)))
}

/// Reads a file's first line; `None` when the file is not ours.
pub(super) fn owner(path: &Path, first_line: &str) -> Option<OwnFile> {
    let rest = first_line.strip_prefix(WRITTEN_BY)?;
    let words = rest
        .strip_prefix(" for ")
        .and_then(|rest| rest.split_once(" ("));
    let (eni, mac) = words.unwrap_or_default();
    let of_eni = |rest: &str| Some(Owner::Eni(rest.split(')').next()?.parse().ok()?));
    let owner = if rest.starts_with(FOR_HOST) {
        Some(Owner::Host)
    } else {
        of_eni(mac)
    };
    Some(OwnFile {
        path: path.to_owned(),
        eni: eni.to_owned(),
        owner,
    })
}

/// Every file of ours in these folders and their drop-ins, sorted by folder and name.
pub(super) fn own_files(disk: &Disk, folders: &[&str]) -> Result<Vec<OwnFile>> {
    let own = files(&|folder| disk.list(folder), folders)?.into_iter();
    let own = own
        .map(|path| own_file(disk, &path))
        .filter_map(Result::transpose);
    own.gathered()
}

/// Everything in these folders and their drop-ins, as `list` has it, sorted by folder and name.
pub(super) fn files(list: &List, folders: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in folders {
        for path in list(Path::new(folder))? {
            let has_drop_ins = path.extension().is_some_and(|ending| ending == "d");
            let drop_ins = has_drop_ins.then(|| list(&path)).transpose()?;
            found.push(path);
            found.extend(drop_ins.into_iter().flatten());
        }
    }
    Ok(found)
}

pub(super) fn own_file(disk: &Disk, path: &Path) -> Result<Option<OwnFile>> {
    Ok(match disk.standing(path)? {
        Standing::Plain(line) => owner(path, &line),
        // Whoever made a link made it for a reason, wherever it leads.
        Standing::Nothing | Standing::Other(_) => None,
    })
}
