//! Which stack configures this host, found out by looking at what is installed and running, never by the
//! distribution's name. Reads the disk only.

use crate::error::Result;
use crate::files::Disk;
use crate::stacks::{Backend, marker};

/// The backend, and what was seen on the way to it, one sentence per stack that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    pub backend: Backend,
    pub reasons: Vec<String>,
}

/// Whether a stack runs this host, and how we know.
struct Finding {
    yes: bool,
    why: String,
}

type Probe = fn(&Disk) -> Result<Finding>;

/// In order of precedence: netplan drives networkd, NetworkManager may drive ifcfg files.
const PROBES: [(Backend, Probe); 5] = [
    (Backend::Netplan, netplan),
    (Backend::NetworkScripts, network_scripts),
    (Backend::NetworkManager, network_manager),
    (Backend::Networkd, networkd),
    (Backend::Ifupdown, ifupdown),
];

/// Looks for each stack in turn; the first that runs the host is the backend.
pub fn detect(disk: &Disk) -> Result<Detection> {
    let mut reasons = Vec::new();
    for (backend, probe) in PROBES {
        let Finding { yes, why } = probe(disk)?;
        reasons.push(format!("{backend}: {why}"));
        if yes {
            reasons.extend(backend.unsupported());
            return Ok(Detection { backend, reasons });
        }
    }
    reasons.extend(Backend::None.unsupported());
    Ok(Detection { backend: Backend::None, reasons })
}

fn netplan(disk: &Disk) -> Result<Finding> {
    let programs =
        ["/usr/sbin/netplan", "/usr/libexec/netplan/generate", "/usr/lib/netplan/generate", "/lib/netplan/generate"];
    let Some(program) = first(disk, &programs) else {
        return Ok(no("not installed"));
    };
    for folder in ["/etc/netplan", "/lib/netplan", "/run/netplan"] {
        for path in disk.list(folder)? {
            let yaml = path.extension().is_some_and(|extension| extension == "yaml");
            let line = disk.first_line(&path)?.unwrap_or_default();
            if yaml && !marker::is_own(&line) {
                return Ok(yes(format!("{program} and {} are there", path.display())));
            }
        }
    }
    Ok(no(&format!("{program} is there, but no YAML of anybody's")))
}

fn network_scripts(disk: &Disk) -> Result<Finding> {
    let script = "/etc/sysconfig/network-scripts/ifup-eth";
    if !disk.exists(script) {
        return Ok(no(&format!("{script} is not there")));
    }
    if disk.exists("/run/NetworkManager") {
        return Ok(no("NetworkManager runs, and it takes the ifcfg files over"));
    }
    match network_service(disk)? {
        Some(evidence) => Ok(yes(format!("{script} and {evidence} are there"))),
        None => Ok(no(&format!("{script} is there, but the network service is neither enabled nor started"))),
    }
}

/// The trace of the `network` service: its lock while it is up, else the link that starts it at boot.
fn network_service(disk: &Disk) -> Result<Option<String>> {
    let traces = ["/var/lock/subsys/network", "/etc/systemd/system/multi-user.target.wants/network.service"];
    if let Some(trace) = first(disk, &traces) {
        return Ok(Some(trace.to_owned()));
    }
    let links = disk.list("/etc/rc.d/rc3.d")?.into_iter().map(|path| path.display().to_string());
    let starts = |link: &String| link.contains("/S") && link.ends_with("network");
    Ok(links.into_iter().find(starts).filter(|_| disk.exists("/etc/rc.d/init.d/network")))
}

fn network_manager(disk: &Disk) -> Result<Finding> {
    Ok(by(disk, &["/run/NetworkManager"]))
}

/// By its state file: tmpfiles.d makes the folder around it even where networkd never runs.
fn networkd(disk: &Disk) -> Result<Finding> {
    Ok(by(disk, &["/run/systemd/netif/state"]))
}

fn ifupdown(disk: &Disk) -> Result<Finding> {
    Ok(by(disk, &["/etc/network/interfaces"]))
}

fn by(disk: &Disk, paths: &[&str]) -> Finding {
    match first(disk, paths) {
        Some(path) => yes(format!("{path} is there")),
        None => no(&format!("{} is not there", paths.join(" or "))),
    }
}

fn first<'a>(disk: &Disk, paths: &[&'a str]) -> Option<&'a str> {
    paths.iter().copied().find(|path| disk.exists(path))
}

fn yes(why: String) -> Finding {
    Finding { yes: true, why }
}

fn no(why: &str) -> Finding {
    Finding { yes: false, why: why.to_owned() }
}
