//! Where a configuration on the disk names an address: a file of ours, or somebody else's. Reads the disk only.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::marker::{self, OwnFile};
use super::{passed_over, readable_files, reads};
use crate::files::Disk;
use crate::gather::Gather;
use crate::logger::escape;

/// A line that names an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// The line itself, fit for a message.
    pub text: String,
    /// The file is ours, and for whom.
    pub own: Option<OwnFile>,
}

impl Mention {
    /// `FILE:LINE`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.path.display(), self.line)
    }
}

/// The texts of all files by which links are configured, of any stack, that can be read.
pub struct Texts {
    files: Vec<(PathBuf, String)>,
}

impl Texts {
    /// Reads them. A run must not depend on a file of somebody else's that it may not read.
    pub fn read(disk: &Disk) -> Self {
        let text = |path: PathBuf| {
            disk.first_line(&path)
                .and_then(|first| first.map_or(Ok(None), |_| disk.read(&path)))
                .unwrap_or_else(passed_over)
                .map(|text| (path, text))
        };
        Self {
            files: readable_files(disk, &reads()).filter_map(text).gathered(),
        }
    }

    /// Every file that names `ip`, by the first line that does.
    pub fn mentions(&self, ip: IpAddr) -> Vec<Mention> {
        let files = self.files.iter();
        files
            .filter_map(|(path, text)| mention(path, text, ip))
            .gathered()
    }
}

fn mention(path: &Path, text: &str, ip: IpAddr) -> Option<Mention> {
    let (before, line) = text.lines().enumerate().find(|(_, line)| names(line, ip))?;
    Some(Mention {
        path: path.to_owned(),
        line: before + 1,
        text: escape::line(line.trim()),
        own: marker::owner(path, text.lines().next()?),
    })
}

/// Whether it says `ip` as a word, with a prefix length or without; a comment says nothing.
fn names(line: &str, ip: IpAddr) -> bool {
    let is_comment = line.trim_start().starts_with(['#', ';']);
    let mut words = line.split(|c: char| !c.is_ascii_hexdigit() && !matches!(c, '.' | ':' | '/'));
    let is_it = |word: &str| {
        let word = word.split('/').next().unwrap_or_default();
        word.parse() == Ok(ip)
    };
    !is_comment && words.any(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_named_in_the_words_of_every_stack_and_no_other_one_is_taken_for_it() {
        for line in [
            "Address=10.0.0.21/20",
            "address1=10.0.0.21/32,10.0.0.1",
            "      addresses: [\"10.0.0.20/32\", \"10.0.0.21/32\"]",
            "    address 10.0.0.21/32",
            "    up ip addr replace 10.0.0.21/32 dev eth1 || true",
            "IPADDR=10.0.0.21",
            "IPADDR1='10.0.0.21'",
        ] {
            assert!(names(line, "10.0.0.21".parse().unwrap()), "{line}");
            assert!(!names(line, "10.0.0.2".parse().unwrap()), "{line}");
            assert!(!names(line, "110.0.0.21".parse().unwrap()), "{line}");
        }
        assert!(!names("# 10.0.0.21", "10.0.0.21".parse().unwrap()));
        let ipv6 = "2001:db8::21".parse().unwrap();
        assert!(names("Address=2001:DB8:0:0::21/64", ipv6));
        assert!(!names("Address=2001:db8::210/64", ipv6));
    }
}
