//! The life of an ENI: attach, assign, detach, as EC2's API has it. Each step tells the port (what the
//! VPC lets pass), the guest's link, and the metadata.

use std::os::fd::OwnedFd;

use ipnet::IpNet;

use super::Vpc;
use super::dhcp;
use super::eni::{EniId, EniSpec, GuestId, Subnet, parse, parse_net};
use super::imds::Instance;
use super::metadata::{self, Entry};
use super::ports::Port;
use super::router;

/// An ENI of the VPC, attached or not.
pub struct Eni {
    pub spec: EniSpec,
    device_number: u32,
    /// The one that its instance was launched with.
    primary: bool,
    port: String,
    /// Its link is there.
    plugged: bool,
    /// Its metadata is.
    listed: bool,
    /// Its lease, where its subnet has no IPv4.
    link_local: Option<IpNet>,
    /// Its DHCP client, while one runs.
    client: Option<OwnedFd>,
}

impl Eni {
    fn entry<'a>(&'a self, subnets: &'a [Subnet]) -> Entry<'a> {
        let subnet = &subnets[self.spec.subnet.0];
        Entry {
            eni: &self.spec,
            subnet,
            device_number: self.device_number,
            primary: self.primary,
        }
    }
}

impl Vpc {
    /// Attaches an ENI. The first of an instance is its primary one, configured as by a DHCP client; the
    /// others are a bare link, down, unless [`EniSpec::dhcp`] says otherwise.
    pub fn attach(&mut self, mut spec: EniSpec) -> EniId {
        let n = self.enis.len();
        let primary = !self.enis.iter().any(|eni| eni.spec.guest == spec.guest);
        spec.mac
            .get_or_insert_with(|| format!("06:00:00:00:{:02x}:{:02x}", n >> 8, n & 0xff));
        spec.dhcp |= primary;
        let port = format!("eni{n}");
        self.enis.push(Eni {
            spec,
            device_number: 0,
            primary,
            port,
            plugged: false,
            listed: false,
            link_local: None,
            client: None,
        });
        let id = EniId(n);
        self.port(id).guard();
        for &(private, public) in &self.enis[n].spec.public {
            router::public(&self.router, "add", private.into(), public.into());
        }
        self.plug(id);
        id
    }

    /// What an ENI's DHCP client does all the while: without it, the lease ends.
    pub fn renew(&self, EniId(n): EniId) {
        let Eni { spec, primary, .. } = &self.enis[n];
        let metric = if *primary { 100 } else { 200 };
        let lease = dhcp::lease(spec, &self.subnets[spec.subnet.0], metric);
        self.guest_of(spec.guest)
            .ip_batch(&lease.replace(" add ", " replace "));
    }

    /// What a DHCP client of an IPv6-only subnet's instance gets: a link-local address, by a gateway beyond the link, which
    /// leads to the instance's own services alone.
    pub fn lease_link_local(&mut self, EniId(n): EniId, address: &str) {
        self.enis[n].link_local = Some(parse_net(address));
        let Eni { spec, port, .. } = &self.enis[n];
        let (bridge, mac) = (&self.subnets[spec.subnet.0].bridge, spec.mac_text());
        router::nft(
            &self.router,
            &format!("add element bridge vpc {port}_v4 {{ {address} }}"),
        );
        self.router.ip_batch(&format!(
            "address add 169.254.0.1/32 dev {bridge}\n\
             route add {address}/32 dev {bridge}\n\
             neighbour replace {address} lladdr {mac} dev {bridge} nud permanent\n"
        ));
        let dev = &spec.name;
        self.guest_of(spec.guest).ip_batch(&format!(
            "address add {address}/32 dev {dev} valid_lft 3600 preferred_lft 3600\n\
             route add 169.254.0.1 dev {dev} proto dhcp scope link src {address} metric 100\n\
             route add default via 169.254.0.1 dev {dev} proto dhcp src {address} metric 100\n"
        ));
        self.publish();
    }

    /// The ENI that was attached first.
    pub fn first_eni(&self) -> EniId {
        EniId(0)
    }

    /// Its DHCP client ends, and the lease stays until its end.
    pub fn abandon_lease(&mut self, eni: EniId) {
        self.enis[eni.0].client = None;
    }

    /// Detaches an ENI: its link goes, and so does its metadata.
    pub fn detach(&mut self, eni: EniId) {
        self.unplug(eni);
        self.forget(eni);
    }

    /// The link goes, and the metadata stays until [`Vpc::forget`], as it may for a while.
    pub fn unplug(&mut self, eni: EniId) {
        self.port(eni).unplug();
        self.enis[eni.0].plugged = false;
    }

    /// The metadata goes.
    pub fn forget(&mut self, eni: EniId) {
        self.enis[eni.0].listed = false;
        self.publish();
    }

    /// Attaches a detached ENI again, under a name that need not be the old one.
    pub fn reattach(&mut self, eni: EniId, name: &str) {
        self.move_to(eni, self.enis[eni.0].spec.guest, name);
    }

    /// Attaches a detached ENI to another instance.
    pub fn move_to(&mut self, eni: EniId, guest: GuestId, name: &str) {
        assert!(!self.enis[eni.0].plugged, "{name} is still attached");
        let spec = &mut self.enis[eni.0].spec;
        (spec.guest, spec.name) = (guest, name.to_owned());
        self.plug(eni);
    }

    /// Assigns an address (`172.31.41.30`) or a prefix (`172.31.48.16/28`), as EC2's API does: the VPC
    /// and the metadata know it at once, the guest does not.
    pub fn assign(&mut self, eni: EniId, what: impl ToString) {
        let what = parse_net(what);
        self.port(eni).assign(what, self.enis[eni.0].plugged);
        self.enis[eni.0].spec.add(what);
        self.publish();
    }

    pub fn unassign(&mut self, eni: EniId, what: impl ToString) {
        let what = parse_net(what);
        self.enis[eni.0].spec.remove(what);
        self.port(eni).unassign(what, self.enis[eni.0].plugged);
        self.publish();
    }

    /// Associates a public (Elastic) IP with a private address of the ENI.
    pub fn associate(&mut self, eni: EniId, private: &str, public: &str) {
        self.enis[eni.0]
            .spec
            .public
            .push((parse(private), parse(public)));
        router::public(&self.router, "add", parse(private), parse(public));
        self.publish();
    }

    /// The tap in the router's network that stands for an attached ENI of a virtual machine.
    pub fn tap(&self, eni: EniId) -> &str {
        &self.enis[eni.0].port
    }

    /// The MAC, given or made up.
    pub fn mac(&self, eni: EniId) -> &str {
        self.enis[eni.0].spec.mac_text()
    }

    /// Switches the ENI's source/destination check.
    pub fn check_source(&mut self, eni: EniId, on: bool) {
        if self.enis[eni.0].spec.checked != on {
            self.port(eni).check(if on { "add" } else { "delete" });
            self.enis[eni.0].spec.checked = on;
        }
    }

    fn port(&self, EniId(n): EniId) -> Port<'_> {
        let Eni { spec, port, .. } = &self.enis[n];
        Port {
            router: &self.router,
            subnet: &self.subnets[spec.subnet.0],
            name: port,
            eni: spec,
        }
    }

    fn plug(&mut self, id: EniId) {
        let Eni { spec, primary, .. } = &self.enis[id.0];
        let guest = self.guest_of(spec.guest);
        let device_number = spec
            .device_number
            .unwrap_or_else(|| self.free_device_number(spec.guest));
        self.port(id).plug(&guest);
        if spec.dhcp && !spec.machine {
            guest.ip_batch(&dhcp::lease(
                spec,
                &self.subnets[spec.subnet.0],
                if *primary { 100 } else { 200 },
            ));
            router::wait_for_port(&self.router, &self.enis[id.0].port);
        }
        let client = (spec.dhcp && !spec.machine)
            .then(|| dhcp::client(&guest, spec))
            .flatten();
        let eni = &mut self.enis[id.0];
        eni.client = client;
        (eni.device_number, eni.plugged, eni.listed) = (device_number, true, true);
        self.publish();
    }

    fn free_device_number(&self, guest: GuestId) -> u32 {
        let mates = self
            .enis
            .iter()
            .filter(|eni| eni.plugged && eni.spec.guest == guest);
        let taken: Vec<_> = mates.map(|eni| eni.device_number).collect();
        (0..)
            .find(|number| !taken.contains(number))
            .expect("a device number")
    }

    fn publish(&self) {
        let instances = (0..self.guests.len())
            .map(|n| self.instance_metadata(GuestId(n)))
            .collect();
        self.imds.publish(instances);
        let machines: Vec<_> = self
            .enis
            .iter()
            .map(|eni| &eni.spec)
            .filter(|spec| spec.machine)
            .collect();
        self.dhcpd.publish(&self.subnets, &machines);
    }

    fn instance_metadata(&self, guest: GuestId) -> Instance {
        let listed: Vec<_> = self
            .enis
            .iter()
            .filter(|eni| eni.listed && eni.spec.guest == guest)
            .collect();
        let entries: Vec<_> = listed.iter().map(|eni| eni.entry(&self.subnets)).collect();
        let sources = listed.iter();
        let sources = sources.flat_map(|eni| eni.spec.all().chain(eni.link_local));
        let sources = sources.collect();
        Instance {
            tree: metadata::tree(guest.0, &entries, &self.subnets),
            sources,
        }
    }
}
