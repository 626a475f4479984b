//! Other tools that do the same work, and Kubernetes CNIs that give the ENIs' addresses to pods. Two of them on one
//! host undo each other, so eniroute stands down. What a CNI's rules tell of a single ENI is the plan's business.

use crate::error::Result;
use crate::files::{Disk, name};
use crate::gather::Gather;

/// The tool that configures this host's ENIs already: its name, how it was recognised, and what to do about it.
///
/// # Errors
/// A file that should tell cannot be read.
pub fn in_charge(disk: &Disk) -> Result<Option<String>> {
    Ok(peers(disk)?.first().map(Peer::sentence))
}

/// Every tool that does so.
///
/// # Errors
/// As [`in_charge`].
pub fn peers(disk: &Disk) -> Result<Vec<Peer>> {
    let found = [
        amazon_ec2_net_utils(disk)?,
        nm_cloud_setup(disk)?,
        cloud_netconfig(disk)?,
        vpc_cni(disk),
        cilium(disk)?,
    ];
    Ok(found.into_iter().flatten().gathered())
}

/// Tools that configure ENIs, too, and that eniroute gets on with: cloud-init's rules (since 24.1) have no priority in its
/// files, so eniroute's come first; systemd-imds has one file for any interface that nobody else has.
///
/// # Errors
/// As [`in_charge`].
pub fn neighbours(disk: &Disk) -> Result<Vec<Peer>> {
    const YAML: &str = "/etc/netplan/50-cloud-init.yaml";
    const UNIT: &str = "/run/systemd/network/85-imds-early.network";
    let yaml = disk.read(YAML)?.unwrap_or_default();
    let is_table = |line: &str| line.trim_start_matches([' ', '-']).starts_with("table: 10");
    let line = yaml.lines().position(is_table);
    let cloud_init = line.map(|line| Peer {
        name: "cloud-init",
        evidence: format!("{YAML}:{}", line + 1),
        off: "",
    });
    let imds = disk.exists(UNIT).then(|| Peer {
        name: "systemd-imds",
        evidence: UNIT.to_owned(),
        off: "systemctl mask systemd-imds-early-network.service",
    });
    Ok(cloud_init.into_iter().chain(imds).gathered())
}

/// Another tool that configures ENIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub name: &'static str,
    /// What is there of it: a path, mostly.
    pub evidence: String,
    /// The command that turns it off. Empty where there is none: a cluster cannot do without its CNI.
    pub off: &'static str,
}

impl Peer {
    fn new(name: &'static str, evidence: String, off: &'static str) -> Self {
        Self {
            name,
            evidence,
            off,
        }
    }

    /// What it does, how it is known, and what to do about it.
    pub fn sentence(&self) -> String {
        format!(
            "{} configures the ENIs of this host already ({} is there): {}",
            self.name,
            self.evidence,
            self.remedy()
        )
    }

    fn remedy(&self) -> String {
        match self.off {
            "" => "with --force, the ENIs that it shows no sign of are configured all the same"
                .to_owned(),
            off => format!("turn it off ({off}), or go on with --force"),
        }
    }
}

/// Version 2 leaves drop-ins in /run/systemd/network for each ENI it has set up; version 1 has a shell library.
fn amazon_ec2_net_utils(disk: &Disk) -> Result<Option<Peer>> {
    const V1: &str = "/etc/sysconfig/network-scripts/ec2net-functions";
    let mut evidence = disk.exists(V1).then(|| V1.to_owned());
    for dir in disk.list_ending("/run/systemd/network", "d")? {
        let mut files = disk.list(&dir)?.into_iter();
        let file = files.find(|file| name(file).starts_with("ec2net_"));
        evidence = evidence.or(file.map(|file| file.display().to_string()));
    }
    let off = "systemctl disable --now 'policy-routes@*' 'refresh-policy-routes@*.timer', or remove the package";
    Ok(evidence.map(|evidence| Peer::new("amazon-ec2-net-utils", evidence, off)))
}

/// Its timer may be enabled while no provider is: it does nothing then.
fn nm_cloud_setup(disk: &Disk) -> Result<Option<Peer>> {
    if enabled(disk, "nm-cloud-setup.timer")?.is_none() {
        return Ok(None);
    }
    for dir in [
        "/etc/systemd/system",
        "/usr/lib/systemd/system",
        "/lib/systemd/system",
    ] {
        for file in disk.list(format!("{dir}/nm-cloud-setup.service.d"))? {
            let text = disk.read(&file)?.unwrap_or_default();
            if text.contains("NM_CLOUD_SETUP_EC2=yes") {
                let off = "systemctl disable --now nm-cloud-setup.timer nm-cloud-setup.service";
                let evidence = file.display().to_string();
                return Ok(Some(Peer::new("nm-cloud-setup", evidence, off)));
            }
        }
    }
    Ok(None)
}

fn cloud_netconfig(disk: &Disk) -> Result<Option<Peer>> {
    let off = "systemctl disable --now cloud-netconfig.timer";
    let timer = enabled(disk, "cloud-netconfig.timer")?;
    Ok(timer.map(|evidence| Peer::new("cloud-netconfig", evidence, off)))
}

/// In all of its modes it gives pods the addresses of every ENI but those with the tag `no_manage`, which the metadata
/// does not tell.
fn vpc_cni(disk: &Disk) -> Option<Peer> {
    const CONFLIST: &str = "/etc/cni/net.d/10-aws.conflist";
    let peer = || Peer::new("the VPC CNI (aws-node)", CONFLIST.to_owned(), "");
    disk.exists(CONFLIST).then(peer)
}

/// Only its ENI mode concerns the ENIs. Its agent leaves its settings in /run; before it has started in this boot, the
/// mode cannot be told.
fn cilium(disk: &Disk) -> Result<Option<Peer>> {
    let mut conflists = [
        "/etc/cni/net.d/05-cilium.conflist",
        "/etc/cni/net.d/05-cilium.conf",
    ]
    .into_iter();
    let Some(conflist) = conflists.find(|path| disk.exists(path)) else {
        return Ok(None);
    };
    let settings = disk.read("/run/cilium/state/agent-runtime-config.json")?;
    let settings = settings.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    let mode = settings.and_then(|settings| settings["IPAM"].as_str().map(str::to_owned));
    let evidence = match mode.as_deref() {
        Some("eni") => format!("{conflist}, with IPAM by ENI,"),
        Some(_) => return Ok(None),
        None => format!("{conflist}, perhaps with IPAM by ENI,"),
    };
    Ok(Some(Peer::new("Cilium", evidence, "")))
}

/// The link that makes systemd start `timer`.
fn enabled(disk: &Disk, timer: &str) -> Result<Option<String>> {
    let links = disk.list("/etc/systemd/system/timers.target.wants")?;
    Ok(links
        .into_iter()
        .find(|link| name(link) == timer)
        .map(|link| link.display().to_string()))
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
        assert_eq!(
            complaint(&[("run/systemd/network/10-netplan-eth0.network", "")]),
            None
        );
    }

    #[test]
    fn amazon_ec2_net_utils_is_known_by_its_drop_ins_and_by_its_library() {
        let file = "run/systemd/network/70-ens6.network.d/ec2net_policy_4.conf";
        let text = complaint(&[(file, "")]).unwrap();
        assert!(
            text.starts_with("amazon-ec2-net-utils ")
                && text.contains(file)
                && text.contains("--force"),
            "{text}"
        );
        assert!(complaint(&[("etc/sysconfig/network-scripts/ec2net-functions", "")]).is_some());
    }

    #[test]
    fn nm_cloud_setup_counts_only_when_enabled_for_ec2() {
        let timer = (
            "etc/systemd/system/timers.target.wants/nm-cloud-setup.timer",
            "",
        );
        let on = (
            "usr/lib/systemd/system/nm-cloud-setup.service.d/10-rh-enable-for-ec2.conf",
            "NM_CLOUD_SETUP_EC2=yes\n",
        );
        assert_eq!(complaint(&[timer]), None);
        assert_eq!(complaint(&[on]), None);
        assert!(
            complaint(&[timer, on])
                .unwrap()
                .starts_with("nm-cloud-setup ")
        );
    }

    #[test]
    fn cloud_netconfig_is_known_by_its_timer() {
        let text = complaint(&[(
            "etc/systemd/system/timers.target.wants/cloud-netconfig.timer",
            "",
        )])
        .unwrap();
        assert!(text.starts_with("cloud-netconfig "), "{text}");
    }

    #[test]
    fn the_vpc_cni_is_known_by_its_conflist() {
        let text = complaint(&[("etc/cni/net.d/10-aws.conflist", "{}")]).unwrap();
        assert!(
            text.contains("aws-node")
                && text.contains("10-aws.conflist")
                && text.contains("--force"),
            "{text}"
        );
        assert_eq!(
            complaint(&[("etc/cni/net.d/10-flannel.conflist", "{}")]),
            None
        );
    }

    #[test]
    fn cilium_counts_unless_it_is_known_to_leave_the_enis_alone() {
        let conflist = ("etc/cni/net.d/05-cilium.conflist", "{}");
        let settings = "run/cilium/state/agent-runtime-config.json";
        let by = |text| complaint(&[conflist, (settings, text)]);
        assert!(by(r#"{"IPAM": "eni"}"#).unwrap().starts_with("Cilium "));
        assert_eq!(by(r#"{"IPAM": "cluster-pool"}"#), None);
        for text in ["{}", "", r#"{"IPAM": 1}"#] {
            assert!(by(text).unwrap().contains("perhaps"), "{text}");
        }
        assert!(complaint(&[conflist]).unwrap().contains("perhaps"));
        assert_eq!(complaint(&[(settings, r#"{"IPAM": "eni"}"#)]), None);
    }
}
