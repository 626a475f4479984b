//! Other tools that do the same work. Two of them on one host undo each other, so eniroute stands down.

use std::path::Path;

use crate::error::Result;
use crate::files::Disk;

/// The tool that configures this host's ENIs already: its name, how it was recognised, and what to do about it.
///
/// # Errors
/// A file that should tell cannot be read.
pub fn in_charge(disk: &Disk) -> Result<Option<String>> {
    let found = [amazon_ec2_net_utils(disk)?, nm_cloud_setup(disk)?, cloud_netconfig(disk)?];
    Ok(found.into_iter().flatten().next().map(|peer| {
        format!(
            "{} configures the ENIs of this host already ({} is there): turn it off ({}), or go on with --force",
            peer.name, peer.evidence, peer.remedy
        )
    }))
}

struct Peer {
    name: &'static str,
    evidence: String,
    remedy: &'static str,
}

/// Version 2 leaves drop-ins in /run/systemd/network for each ENI it has set up; version 1 has a shell library.
fn amazon_ec2_net_utils(disk: &Disk) -> Result<Option<Peer>> {
    const V1: &str = "/etc/sysconfig/network-scripts/ec2net-functions";
    let mut evidence = disk.exists(V1).then(|| V1.to_owned());
    for dir in disk.list("/run/systemd/network")? {
        if dir.extension().is_some_and(|ext| ext == "d") {
            let file = disk.list(&dir)?.into_iter().find(|file| name(file).starts_with("ec2net_"));
            evidence = evidence.or(file.map(|file| file.display().to_string()));
        }
    }
    let remedy = "systemctl disable --now 'policy-routes@*' 'refresh-policy-routes@*.timer', or remove the package";
    Ok(evidence.map(|evidence| Peer { name: "amazon-ec2-net-utils", evidence, remedy }))
}

/// Its timer may be enabled while no provider is: it does nothing then.
fn nm_cloud_setup(disk: &Disk) -> Result<Option<Peer>> {
    if enabled(disk, "nm-cloud-setup.timer")?.is_none() {
        return Ok(None);
    }
    for dir in ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"] {
        for file in disk.list(format!("{dir}/nm-cloud-setup.service.d"))? {
            if disk.read(&file)?.is_some_and(|text| text.contains("NM_CLOUD_SETUP_EC2=yes")) {
                let remedy = "systemctl disable --now nm-cloud-setup.timer nm-cloud-setup.service";
                return Ok(Some(Peer { name: "nm-cloud-setup", evidence: file.display().to_string(), remedy }));
            }
        }
    }
    Ok(None)
}

fn cloud_netconfig(disk: &Disk) -> Result<Option<Peer>> {
    let remedy = "systemctl disable --now cloud-netconfig.timer";
    let timer = enabled(disk, "cloud-netconfig.timer")?;
    Ok(timer.map(|evidence| Peer { name: "cloud-netconfig", evidence, remedy }))
}

/// The link that makes systemd start `timer`.
fn enabled(disk: &Disk, timer: &str) -> Result<Option<String>> {
    let links = disk.list("/etc/systemd/system/timers.target.wants")?;
    Ok(links.into_iter().find(|link| name(link) == timer).map(|link| link.display().to_string()))
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// What `demand_none` says on a host that has these files.
    fn complaint(files: &[(&str, &str)]) -> Option<String> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        in_charge(&Disk::new(root.path()).unwrap()).unwrap()
    }

    #[test]
    fn a_plain_host_has_none() {
        assert_eq!(complaint(&[("run/systemd/network/10-netplan-eth0.network", "")]), None);
    }

    #[test]
    fn amazon_ec2_net_utils_is_known_by_its_drop_ins_and_by_its_library() {
        let file = "run/systemd/network/70-ens6.network.d/ec2net_policy_4.conf";
        let text = complaint(&[(file, "")]).unwrap();
        assert!(text.starts_with("amazon-ec2-net-utils ") && text.contains(file) && text.contains("--force"), "{text}");
        assert!(complaint(&[("etc/sysconfig/network-scripts/ec2net-functions", "")]).is_some());
    }

    #[test]
    fn nm_cloud_setup_counts_only_when_enabled_for_ec2() {
        let timer = ("etc/systemd/system/timers.target.wants/nm-cloud-setup.timer", "");
        let on =
            ("usr/lib/systemd/system/nm-cloud-setup.service.d/10-rh-enable-for-ec2.conf", "NM_CLOUD_SETUP_EC2=yes\n");
        assert_eq!(complaint(&[timer]), None);
        assert_eq!(complaint(&[on]), None);
        assert!(complaint(&[timer, on]).unwrap().starts_with("nm-cloud-setup "));
    }

    #[test]
    fn cloud_netconfig_is_known_by_its_timer() {
        let text = complaint(&[("etc/systemd/system/timers.target.wants/cloud-netconfig.timer", "")]).unwrap();
        assert!(text.starts_with("cloud-netconfig "), "{text}");
    }
}
