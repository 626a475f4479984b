//! The guests' root images, by name. `images/build` makes and caches them.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where the scripts are that make images.
const IMAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests/images");

/// Debian 11, 12 and 13, of which each has another nftables: 0.9.8, 1.0.6, 1.1.3; and NetworkManager.
const NAT: [Image; 4] = [
    Image::BullseyeIfupdown,
    Image::BookwormNetplan,
    Image::BookwormNm,
    Image::TrixieNetplan,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// Debian 12, cloud-init, netplan, systemd-networkd.
    BookwormNetplan,
    /// Debian 12 with netplan's catch-all of Debian's cloud images, without cloud-init.
    BookwormCatchall,
    /// Debian 13; cloud-init 25 configures secondary ENIs too.
    TrixieNetplan,
    /// Debian 11, ifupdown, dhclient.
    BullseyeIfupdown,
    /// Debian 12, NetworkManager.
    BookwormNm,
    /// Debian 12, with none of the stacks that eniroute writes files for.
    BookwormNone,
    /// Debian testing, cloud-init, netplan 1.2, systemd 262.
    ForkyNetplan,
    /// Debian testing, NetworkManager 1.58.
    ForkyNm,
    /// Debian 13 on arm64, as on Graviton.
    TrixieArm64,
}

/// An image in the cache.
pub struct Files {
    pub root: PathBuf,
    pub kernel: PathBuf,
    pub initrd: PathBuf,
}

impl Image {
    pub const ALL: [Self; 9] = [
        Self::BookwormNetplan,
        Self::BookwormCatchall,
        Self::TrixieNetplan,
        Self::BullseyeIfupdown,
        Self::BookwormNm,
        Self::BookwormNone,
        Self::ForkyNetplan,
        Self::ForkyNm,
        Self::TrixieArm64,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::BookwormNetplan => "bookworm-netplan",
            Self::BookwormCatchall => "bookworm-catchall",
            Self::TrixieNetplan => "trixie-netplan",
            Self::BullseyeIfupdown => "bullseye-ifupdown",
            Self::BookwormNm => "bookworm-nm",
            Self::BookwormNone => "bookworm-none",
            Self::ForkyNetplan => "forky-netplan",
            Self::ForkyNm => "forky-nm",
            Self::TrixieArm64 => "trixie-arm64",
        }
    }

    /// Whether this story is told of it: of another architecture two are enough, which take thrice as long.
    pub fn tells(self, story: &str) -> bool {
        match story {
            "nat" => NAT.contains(&self),
            "imds" => self == Self::ForkyNetplan,
            "appliance" => self == Self::TrixieNetplan,
            "survive" | "installed" => true,
            _ => !self.is_arm64(),
        }
    }

    pub fn is_arm64(self) -> bool {
        self == Self::TrixieArm64
    }

    /// Debian's name of its architecture.
    pub fn architecture(self) -> &'static str {
        if self.is_arm64() { "arm64" } else { "amd64" }
    }

    /// The interface name of the NIC with this device number.
    pub fn interface(self, device_number: usize) -> String {
        match self {
            Self::BullseyeIfupdown => format!("eth{device_number}"),
            _ => format!("ens{}", FIRST_SLOT + device_number),
        }
    }

    /// The unit that runs the NICs.
    pub fn manager(self) -> &'static str {
        match self {
            Self::BullseyeIfupdown => "networking",
            Self::BookwormNm | Self::ForkyNm => "NetworkManager",
            Self::BookwormNone => "lease",
            _ => "systemd-networkd",
        }
    }

    /// What the kernel must be told, beside what all are told.
    pub fn kernel_options(self) -> &'static str {
        if self == Self::BullseyeIfupdown {
            "net.ifnames=0"
        } else {
            ""
        }
    }

    /// cloud-init writes the network's configuration.
    pub fn has_cloud_init(self) -> bool {
        matches!(
            self,
            Self::BookwormNetplan | Self::TrixieNetplan | Self::ForkyNetplan | Self::TrixieArm64
        )
    }

    /// eniroute writes files there that hold without a run of it.
    pub fn has_stack(self) -> bool {
        self != Self::BookwormNone
    }

    /// Builds it unless it is cached. Takes a minute or two, once.
    pub fn files(self) -> Files {
        let folder = self.folder("build", &[]);
        let file = |name| folder.join(name);
        Files {
            root: file("root.ext4"),
            kernel: file("vmlinuz"),
            initrd: file("initrd"),
        }
    }

    /// Packages of its release that it lacks, with what they need.
    pub fn debs(self, packages: &[&str]) -> Vec<PathBuf> {
        let files =
            fs::read_dir(self.folder("debs", packages)).expect("the folder of the packages");
        files.flatten().map(|file| file.path()).collect()
    }

    /// The folder that a script of the images prints.
    fn folder(self, script: &str, arguments: &[&str]) -> PathBuf {
        let script = format!("{IMAGES}/{script}");
        let command = Command::new(&script)
            .arg(self.name())
            .args(arguments)
            .stderr(Stdio::inherit())
            .output();
        let out = command.unwrap_or_else(|e| panic!("{script}: {e}"));
        assert!(
            out.status.success(),
            "{script} {}: {}: run tests/setup-boot first",
            self.name(),
            out.status
        );
        PathBuf::from(String::from_utf8_lossy(&out.stdout).trim())
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The PCI slot of the first NIC, from which udev makes the name `ens5`, as on EC2's Nitro.
pub const FIRST_SLOT: usize = 5;
