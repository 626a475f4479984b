//! Whether each setting that forwarding needs is there now, and still is once the files of sysctl.d are read again.

use std::path::PathBuf;

use super::forwarding::{sysctl_files, value};
use super::passages::PassageFacts;
use crate::error::Result;
use crate::files::{Disk, plain};
use crate::gather::Gather;
use crate::net::sysctl::{FORCE_FORWARDING, FORWARDING, ROUTER_IPV6, Sysctl};
use crate::net::{Dev, Family, Link};
use crate::plan::Desired;

/// `sysctl --system` of procps reads it last of all, systemd by a link that comes before eniroute's file.
const LAST: &str = "/etc/sysctl.conf";

/// A line that sets something else than eniroute needs, and is read after eniroute's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    pub setting: Sysctl,
    pub path: PathBuf,
    pub line: usize,
    pub value: String,
    /// Only when somebody runs `sysctl --system`, not at a boot by systemd.
    pub by_procps: bool,
}

/// What is known of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingFacts {
    pub overrides: Vec<Override>,
    /// Interfaces that are no ENI's, and do not pass on what comes in by them.
    pub closed: Vec<(Dev, Family)>,
}

impl SettingFacts {
    /// Where something is to be forwarded.
    pub(super) fn read(
        disk: &Disk,
        desired: &Desired,
        (passages, links): (&PassageFacts, &[Link]),
    ) -> Result<Self> {
        let is_asked = passages.marks || !passages.all.is_empty();
        if !is_asked {
            return Ok(Self::default());
        }
        let is_eni = |link: &&Link| desired.enis.iter().any(|planned| planned.dev == link.name);
        let others = links
            .iter()
            .filter(|link| !is_eni(link) && link.master.is_none());
        let closed = others.flat_map(|link| {
            let families = [Family::Ipv4, Family::Ipv6].into_iter();
            let closed = families.filter(|family| !passes(&link.name, *family));
            closed.map(|family| (link.name.clone(), family))
        });
        Ok(Self {
            closed: closed.gathered(),
            overrides: overrides(disk, desired)?,
        })
    }
}

/// Of IPv6 the host's own switch is for all links.
fn passes(dev: &str, family: Family) -> bool {
    match family {
        Family::Ipv4 => is_on(&FORWARDING.replace('*', dev)),
        Family::Ipv6 => is_on(ROUTER_IPV6) || is_on(&FORCE_FORWARDING.replace('*', dev)),
    }
}

fn is_on(key: &str) -> bool {
    let text = plain::text(format!("/proc/sys/{key}")).unwrap_or_default();
    text.trim() != "0"
}

fn overrides(disk: &Disk, desired: &Desired) -> Result<Vec<Override>> {
    let files = sysctl_files(disk)?;
    let last = disk.read(LAST)?.map(|text| (PathBuf::from(LAST), text));
    let host = desired.host.iter().filter_map(|object| object.sysctl());
    let wanted = host.chain(desired.enis.iter().flat_map(|planned| &planned.settings));
    let found = wanted.flat_map(|setting| {
        let at_boot = decisive(&files, setting, false);
        let by_procps = decisive(last.as_slice(), setting, true);
        at_boot.into_iter().chain(by_procps)
    });
    Ok(found.gathered())
}

/// The last line of these files about a setting, where it says something else.
fn decisive(files: &[(PathBuf, String)], setting: &Sysctl, by_procps: bool) -> Option<Override> {
    let key = setting.key.to_string();
    let lines = files.iter().flat_map(|(path, text)| {
        let lines = (1..).zip(text.lines());
        lines.map(move |(number, line)| (path, number, line))
    });
    let set = lines.filter_map(|(path, line, text)| Some((path, line, value(text, &key)?)));
    let (path, line, value) = set.last()?;
    (*value != *setting.value).then(|| Override {
        setting: setting.clone(),
        path: path.clone(),
        line,
        value,
        by_procps,
    })
}
