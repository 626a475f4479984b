//! Network interfaces, and which of them may carry an ENI.

use super::{Dev, Mac, quoted};

/// A network interface as the kernel reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub index: u32,
    pub name: Dev,
    pub altnames: Vec<String>,
    /// The address in use; `None` for a link that has no Ethernet address (`lo` reports zeros).
    pub mac: Option<Mac>,
    /// The address burnt into the device (`IFLA_PERM_ADDRESS`); absent for virtual links.
    pub permanent_mac: Option<Mac>,
    /// `IFLA_INFO_KIND`: `bridge`, `vlan`, `veth`, ...; absent for a physical device.
    pub kind: Option<String>,
    /// The bridge, bond or VRF that this link is enslaved to (`IFLA_MASTER`), by index.
    pub master: Option<u32>,
    /// IPv6 is on here: neither the kernel nor this link's sysctl `disable_ipv6` has it off.
    pub ipv6: bool,
    /// `IFF_UP`: administratively up.
    pub up: bool,
}

impl Link {
    /// A device of its own: a physical one, or a veth. Bridges, bonds, VLANs and the like copy the MAC of a device
    /// below them, and tunnels have nothing to do with the VPC.
    pub fn is_nic(&self) -> bool {
        self.mac.is_some() && matches!(self.kind.as_deref(), None | Some("veth"))
    }

    /// The MAC of the ENI that this link may be.
    pub fn eni_mac(&self) -> Option<Mac> {
        self.permanent_mac.or(self.mac)
    }
}

/// The `ip` command that gives the link `dev` this administrative state: `up` or `down`.
pub fn command(dev: &Dev, state: &str) -> String {
    format!("ip link set dev {} {state}", quoted(dev))
}

/// The links that may be ENIs. A veth may lead to a container: it counts only on a host without a physical interface,
/// which is a container itself.
pub fn nics(links: &[Link]) -> impl Iterator<Item = &Link> {
    let nics = links.iter().filter(|link| link.is_nic());
    let has_physical = nics.clone().any(|nic| nic.kind.is_none());
    nics.filter(move |nic| nic.kind.is_none() || !has_physical)
}

/// The NIC that carries an ENI's MAC: by permanent address, else by address. A bridge, bond, VLAN or macvlan copies the
/// MAC of the device below it (cilium #41922), so only a physical link, or a veth, is ever taken.
pub fn link_of_mac(mac: Mac, links: &[Link]) -> Option<&Link> {
    let nics = || links.iter().filter(|link| link.is_nic());
    let permanent = nics().find(|link| link.permanent_mac == Some(mac));
    permanent.or_else(|| nics().find(|link| link.permanent_mac.is_none() && link.mac == Some(mac)))
}
