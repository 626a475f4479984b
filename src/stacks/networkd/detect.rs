//! Whether systemd-networkd configures this host, and which NICs. Reads the disk only.

use super::STACK;
use super::nic::Nic;
use crate::error::Result;
use crate::gather::Gather;
use crate::plan::Planned;
use crate::stacks::stack::{Claim, Host, Sure, Witness};

/// By its state file: tmpfiles.d makes the folder around it even where networkd never runs.
pub const STATE: &str = "/run/systemd/netif/state";

/// Its record of each NIC, and our units from earlier runs.
pub struct Records<'a>(pub Host<'a>);

impl Witness for Records<'_> {
    fn claims(&self, planned: &Planned) -> Result<Vec<Claim>> {
        let Self(host) = self;
        let record = running_unit(host, planned)?.map(|unit| {
            let why = format!("systemd-networkd runs it by {unit}");
            Claim::new(&STACK, Sure::Configured, why)
        });
        let loads = host.stack.program == STACK.program;
        let own = host.own_file(planned, |name| loads && name.starts_with("10-eniroute-"));
        let own = own.map(|own| Claim::by_own_file(&STACK, own));
        Ok(record.into_iter().chain(own).gathered())
    }
}

/// The unit by which networkd has configured the NIC.
pub fn running_unit(host: &Host, planned: &Planned) -> Result<Option<String>> {
    let nic = host.link(planned).map(|link| Nic::read(host.disk, link));
    let nic = nic.transpose()?.unwrap_or_default();
    Ok(nic.unit.filter(|_| nic.is_configured))
}
