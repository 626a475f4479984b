//! How the links are, what their drivers say, and the settings that decide whether a packet is taken.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::files::Disk;
use crate::gather::Gather;
use crate::kernel::{self, Nic};
use crate::net::Dev;
use crate::net::state::LinkState;
use crate::net::sysctl::Key;
use crate::reconcile::apart::ages;
use crate::reconcile::assess::Assessment;
use crate::reconcile::host::Host;

/// Whether a packet has to come in by the interface by which its answer would leave. As [`Key::name`] has it.
pub const RP_FILTER: &str = "net/ipv4/conf/*/rp_filter";
/// For which addresses a link answers ARP: 0 is for all of the host's.
pub const ARP_IGNORE: &str = "net/ipv4/conf/*/arp_ignore";
/// Which of the host's addresses a link asks ARP from: 0 is any.
pub const ARP_ANNOUNCE: &str = "net/ipv4/conf/*/arp_announce";
/// IPv6 is off.
pub const DISABLE_IPV6: &str = "net/ipv6/conf/*/disable_ipv6";
/// Of the host: whether it forwards IPv4 packets.
pub const IP_FORWARD: &str = "net/ipv4/ip_forward";

/// The name that stands for every link.
pub const ALL: &str = "all";
/// The name that stands for the links that come.
pub const DEFAULT: &str = "default";

/// Amazon's PCI vendor, and its network devices (drivers/net/ethernet/amazon/ena/ena_pci_id_tbl.h).
const VENDOR: &str = "0x1d0f";
const DEVICES: [&str; 4] = ["0x0ec2", "0x1ec2", "0xec20", "0xec21"];
const PCI: &str = "/sys/bus/pci/devices";

/// What is known of the links.
pub struct LinkFacts {
    pub states: Vec<LinkState>,
    /// What the drivers of the ENIs' links say.
    pub nics: BTreeMap<Dev, Nic>,
    pub settings: BTreeMap<Key, String>,
    /// Seconds since udev first saw a link, where it tells.
    pub ages: BTreeMap<Dev, u64>,
    /// Amazon's NICs on the PCI bus that no driver runs, by their place there.
    pub driverless: Vec<String>,
}

impl LinkFacts {
    pub(super) fn of(host: &mut Host, assessment: &Assessment) -> Result<Self> {
        let links = &assessment.observed.links;
        let enis = assessment.desired.enis.iter();
        let devs: Vec<Dev> = enis.map(|planned| planned.dev.clone()).gathered();
        let nics = devs
            .iter()
            .filter_map(|dev| Some((dev.clone(), kernel::nic(dev).ok()?)));
        Ok(Self {
            states: host.kernel.link_states()?,
            nics: nics.into_map(),
            settings: host.kernel.settings(keys(&devs)),
            ages: ages(&host.disk, links),
            driverless: driverless(&host.disk),
        })
    }

    /// How this link is.
    pub fn state(&self, dev: &Dev) -> Option<&LinkState> {
        self.states.iter().find(|state| state.dev == *dev)
    }

    /// The number that a setting of `dev` has: 0 where it is not there.
    pub fn number(&self, name: &str, dev: &str) -> u32 {
        let value = self.settings.get(&Key::of_link(name, &dev.into()));
        value.and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// The greater one of what a link and `all` have, which is what the kernel goes by for some settings
    /// (`IN_DEV_MAXCONF`).
    pub fn greater(&self, name: &str, dev: &str) -> u32 {
        self.number(name, dev).max(self.number(name, ALL))
    }

    /// This host forwards IPv4 packets.
    pub fn forwards(&self) -> bool {
        let value = self.settings.get(&Key::of_host(IP_FORWARD));
        value.is_some_and(|value| value != "0")
    }
}

fn keys(devs: &[Dev]) -> Vec<Key> {
    let names = [RP_FILTER, ARP_IGNORE, ARP_ANNOUNCE, DISABLE_IPV6];
    let devs = devs.iter().cloned();
    let devs = devs.chain([ALL.into(), DEFAULT.into()]);
    let of_links = devs.flat_map(|dev| names.map(|name| Key::of_link(name, &dev)));
    of_links.chain([Key::of_host(IP_FORWARD)]).gathered()
}

fn driverless(disk: &Disk) -> Vec<String> {
    let devices = disk.list(PCI).unwrap_or_default();
    let has = |path: &std::path::Path, key: &str, values: &[&str]| {
        let value = disk.read(path.join(key)).ok().flatten().unwrap_or_default();
        values.contains(&value.trim())
    };
    let idle = devices.iter().filter(|path| {
        has(path, "vendor", &[VENDOR])
            && has(path, "device", &DEVICES)
            && !disk.exists(path.join("driver"))
    });
    idle.map(|path| crate::files::name(path).to_owned())
        .gathered()
}
