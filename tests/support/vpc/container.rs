//! Containers on an instance: hosts of their own behind a bridge of the guest, as Docker makes them.

use std::net::IpAddr;

use ipnet::IpNet;

use super::eni::parse;
use super::netns::Host;
use super::router::wait_for_port;

impl Host {
    /// A container with this address (`192.168.77.2/24`, or out of a delegated prefix:
    /// `172.31.48.20/28`) behind `bridge`, which is made, with the network's first address, unless it is
    /// there. Turns forwarding on, as Docker does, but masquerades nothing.
    pub fn container(&self, bridge: &str, address: &str) -> Host {
        let net: IpNet = parse(address);
        let gateway = net
            .hosts()
            .find(|host| *host != net.network())
            .expect("room for a gateway");
        let (v6, cable) = (gateway.is_ipv6(), cable(net.addr()));
        let host = Host::new(&format!("{}-{cable}", self.name()));
        host.sysctl("net.ipv6.conf.default.accept_dad", 0);
        self.bridge(bridge, gateway, net.prefix_len());
        self.sysctl(
            if v6 {
                "net.ipv6.conf.all.forwarding"
            } else {
                "net.ipv4.ip_forward"
            },
            1,
        );
        self.ip_batch(&format!(
            "link add {cable} type veth peer name eth0 netns {}\nlink set {cable} master {bridge} up\n",
            host.name()
        ));
        let (nodad, everything) = if v6 {
            ("nodad", "::/0")
        } else {
            ("", "0.0.0.0/0")
        };
        host.ip_batch(&format!(
            "link set eth0 up\naddress add {address} dev eth0 {nodad}\nroute add {everything} via {gateway}\n"
        ));
        wait_for_port(self, &cable);
        host
    }

    fn bridge(&self, name: &str, gateway: IpAddr, length: u8) {
        if !self
            .command("ip")
            .args(["link", "show", name])
            .output()
            .status
            .success()
        {
            self.ip(&format!("link add {name} type bridge"));
            self.sysctl(&format!("net.ipv6.conf.{name}.accept_dad"), 0);
            self.ip(&format!("link set {name} up"));
        }
        let nodad = if gateway.is_ipv6() { "nodad" } else { "" };
        self.ip(&format!(
            "address replace {gateway}/{length} dev {name} {nodad}"
        ));
    }
}

/// A link's name, which has room for 15 bytes, out of the end of the address.
fn cable(address: IpAddr) -> String {
    let low = match address {
        IpAddr::V4(v4) => u32::from(v4),
        IpAddr::V6(v6) => u128::from(v6) as u32,
    };
    format!("veth{low:08x}")
}
