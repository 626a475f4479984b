//! A NIC that is attached later, where a catch-all of systemd-networkd's owns every NIC: the catch-all would give it
//! DHCP at once, with a default route as good as the primary's. A volatile unit just before the catch-all leaves such
//! a NIC alone until eniroute has a definition for it, which sorts first. Reads the disk only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::error::Result;
use crate::files::{Disk, File};
use crate::net::{Dev, Link};
use crate::persist::nic::Nic;
use crate::persist::own;
use crate::plan::Desired;

/// It goes with the boot. In /etc it would be part of an image, and keep the NICs of the image's instances down.
pub const FOLDER: &str = "/run/systemd/network";

/// What tells eniroute of a new NIC. Without it nobody would ever configure one.
const HOOKS: [&str; 3] = ["/etc/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d"];
const HOOK: &str = "99-eniroute.rules";

/// The unit beside `catch_all`, which runs the primary. `units`: see [`crate::persist::Rendering::units`].
pub fn file(
    disk: &Disk,
    desired: &Desired,
    links: &[Link],
    catch_all: &str,
    units: &BTreeMap<Dev, String>,
) -> Result<Option<File>> {
    let hooked = HOOKS.iter().any(|folder| disk.exists(Path::new(folder).join(HOOK)));
    let Some(primary) = desired.enis.iter().find(|planned| planned.eni.primary && hooked) else { return Ok(None) };
    let (mut drivers, mut names) = (BTreeSet::new(), BTreeSet::from([primary.dev.to_string()]));
    for link in links.iter().filter(|link| link.is_nic()) {
        let nic = Nic::read(disk, link)?;
        if desired.enis.iter().any(|planned| planned.dev == link.name) {
            drivers.extend(nic.driver.or(nic.kind));
        }
        let skipped = desired.skipped.iter().any(|skipped| skipped.dev.as_ref() == Some(&link.name));
        let is_ours = |unit: &String| unit.contains("eniroute-");
        let owned = nic.unit.is_some_and(|unit| !is_ours(&unit)) && !units.get(&link.name).is_some_and(is_ours);
        if skipped || owned {
            names.insert(link.name.to_string());
        }
    }
    let words = |words: BTreeSet<String>| words.into_iter().collect::<Vec<_>>().join(" ");
    let text = format!(
        "{}# What comes later is left alone until eniroute knows it.\n\
         [Match]\nDriver={}\nName=!{}\n[Link]\nUnmanaged=yes\n",
        own::marker(primary),
        words(drivers.clone()),
        words(names)
    );
    let path = Path::new(FOLDER).join(name(catch_all));
    Ok((!drivers.is_empty()).then_some(File { path, mode: 0o644, text }))
}

/// The last name before `catch_all`'s, so that no other definition is shadowed.
fn name(catch_all: &str) -> String {
    format!("{}-~eniroute-newcomers.network", catch_all.trim_end_matches(".network"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::FileChange;
    use crate::persist::guest;

    fn text(files: &[(&str, &str)]) -> Option<String> {
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::new(root.path()).unwrap();
        for (path, text) in files {
            let file = File { path: path.into(), mode: 0o644, text: (*text).into() };
            disk.commit(&FileChange::Create(file)).unwrap();
        }
        for dev in ["eth0", "eth1"] {
            let folder = root.path().join(format!("sys/class/net/{dev}/device"));
            std::fs::create_dir_all(&folder).unwrap();
            std::os::unix::fs::symlink("/sys/bus/pci/drivers/ena", folder.join("driver")).unwrap();
        }
        let units = [("eth1".into(), "10-eniroute-eth1.network".to_owned())].into();
        let found = file(&disk, &guest::desired(), &guest::links(), "20-dhcp.network", &units).unwrap()?;
        assert_eq!(found.path, Path::new("/run/systemd/network/20-dhcp-~eniroute-newcomers.network"));
        Some(found.text.split_once("[Match]\n").unwrap().1.to_owned())
    }

    #[test]
    fn what_is_there_is_left_to_its_owner_and_what_has_a_unit_of_ours_is_not_named() {
        let hook = ("/etc/udev/rules.d/99-eniroute.rules", "");
        let record = ("/run/systemd/netif/links/4", "NETWORK_FILE=/run/systemd/network/20-dhcp.network\n");
        let unit = ("/run/systemd/network/20-dhcp.network", "");
        assert_eq!(text(&[record, unit]), None, "nothing tells eniroute of a new NIC");
        let expected = |names| Some(format!("Driver=ena\nName=!{names}\n[Link]\nUnmanaged=yes\n"));
        assert_eq!(text(&[hook, unit]), expected("eth0"));
        assert_eq!(text(&[hook, record, unit]), expected("eth0 eth2"));
        let others = record.1.replace("20-dhcp", "10-eniroute-eth2");
        assert_eq!(
            text(&[hook, (record.0, &others), ("/run/systemd/network/10-eniroute-eth2.network", "")]),
            expected("eth0")
        );
    }

    #[test]
    fn the_name_comes_just_before_the_catch_all() {
        for (catch_all, before) in [
            ("10-netplan-all-en.network", "10-netplan-all-em.network"),
            ("10-netplan-all-en.network", "10-netplan-a-eniroute-eth1.network"),
            ("20-dhcp.network", "20-dhcp-eth3.network"),
        ] {
            assert!(before < name(catch_all).as_str() && name(catch_all).as_str() < catch_all, "{catch_all}");
        }
    }
}
