//! Which stack runs each ENI's interface: told by the record that each stack keeps of it under /run, by netplan's
//! YAML, by a file of ours from an earlier run, and only then by what configures the host. Reads the disk only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::error::Result;
use crate::files::Disk;
use crate::net::{Link, Mac};
use crate::plan::{Desired, Planned};
use crate::stacks::detect::{Detection, detect};
use crate::stacks::netplan::Netplan;
use crate::stacks::network_manager::Record;
use crate::stacks::networkd::nic::Nic;
use crate::stacks::{Backend, OwnFile, own_files};

/// What ifupdown, and Alpine's ifupdown-ng, have brought up: one `INTERFACE=DEFINITION` a line.
const IFSTATES: [&str; 2] = ["/run/network/ifstate", "/run/ifstate"];

/// The stack of the host, and that of each interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stacks {
    host: Backend,
    each: BTreeMap<Mac, Backend>,
    /// What was seen on the way, one sentence each.
    pub reasons: Vec<String>,
}

/// One stack for all, as `--backend` wants it.
impl From<Backend> for Stacks {
    fn from(host: Backend) -> Self {
        Self { host, each: BTreeMap::new(), reasons: Vec::new() }
    }
}

impl Stacks {
    /// Looks for each ENI of `desired`. Errors: a file that cannot be read, or YAML that netplan could not parse.
    pub fn find(disk: &Disk, desired: &Desired, links: &[Link]) -> Result<Self> {
        let Detection { backend: host, reasons } = detect(disk)?;
        let mut stacks = Self { reasons, ..Self::from(host) };
        let netplan = (host == Backend::Netplan).then(|| Netplan::read(disk, links)).transpose()?;
        let evidence = Evidence { disk, links, host, netplan, own: own_files(disk)? };
        for planned in &desired.enis {
            let (backend, why) = evidence.of(planned)?;
            stacks.reasons.push(format!("{} is for {backend}: {why}", planned.dev));
            stacks.each.insert(planned.eni.mac, backend);
        }
        Ok(stacks)
    }

    pub fn of(&self, planned: &Planned) -> Backend {
        self.each.get(&planned.eni.mac).copied().unwrap_or(self.host)
    }

    /// Those that files are for, each once; the host's where there is no ENI.
    pub fn used(&self, desired: &Desired) -> Vec<Backend> {
        let used: BTreeSet<_> = desired.enis.iter().map(|planned| self.of(planned)).collect();
        if used.is_empty() { vec![self.host] } else { used.into_iter().collect() }
    }
}

/// Where to look.
struct Evidence<'a> {
    disk: &'a Disk,
    links: &'a [Link],
    host: Backend,
    /// On a host that netplan configures.
    netplan: Option<Netplan>,
    own: Vec<OwnFile>,
}

type Found = Option<(Backend, String)>;

impl Evidence<'_> {
    /// The surest first. NetworkManager's record comes late: it calls a link managed, and names a profile that it has
    /// made up, also where it only looks on while another stack configures it.
    fn of(&self, planned: &Planned) -> Result<(Backend, String)> {
        let link = self.links.iter().find(|link| link.name == planned.dev);
        let found = [
            self.networkd(planned, link)?,
            self.ifupdown(planned)?,
            self.renderer(planned),
            self.network_manager(link)?,
            self.before(planned),
        ];
        let host = || (self.host, "no stack has a record of it, and that one configures the host".to_owned());
        Ok(found.into_iter().flatten().next().unwrap_or_else(host))
    }

    /// networkd's record; netplan's own units are netplan's, which may have changed its mind about the next boot.
    fn networkd(&self, planned: &Planned, link: Option<&Link>) -> Result<Found> {
        let nic = link.map(|link| Nic::read(self.disk, link)).transpose()?.unwrap_or_default();
        let Some(unit) = nic.unit.filter(|_| nic.is_configured) else { return Ok(None) };
        let backend = match &self.netplan {
            Some(netplan) if is_netplan_s(&unit) && netplan.hands_to_network_manager(planned) => return Ok(None),
            Some(_) if is_netplan_s(&unit) => Backend::Netplan,
            _ => Backend::Networkd,
        };
        Ok(Some((backend, format!("systemd-networkd runs it by {unit}"))))
    }

    fn network_manager(&self, link: Option<&Link>) -> Result<Found> {
        let record = link.map(|link| Record::read(self.disk, link.index)).transpose()?.unwrap_or_default();
        let profile = record.connection.map(|uuid| format!("NetworkManager runs it by the profile {uuid}"));
        let why = profile.or_else(|| record.managed.then(|| "NetworkManager manages it".to_owned()));
        Ok(why.map(|why| (Backend::NetworkManager, why)))
    }

    fn ifupdown(&self, planned: &Planned) -> Result<Found> {
        for path in IFSTATES {
            let state = self.disk.read(path)?.unwrap_or_default();
            if state.lines().any(|line| line.split_once('=').is_some_and(|(dev, _)| dev == &*planned.dev)) {
                return Ok(Some((Backend::Ifupdown, format!("{path} says that ifup brought it up"))));
            }
        }
        Ok(None)
    }

    /// What netplan's YAML says.
    fn renderer(&self, planned: &Planned) -> Found {
        let handed = self.netplan.as_ref()?.hands_to_network_manager(planned);
        handed.then(|| (Backend::NetworkManager, "netplan's renderer for it is NetworkManager".to_owned()))
    }

    /// What an earlier run took it for. At boot, and right after a hot-plug, no stack has a record yet: the files
    /// must not go to and fro between two stacks by who came first.
    fn before(&self, planned: &Planned) -> Found {
        let own = self.own.iter().filter(|own| own.mac() == Some(planned.eni.mac));
        let found = own.filter_map(|own| Some((self.backend_of(&own.path)?, own.path.display().to_string())));
        found.map(|(backend, path)| (backend, format!("{path} is there from an earlier run"))).next()
    }

    /// The stack that reads one of our files, where it is a stack that keeps records and is still there.
    fn backend_of(&self, path: &Path) -> Option<Backend> {
        let name = path.file_name()?.to_str()?;
        let ends_in_networkd = [Backend::Netplan, Backend::Networkd].contains(&self.host);
        if name.ends_with(".nmconnection") {
            let there = ["/run/NetworkManager", "/usr/sbin/NetworkManager"].iter().any(|path| self.disk.exists(path));
            return there.then_some(Backend::NetworkManager);
        }
        (ends_in_networkd && name.starts_with("10-eniroute-")).then_some(Backend::Networkd)
    }
}

fn is_netplan_s(unit: &str) -> bool {
    unit.starts_with("10-netplan-")
}

#[cfg(test)]
#[path = "assign_tests.rs"]
mod tests;
