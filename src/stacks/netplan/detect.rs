//! Whether netplan configures this host, and which NICs. Reads the disk only.

use std::iter;

use super::generate::{GENERATORS, is_unit};
use super::{Netplan, STACK};
use crate::error::Result;
use crate::files::Disk;
use crate::gather::Gather;
use crate::plan::Planned;
use crate::stacks::marker;
use crate::stacks::network_manager;
use crate::stacks::networkd::detect::running_unit;
use crate::stacks::stack::{Claim, Finding, Host, Sure, Witness};

/// Its command line, and its generators: since 1.2 each may be there without the other.
const COMMAND: &str = "/usr/sbin/netplan";

/// By its program and YAML that is not ours.
pub fn runs_host(disk: &Disk) -> Result<Finding> {
    let mut programs = iter::once(COMMAND).chain(GENERATORS);
    let Some(program) = programs.find(|path| disk.exists(path)) else {
        return Ok(Finding::no("not installed"));
    };
    for folder in ["/etc/netplan", "/lib/netplan", "/run/netplan"] {
        for path in disk.list_ending(folder, "yaml")? {
            if !marker::is_own_file(disk, &path)? {
                let path = path.display();
                return Ok(Finding::yes(format!("{program} and {path} are there")));
            }
        }
    }
    let why = format!("{program} is there, but no YAML of anybody's");
    Ok(Finding::no(&why))
}

/// Its YAML, on a host that it configures, and networkd's records of units that are netplan's.
pub struct Yaml<'a> {
    host: Host<'a>,
    netplan: Option<Netplan>,
}

impl<'a> Yaml<'a> {
    /// Errors: YAML that netplan could not parse.
    pub fn read(host: Host<'a>) -> Result<Self> {
        let runs = *host.stack == STACK;
        let netplan = runs.then(|| Netplan::yaml(host.disk, host.links));
        let netplan = netplan.transpose()?;
        Ok(Self { host, netplan })
    }
}

impl Witness for Yaml<'_> {
    /// A unit of its own is netplan's word, which may have changed its mind about the next boot.
    fn claims(&self, planned: &Planned) -> Result<Vec<Claim>> {
        let Some(netplan) = &self.netplan else {
            return Ok(Vec::new());
        };
        let unit = running_unit(&self.host, planned)?.filter(|unit| is_unit(unit));
        if netplan.hands_to_network_manager(planned) {
            let sure = unit.map_or(Sure::Meant, |_| Sure::Configured);
            let why = "netplan's renderer for it is NetworkManager".to_owned();
            return Ok(vec![Claim::new(&network_manager::STACK, sure, why)]);
        }
        let claim = unit.map(|unit| {
            let why = format!("systemd-networkd runs it by {unit}");
            Claim::new(&STACK, Sure::Configured, why)
        });
        Ok(claim.into_iter().gathered())
    }
}
