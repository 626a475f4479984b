//! A NIC that is attached later, where a catch-all of systemd-networkd's owns every NIC: the catch-all would give it
//! DHCP at once, with a default route as good as the primary's. A volatile unit just before the catch-all leaves such
//! a NIC alone until eniroute has a definition for it, which sorts first. Reads the disk only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::files::{Disk, File};
use crate::gather::Gather;
use crate::net::{Dev, is_plain};
use crate::plan::Desired;
use crate::stacks::marker;
use crate::stacks::networkd::nic::Nic;

/// It goes with the boot. In /etc it would be part of an image, and keep the NICs of the image's instances down.
pub const FOLDER: &str = "/run/systemd/network";

/// What tells eniroute of a new NIC. Without it nobody would ever configure one.
const HOOKS: [&str; 3] = [
    "/etc/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
];
const HOOK: &str = "99-eniroute.rules";

/// What the NICs that are there are told from a newcomer by.
#[derive(Default)]
struct Present {
    drivers: BTreeSet<String>,
    /// Of the NICs that are somebody else's, the primary first of all: every name, alternative ones too. One that is
    /// not told would match, so the path must tell them as well.
    names: BTreeSet<String>,
    paths: BTreeSet<String>,
}

impl Present {
    /// Adds what tells this NIC of somebody else's; `None` where nothing does for sure.
    fn note(&mut self, nic: &Nic) -> Option<()> {
        if !nic.names.iter().all(|name| is_plain(name)) {
            return None;
        }
        self.names.extend(nic.names.iter().cloned());
        match nic.property("ID_PATH") {
            Some(path) => self.paths.extend([path.to_owned()]),
            None if nic.kind.is_none() => return None,
            None => {}
        }
        Some(())
    }
}

/// Whether something tells eniroute of a new NIC.
pub fn is_hooked(disk: &Disk) -> bool {
    HOOKS
        .iter()
        .any(|folder| disk.exists(Path::new(folder).join(HOOK)))
}

/// What is known when a NIC is held back.
pub struct Newcomers<'a> {
    /// The whole plan.
    pub desired: &'a Desired,
    /// Every link.
    pub nics: &'a BTreeMap<Dev, Nic>,
    /// See [`crate::stacks::Rendering::definitions`].
    pub units: &'a BTreeMap<Dev, String>,
}

impl Newcomers<'_> {
    /// The unit beside `catch_all`, which runs the primary.
    pub fn file(&self, catch_all: &str) -> Option<File> {
        let mut enis = self.desired.enis.iter();
        let primary = enis.find(|planned| planned.eni.primary)?;
        let text = marker::marker(primary) + &self.present()?.text();
        let path = Path::new(FOLDER).join(name(catch_all));
        Some(File::readable(path, text))
    }

    /// `None` when one of them cannot be told for sure: a physical NIC without a path, or no driver at all, or a
    /// name that the unit cannot hold.
    fn present(&self) -> Option<Present> {
        let mut present = Present::default();
        for (dev, nic) in self.nics.iter().filter(|(_, nic)| nic.is_nic) {
            if self.is_somebody_else_s(dev, nic) {
                present.note(nic)?;
            }
            if self.desired.enis.iter().any(|planned| planned.dev == *dev) {
                let driver = nic.driver.as_ref().or(nic.kind.as_ref());
                present.drivers.extend(driver.cloned());
            }
        }
        (!present.drivers.is_empty()).then_some(present)
    }

    /// The primary's, one of an ENI that is left alone, or one that has a unit which is not ours.
    fn is_somebody_else_s(&self, dev: &Dev, nic: &Nic) -> bool {
        let is_ours = |unit: &String| unit.contains("eniroute-");
        let has_owner = nic.unit.as_ref().is_some_and(|unit| !is_ours(unit))
            && !self.units.get(dev).is_some_and(is_ours);
        let mut skipped = self.desired.skipped.iter();
        let mut enis = self.desired.enis.iter();
        has_owner
            || skipped.any(|skipped| skipped.dev.as_ref() == Some(dev))
            || enis.any(|planned| planned.eni.primary && planned.dev == *dev)
    }
}

impl Present {
    fn text(&self) -> String {
        let words = |words: &BTreeSet<String>| {
            let words: Vec<_> = words.iter().map(String::as_str).gathered();
            words.join(" ")
        };
        let paths = match words(&self.paths) {
            paths if paths.is_empty() => paths,
            paths => format!("Path=!{paths}\n"),
        };
        format!(
            "# What comes later is left alone until eniroute knows it.\n\
             [Match]\nDriver={}\nName=!{}\n{paths}[Link]\nUnmanaged=yes\n",
            words(&self.drivers),
            words(&self.names)
        )
    }
}

/// The last name before `catch_all`'s, so that no other definition is shadowed.
fn name(catch_all: &str) -> String {
    format!(
        "{}-~eniroute-newcomers.network",
        catch_all.trim_end_matches(".network")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::scratch::scratch;
    use crate::net::Link;
    use crate::stacks::guest;

    fn text(files: &[(&str, &str)]) -> Option<String> {
        let (root, disk) = scratch(files);
        for dev in ["eth0", "eth1"] {
            let folder = root.path().join(format!("sys/class/net/{dev}/device"));
            std::fs::create_dir_all(&folder).unwrap();
            std::os::unix::fs::symlink("/sys/bus/pci/drivers/ena", folder.join("driver")).unwrap();
        }
        let units = [("eth1".into(), "10-eniroute-eth1.network".to_owned())].into();
        let mut links = guest::links();
        links.iter_mut().for_each(|link| link.kind = None);
        let newcomers = Newcomers {
            desired: &guest::desired(),
            nics: &Nic::read_all(&disk, &links).unwrap(),
            units: &units,
        };
        let found = Some("20-dhcp.network").filter(|_| is_hooked(&disk));
        let found = newcomers.file(found?)?;
        assert_eq!(
            found.path,
            Path::new("/run/systemd/network/20-dhcp-~eniroute-newcomers.network")
        );
        Some(found.text.split_once("[Match]\n").unwrap().1.to_owned())
    }

    /// udev's record of an interface.
    fn udev(index: u32) -> (String, String) {
        (
            format!("/run/udev/data/n{index}"),
            format!("I:1\nE:ID_PATH=pci-0000:00:0{index}.0\n"),
        )
    }

    #[test]
    fn what_is_there_is_left_to_its_owner_and_what_has_a_unit_of_ours_is_not_named() {
        let hook = ("/etc/udev/rules.d/99-eniroute.rules", "");
        let [eth0, eth2] = [guest::links()[0].clone(), guest::links()[2].clone()];
        let (udev0, udev2) = (udev(eth0.index), udev(eth2.index));
        let paths = [(udev0.0.as_str(), udev0.1.as_str()), (&udev2.0, &udev2.1)];
        let path = format!("/run/systemd/netif/links/{}", eth2.index);
        let record = (
            path.as_str(),
            "NETWORK_FILE=/run/systemd/network/20-dhcp.network\n",
        );
        let unit = ("/run/systemd/network/20-dhcp.network", "");
        assert_eq!(
            text(&[record, unit, paths[0], paths[1]]),
            None,
            "nothing tells eniroute of a new NIC"
        );
        assert_eq!(
            text(&[hook, unit]),
            None,
            "nothing but its names tells the primary"
        );
        assert_eq!(
            text(&[hook, record, unit, paths[0]]),
            None,
            "nothing but its names tells eth2"
        );

        let words = |words: &[String]| words.join(" ");
        let named = |links: &[&Link]| {
            let names = links
                .iter()
                .flat_map(|link| [vec![link.name.to_string()], link.altnames.clone()].concat());
            let names: BTreeSet<_> = names.collect();
            let paths = links
                .iter()
                .map(|link| format!("pci-0000:00:0{}.0", link.index))
                .collect::<Vec<_>>();
            let names = words(&names.into_iter().collect::<Vec<_>>());
            Some(format!(
                "Driver=ena\nName=!{names}\nPath=!{}\n[Link]\nUnmanaged=yes\n",
                words(&paths)
            ))
        };
        assert_eq!(text(&[hook, unit, paths[0]]), named(&[&eth0]));
        assert_eq!(
            text(&[hook, record, unit, paths[0], paths[1]]),
            named(&[&eth0, &eth2])
        );
        let ours = record.1.replace("20-dhcp", "10-eniroute-eth2");
        let files = [
            hook,
            (record.0, &ours),
            ("/run/systemd/network/10-eniroute-eth2.network", ""),
            paths[0],
        ];
        assert_eq!(text(&files), named(&[&eth0]));
    }

    #[test]
    fn the_name_comes_just_before_the_catch_all() {
        for (catch_all, before) in [
            ("10-netplan-all-en.network", "10-netplan-all-em.network"),
            (
                "10-netplan-all-en.network",
                "10-netplan-a-eniroute-eth1.network",
            ),
            ("20-dhcp.network", "20-dhcp-eth3.network"),
        ] {
            assert!(
                before < name(catch_all).as_str() && name(catch_all).as_str() < catch_all,
                "{catch_all}"
            );
        }
    }
}
