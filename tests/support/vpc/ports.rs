//! An ENI's port in its subnet's bridge: the cable to the guest, the anti-spoofing, and the VPC's
//! mapping service, which answers ARP and neighbour solicitations in place of the guest.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::eni::{EniSpec, Subnet, link_local};
use super::netns::Host;
use super::router::nft;

/// Every frame from an ENI's port passes the port's own chain.
pub const TABLE: &str = r#"
table bridge vpc {
    counter spoofed { }
    counter wrong_arp { }
    map ports { type ifname : verdict; }
    chain prerouting {
        type filter hook prerouting priority -300
        iifname vmap @ports
    }
}
"#;

/// An ENI as the router sees it.
pub struct Port<'a> {
    pub router: &'a Host,
    pub subnet: &'a Subnet,
    pub name: &'a str,
    pub eni: &'a EniSpec,
}

impl Port<'_> {
    /// The rules, once for the life of the ENI. A guest may send ARP, IP and ND in its own name, a
    /// DHCP request and duplicate-address probes in nobody's. A VPC knows no multicast.
    pub fn guard(&self) {
        let (port, mac) = (self.name, self.eni.mac_text());
        nft(
            self.router,
            &format!(
                r#"
table bridge vpc {{
    set {port}_v4 {{ type ipv4_addr; flags interval; }}
    set {port}_v6 {{ type ipv6_addr; flags interval; }}
    chain {port} {{
        ether saddr != {mac} counter name spoofed drop
        ether type arp arp saddr ip @{port}_v4 accept
        ether type arp arp saddr ip 0.0.0.0 accept
        ether type arp arp operation reply counter name wrong_arp drop
        ether type arp counter name spoofed drop
        ip daddr 224.0.0.0/4 drop
        ip6 daddr {{ ff02::16, ff02::fb, ff02::1:3 }} drop
        ip saddr @{port}_v4 accept
        ip saddr 0.0.0.0 udp sport 68 accept
        ip6 saddr @{port}_v6 accept
        ip6 saddr {{ ::, fe80::/10 }} accept
        icmpv6 type nd-neighbor-advert counter name wrong_arp drop
        counter name spoofed drop
    }}
}}
"#
            ),
        );
        self.elements("add", self.eni.all());
        if self.eni.checked {
            self.check("add");
        }
    }

    /// `add` or `delete`: the source check.
    pub fn check(&self, verb: &str) {
        nft(
            self.router,
            &format!(
                "{verb} element bridge vpc ports {{ \"{0}\" : jump {0} }}",
                self.name
            ),
        );
    }

    /// Plugs the cable in. Its far end is a link of the guest, down; or, for a virtual machine, its
    /// near end is a tap, which belongs to whoever opens it.
    pub fn plug(&self, guest: &Host) {
        let (port, mac) = (self.name, self.eni.mac_text());
        let cable = if self.eni.machine {
            format!("tuntap add {port} mode tap\nlink set {port} mtu 9001")
        } else {
            let (name, guest, mtu) = (&self.eni.name, guest.name(), self.eni.mtu);
            format!(
                "link add {port} mtu 9001 type veth peer name {name} address {mac} mtu {mtu} netns {guest}"
            )
        };
        self.router.ip_batch(&format!(
            "{cable}\n\
             link set {port} master {} up\n\
             link set {port} type bridge_slave neigh_suppress on\n",
            self.subnet.bridge,
        ));
        self.router
            .command("bridge")
            .args(["fdb", "replace", mac, "dev", port, "master", "static"])
            .run();
        self.map_router("replace");
        self.map("replace", self.eni.all());
    }

    /// Pulls it: the guest's link goes with it, and the VPC forgets where the addresses are.
    pub fn unplug(&self) {
        self.map("delete", self.eni.all());
        self.map_router("delete");
        self.router.ip(&format!("link delete {}", self.name));
    }

    /// One more address or prefix, in the VPC's eyes.
    pub fn assign(&self, what: IpNet, plugged: bool) {
        self.elements("add", [what]);
        if plugged {
            self.map("replace", [what]);
        }
    }

    pub fn unassign(&self, what: IpNet, plugged: bool) {
        self.elements("delete", [what]);
        if plugged {
            self.map("delete", [what]);
        }
    }

    fn elements(&self, verb: &str, what: impl IntoIterator<Item = IpNet>) {
        let what = what.into_iter().inspect(|&net| self.subnet.admit(net));
        let (v4, v6): (Vec<_>, Vec<_>) = what.partition(|net| net.addr().is_ipv4());
        let line = |set: &str, nets: Vec<IpNet>| {
            let nets: Vec<_> = nets.iter().map(element).collect();
            format!(
                "{verb} element bridge vpc {}_{set} {{ {} }}\n",
                self.name,
                nets.join(", ")
            )
        };
        let lines = [("v4", v4), ("v6", v6)]
            .into_iter()
            .filter(|(_, nets)| !nets.is_empty());
        nft(
            self.router,
            &lines.map(|(set, nets)| line(set, nets)).collect::<String>(),
        );
    }

    /// The mapping service's entries: each address at the ENI's MAC. An IPv6 prefix is too large for
    /// that, and routed to the ENI instead.
    fn map(&self, verb: &str, what: impl IntoIterator<Item = IpNet>) {
        let via = link_local(self.eni.mac_text());
        let entries = |net: IpNet| match net {
            IpNet::V6(prefix) if prefix.prefix_len() < 128 => {
                format!("route {verb} {net} via {via} dev {}\n", self.subnet.bridge)
            }
            _ => every_address(net)
                .into_iter()
                .map(|address| self.mapping(verb, address))
                .collect(),
        };
        self.router
            .ip_batch(&what.into_iter().map(entries).collect::<String>());
    }

    /// The ENI as the next hop of its IPv6 prefixes.
    fn map_router(&self, verb: &str) {
        self.router
            .ip_batch(&self.mapping(verb, link_local(self.eni.mac_text()).into()));
    }

    fn mapping(&self, verb: &str, address: IpAddr) -> String {
        let (bridge, mac) = (&self.subnet.bridge, self.eni.mac_text());
        let entry = format!("{address} lladdr {mac} dev {bridge} nud permanent\n");
        match verb {
            // A DHCP server's answer makes a permanent entry an ordinary one, which the kernel may have let go by now.
            "delete" => format!("neighbour replace {entry}neighbour delete {entry}"),
            _ => format!("neighbour {verb} {entry}"),
        }
    }
}

/// Every address of it: the first and last of a delegated prefix are usable too.
fn every_address(net: IpNet) -> Vec<IpAddr> {
    match net {
        IpNet::V4(net) => {
            let (first, last) = (u32::from(net.network()), u32::from(net.broadcast()));
            (first..=last)
                .map(|address| Ipv4Addr::from(address).into())
                .collect()
        }
        IpNet::V6(net) => vec![net.addr().into()],
    }
}

fn element(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() {
        net.addr().to_string()
    } else {
        net.to_string()
    }
}
