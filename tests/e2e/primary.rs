//! The primary ENI goes on answering, whatever somebody else has made of the others: with packets.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::instance::{Instance, neighbours_reach};
use crate::vpc::{EniSpec, Host, SubnetId, Vpc};

const PRIMARY: [&str; 2] = ["203.0.113.10", "2001:db8:0:a::100"];

/// The primary in one subnet and eth1 in another, both dual stack; eth1 is a bare link, down.
fn two_subnets() -> (Vpc, [SubnetId; 2]) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
    let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
    let primary = EniSpec::new(a, "eth0").ipv4(["10.0.0.10"]).ipv6([PRIMARY[1]]);
    vpc.attach(primary.public("10.0.0.10", PRIMARY[0]));
    vpc.attach(EniSpec::new(b, "eth1").ipv4(["10.1.0.30"]).ipv6(["2001:db8:0:b::300"]));
    (vpc, [a, b])
}

/// Sixteen clients on the Internet in each family: enough for every next hop of a route to have some.
fn clients(vpc: &Vpc) -> [Vec<String>; 2] {
    let all =
        [(1..=16).map(|n| format!("8.8.4.{n}")).collect(), (1..=16).map(|n| format!("2001:4860:4861::{n}")).collect()];
    let line =
        |ip: &String| format!("address add {ip}/{} dev lo\n", IpNet::from(ip.parse::<IpAddr>().unwrap()).prefix_len());
    vpc.inet().ip_batch(&all.iter().flatten().map(line).collect::<String>());
    all
}

/// Those of the clients whom the primary does not answer.
fn unanswered(inet: &Host, [ipv4, ipv6]: &[Vec<String>; 2]) -> Vec<String> {
    let pairs = ipv4.iter().map(|ip| (ip, PRIMARY[0])).chain(ipv6.iter().map(|ip| (ip, PRIMARY[1])));
    std::thread::scope(|scope| {
        let asked: Vec<_> = pairs.map(|(ip, to)| (ip, scope.spawn(move || inet.ping_from(ip, to)))).collect();
        asked.into_iter().filter_map(|(ip, answered)| (!answered.join().unwrap()).then(|| ip.clone())).collect()
    })
}

/// A default by both ENIs, as systemd-networkd makes one of the router advertisements that two NICs get.
const BY_BOTH: &str = "\
route del default
-6 route del default
route add default metric 100 nexthop via 10.0.0.1 dev eth0 nexthop via 10.1.0.1 dev eth1 onlink
-6 route add default metric 512 nexthop via fe80:ec2::1 dev eth0 nexthop via fe80:ec2::1 dev eth1
";

/// The same by next hop objects.
const BY_OBJECTS: &str = "\
route del default
-6 route del default
nexthop add id 1 via 10.0.0.1 dev eth0
nexthop add id 2 via 10.1.0.1 dev eth1 onlink
nexthop add id 3 group 1/2
nexthop add id 11 via fe80:ec2::1 dev eth0
nexthop add id 12 via fe80:ec2::1 dev eth1
nexthop add id 13 group 11/12
route add default nhid 3 metric 100
-6 route add default nhid 13 metric 512
";

#[test]
fn every_client_is_answered_where_mains_default_has_two_next_hops() {
    for (made, compat) in [(BY_BOTH, 1), (BY_OBJECTS, 1), (BY_OBJECTS, 0)] {
        let (mut vpc, subnets) = two_subnets();
        let instance = Instance::with_netplan(vpc.guest());
        instance.host.sysctl("net.ipv4.nexthop_compat_mode", compat);
        instance.host.ip_batch("link set eth1 up\naddress add 10.1.0.30/32 dev eth1");
        for line in made.lines() {
            instance.host.ip(line);
        }
        instance.host.settle();
        let clients = clients(&vpc);
        let dead = unanswered(&vpc.inet(), &clients);
        // For IPv4, Linux 6.15 and later prefers the next hop whose interface has the source address.
        assert!(dead.iter().any(|ip| ip.contains(':')), "{made}");

        instance.must("apply");
        assert_eq!(unanswered(&vpc.inet(), &clients), [""; 0], "{made} compat mode {compat}");
        neighbours_reach(&mut vpc, &subnets, &["10.0.0.10", PRIMARY[1]]);
        assert!(instance.must("apply").starts_with("nothing to do: 2"), "{made}");
        instance.must("remove");
        assert_eq!(unanswered(&vpc.inet(), &clients), dead, "as it was: main's default is not ours");
    }
}
