//! DHCP and router advertisements for guests that are virtual machines, by dnsmasq in the router. As
//! EC2 has it: the primary IPv4 address alone, IPv6 by DHCPv6 and never by SLAAC, a default route on
//! every ENI. One difference is dnsmasq's: of an ENI's IPv6 addresses it hands out the first, EC2 all.

use std::cell::RefCell;
use std::fs;

use ipnet::{Ipv4Net, Ipv6Net};
use tempfile::TempDir;

use super::command::Background;
use super::eni::{EniSpec, Subnet};
use super::netns::Host;

/// EC2's lifetimes, in seconds; dnsmasq has one for a DHCPv6 lease, where EC2 prefers an address for 140.
const LEASE: u32 = 3600;
const LEASE6: u32 = 450;
const ROUTER_LIFETIME: u32 = 1800;

/// The service, which runs as soon as the VPC has a virtual machine.
pub struct Dhcpd {
    router: Host,
    folder: TempDir,
    running: RefCell<Option<(String, Background)>>,
}

impl Dhcpd {
    pub fn new(router: &Host) -> Self {
        let folder = TempDir::new().expect("a folder for the leases");
        Self {
            router: router.clone(),
            folder,
            running: RefCell::default(),
        }
    }

    /// Serves these ENIs from now on. Leases survive a change.
    pub fn publish(&self, subnets: &[Subnet], enis: &[&EniSpec]) {
        let config = config(subnets, enis);
        let mut running = self.running.borrow_mut();
        if enis.is_empty() || running.as_ref().is_some_and(|(old, _)| *old == config) {
            return;
        }
        // The old one has gone before the new one binds its port.
        *running = None;
        *running = Some((config.clone(), self.start(&config)));
    }

    fn start(&self, config: &str) -> Background {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let (file, leases) = (path("dnsmasq.conf"), path("leases"));
        fs::write(&file, format!("dhcp-leasefile={leases}\n{config}"))
            .expect("write dnsmasq's configuration");
        // Not as a daemon, which sheds privileges, and with them the signal that ends it with this process.
        self.router
            .command("dnsmasq")
            .args(["--no-daemon", &format!("--conf-file={file}")])
            .background()
    }

    /// What it said since it was last started.
    pub fn log(&self) -> String {
        self.running
            .borrow()
            .as_ref()
            .map_or(String::new(), |(_, dnsmasq)| dnsmasq.log())
    }
}

fn config(subnets: &[Subnet], enis: &[&EniSpec]) -> String {
    let always = format!(
        "port=0\nbind-dynamic\ninterface=subnet*\n\
         dhcp-authoritative\nno-ping\nlog-dhcp\ndhcp-option=option:mtu,9001\n\
         enable-ra\nra-param=subnet*,600,{ROUTER_LIFETIME}\n"
    );
    let ranges = subnets.iter().map(|s| {
        s.ipv4.map_or(String::new(), |n| range4(s, n)) + &s.ipv6.map_or(String::new(), range6)
    });
    let hosts = enis.iter().map(|eni| host(eni));
    [always].into_iter().chain(ranges).chain(hosts).collect()
}

fn range4(subnet: &Subnet, net: Ipv4Net) -> String {
    let (tag, gateway) = (
        &subnet.bridge,
        subnet.gateway().expect("a subnet with IPv4"),
    );
    format!(
        "dhcp-range=set:{tag},{},static,{},{LEASE}\ndhcp-option=tag:{tag},option:router,{gateway}\n",
        net.network(),
        net.netmask()
    )
}

/// `static` makes dnsmasq advertise the prefix without the flag for SLAAC.
fn range6(net: Ipv6Net) -> String {
    format!(
        "dhcp-range={},static,{},{LEASE6}\n",
        net.network(),
        net.prefix_len()
    )
}

fn host(eni: &EniSpec) -> String {
    let v4 = eni.ipv4.first().map(|a| format!(",{a}"));
    let v6 = eni.ipv6.first().map(|a| format!(",[{a}]"));
    format!(
        "dhcp-host={}{}{}\n",
        eni.mac_text(),
        v4.unwrap_or_default(),
        v6.unwrap_or_default()
    )
}
