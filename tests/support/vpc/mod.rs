//! A VPC of our own, for tests: real namespaces, real packets, real metadata requests.
//!
//! ```ignore
//! let mut vpc = Vpc::new();
//! let a = vpc.subnet("172.31.32.0/20", Some("2001:db8:0:a::/64"));
//! vpc.attach(EniSpec::new(a, "eth0").ipv4(["172.31.37.139"]).public("172.31.37.139", "54.178.213.178"));
//! assert_eq!(vpc.inet().ping(&["54.178.213.178"]), []);
//! ```
//!
//! A [`Vpc`] belongs to the thread that made it, which gets a `/run/netns` of its own: tests run in
//! parallel, and no clean-up is needed, not even after SIGKILL. It has the router, with a bridge for each
//! subnet and anti-spoofing on each ENI's port as EC2 does it; the Internet, with 1:1 NAT for public
//! IPv4; the metadata service; and the instance, the guest. Nothing here uses eniroute's own code: this
//! is the oracle, not a mirror.
//!
//! To look around in a running test: `nsenter -t THREAD -m ip netns exec guest bash`.

// Each of the three programs that include this uses a part of it. A failing test may panic.
#![allow(dead_code, unused_imports, clippy::unwrap_used, clippy::expect_used)]

mod attach;
mod command;
mod container;
mod dhcp;
mod dhcpd;
mod eni;
mod faults;
mod http;
mod imds;
pub mod ingress;
mod metadata;
pub mod nat;
mod netns;
mod ports;
mod probe;
mod router;
mod routes;
mod talk;

use std::collections::HashMap;
use std::marker::PhantomData;

pub use command::{Background, Cmd};
pub use eni::{EniId, EniSpec, GuestId, Subnet, SubnetId};
pub use faults::Fault;
pub use imds::{Imds, Request};
pub use netns::Host;
pub use probe::wait_for;
pub use router::{IMDS, IMDS6, INTERNET};
pub use routes::RouteTable;
pub use talk::{tcp, udp, uninterrupted};

use attach::Eni;
use dhcpd::Dhcpd;
use eni::parse;

pub struct Vpc {
    // First, so that it goes first: its threads hold the router's namespace.
    imds: Imds,
    dhcpd: Dhcpd,
    router: Host,
    inet: Host,
    guests: Vec<Host>,
    subnets: Vec<Subnet>,
    enis: Vec<Eni>,
    neighbours: HashMap<usize, Host>,
    /// Not to be sent to another thread, where `/run/netns` is another.
    thread: PhantomData<*const ()>,
}

impl Vpc {
    /// An empty VPC with one instance in it, which has no ENI yet.
    pub fn new() -> Self {
        netns::isolate();
        let (router, inet) = router::build();
        let (imds, dhcpd) = (Imds::start(&router), Dhcpd::new(&router));
        let (guests, subnets, enis) = (vec![instance_of_ours("guest")], vec![], vec![]);
        Self {
            imds,
            dhcpd,
            router,
            inet,
            guests,
            subnets,
            enis,
            neighbours: HashMap::new(),
            thread: PhantomData,
        }
    }

    /// A subnet such as `172.31.32.0/20`, with or without IPv6.
    pub fn subnet(&mut self, ipv4: &str, ipv6: Option<&str>) -> SubnetId {
        self.add_subnet(Some(ipv4), ipv6)
    }

    pub fn subnet_ipv6_only(&mut self, ipv6: &str) -> SubnetId {
        self.add_subnet(None, Some(ipv6))
    }

    fn add_subnet(&mut self, ipv4: Option<&str>, ipv6: Option<&str>) -> SubnetId {
        let n = self.subnets.len();
        let (bridge, mac) = (format!("subnet{n}"), format!("06:ec:02:00:00:{n:02x}"));
        let subnet = Subnet {
            ipv4: ipv4.map(parse),
            ipv6: ipv6.map(parse),
            more_ipv6: vec![],
            vpc: "vpc-0123456789abcdef0".to_owned(),
            bridge,
            mac,
        };
        router::add_subnet(&self.router, &subnet);
        self.subnets.push(subnet);
        SubnetId(n)
    }

    /// One more IPv6 range of a subnet.
    pub fn add_ipv6(&mut self, subnet: SubnetId, range: &str) {
        router::add_ipv6(&self.router, &self.subnets[subnet.0], parse(range));
        self.subnets[subnet.0].more_ipv6.push(parse(range));
    }

    /// A subnet of another VPC, whose ranges may be those of this one. They have the machinery in common, so the
    /// Internet is told of each address of it by [`Vpc::lies_in`].
    pub fn subnet_of(&mut self, vpc: &str, ipv4: &str) -> SubnetId {
        let subnet = self.add_subnet(Some(ipv4), None);
        vpc.clone_into(&mut self.subnets[subnet.0].vpc);
        subnet
    }

    /// The Internet's way to an address that two VPCs have room for leads to this subnet.
    pub fn lies_in(&self, subnet: SubnetId, address: &str) {
        router::belongs_to(&self.router, &self.subnets[subnet.0], address);
    }

    /// What EC2 knows of a subnet.
    pub fn describe(&self, subnet: SubnetId) -> &Subnet {
        &self.subnets[subnet.0]
    }

    /// The instance.
    pub fn guest(&self) -> Host {
        self.guest_of(GuestId::default())
    }

    /// One more instance of ours, with ENIs and metadata of its own: a stand-by, say.
    pub fn second_guest(&mut self, name: &str) -> GuestId {
        self.guests.push(instance_of_ours(name));
        GuestId(self.guests.len() - 1)
    }

    pub fn guest_of(&self, guest: GuestId) -> Host {
        self.guests[guest.0].clone()
    }

    /// A host on the Internet, known as [`INTERNET`].
    pub fn inet(&self) -> Host {
        self.inet.clone()
    }

    /// The VPC's own machine, where a virtual machine's taps are.
    pub fn router(&self) -> Host {
        self.router.clone()
    }

    /// What DHCP clients asked and got, in dnsmasq's words.
    pub fn dhcp_log(&self) -> String {
        self.dhcpd.log()
    }

    pub fn imds(&self) -> &Imds {
        &self.imds
    }

    /// Turns on the metadata service's IPv6 endpoint.
    pub fn enable_imds_ipv6(&mut self) {
        self.imds.enable_ipv6();
    }

    /// Makes the VPC's IPv6 gateway an egress-only one.
    pub fn egress_only_ipv6(&self) {
        router::egress_only_ipv6(&self.router);
    }

    /// Another instance in the subnet, which has an IPv4 and an IPv6 address there.
    pub fn neighbour(&mut self, subnet: SubnetId) -> Host {
        if let Some(host) = self.neighbours.get(&subnet.0) {
            return host.clone();
        }
        let info = &self.subnets[subnet.0];
        let host = router::add_instance(
            &self.router,
            info,
            &format!("neighbour{}", subnet.0),
            &info.neighbour(),
        );
        self.neighbours.insert(subnet.0, host.clone());
        host
    }

    /// Another instance in the subnet, with addresses of the test's choice.
    pub fn instance(&self, subnet: SubnetId, name: &str, addresses: &[&str]) -> Host {
        let info = &self.subnets[subnet.0];
        let addresses: Vec<_> = addresses.iter().map(parse).collect();
        router::add_instance(&self.router, info, name, &addresses)
    }

    /// A public (Elastic) IP for an instance that has no ENI of ours: see [`Vpc::instance`].
    pub fn elastic_ip(&self, private: &str, public: &str) {
        router::public(&self.router, "add", parse(private), parse(public));
    }

    /// Frames dropped because their source was not the ENI's.
    pub fn spoofed(&self) -> u64 {
        router::counter(&self.router, "bridge", "spoofed")
    }

    /// ARP and neighbour advertisements dropped because the address was not the ENI's.
    pub fn wrong_arp(&self) -> u64 {
        router::counter(&self.router, "bridge", "wrong_arp")
    }

    /// Packets that subnets have sent towards the Internet, and none of the router's own.
    pub fn passed_out(&self) -> u64 {
        router::counter(&self.router, "inet", "passed_out")
    }

    /// Packets that reached the Internet gateway from an address without a public IP.
    pub fn without_public_address(&self) -> u64 {
        router::counter(&self.router, "ip", "no_public_address")
    }
}

/// Without a link yet. systemd's rp_filter, whatever this machine has; the rest is the kernel's own.
fn instance_of_ours(name: &str) -> Host {
    let host = Host::new(name);
    host.sysctl("net.ipv4.conf.all.rp_filter", 0);
    host.sysctl("net.ipv4.conf.default.rp_filter", 2);
    host.sysctl("net.ipv4.ip_forward", 0);
    host
}

impl Drop for Vpc {
    fn drop(&mut self) {
        netns::forget_names();
    }
}
