//! The VPC's own machinery: the router namespace with a bridge per subnet, the Internet gateway, and
//! the host beyond it. Nothing of the instance is here.

use std::fs;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::Ipv6Net;

use super::eni::Subnet;
use super::netns::Host;
use super::probe::wait_for;

/// The host on the Internet, and the addresses by which it is known there.
pub const INTERNET: [&str; 2] = ["8.8.8.8", "2001:4860:4860::8888"];

/// The address of the metadata service.
pub const IMDS: &str = "169.254.169.254";
pub const IMDS6: &str = "fd00:ec2::254";

/// The gateway translates by rewriting, without state: a packet may pass this router twice, on its way
/// to an appliance and on its way from it, and a connection tracker would take it for two flows.
const GATEWAY: &str = r#"
table ip vpc {
    map public_to_private { type ipv4_addr : ipv4_addr; }
    map private_to_public { type ipv4_addr : ipv4_addr; }
    set subnets { type ipv4_addr; flags interval; auto-merge; }
    counter no_public_address { }
    chain inbound {
        type filter hook prerouting priority -150
        iifname "igw" ip daddr set ip daddr map @public_to_private
    }
    chain outbound {
        type filter hook postrouting priority 150
        oifname "igw" ip saddr set ip saddr map @private_to_public
        oifname "igw" ip saddr @subnets counter name no_public_address drop
    }
}
table ip6 vpc {
    chain forward { type filter hook forward priority 0; }
}
table inet vpc {
    counter passed_out { }
    chain forward {
        type filter hook forward priority -10
        oifname "igw" counter name passed_out
    }
}
"#;

const ROUTER_SYSCTLS: [(&str, u32); 12] = [
    ("net.ipv4.ip_forward", 1),
    ("net.ipv6.conf.all.forwarding", 1),
    ("net.ipv6.conf.default.accept_dad", 0),
    ("net.ipv4.conf.all.rp_filter", 0),
    ("net.ipv4.conf.default.rp_filter", 0),
    ("net.ipv4.conf.all.send_redirects", 0),
    ("net.ipv4.conf.default.send_redirects", 0),
    // A subnet's gateway answers ARP in its own subnet alone.
    ("net.ipv4.conf.all.arp_ignore", 1),
    // Bridged frames are the bridge table's business, not the gateway's.
    ("net.bridge.bridge-nf-call-iptables", 0),
    ("net.bridge.bridge-nf-call-ip6tables", 0),
    ("net.bridge.bridge-nf-call-arptables", 0),
    ("net.ipv4.icmp_ratelimit", 0),
];

/// The router and the Internet host, linked, with the gateway between them.
pub fn build() -> (Host, Host) {
    let (router, inet) = (Host::new("router"), Host::new("inet"));
    for (key, value) in ROUTER_SYSCTLS {
        router.sysctl(key, value);
    }
    inet.sysctl("net.ipv6.conf.default.accept_dad", 0);
    router.ip_batch(&format!(
        "link add igw mtu 1500 type veth peer name eth0 netns inet\n\
         link set igw up\n\
         address add 198.18.0.1/30 dev igw\n\
         address add 2001:db8:ffff:ffff::1/64 dev igw nodad\n\
         route add default via 198.18.0.2\n\
         route add ::/0 via 2001:db8:ffff:ffff::2\n\
         address add {IMDS}/32 dev lo\n"
    ));
    let [public, public6] = INTERNET;
    inet.ip_batch(&format!(
        "link set eth0 up\n\
         address add 198.18.0.2/30 dev eth0\n\
         address add 2001:db8:ffff:ffff::2/64 dev eth0 nodad\n\
         address add {public}/32 dev lo\n\
         address add {public6}/128 dev lo nodad\n\
         route add default via 198.18.0.1 src {public}\n\
         route add ::/0 via 2001:db8:ffff:ffff::1 src {public6}\n"
    ));
    nft(&router, &format!("{GATEWAY}{}", super::ports::TABLE));
    (router, inet)
}

/// Feeds a script to `nft`, in one transaction.
pub fn nft(router: &Host, script: &str) {
    router.command("nft").args(["-f", "-"]).input(script).run();
}

/// A bridge with the subnet's gateway addresses.
pub fn add_subnet(router: &Host, subnet: &Subnet) {
    let Subnet { bridge, mac, .. } = subnet;
    let mut batch = format!(
        "link add {bridge} address {mac} mtu 9001 type bridge mcast_snooping 0\n\
         link set {bridge} up\n\
         address add {IMDS}/32 dev {bridge}\n\
         address add fe80:ec2::1/64 dev {bridge} nodad\n"
    );
    if let (Some(net), Some(gateway)) = (subnet.ipv4, subnet.gateway()) {
        batch += &format!("address add {gateway}/{} dev {bridge}\n", net.prefix_len());
        nft(router, &format!("add element ip vpc subnets {{ {net} }}"));
    }
    if let (Some(net), Some(gateway)) = (subnet.ipv6, subnet.gateway6()) {
        batch += &format!(
            "address add {gateway}/{} dev {bridge} nodad\n",
            net.prefix_len()
        );
    }
    router.ip_batch(&batch);
}

/// One more IPv6 range of the subnet's.
pub fn add_ipv6(router: &Host, subnet: &Subnet, net: Ipv6Net) {
    let gateway = Ipv6Addr::from(u128::from(net.network()) + 1);
    router.ip(&format!(
        "address add {gateway}/{} dev {} nodad",
        net.prefix_len(),
        subnet.bridge
    ));
}

/// Where the ranges of two VPCs overlap, the Internet knows of this address by its own VPC's way.
pub fn belongs_to(router: &Host, subnet: &Subnet, address: &str) {
    router.ip(&format!("route replace {address}/32 dev {}", subnet.bridge));
}

/// Another instance, with these addresses in the subnet; what it sends is never filtered.
pub fn add_instance(router: &Host, subnet: &Subnet, name: &str, addresses: &[IpAddr]) -> Host {
    let host = Host::new(name);
    host.sysctl("net.ipv6.conf.default.accept_dad", 0);
    host.sysctl("net.ipv6.conf.default.accept_ra", 0);
    host.sysctl("net.ipv6.conf.all.accept_redirects", 0);
    host.sysctl("net.ipv6.conf.default.accept_redirects", 0);
    router.ip_batch(&format!(
        "link add {name} mtu 9001 type veth peer name eth0 mtu 9001 netns {name}\n\
         link set {name} master {} up\n",
        subnet.bridge
    ));
    let lines = addresses
        .iter()
        .map(|&address| own_address(subnet, address))
        .collect::<String>();
    host.ip_batch(&format!("link set eth0 up\n{lines}"));
    wait_for_port(router, name);
    host
}

/// A bridge lets nothing through a port until the kernel has come round to its carrier, and an ARP
/// request that is lost to that is not repeated within the second.
pub fn wait_for_port(router: &Host, port: &str) {
    let state = format!("/sys/class/net/{port}/brport/state");
    let forwarding =
        || router.enter(|| fs::read_to_string(&state).is_ok_and(|text| text.trim() == "3"));
    wait_for(&format!("port {port} to forward"), forwarding);
}

/// An address and the default route. IPv6 all goes by the router, which knows the ENI of every
/// address in a delegated /80; neighbour discovery cannot.
fn own_address(subnet: &Subnet, address: IpAddr) -> String {
    if address.is_ipv6() {
        return format!(
            "address add {address}/128 dev eth0 nodad\nroute replace ::/0 via fe80:ec2::1 dev eth0\n"
        );
    }
    let (net, gateway) = subnet
        .ipv4
        .zip(subnet.gateway())
        .expect("a subnet with IPv4");
    format!(
        "address add {address}/{} dev eth0\nroute replace default via {gateway}\n",
        net.prefix_len()
    )
}

/// Inbound IPv6 is refused, answers to what went out are let in: an egress-only Internet gateway.
pub fn egress_only_ipv6(router: &Host) {
    nft(
        router,
        "add rule ip6 vpc forward iifname \"igw\" ct state { new, invalid } drop",
    );
}

/// `verb` is `add` or `delete`: a public address for a private one.
pub fn public(router: &Host, verb: &str, private: IpAddr, public: IpAddr) {
    nft(
        router,
        &format!(
            "{verb} element ip vpc public_to_private {{ {public} : {private} }}\n\
             {verb} element ip vpc private_to_public {{ {private} : {public} }}\n"
        ),
    );
}

/// The packets that a named counter of the table `family vpc` has seen.
pub fn counter(router: &Host, family: &str, name: &str) -> u64 {
    let listing = router
        .command("nft")
        .args(["list", "counter", family, "vpc", name])
        .run();
    let mut words = listing
        .split_whitespace()
        .skip_while(|&word| word != "packets");
    let packets = words
        .nth(1)
        .unwrap_or_else(|| panic!("no packets in {listing}"));
    packets.parse().unwrap_or_else(|e| panic!("{packets}: {e}"))
}
