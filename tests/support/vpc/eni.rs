//! What a test says of an ENI ([`EniSpec`]) and of a subnet: plain data, no namespaces.

use std::fmt::{Debug, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubnetId(pub(super) usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EniId(pub(super) usize);

/// An instance of ours. `GuestId::default()` is the one that every VPC begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GuestId(pub(super) usize);

/// A subnet, and the bridge that stands for it in the router.
#[derive(Clone, Debug)]
pub struct Subnet {
    pub ipv4: Option<Ipv4Net>,
    pub ipv6: Option<Ipv6Net>,
    /// Its further IPv6 ranges.
    pub more_ipv6: Vec<Ipv6Net>,
    pub(super) vpc: String,
    pub(super) bridge: String,
    pub(super) mac: String,
}

impl Subnet {
    /// EC2's IPv4 router: the base address plus one.
    pub fn gateway(&self) -> Option<Ipv4Addr> {
        self.ipv4.map(|net| offset4(net, 1))
    }

    /// EC2's IPv6 router by its global address; it also answers at `fe80:ec2::1`.
    pub fn gateway6(&self) -> Option<Ipv6Addr> {
        self.ipv6.map(|net| offset6(net, 1))
    }

    /// The router's link-local address as its router advertisements show it.
    pub fn router_link_local(&self) -> Ipv6Addr {
        link_local(&self.mac)
    }

    pub(super) fn all_ipv6(&self) -> impl Iterator<Item = Ipv6Net> {
        self.ipv6.into_iter().chain(self.more_ipv6.iter().copied())
    }

    /// Panics unless `what` lies in the subnet, as EC2's API refuses it.
    pub(super) fn admit(&self, what: IpNet) {
        let inside = match what {
            IpNet::V4(net) => self.ipv4.is_some_and(|subnet| subnet.contains(&net)),
            IpNet::V6(net) => self.all_ipv6().any(|subnet| subnet.contains(&net)),
        };
        assert!(
            inside,
            "{what} lies outside the ENI's subnet ({:?}, {:?})",
            self.ipv4, self.ipv6
        );
    }

    /// Where the subnet's neighbour lives: out of the way of what tests assign.
    pub(super) fn neighbour(&self) -> Vec<IpAddr> {
        let v4 = self
            .ipv4
            .map(|net| IpAddr::from(offset4(net, (1 << (32 - net.prefix_len())) - 6)));
        let v6 = self.ipv6.map(|net| IpAddr::from(offset6(net, 0xfade)));
        v4.into_iter().chain(v6).collect()
    }
}

/// An ENI to attach. Only the subnet and the interface's name must be given.
#[derive(Clone, Debug)]
pub struct EniSpec {
    pub(super) subnet: SubnetId,
    pub(super) name: String,
    pub(super) guest: GuestId,
    pub(super) mac: Option<String>,
    pub(super) ipv4: Vec<Ipv4Addr>,
    pub(super) ipv6: Vec<Ipv6Addr>,
    pub(super) prefix4: Vec<Ipv4Net>,
    pub(super) prefix6: Vec<Ipv6Net>,
    pub(super) public: Vec<(Ipv4Addr, Ipv4Addr)>,
    pub(super) device_number: Option<u32>,
    pub(super) card: Option<(&'static str, u32)>,
    pub(super) dhcp: bool,
    pub(super) machine: bool,
    pub(super) checked: bool,
    pub(super) in_vpc: bool,
    pub(super) mtu: u32,
}

impl EniSpec {
    pub fn new(subnet: SubnetId, name: &str) -> Self {
        Self {
            subnet,
            name: name.to_owned(),
            guest: GuestId::default(),
            mac: None,
            ipv4: vec![],
            ipv6: vec![],
            prefix4: vec![],
            prefix6: vec![],
            public: vec![],
            device_number: None,
            card: None,
            dhcp: false,
            machine: false,
            checked: true,
            in_vpc: true,
            mtu: 9001,
        }
    }

    /// The instance to attach to, unless it is the VPC's first.
    pub fn on(mut self, guest: GuestId) -> Self {
        self.guest = guest;
        self
    }

    /// Made up unless given.
    pub fn mac(mut self, mac: &str) -> Self {
        self.mac = Some(mac.to_lowercase());
        self
    }

    /// Private addresses, the primary one first. None at all makes an ENI with IPv6 only.
    pub fn ipv4(mut self, addresses: impl IntoIterator<Item: ToString>) -> Self {
        self.ipv4 = addresses.into_iter().map(parse).collect();
        self
    }

    pub fn ipv6(mut self, addresses: impl IntoIterator<Item: ToString>) -> Self {
        self.ipv6 = addresses.into_iter().map(parse).collect();
        self
    }

    /// A delegated /28.
    pub fn prefix4(mut self, prefix: &str) -> Self {
        self.prefix4.push(parse(prefix));
        self
    }

    /// A delegated /80.
    pub fn prefix6(mut self, prefix: &str) -> Self {
        self.prefix6.push(parse(prefix));
        self
    }

    /// A public (Elastic) IP for one of the private addresses.
    pub fn public(mut self, private: impl ToString, public: impl ToString) -> Self {
        self.public.push((parse(private), parse(public)));
        self
    }

    /// Its place on the instance; the order of attachment unless given.
    pub fn device_number(mut self, number: u32) -> Self {
        self.device_number = Some(number);
        self
    }

    /// The network card, under the key that the metadata service really has: `network-card`.
    pub fn card(mut self, card: u32) -> Self {
        self.card = Some(("network-card", card));
        self
    }

    /// The network card, under the key that AWS documents: `network-card-index`.
    pub fn card_index(mut self, card: u32) -> Self {
        self.card = Some(("network-card-index", card));
        self
    }

    /// Configured as a DHCP client would leave it. The first ENI of an instance always is.
    pub fn dhcp(mut self, dhcp: bool) -> Self {
        self.dhcp = dhcp;
        self
    }

    /// Of a virtual machine: its port is a tap, which the machine's emulator is to open, and nothing is
    /// configured in the guest, for it asks by DHCP. [`super::Vpc::tap`] tells the tap's name.
    pub fn machine(mut self) -> Self {
        self.machine = true;
        self
    }

    /// Source/destination check off: any source may leave by it (NAT instances, appliances).
    pub fn unchecked(mut self) -> Self {
        self.checked = false;
        self
    }

    /// The interface of a secondary network: the metadata has its place and its id, and no key of a VPC.
    pub fn without_vpc(mut self) -> Self {
        self.in_vpc = false;
        self
    }

    /// The link's, where it is not EC2's usual 9001.
    pub fn mtu(mut self, mtu: u32) -> Self {
        self.mtu = mtu;
        self
    }

    pub(super) fn mac_text(&self) -> &str {
        self.mac.as_deref().expect("attach gives every ENI a MAC")
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let v4 = self.ipv4.iter().copied().map(IpAddr::from);
        v4.chain(self.ipv6.iter().copied().map(IpAddr::from))
    }

    pub(super) fn prefixes(&self) -> impl Iterator<Item = IpNet> {
        let v4 = self.prefix4.iter().copied().map(IpNet::from);
        v4.chain(self.prefix6.iter().copied().map(IpNet::from))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = IpNet> {
        self.addresses().map(IpNet::from).chain(self.prefixes())
    }

    /// Adds an address (`172.31.41.30`) or a delegated prefix (`172.31.48.16/28`), as EC2's API does.
    pub(super) fn add(&mut self, what: IpNet) {
        match what {
            IpNet::V4(net) if net.prefix_len() == 32 => self.ipv4.push(net.addr()),
            IpNet::V6(net) if net.prefix_len() == 128 => self.ipv6.push(net.addr()),
            IpNet::V4(net) => self.prefix4.push(net),
            IpNet::V6(net) => self.prefix6.push(net),
        }
    }

    pub(super) fn remove(&mut self, what: IpNet) {
        let before = self.all().count();
        self.ipv4.retain(|&a| IpAddr::from(a) != what.addr());
        self.ipv6.retain(|&a| IpAddr::from(a) != what.addr());
        self.prefix4.retain(|&p| IpNet::from(p) != what);
        self.prefix6.retain(|&p| IpNet::from(p) != what);
        assert_eq!(
            self.all().count() + 1,
            before,
            "{what} is not assigned to {}",
            self.name
        );
    }
}

/// The EUI-64 link-local address of a MAC (RFC 4291, appendix A), the kernel's default.
pub fn link_local(mac: &str) -> Ipv6Addr {
    let octet = |i: usize| {
        u16::from_str_radix(&mac[i * 3..i * 3 + 2], 16).unwrap_or_else(|e| panic!("MAC {mac}: {e}"))
    };
    let pair = |high: u16, low: u16| high << 8 | low;
    let (a, b, c, d) = (
        pair(octet(0) ^ 2, octet(1)),
        pair(octet(2), 0xff),
        pair(0xfe, octet(3)),
        pair(octet(4), octet(5)),
    );
    Ipv6Addr::new(0xfe80, 0, 0, 0, a, b, c, d)
}

pub fn parse<T: FromStr<Err: Display>>(text: impl ToString) -> T {
    let text = text.to_string();
    text.parse().unwrap_or_else(|e| panic!("`{text}`: {e}"))
}

/// `172.31.41.30` or `172.31.48.16/28`.
pub fn parse_net(text: impl ToString) -> IpNet {
    let text = text.to_string();
    text.parse::<IpAddr>()
        .map(IpNet::from)
        .unwrap_or_else(|_| parse(text))
}

fn offset4(net: Ipv4Net, n: u32) -> Ipv4Addr {
    (u32::from(net.network()) + n).into()
}

fn offset6(net: Ipv6Net, n: u128) -> Ipv6Addr {
    (u128::from(net.network()) + n).into()
}
