//! How the addresses are, who renews those that have an end, and which one unbound traffic gets.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use crate::error::Result;
use crate::files::Disk;
use crate::gather::Gather;
use crate::kernel::{self, Kernel, Lookup};
use crate::net::state::AddressState;
use crate::net::{Address, Dev, Family, Link};
use crate::reconcile::assess::Assessment;
use crate::reconcile::host::Host;
use crate::reconcile::proof::outside;

/// What is known of the addresses on this host's links.
pub struct AddressFacts {
    pub states: Vec<AddressState>,
    /// Where sockets on the port of DHCP clients (68) are bound; `0.0.0.0` is everywhere.
    pub clients: BTreeSet<Ipv4Addr>,
    /// Interfaces whose client has no such socket while a lease lasts.
    pub idle_clients: BTreeSet<Dev>,
    /// Leases that a network manager keeps for a link.
    pub leases: BTreeSet<(Dev, Ipv4Addr)>,
    /// The way of an IPv4 packet to the Internet from a socket that is bound to no address.
    pub unbound: Option<Lookup>,
}

impl AddressFacts {
    pub(super) fn of(host: &mut Host, assessment: &Assessment) -> Result<Self> {
        let links = &assessment.observed.links;
        let enis = assessment.desired.enis.iter();
        let devs: Vec<&Dev> = enis.map(|planned| &planned.dev).gathered();
        let own = links.iter().filter(|link| devs.contains(&&link.name));
        Ok(Self {
            states: host.kernel.address_states(links)?,
            clients: kernel::clients_v4(),
            idle_clients: kernel::idle_clients(links),
            leases: own.flat_map(|link| leases(&host.disk, link)).into_set(),
            unbound: unbound(&mut host.kernel)?,
        })
    }

    /// Somebody is there who renews a lease of `address`. A DHCPv6 client is known to the run.
    pub fn is_renewed(&self, address: &Address) -> bool {
        let IpAddr::V4(ip) = address.net.addr() else {
            return false;
        };
        let is_on_dev = |bound: &Ipv4Addr| {
            let mut states = self.states.iter().map(|state| &state.address);
            states.any(|up| up.dev == address.dev && up.net.addr() == *bound)
        };
        let mut clients = self.clients.iter();
        clients.any(|bound| bound.is_unspecified() || is_on_dev(bound))
            || self.idle_clients.contains(&address.dev)
            || self.leases.contains(&(address.dev.clone(), ip))
    }
}

fn unbound(kernel: &mut Kernel) -> Result<Option<Lookup>> {
    kernel.route_get(outside(Family::Ipv4), None)
}

/// What systemd-networkd and NetworkManager, which run this link, have noted of its lease.
fn leases(disk: &Disk, link: &Link) -> Vec<(Dev, Ipv4Addr)> {
    let by_networkd = format!("/run/systemd/netif/leases/{}", link.index);
    let is_nm = disk.exists(format!("/run/NetworkManager/devices/{}", link.index));
    let suffix = format!("-{}.lease", link.name);
    let by_nm = disk.list("/var/lib/NetworkManager").unwrap_or_default();
    let by_nm = by_nm
        .into_iter()
        .filter(|path| is_nm && path.to_string_lossy().ends_with(&suffix));
    let files = [by_networkd.into()].into_iter().chain(by_nm);
    let texts = files.filter_map(|path| disk.read(path).ok().flatten());
    texts
        .filter_map(|text| leased(&text))
        .map(|ip| (link.name.clone(), ip))
        .gathered()
}

/// The address that a lease is of.
fn leased(text: &str) -> Option<Ipv4Addr> {
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix("ADDRESS=")?.trim().parse().ok())
}
