//! Which interfaces NetworkManager is to leave alone, by its own configuration (NetworkManager.conf(5)) and by udev.
//! Pure, but for [`Unmanaged::read`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::keyfile::{Assignment, assignments, is_false, list};
use crate::error::Result;
use crate::files::Disk;
use crate::gather::{Gather, Order};
use crate::net::{Declared, Mac, Word};
use crate::stacks::networkd::nic::{Nic, fnmatch};

/// Below these a file shadows one of the same name in the folder before. NetworkManager reads [`MAIN`] before the last
/// folder's files, and a later value counts.
const FOLDERS: [&str; 3] = [
    "/usr/lib/NetworkManager/conf.d",
    "/run/NetworkManager/conf.d",
    "/etc/NetworkManager/conf.d",
];
const MAIN: &str = "/etc/NetworkManager/NetworkManager.conf";

/// udev's word for the same, which the configuration overrules.
const PROPERTY: &str = "NM_UNMANAGED";

/// What the configuration says of devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unmanaged {
    /// `unmanaged-devices`, with what other files add to it.
    devices: Vec<Value>,
    /// Each `[device-...]`, in the order in which they are asked: the first that fits and says anything decides.
    sections: Vec<Section>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Value {
    text: String,
    path: PathBuf,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Section {
    title: String,
    /// `match-device`; without it the section is for every device.
    fits: Option<String>,
    managed: Option<Value>,
}

impl Unmanaged {
    /// Errors: a file that cannot be read.
    pub fn read(disk: &Disk) -> Result<Self> {
        let mut unmanaged = Self::default();
        for path in files(disk)? {
            // A mask (a link to /dev/null) has no first line.
            if disk.first_line(&path)?.is_some() {
                let text = disk.read(&path)?.unwrap_or_default();
                unmanaged.merge(&path, &text);
            }
        }
        Ok(unmanaged)
    }

    /// Adds one file. Its sections are asked before those of the files before it.
    fn merge(&mut self, path: &Path, text: &str) {
        let mut sections: Vec<Section> = Vec::new();
        for line in assignments(text) {
            let value = Value {
                text: line.value.to_owned(),
                path: path.to_owned(),
            };
            if line.section == "keyfile" {
                self.assign(line.key, value);
            } else if line.section == "device" || line.section.starts_with("device-") {
                assign(&mut sections, &line, value);
            }
        }
        sections.append(&mut self.sections);
        self.sections = sections;
    }

    fn assign(&mut self, key: &str, value: Value) {
        match key {
            "unmanaged-devices" => self.devices = vec![value],
            "unmanaged-devices+" => self.devices.push(value),
            _ => {}
        }
    }

    /// By whose word NetworkManager leaves this interface alone.
    pub fn declared(&self, nic: &Nic) -> Option<Declared> {
        self.device(nic).or_else(|| self.section(nic))
    }

    fn device(&self, nic: &Nic) -> Option<Declared> {
        let specs = self.devices.iter().flat_map(|value| list(&value.text));
        let last = self.devices.last().filter(|_| fits(specs, nic))?;
        Some(left_alone("unmanaged-devices", last))
    }

    fn section(&self, nic: &Nic) -> Option<Declared> {
        let is_its = |section: &&Section| {
            let specs = section.fits.as_deref();
            specs.is_none_or(|specs| fits(list(specs), nic))
        };
        let mut managed = self.sections.iter().filter(is_its);
        match managed.find_map(|section| section.managed.as_ref()) {
            Some(value) => is_false(&value.text).then(|| left_alone("managed", value)),
            None => by_udev(nic),
        }
    }
}

/// One line of a `[device-...]` section.
fn assign(sections: &mut Vec<Section>, line: &Assignment, value: Value) {
    if sections
        .last()
        .is_none_or(|last| last.title != line.section)
    {
        sections.push(Section {
            title: line.section.to_owned(),
            ..Section::default()
        });
    }
    for section in sections.iter_mut().filter(|s| s.title == line.section) {
        match line.key {
            "match-device" => section.fits = Some(value.text.clone()),
            "managed" => section.managed = Some(value.clone()),
            _ => {}
        }
    }
}

fn left_alone(key: &str, value: &Value) -> Declared {
    let assignment = format!("{key}={}", value.text);
    Declared::new(Word::LeftAlone, &assignment, value.path.display())
}

fn by_udev(nic: &Nic) -> Option<Declared> {
    let value = nic.property(PROPERTY).filter(|value| !is_false(value))?;
    let assignment = format!("{PROPERTY}={value}");
    Some(Declared::new(Word::LeftAlone, &assignment, "udev's rules"))
}

/// The files that NetworkManager reads, in its order.
fn files(disk: &Disk) -> Result<Vec<PathBuf>> {
    let mut found = BTreeMap::new();
    for (rank, folder) in FOLDERS.iter().enumerate() {
        let paths = disk.list(folder)?.into_iter();
        let paths = paths.filter(|path| path.extension().is_some_and(|end| end == "conf"));
        let named = paths.filter_map(|path| Some((path.file_name()?.to_owned(), (rank, path))));
        found.extend(named);
    }
    let mut paths: Vec<(usize, PathBuf)> = found.into_values().gathered();
    // The main file has the last folder's rank, and comes first of that.
    let last = FOLDERS.len().saturating_sub(1);
    paths.insert(0, (last, MAIN.into()));
    paths.order_by_key(|(rank, _)| *rank);
    Ok(paths.into_iter().map(|(_, path)| path).gathered())
}

/// Whether a list of specifications means this interface: one does, and no exception; a list of exceptions alone means
/// all others.
fn fits<'a>(specs: impl Iterator<Item = &'a str>, nic: &Nic) -> bool {
    let specs: Vec<&str> = specs.gathered();
    let (not, wanted): (Vec<&str>, Vec<&str>) =
        specs.iter().partition(|spec| spec.starts_with("except:"));
    let is_excepted = not
        .iter()
        .any(|spec| is_meant(&spec["except:".len()..], nic));
    let is_wanted = wanted.iter().any(|spec| is_meant(spec, nic));
    !specs.is_empty() && !is_excepted && (is_wanted || wanted.is_empty())
}

fn is_meant(spec: &str, nic: &Nic) -> bool {
    let is_named = |glob: &str| nic.names.first().is_some_and(|name| fnmatch(glob, name));
    let is_mac = |text: &str| text.parse::<Mac>().is_ok_and(|mac| nic.mac == Some(mac));
    match spec.split_once(':') {
        _ if spec == "*" || is_mac(spec) => true,
        Some(("interface-name", name)) => match name.strip_prefix('=') {
            Some(name) => nic.names.first().is_some_and(|own| own == name),
            None => is_named(name.strip_prefix('~').unwrap_or(name)),
        },
        Some(("mac", mac)) => is_mac(mac),
        Some(("type", kind)) => kind == nic.kind.as_deref().unwrap_or("ethernet"),
        Some(("driver", glob)) => {
            let glob = glob.split('/').next().unwrap_or(glob);
            nic.driver
                .as_deref()
                .is_some_and(|driver| fnmatch(glob, driver))
        }
        _ => nic.names.first().is_some_and(|own| own == spec),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nic() -> Nic {
        Nic {
            names: vec!["eth1".into(), "ens6".into()],
            driver: Some("ena".into()),
            mac: "06:00:00:00:00:01".parse().ok(),
            ..Nic::default()
        }
    }

    fn word(files: &[&str], nic: &Nic) -> Option<String> {
        let mut unmanaged = Unmanaged::default();
        for (number, text) in files.iter().enumerate() {
            unmanaged.merge(format!("/{number}.conf").as_ref(), text);
        }
        Some(unmanaged.declared(nic)?.by)
    }

    #[test]
    fn a_list_of_devices_means_what_networkmanager_makes_of_it() {
        for (list, expected) in [
            ("eth1", true),
            ("eth0;eth1", true),
            ("eth0, eth1", true),
            ("ens6", false),
            ("interface-name:eth*", true),
            ("interface-name:eth[2-9]", false),
            ("interface-name:=eth1", true),
            ("interface-name:=eth*", false),
            ("interface-name:~eth?", true),
            ("mac:06:00:00:00:00:01", true),
            ("06:00:00:00:00:01", true),
            ("mac:06:00:00:00:00:02", false),
            ("*", true),
            ("*;except:interface-name:eth0", true),
            ("*;except:interface-name:eth1", false),
            ("*,except:type:wifi,except:type:gsm", true),
            ("*,except:type:ethernet", false),
            ("except:type:ethernet", false),
            ("except:interface-name:eth0", true),
            ("type:ethernet", true),
            ("type:veth", false),
            ("driver:ena", true),
            ("driver:e*/2.1", true),
            ("driver:virtio_net", false),
            ("", false),
        ] {
            let text = format!("[main]\nplugins=keyfile\n\n[keyfile]\nunmanaged-devices={list}\n");
            let by = word(&[&text], &nic());
            let told = format!("`unmanaged-devices={list}` in /0.conf");
            assert_eq!(by, expected.then_some(told), "{list}");
        }
    }

    #[test]
    fn a_later_file_counts_and_may_add() {
        let list = |key: &str, value: &str| format!("[keyfile]\n{key}={value}\n");
        let all = list("unmanaged-devices", "*");
        assert_eq!(word(&[&all, &list("unmanaged-devices", "")], &nic()), None);
        let added = list("unmanaged-devices+", "except:eth1");
        assert_eq!(word(&[&all, &added], &nic()), None);
        assert!(word(&[&list("unmanaged-devices", "eth2"), &all], &nic()).is_some());
    }

    #[test]
    fn a_device_section_decides_before_the_ones_of_earlier_files_and_before_udev() {
        let no = "[device-a]\nmatch-device=interface-name:eth1\nmanaged=0\n";
        let yes = "[device-b]\nmatch-device=driver:ena\nmanaged=1\n";
        let wifi = "[device]\nwifi.scan-rand-mac-address=no\n";
        let told = |file: &str| Some(format!("`managed=0` in {file}"));
        assert_eq!(word(&[no], &nic()), told("/0.conf"));
        assert_eq!(word(&[no, wifi], &nic()), told("/0.conf"));
        assert_eq!(word(&[no, yes], &nic()), None);
        assert_eq!(word(&[yes, no], &nic()), told("/1.conf"));
        assert_eq!(
            word(&["[device]\nmanaged=false\n"], &nic()),
            Some("`managed=false` in /0.conf".into())
        );
        let by_udev = Nic {
            properties: vec!["NM_UNMANAGED=1".into()],
            ..nic()
        };
        assert_eq!(word(&[yes], &by_udev), None);
        assert_eq!(
            word(&[], &by_udev),
            Some("`NM_UNMANAGED=1` in udev's rules".into())
        );
    }
}
