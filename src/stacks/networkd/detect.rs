//! Whether systemd-networkd configures this host, and which NICs. Reads the disk only.

use super::STACK;
use super::nic::Nic;
use crate::error::Result;
use crate::plan::Planned;
use crate::stacks::stack::{Claim, Host, Sure, Witness};

/// By its state file: tmpfiles.d makes the folder around it even where networkd never runs.
pub const STATE: &str = "/run/systemd/netif/state";

/// Its record of each NIC, and our units from earlier runs.
pub struct Records<'a>(pub Host<'a>);

impl Witness for Records<'_> {
    fn claims(&self, planned: &Planned) -> Result<Vec<Claim>> {
        let claim = |sure, why| Claim {
            sure,
            stack: &STACK,
            why,
        };
        let unit = running_unit(&self.0, planned)?;
        let record = unit.map(|unit| {
            claim(
                Sure::Configured,
                format!("systemd-networkd runs it by {unit}"),
            )
        });
        let loads = self.0.stack.program == STACK.program;
        let own = self
            .0
            .own_file(planned, |name| loads && name.starts_with("10-eniroute-"));
        let own = own.map(|own| {
            claim(
                Sure::Before,
                format!("{} is there from an earlier run", own.path.display()),
            )
        });
        Ok(record.into_iter().chain(own).collect())
    }
}

/// The unit by which networkd has configured the NIC.
pub fn running_unit(host: &Host, planned: &Planned) -> Result<Option<String>> {
    let nic = host
        .link(planned)
        .map(|link| Nic::read(host.disk, link))
        .transpose()?
        .unwrap_or_default();
    Ok(nic.unit.filter(|_| nic.is_configured))
}
