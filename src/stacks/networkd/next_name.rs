//! The name that an interface gets at the next boot, where it is another than today's: by systemd's .link files
//! (systemd.link(5)) or by a udev rule, as an owner's own file goes by that name. Reads the disk only.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::Result;
use crate::files::Disk;
use crate::stacks::networkd::matching::Match;
use crate::stacks::networkd::nic::Nic;
use crate::stacks::networkd::read::FOLDERS;
use crate::stacks::networkd::syntax::{Assignment, assignments};

/// Where a person's udev rules lie.
const RULES: [&str; 2] = ["/etc/udev/rules.d", "/run/udev/rules.d"];

/// What is to be renamed, and how.
#[derive(Debug, Default)]
pub struct Renames {
    /// In their order: the first that fits decides.
    links: Vec<LinkFile>,
    /// MAC and name.
    rules: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct LinkFile {
    matching: Match,
    /// Any policy but the empty one comes before `Name=`.
    has_policy: bool,
    name: Option<String>,
}

impl Renames {
    /// Errors: a file that cannot be read.
    pub fn read(disk: &Disk) -> Result<Self> {
        let mut renames = Self::default();
        for path in files(disk, &FOLDERS, "link")? {
            let text = disk.read(&path)?.unwrap_or_default();
            renames.links.extend(LinkFile::parse(&text));
        }
        for path in files(disk, &RULES, "rules")? {
            let text = disk.read(&path)?.unwrap_or_default();
            renames.rules.extend(text.lines().filter_map(rule));
        }
        Ok(renames)
    }

    /// Its next name, if that is not one of its names.
    pub fn of(&self, nic: &Nic) -> Option<String> {
        let mac = nic.mac.map(|mac| mac.to_string());
        let is_its = |rule: &&(String, String)| Some(rule.0.to_lowercase()) == mac;
        let by_rule = self.rules.iter().find(is_its).map(|(_, name)| name);
        let fits = |file: &&LinkFile| file.matching.holds(nic, nic.mac, false);
        let link = self.links.iter().find(fits).filter(|file| !file.has_policy);
        let name = by_rule.or(link.and_then(|file| file.name.as_ref()))?;
        (!nic.names.contains(name)).then(|| name.clone())
    }
}

impl LinkFile {
    fn parse(text: &str) -> Option<Self> {
        let mut file = Self::default();
        for Assignment {
            section,
            key,
            value,
            ..
        } in assignments(text)?
        {
            match (section.as_str(), key.as_str()) {
                ("Match", "OriginalName") => file.matching.assign("Name", &value),
                ("Match", key) => file.matching.assign(key, &value),
                ("Link", "NamePolicy") => file.has_policy = !value.is_empty(),
                ("Link", "Name") => file.name = Some(value).filter(|name| !name.is_empty()),
                _ => {}
            }
        }
        (!file.matching.is_empty()).then_some(file)
    }
}

/// `SUBSYSTEM=="net", ATTR{address}=="06:...", NAME="lan0"`
fn rule(line: &str) -> Option<(String, String)> {
    let value = |key: &str| {
        let (_, rest) = line.split_once(key)?;
        let text = rest.trim_start_matches([':', '=']).strip_prefix('"')?;
        text.split('"').next().map(str::to_owned)
    };
    let is_rule = !line.trim_start().starts_with('#');
    let name = value(" NAME").or_else(|| value(",NAME"));
    Some((value("ATTR{address}")?, name?)).filter(|_| is_rule)
}

/// The files with this ending, by their names: one in a later folder shadows another of its name.
fn files(disk: &Disk, folders: &[&str], ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = BTreeMap::new();
    for folder in folders {
        let paths = disk.list(folder)?.into_iter();
        let paths = paths.filter(|path| path.extension().is_some_and(|end| end == ending));
        found.extend(paths.filter_map(|path| Some((path.file_name()?.to_owned(), path))));
    }
    let mut paths = Vec::new();
    for path in found.into_values() {
        // A mask (a link to /dev/null) has no first line.
        paths.extend(disk.first_line(&path)?.map(|_| path));
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::scratch::scratch;

    fn next_name(files: &[(&str, &str)]) -> Option<String> {
        let (_root, disk) = scratch(files);
        let nic = Nic {
            names: vec!["eth1".into(), "ens6".into()],
            mac: "06:00:00:00:00:01".parse().ok(),
            is_permanent: true,
            driver: Some("ena".into()),
            ..Nic::default()
        };
        Renames::read(&disk).unwrap().of(&nic)
    }

    #[test]
    fn the_first_link_file_that_fits_names_it_and_a_rule_of_udev_s_before_it() {
        let mac = "[Match]\nMACAddress=06:00:00:00:00:01\n[Link]\n";
        let link =
            |match_and_link: &str| next_name(&[("/etc/systemd/network/10-a.link", match_and_link)]);
        let lan0 = Some("lan0".to_owned());
        assert_eq!(link(&format!("{mac}Name=lan0\n")), lan0);
        assert_eq!(link(&format!("{mac}NamePolicy=\nName=lan0\n")), lan0);
        assert_eq!(
            link("[Match]\nOriginalName=eth1\n[Link]\nName=lan0\n"),
            lan0
        );
        assert_eq!(
            link("[Match]\nPermanentMACAddress=06:00:00:00:00:01\n[Link]\nName=lan0\n"),
            lan0
        );
        assert_eq!(link("[Match]\nDriver=ena\n[Link]\nName=lan0\n"), lan0);
        assert_eq!(
            link("[Match]\nMACAddress=06:00:00:00:00:02\n[Link]\nName=lan0\n"),
            None
        );
        assert_eq!(link(&format!("{mac}NamePolicy=path\nName=lan0\n")), None);
        assert_eq!(link(&format!("{mac}Name=eth1\n")), None);
        assert_eq!(link(&format!("{mac}MTUBytes=9001\n")), None);
        let [first, second] = ["lan0", "lan1"].map(|name| format!("{mac}Name={name}\n"));
        let both = [
            ("/usr/lib/systemd/network/10-a.link", second.as_str()),
            ("/run/systemd/network/09-a.link", &first),
        ];
        assert_eq!(next_name(&both), lan0);
        let rule = "SUBSYSTEM==\"net\", ACTION==\"add\", ATTR{address}==\"06:00:00:00:00:01\", KERNEL==\"eth*\", NAME=\"lan2\"\n";
        let path = "/etc/udev/rules.d/70-persistent-net.rules";
        assert_eq!(next_name(&[both[0], (path, rule)]), Some("lan2".into()));
        assert_eq!(next_name(&[(path, &format!("# {rule}"))]), None);
    }
}
