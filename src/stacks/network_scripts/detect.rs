//! Whether the network scripts configure this host. Reads the disk only.

use crate::error::Result;
use crate::files::Disk;
use crate::stacks::network_manager;
use crate::stacks::stack::Finding;

/// By ifup's script, and the service that calls it.
pub fn runs_host(disk: &Disk) -> Result<Finding> {
    let script = "/etc/sysconfig/network-scripts/ifup-eth";
    if !disk.exists(script) {
        return Ok(Finding::no(&format!("{script} is not there")));
    }
    if disk.exists(network_manager::RUNNING) {
        return Ok(Finding::no(
            "NetworkManager runs, and it takes the ifcfg files over",
        ));
    }
    Ok(match network_service(disk)? {
        Some(evidence) => Finding::yes(format!("{script} and {evidence} are there")),
        None => Finding::no(&format!(
            "{script} is there, but the network service is neither enabled nor started"
        )),
    })
}

/// The trace of the `network` service: its lock while it is up, else the link that starts it at boot.
fn network_service(disk: &Disk) -> Result<Option<String>> {
    let traces = [
        "/var/lock/subsys/network",
        "/etc/systemd/system/multi-user.target.wants/network.service",
    ];
    if let Some(trace) = traces.into_iter().find(|path| disk.exists(path)) {
        return Ok(Some(trace.to_owned()));
    }
    let links = disk
        .list("/etc/rc.d/rc3.d")?
        .into_iter()
        .map(|path| path.display().to_string());
    let starts = |link: &String| link.contains("/S") && link.ends_with("network");
    Ok(links
        .into_iter()
        .find(starts)
        .filter(|_| disk.exists("/etc/rc.d/init.d/network")))
}
