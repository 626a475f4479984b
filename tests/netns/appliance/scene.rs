//! An appliance between the Internet and a subnet, and what passes it.

use crate::instance::Instance;
use crate::vpc::ingress::{self, IngressSite, primary};
pub use crate::vpc::ingress::{CLIENT, PUBLIC};
use crate::vpc::{EniId, GuestId, Host, SubnetId, Vpc};

/// Forwarding by whichever ENI a packet came in by.
pub const ONE_ARM: &str = "[forwarding]\nenabled = true\n";

/// In by eth1, out by eth2, and the other way round.
pub const TWO_ARMS: &str = "[forwarding]\nenabled = true\n\
    [[forwarding.path]]\nin = \"eth1\"\nout = \"eth2\"\n\
    [[forwarding.path]]\nin = \"eth2\"\nout = \"eth1\"\n";

/// An appliance with three ENIs, whose primary one is checked, and a client in a subnet of its own.
pub struct Scene {
    pub vpc: Vpc,
    pub appliance: Instance,
    pub client: Host,
    pub arms: [EniId; 2],
    pub clients: SubnetId,
    /// The subnets of the primary ENIs, and of the arms.
    pub subnets: [SubnetId; 3],
}

impl Scene {
    /// With this configuration, not applied yet; no route table leads to the appliance.
    pub fn new(config: &str) -> Self {
        let mut site = IngressSite::new();
        let (front, arms) = (site.primary(), site.arms());
        site.vpc.attach(front);
        let arms = arms.map(|arm| site.vpc.attach(arm));
        let IngressSite {
            vpc,
            subnets,
            clients,
            client,
        } = site;
        let appliance = Instance::with_netplan(vpc.guest());
        appliance.write("etc/eniroute.toml", config);
        Self {
            vpc,
            appliance,
            client,
            arms,
            clients,
            subnets,
        }
    }

    /// The VPC's tables: the Internet's packets come by the ENI `inward`, the client's by `outward`.
    pub fn route(&self, inward: EniId, outward: EniId) {
        ingress::route(&self.vpc, self.clients, inward, outward);
    }

    /// An appliance through which both directions pass by these ENIs (0 is the first arm).
    pub fn applied(config: &str, [inward, outward]: [usize; 2]) -> Self {
        let scene = Self::new(config);
        scene.route(scene.arms[inward], scene.arms[outward]);
        scene.appliance.must("apply");
        scene.appliance.host.settle();
        scene
    }

    /// Begins flows of every kind in both families, from either side: each must be answered.
    pub fn assert_passes(&self) {
        ingress::assert_passes(&self.vpc, &self.client, || self.appliance.host.dump());
    }

    /// How many packets each of the appliance's ENIs has sent.
    pub fn sent(&self) -> [u64; 3] {
        ["eth0", "eth1", "eth2"].map(|dev| {
            let path = format!("/sys/class/net/{dev}/statistics/tx_packets");
            let read = self.appliance.host.sh(&format!("cat {path}"));
            read.trim().parse().unwrap()
        })
    }
}

/// A stand-by with a primary ENI alone, and this configuration.
pub fn standby(vpc: &mut Vpc, subnet: SubnetId, config: &str) -> (GuestId, Instance) {
    let guest = vpc.second_guest("standby");
    vpc.attach(primary(subnet, "10.0.0.40", "2001:db8:0:a::40").on(guest));
    let instance = Instance::with_netplan(vpc.guest_of(guest));
    instance.write("etc/eniroute.toml", config);
    (guest, instance)
}
