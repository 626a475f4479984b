//! The lines of ifcfg files of ours. Pure.

use std::net::IpAddr;

use crate::gather::Gather;
use crate::plan::Planned;

/// A whole, static ifcfg file for an ENI that nobody else configures.
pub fn ifcfg_lines(planned: &Planned) -> Vec<String> {
    let mut lines = vec![
        format!("DEVICE={}", planned.dev),
        format!("HWADDR={}", planned.eni.mac),
    ];
    lines.extend(
        "TYPE=Ethernet ONBOOT=yes BOOTPROTO=none NM_CONTROLLED=no DEFROUTE=no PEERDNS=no NOZEROCONF=yes"
            .split(' ')
            .map(str::to_owned),
    );
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = planned
        .addresses
        .iter()
        .map(|address| address.net.addr())
        .partition(IpAddr::is_ipv4);
    lines.extend(v4.iter().enumerate().flat_map(ipv4_lines));
    lines.extend(ipv6_lines(&v6));
    lines
}

/// The first address has no number, and ifup-eth stops at the first gap. The ARP options are each address's own: its
/// probe costs seconds, and finds nothing in a VPC.
fn ipv4_lines((number, ip): (usize, &IpAddr)) -> Vec<String> {
    let number = match number {
        0 => String::new(),
        number => number.to_string(),
    };
    let words =
        format!("IPADDR{number}={ip} PREFIX{number}=32 ARPCHECK{number}=no ARPUPDATE{number}=no");
    words.split(' ').map(str::to_owned).gathered()
}

/// Without IPV6_AUTOCONF=no, router advertisements would bring a second default into main.
fn ipv6_lines(addresses: &[IpAddr]) -> Vec<String> {
    if addresses.is_empty() {
        return vec!["IPV6INIT=no".into()];
    }
    let first = ["IPV6INIT=yes", "IPV6_AUTOCONF=no", "IPV6_DEFROUTE=no"].map(str::to_owned);
    first
        .into_iter()
        .chain(ipv6_addresses(addresses))
        .gathered()
}

fn ipv6_addresses(addresses: &[IpAddr]) -> Vec<String> {
    let hosts: Vec<_> = addresses.iter().map(|ip| format!("{ip}/128")).gathered();
    let Some((first, others)) = hosts.split_first() else {
        return Vec::new();
    };
    let others =
        (!others.is_empty()).then(|| format!("IPV6ADDR_SECONDARIES=\"{}\"", others.join(" ")));
    [format!("IPV6ADDR={first}")]
        .into_iter()
        .chain(others)
        .gathered()
}

/// An alias file for all of these IPv6 addresses.
pub fn ipv6_alias_lines(part: &Planned) -> Vec<String> {
    let mut lines: Vec<String> = ["IPV6INIT=yes", "IPV6_SET_SYSCTLS=no"]
        .map(str::to_owned)
        .into();
    let ips: Vec<_> = part
        .addresses
        .iter()
        .map(|address| address.net.addr())
        .gathered();
    lines.extend(ipv6_addresses(&ips));
    lines
}
