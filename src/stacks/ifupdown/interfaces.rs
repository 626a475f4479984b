//! Other people's /etc/network/interfaces and what it sources, in the order in which ifup reads it. Reads the disk
//! only; a line that it does not know belongs to the stanza above it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::error::Result;
use crate::files::{self, Disk};
use crate::gather::Gather;
use crate::net::Family;
use crate::stacks::marker;
use crate::stacks::networkd::nic::fnmatch;

const INTERFACES: &str = "/etc/network/interfaces";

/// Where ifup reads something: the line of /etc/network/interfaces that leads there, then the file.
pub type Place = (usize, PathBuf);

/// One `iface` stanza that is not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stanza {
    pub place: Place,
    /// The file that it stands in.
    pub path: PathBuf,
    name: String,
    /// The family and the method: `inet dhcp`. ifupdown-ng needs neither.
    words: Vec<String>,
    /// The lines below, each split at its first blank.
    options: Vec<(String, String)>,
}

impl Stanza {
    /// From the words of its first line.
    fn begun_by(words: &[&str], place: Place, path: &Path) -> Option<Self> {
        let ["iface" | "interface", name, words @ ..] = words else {
            return None;
        };
        Some(Self {
            place,
            path: path.to_owned(),
            name: (*name).to_owned(),
            words: words.iter().map(|word| (*word).to_owned()).gathered(),
            options: Vec::new(),
        })
    }

    /// Whether it brings this address, given whether the address is the ENI's primary one: EC2's DHCP hands out the
    /// primary IPv4 address alone, and every IPv6 one.
    pub fn brings(&self, ip: IpAddr, primary: bool) -> bool {
        let inet6 = self.words.iter().any(|word| word == "inet6");
        let dhcp = self.words.iter().any(|word| word == "dhcp")
            || self.has("use", "dhcp")
            || self.has("dhcp", "1");
        match Family::of(ip) {
            Family::Ipv4 if dhcp && !inet6 && primary => true,
            Family::Ipv6 if dhcp && inet6 => true,
            _ => self
                .options
                .iter()
                .any(|(key, value)| key == "address" && address(value) == Some(ip)),
        }
    }

    /// The interface that it is for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The lines below, key and value.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    fn has(&self, key: &str, value: &str) -> bool {
        self.options.iter().any(|(k, v)| k == key && v == value)
    }
}

/// A line of a stanza: its first word, and the rest.
fn option(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let key = line.split_whitespace().next()?;
    Some((key.to_owned(), line[key.len()..].trim().to_owned()))
}

/// The address of an `address` line, with or without its prefix length.
fn address(value: &str) -> Option<IpAddr> {
    value
        .parse()
        .ok()
        .or_else(|| value.parse::<IpNet>().ok().map(|net| net.addr()))
}

/// A line that makes ifup read other files.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    /// `source`: a file, or a pattern in the last part of its path.
    Files(PathBuf),
    /// `source-directory`: every file with a plain name.
    Directory(PathBuf),
}

impl Source {
    /// From the words of a line, relative to the folder of the file that it stands in.
    fn parse(words: &[&str], folder: &Path) -> Option<Self> {
        match words {
            ["source", path, ..] => Some(Self::Files(folder.join(path))),
            ["source-directory", path, ..] => Some(Self::Directory(folder.join(path))),
            _ => None,
        }
    }

    fn folder(&self) -> &Path {
        match self {
            Self::Files(pattern) => pattern.parent().unwrap_or(pattern),
            Self::Directory(folder) => folder,
        }
    }

    fn covers(&self, path: &Path) -> bool {
        let file = files::name(path);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let is_covered = match self {
            Self::Files(pattern) => !file.starts_with('.') && fnmatch(files::name(pattern), file),
            Self::Directory(_) => file.chars().all(is_plain),
        };
        is_covered && !file.is_empty() && path.parent() == Some(self.folder())
    }
}

/// All that ifup reads, ours left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces {
    stanzas: Vec<Stanza>,
    /// What `auto` and `allow-...` lines name: the interfaces that ifup brings up by itself.
    brought_up: Vec<String>,
    /// The lines of /etc/network/interfaces itself that lead to other files.
    sources: Vec<(usize, Source)>,
    /// Files in a folder of `source-directory` that ifup passes over for their names.
    unread: Vec<(PathBuf, String)>,
}

/// What `source-directory` takes, in words.
pub const PLAIN_NAMES: &str =
    "`source-directory` takes only names of A-Z, a-z, 0-9, _ and -, without a dot";

impl Interfaces {
    /// Errors: a file that cannot be read.
    pub fn read(disk: &Disk) -> Result<Self> {
        let mut interfaces = Self::default();
        interfaces.read_file(disk, Path::new(INTERFACES), None)?;
        Ok(interfaces)
    }

    /// The stanzas that last. Debian's cloud-ifupdown-helper writes one below /run for a hot-plugged interface that
    /// ifup does not know; after a boot it finds ours and writes none.
    pub fn owners<'a>(&'a self, dev: &'a str) -> impl Iterator<Item = &'a Stanza> {
        self.all().filter(move |stanza| stanza.name == dev)
    }

    /// All that last.
    pub fn all(&self) -> impl Iterator<Item = &Stanza> {
        self.stanzas
            .iter()
            .filter(|stanza| !stanza.path.starts_with("/run"))
    }

    /// Whether ifup brings it up by itself, at a boot or when it appears. A pattern stands between slashes, and may have
    /// a definition behind it.
    pub fn brings_up(&self, dev: &str) -> bool {
        let is_its = |word: &String| {
            let word = word.split('=').next().unwrap_or(word);
            let pattern = word.trim_start_matches('/').split('/').next();
            pattern.is_some_and(|glob| fnmatch(glob, dev))
        };
        self.brought_up.iter().any(is_its)
    }

    /// The file that has a stanza for `dev`, and that ifup passes over for its name.
    pub fn unread(&self, dev: &str) -> Option<&Path> {
        let is_its = |text: &str| {
            logical_lines(text).iter().any(|(_, line)| {
                let mut words = line.split_whitespace();
                words.next() == Some("iface") && words.next() == Some(dev)
            })
        };
        let found = self.unread.iter().find(|(_, text)| is_its(text));
        found.map(|(path, _)| path.as_path())
    }

    /// Whether ifup reads all files of this folder but those whose names it does not take.
    pub fn takes_plain_names(&self, folder: &Path) -> bool {
        let is_it = |source: &Source| matches!(source, Source::Directory(path) if path == folder);
        self.sources.iter().any(|(_, source)| is_it(source))
    }

    /// Where ifup would read a file with this path, the last time if several lines lead to it.
    pub fn place_of(&self, path: &Path) -> Option<Place> {
        let mut last_first = self.sources.iter().rev();
        let (line, _) = last_first.find(|(_, source)| source.covers(path))?;
        Some((*line, path.to_owned()))
    }

    /// `from`: the place of the file that sourced this one; `None` for the first.
    fn read_file(&mut self, disk: &Disk, path: &Path, from: Option<Place>) -> Result<()> {
        let text = disk.read(path)?.unwrap_or_default();
        if marker::is_own(&text) {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(path);
        let mut is_in_stanza = false;
        for (number, line) in logical_lines(&text) {
            let words: Vec<&str> = line.split_whitespace().gathered();
            let place = from.clone().unwrap_or((number, PathBuf::new()));
            if let Some(source) = Source::parse(&words, folder) {
                is_in_stanza = false;
                // ifup follows sources within sources, too; one level is what anybody writes, and no loop can come of it.
                if from.is_none() {
                    self.follow(disk, source, number)?;
                }
            } else if let Some(stanza) = Stanza::begun_by(&words, place, path) {
                is_in_stanza = true;
                self.stanzas.push(stanza);
            } else if let [first, names @ ..] = &words[..]
                && ends_stanza(first)
            {
                is_in_stanza = false;
                let is_up = *first == "auto" || first.starts_with("allow-");
                let names = names.iter().filter(|_| is_up);
                self.brought_up.extend(names.map(|name| (*name).to_owned()));
            } else if is_in_stanza && let Some(stanza) = self.stanzas.last_mut() {
                stanza.options.extend(option(&line));
            }
        }
        Ok(())
    }

    fn follow(&mut self, disk: &Disk, source: Source, line: usize) -> Result<()> {
        for path in disk.list(source.folder())? {
            if disk.first_line(&path)?.is_none() {
                continue;
            }
            if source.covers(&path) {
                self.read_file(disk, &path, Some((line, path.clone())))?;
            } else if matches!(source, Source::Directory(_)) {
                let text = disk.read(&path)?.unwrap_or_default();
                self.unread.push((path, text));
            }
        }
        self.sources.push((line, source));
        Ok(())
    }
}

fn ends_stanza(word: &str) -> bool {
    word.starts_with("allow-")
        || [
            "auto",
            "mapping",
            "no-auto-down",
            "no-scripts",
            "rename",
            "template",
        ]
        .contains(&word)
}

/// The lines without comments, a line that ends in `\` joined with the next, by the number of their first.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in text.lines().enumerate() {
        let part = line.strip_suffix('\\');
        match lines.last_mut().filter(|_| goes_on) {
            Some((_, whole)) => whole.push_str(part.unwrap_or(line)),
            None if line.trim_start().starts_with('#') => continue,
            None => lines.push((number, part.unwrap_or(line).to_owned())),
        }
        goes_on = part.is_some();
    }
    lines
}
