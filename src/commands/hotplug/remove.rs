//! `eniroute hotplug remove`: an interface has gone. Needs no metadata, which may still list its ENI, or be silent.

use log::debug;

use super::{from_memory, nothing};
use crate::cli::{Common, Selected};
use crate::error::Result;
use crate::gather::Gather;
use crate::metadata::cache::Memory;
use crate::net::{Link, link_of_mac};
use crate::reconcile::kept::read_ledger;
use crate::reconcile::{Host, How, Run, lock, tidy};
use crate::report::Report;
use crate::select::Selector;

/// Forgets every ENI of ours whose interface is gone, whichever that is: udev no longer tells its MAC.
///
/// # Errors
/// As [`crate::reconcile::converge()`].
pub fn run(common: &Common) -> Result<Report> {
    let how = How::repeated("hotplug", common);
    let mut host = Host::open_at_once(common)?;
    let _lock = lock(&host.disk, common.wait)?;
    tidy(&host.disk);
    let links = host.kernel.links()?;
    let memory = Memory::load(&host.disk);
    // Nothing goes by what is half known, or was known before this boot.
    if memory.enis.is_empty() || !memory.refused.is_empty() || !memory.recalled.is_empty() {
        return by_ledger(&mut host, how, &links);
    }
    if memory
        .enis
        .iter()
        .all(|eni| link_of_mac(eni.mac, &links).is_some())
    {
        debug!("no ENI's interface is gone");
        return nothing();
    }
    from_memory(&mut host, &how, memory.of_present(&links))
}

/// The same where no run of this boot has read the metadata: by the ledger alone. A table that a present ENI has, too,
/// is left to the next run.
fn by_ledger(host: &mut Host, how: How, links: &[Link]) -> Result<Report> {
    let ledger = read_ledger(&host.disk);
    let enis: Vec<_> = ledger
        .detached(links)
        .iter()
        .map(|mac| Selector::new(&mac.to_string()))
        .gathered();
    if enis.is_empty() {
        return nothing();
    }
    let how = How {
        selected: Selected { enis },
        ..how
    };
    Run::removal(host, &how)?.remove()
}
