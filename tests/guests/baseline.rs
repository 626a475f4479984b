//! What must hold before eniroute comes into play: the guest boots, its primary ENI works, a NIC can be
//! plugged and unplugged, and a reboot brings the guest back.

use std::net::IpAddr;

use crate::deadline::comes_true;
use crate::guest::Guest;
use crate::image::Image;
use crate::table::Steps;
use crate::vpc::{EniId, EniSpec, SubnetId, Vpc};

pub const PRIMARY: [&str; 2] = ["10.0.1.10", "2001:db8:1:a::10"];
pub const PUBLIC: &str = "54.178.213.178";
const NOBODY: [IpAddr; 0] = [];

/// Three subnets, and the ENIs that a guest has in them.
pub struct Site {
    pub vpc: Vpc,
    pub subnets: [SubnetId; 3],
}

impl Site {
    pub fn new() -> Self {
        let mut vpc = Vpc::new();
        let subnets = [
            ("10.0.1.0/24", "a"),
            ("10.0.2.0/24", "b"),
            ("10.0.3.0/24", "c"),
        ]
        .map(|(ipv4, letter)| vpc.subnet(ipv4, Some(&format!("2001:db8:1:{letter}::/64"))));
        Self { vpc, subnets }
    }

    pub fn primary(&self) -> EniSpec {
        let eni = EniSpec::new(self.subnets[0], "ens5").mac("06:1a:2b:00:01:0a");
        eni.ipv4([PRIMARY[0]])
            .ipv6([PRIMARY[1]])
            .public(PRIMARY[0], PUBLIC)
    }

    pub fn second(&self) -> EniSpec {
        let eni = EniSpec::new(self.subnets[1], "").mac("06:1a:2b:00:02:14");
        eni.ipv4(["10.0.2.20", "10.0.2.21"])
            .ipv6(["2001:db8:1:b::20"])
            .public("10.0.2.20", "54.178.197.195")
    }

    /// The ENI that is hot-plugged.
    pub fn late(&self) -> EniSpec {
        let eni = EniSpec::new(self.subnets[2], "").mac("06:1a:2b:00:03:28");
        eni.ipv4(["10.0.3.40", "10.0.3.41"])
            .ipv6(["2001:db8:1:c::40"])
            .public("10.0.3.40", "3.104.193.180")
    }

    /// How the Internet knows an address of ours: itself if IPv6, an Elastic IP or not at all if IPv4.
    pub fn from_the_internet(address: &str) -> Option<&str> {
        match address {
            "10.0.1.10" => Some(PUBLIC),
            "10.0.2.20" => Some("54.178.197.195"),
            "10.0.3.40" => Some("3.104.193.180"),
            ipv6 => ipv6.contains(':').then_some(ipv6),
        }
    }
}

pub fn run(image: Image, steps: &mut Steps) {
    let mut site = Site::new();
    let primary = site.primary();
    let vpc = &mut site.vpc;
    let Some(mut guest) = steps.essential("boots", || Guest::boot(vpc, image, [primary])) else {
        return;
    };
    steps.step("is up", || ready(&mut guest));
    steps.note(&versions(&mut guest));
    steps.step("the primary ENI answers", || {
        primary_answers(&mut site, &mut guest)
    });
    steps.step("the metadata service answers inside", || {
        metadata_answers(&mut guest)
    });
    steps.step("an ENI is plugged in and out", || {
        plug_and_unplug(&mut site, &mut guest, image)
    });
    steps.step("the primary ENI still answers", || {
        primary_answers(&mut site, &mut guest)
    });
    if steps.essential("reboots", || guest.reboot()).is_none() {
        return;
    }
    steps.step("is up again", || ready(&mut guest));
    steps.step("the primary ENI answers after the reboot", || {
        primary_answers(&mut site, &mut guest)
    });
}

pub fn ready(guest: &mut Guest) {
    let verdict = guest.wait_ready();
    assert_eq!(
        verdict,
        "running",
        "{}",
        guest
            .try_run("journalctl -b -p warning --no-pager | tail -40")
            .output
    );
}

/// Of a boot at which the metadata service says nothing.
pub fn ready_but_for_cloud_init(guest: &mut Guest) {
    let verdict = guest.wait_ready();
    let mut failed = verdict.split(' ').filter(|word| word.ends_with(".service"));
    assert!(
        failed.all(|unit| unit.starts_with("cloud-init")),
        "{verdict}"
    );
}

/// From the Internet and from its subnet, in both families.
pub fn primary_answers(site: &mut Site, guest: &mut Guest) {
    let (inet, neighbour) = (site.vpc.inet(), site.vpc.neighbour(site.subnets[0]));
    let silent = || [inet.ping(&[PUBLIC, PRIMARY[1]]), neighbour.ping(&PRIMARY)].concat();
    // DHCPv6 and router advertisements may take their time; nothing in the guest waits for them.
    assert!(
        comes_true(60, || silent() == NOBODY),
        "no answer: {:?}\n{}",
        silent(),
        state(guest)
    );
}

fn metadata_answers(guest: &mut Guest) {
    let script = "token=$(curl -sfm 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
        curl -sfm 5 -H \"X-aws-ec2-metadata-token: $token\" http://169.254.169.254/latest/meta-data/mac";
    assert_eq!(guest.run(script), "06:1a:2b:00:01:0a");
}

/// The second time it is the same ENI again, in the same slot.
fn plug_and_unplug(site: &mut Site, guest: &mut Guest, image: Image) {
    let spec = site.late();
    let eni = guest.plug(&mut site.vpc, spec);
    comes_and_goes(site, guest, eni, &image.interface(1));
    guest.replug(&mut site.vpc, eni, 1);
    comes_and_goes(site, guest, eni, &image.interface(1));
}

fn comes_and_goes(site: &mut Site, guest: &mut Guest, eni: EniId, interface: &str) {
    let link = format!("/sys/class/net/{interface}");
    assert!(
        guest.comes_true(&format!("grep 06:1a:2b:00:03:28 {link}/address"), 30),
        "{}",
        guest.run("ip link")
    );
    guest.unplug(&mut site.vpc, eni);
    assert!(
        guest.comes_true(&format!("! [ -e {link} ]"), 30),
        "{}",
        guest.run("ip link")
    );
}

pub fn state(guest: &mut Guest) -> String {
    guest
        .try_run("ip -d link; ip address; ip route show table all; ip -6 route show table all; ip rule; ip -6 rule")
        .output
}

fn versions(guest: &mut Guest) -> String {
    let packages = "systemd netplan.io cloud-init network-manager ifupdown isc-dhcp-client";
    let query = format!(
        "dpkg-query -W -f '${{Package}} ${{Version}}\\n' {packages} 2>/dev/null | awk NF==2"
    );
    let boot = "systemd-analyze time | head -1";
    guest
        .try_run(&format!("echo kernel $(uname -r); {query}; {boot}"))
        .output
}
