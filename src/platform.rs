//! Whether this host is an EC2 instance, and which one, by what firmware and hypervisor say: no network is needed. The
//! same signs as AWS documents ("Identify EC2 Linux instances") and cloud-init's ds-identify looks for.

use crate::files::Disk;

const DMI: &str = "/sys/class/dmi/id";
const HYPERVISOR_UUID: &str = "/sys/hypervisor/uuid";

/// What can be known of the host without the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Platform {
    Ec2,
    /// Something else, with the sign that says so.
    Elsewhere(String),
    /// Neither firmware nor hypervisor says anything: a container, or a board without DMI.
    Unknown,
}

/// Where this host runs, by what firmware and hypervisor say.
pub fn platform(disk: &Disk) -> Platform {
    Signs::read(disk).platform()
}

/// The instance's id (`i-0123456789abcdef0`), which Nitro writes on the board; an image of the disk does not take it
/// along. `None` on Xen and off EC2.
pub fn instance(disk: &Disk) -> Option<String> {
    read(disk, &format!("{DMI}/board_asset_tag")).filter(|tag| is_instance(tag))
}

fn is_instance(tag: &str) -> bool {
    tag.strip_prefix("i-")
        .is_some_and(|id| id.len() >= 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Each `None` where it is absent, empty, or not for us to read (the UUID is root's).
#[derive(Clone, Debug, Default)]
struct Signs {
    sys_vendor: Option<String>,
    board_vendor: Option<String>,
    bios_version: Option<String>,
    product_uuid: Option<String>,
    hypervisor_uuid: Option<String>,
}

impl Signs {
    fn read(disk: &Disk) -> Self {
        let dmi = |name: &str| read(disk, &format!("{DMI}/{name}"));
        Self {
            sys_vendor: dmi("sys_vendor"),
            board_vendor: dmi("board_vendor"),
            bios_version: dmi("bios_version"),
            product_uuid: dmi("product_uuid"),
            hypervisor_uuid: read(disk, HYPERVISOR_UUID),
        }
    }

    fn platform(&self) -> Platform {
        let is_amazon = |vendor: &Option<String>| vendor.as_deref() == Some("Amazon EC2");
        let nitro = is_amazon(&self.sys_vendor) || is_amazon(&self.board_vendor);
        let bios = self.bios_version.as_deref().unwrap_or_default();
        let xen = bios.ends_with(".amazon");
        let uuids = [&self.hypervisor_uuid, &self.product_uuid];
        let uuids = || uuids.into_iter().flatten();
        if nitro || xen || uuids().any(|uuid| is_ec2_uuid(uuid)) {
            return Platform::Ec2;
        }
        let vendor = self.sys_vendor.as_ref().or(self.board_vendor.as_ref());
        let sign = vendor.map(|vendor| format!("its vendor is {}", vendor.escape_debug()));
        let by_uuid = || {
            uuids()
                .next()
                .map(|_| "its UUID does not begin with ec2".to_owned())
        };
        let sign = sign.or_else(by_uuid);
        sign.map_or(Platform::Unknown, Platform::Elsewhere)
    }
}

/// It begins with `ec2` as written, or with the bytes of its first field (32 bits) in the other order, as SMBIOS has
/// them: `45E12AEC-...` is `EC2AE145-...`.
fn is_ec2_uuid(uuid: &str) -> bool {
    let first = uuid.split('-').next().unwrap_or_default();
    let swapped = u32::from_str_radix(first, 16).map(|field| format!("{:08x}", field.swap_bytes()));
    let is_ec2 = |begin: &str| begin.eq_ignore_ascii_case("ec2");
    let begins = |text: &str| text.get(..3).is_some_and(is_ec2);
    begins(first) || swapped.is_ok_and(|text| begins(&text))
}

fn read(disk: &Disk, path: &str) -> Option<String> {
    let text = disk.read(path).ok()??.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn disk(files: &[(&str, &str)]) -> (tempfile::TempDir, Disk) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let disk = Disk::new(root.path()).unwrap();
        (root, disk)
    }

    fn platform_of(dmi: &[(&str, &str)]) -> Platform {
        let paths: Vec<_> = dmi
            .iter()
            .map(|(name, text)| (format!("sys/class/dmi/id/{name}"), *text))
            .collect();
        let (_root, disk) = disk(
            &paths
                .iter()
                .map(|(path, text)| (path.as_str(), *text))
                .collect::<Vec<_>>(),
        );
        platform(&disk)
    }

    #[test]
    fn nitro_and_xen_instances_are_known_by_their_firmware() {
        for dmi in [
            &[
                ("sys_vendor", "Amazon EC2\n"),
                ("product_uuid", "EC2E1916-9099-7CAF-FD21-012345ABCDEF\n"),
            ],
            &[
                ("sys_vendor", "Somebody\n"),
                ("board_vendor", "Amazon EC2\n"),
            ],
            &[("sys_vendor", "Xen\n"), ("bios_version", "4.11.amazon\n")],
            &[
                ("sys_vendor", "Xen\n"),
                ("product_uuid", "ec2e1916-9099-7caf-fd21-012345abcdef\n"),
            ],
            // AWS's and cloud-init's own examples of the other byte order.
            &[
                ("sys_vendor", "Xen\n"),
                ("product_uuid", "45E12AEC-DCD1-B213-94ED-012345ABCDEF\n"),
            ],
        ] {
            assert_eq!(platform_of(dmi), Platform::Ec2, "{dmi:?}");
        }
        let (_root, disk) = disk(&[(
            "sys/hypervisor/uuid",
            "ec2f9095-0c4f-2f2c-8d1c-000000000000\n",
        )]);
        assert_eq!(platform(&disk), Platform::Ec2);
    }

    #[test]
    fn another_host_is_named() {
        let elsewhere = |why: &str| Platform::Elsewhere(why.to_owned());
        let qemu = [
            ("sys_vendor", "QEMU\n"),
            ("product_uuid", "1ec2e191-9099-7caf-fd21-012345abcdef\n"),
        ];
        assert_eq!(platform_of(&qemu), elsewhere("its vendor is QEMU"));
        // Aliyun, OpenStack and others answer at the same address.
        assert_eq!(
            platform_of(&[("sys_vendor", "Alibaba Cloud\n")]),
            elsewhere("its vendor is Alibaba Cloud")
        );
        let (_root, disk) = disk(&[(
            "sys/hypervisor/uuid",
            "0f9095ec-0c4f-2f2c-8d1c-000000000000\n",
        )]);
        assert_eq!(
            platform(&disk),
            elsewhere("its UUID does not begin with ec2")
        );
    }

    #[test]
    fn without_a_sign_nothing_is_known() {
        assert_eq!(platform_of(&[]), Platform::Unknown);
        assert_eq!(
            platform_of(&[("sys_vendor", "\n"), ("bios_version", "1.2\n")]),
            Platform::Unknown
        );
        let unreadable = tempfile::tempdir().unwrap();
        fs::create_dir_all(unreadable.path().join("sys/class/dmi/id/sys_vendor")).unwrap();
        assert_eq!(
            platform(&Disk::new(unreadable.path()).unwrap()),
            Platform::Unknown
        );
    }

    #[test]
    fn the_instance_s_id_is_the_board_s_asset_tag() {
        for (tag, id) in [
            ("i-0123456789abcdef0\n", Some("i-0123456789abcdef0")),
            ("i-1a2b3c4d\n", Some("i-1a2b3c4d")),
            ("Not Specified\n", None),
            ("i-none\n", None),
            ("", None),
        ] {
            let (_root, disk) = disk(&[("sys/class/dmi/id/board_asset_tag", tag)]);
            assert_eq!(instance(&disk).as_deref(), id, "{tag}");
        }
        let (_root, disk) = disk(&[]);
        assert_eq!(instance(&disk), None);
    }
}
