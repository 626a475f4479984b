//! The primary ENI goes on answering, whatever somebody else has made of the others: with packets.

use std::net::IpAddr;

use crate::instance::{Instance, changed, neighbours_reach};
use crate::vpc::{EniSpec, Fault, Host, SubnetId, Vpc};

const PRIMARY: [&str; 2] = ["203.0.113.10", "2001:db8:0:a::100"];

/// The primary in one subnet and eth1 in another, both dual stack; eth1 is a bare link, down, unless it has leases.
fn two_subnets(leased: bool) -> (Vpc, [SubnetId; 2]) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
    let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
    let primary = EniSpec::new(a, "eth0")
        .ipv4(["10.0.0.10"])
        .ipv6([PRIMARY[1]]);
    vpc.attach(primary.public("10.0.0.10", PRIMARY[0]));
    let second = EniSpec::new(b, "eth1")
        .ipv4(["10.1.0.30", "10.1.0.31"])
        .ipv6(["2001:db8:0:b::300"]);
    vpc.attach(second.prefix4("10.1.3.16/28").dhcp(leased));
    (vpc, [a, b])
}

/// Sixteen clients on the Internet in each family: enough for every next hop of a route to have some.
fn clients(vpc: &Vpc) -> [Vec<String>; 2] {
    let all = [
        (1..=16).map(|n| format!("8.8.4.{n}")).collect(),
        (1..=16).map(|n| format!("2001:4860:4861::{n}")).collect(),
    ];
    let line = |ip: &String| match ip.parse().unwrap() {
        IpAddr::V4(ip) => format!("address add {ip}/32 dev lo\n"),
        IpAddr::V6(ip) => format!("address add {ip}/128 dev lo nodad\n"),
    };
    vpc.inet()
        .ip_batch(&all.iter().flatten().map(line).collect::<String>());
    all
}

/// Those of the clients whom the primary does not answer.
fn unanswered(inet: &Host, [ipv4, ipv6]: &[Vec<String>; 2]) -> Vec<String> {
    let pairs = ipv4
        .iter()
        .map(|ip| (ip, PRIMARY[0]))
        .chain(ipv6.iter().map(|ip| (ip, PRIMARY[1])));
    std::thread::scope(|scope| {
        let asked: Vec<_> = pairs
            .map(|(ip, to)| (ip, scope.spawn(move || inet.ping_from(ip, to))))
            .collect();
        asked
            .into_iter()
            .filter_map(|(ip, answered)| (!answered.join().unwrap()).then(|| ip.clone()))
            .collect()
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
        let (mut vpc, subnets) = two_subnets(false);
        let instance = Instance::with_netplan(vpc.guest());
        instance.host.sysctl("net.ipv4.nexthop_compat_mode", compat);
        instance
            .host
            .ip_batch("link set eth1 up\naddress add 10.1.0.30/32 dev eth1");
        for line in made.lines() {
            instance.host.ip(line);
        }
        instance.host.settle();
        let clients = clients(&vpc);
        let dead = unanswered(&vpc.inet(), &clients);
        // For IPv4, Linux 6.15 and later prefers the next hop whose interface has the source address.
        assert!(dead.iter().any(|ip| ip.contains(':')), "{made}");

        instance.must("apply");
        assert_eq!(
            unanswered(&vpc.inet(), &clients),
            [""; 0],
            "{made} compat mode {compat}"
        );
        neighbours_reach(&mut vpc, &subnets, &["10.0.0.10", PRIMARY[1]]);
        assert!(
            instance.must("apply").starts_with("nothing to do: 2"),
            "{made}"
        );
        instance.must("remove");
        assert_eq!(
            unanswered(&vpc.inet(), &clients),
            dead,
            "as it was: main's default is not ours"
        );
    }
}

/// As a client of DHCP leaves it, and with a default that is better than the primary's.
const AS_LEASED: &str = "";
const WITH_THE_DEFAULT: &str = "\
route add default via 10.1.0.1 dev eth1 metric 50
-6 route add default via fe80:ec2::1 dev eth1 metric 50
";

/// A bridge that has eth1 as its port, and its addresses.
const BRIDGED: &str = "\
address flush dev eth1
link add br-ex address 06:00:00:00:00:01 type bridge
link set eth1 master br-ex
link set br-ex up
address add 10.1.0.30/20 dev br-ex
route add default via 10.1.0.1 dev br-ex metric 50
-6 address add 2001:db8:0:b::300/64 dev br-ex nodad
-6 route add default via fe80:ec2::1 dev br-ex metric 50
";

/// Somebody else configures eth1 by `made`; the primary must answer its neighbours and the Internet all the same.
fn answers_beside(config: &str, made: &str, fault: Option<Fault>) {
    let (mut vpc, subnets) = two_subnets(true);
    let instance = Instance::with_netplan(vpc.guest());
    instance.write("etc/eniroute.toml", config);
    instance.host.ip_batch(made);
    instance.host.settle();
    let neighbour = vpc.neighbour(subnets[1]);
    assert_eq!(
        neighbour.ping(&["10.0.0.10", PRIMARY[1]]).len(),
        2,
        "dead before: {config}{made}"
    );
    let theirs = instance.host.dump();

    let incomplete = fault.is_some();
    fault.into_iter().for_each(|fault| vpc.imds().fault(fault));
    let run = instance.eniroute("apply");
    assert_eq!(run.code, i32::from(incomplete), "{run:?}");
    neighbours_reach(&mut vpc, &subnets, &["10.0.0.10", PRIMARY[1]]);
    assert_eq!(
        vpc.inet().ping(&PRIMARY),
        [] as [IpAddr; 0],
        "{config}{made}"
    );
    let changes = changed(&theirs, &instance.host.dump());
    let is_own = |line: &String| {
        line.starts_with("+15000:") || (line.starts_with('+') && line.contains("10000"))
    };
    assert!(changes.iter().all(is_own), "{changes:#?}");
    let drop_in =
        instance.read("etc/systemd/network/10-netplan-eth0.network.d/60-eniroute-eth0.conf");
    let written = [
        "Destination=10.1.0.0/20\nGateway=10.0.0.1\n",
        "From=10.0.0.10\nTable=10000\n",
    ];
    assert!(
        written.iter().all(|words| drop_in.contains(words)),
        "{drop_in}"
    );
    let again = instance.eniroute("apply").stdout;
    assert!(again.starts_with("nothing "), "{config}{made}: {again}");
    instance.must("remove");
    assert_eq!(changed(&theirs, &instance.host.dump()), [""; 0]);
}

#[test]
fn the_primary_answers_the_neighbours_of_an_eni_that_is_excluded() {
    for config in [
        "exclude = [\"eth1\"]\n",
        "exclude = [\"eth1\"]\nmain_routes_first = true\n",
    ] {
        answers_beside(config, AS_LEASED, None);
        answers_beside(config, WITH_THE_DEFAULT, None);
    }
}

#[test]
fn the_primary_answers_the_neighbours_of_an_eni_that_is_a_port_of_a_bridge() {
    answers_beside("", BRIDGED, None);
}

#[test]
fn the_primary_answers_the_neighbours_of_an_eni_that_ec2_has_not_published_yet() {
    for late in [
        "06:00:00:00:00:01/interface-id",
        "06:00:00:00:00:01/subnet-ipv4-cidr-block",
    ] {
        answers_beside("", AS_LEASED, Some(Fault::late(late)));
        answers_beside("", WITH_THE_DEFAULT, Some(Fault::late(late)));
    }
}

/// The host's own packets to a container that has an address of such an ENI go to it, as before.
#[test]
fn a_container_with_an_address_of_an_excluded_eni_talks_with_the_primary_address() {
    let (vpc, _) = two_subnets(true);
    let instance = Instance::with_netplan(vpc.guest());
    instance.write("etc/eniroute.toml", "exclude = [\"eth1\"]\n");
    let container = instance.host.container("br0", "10.1.3.18/28");
    container.ip("address add 10.1.0.31/32 dev eth0");
    instance.host.ip("route add 10.1.0.31/32 dev br0");
    for _ in 0..2 {
        for own in ["10.1.0.31", "10.1.3.18"] {
            assert!(
                container.ping_from(own, "10.0.0.10"),
                "{own} -> the primary"
            );
            assert!(
                instance.host.ping_from("10.0.0.10", own),
                "the primary -> {own}"
            );
        }
        instance.must("apply");
    }
    assert!(instance.must("apply").starts_with("nothing to do"));
}

/// Where a CNI is at work, the primary is its own; another ENI still meets the primary's neighbours.
#[test]
fn an_eni_answers_the_neighbours_of_a_primary_that_is_left_alone_when_main_routes_come_first() {
    let (mut vpc, subnets) = two_subnets(false);
    let instance = Instance::with_netplan(vpc.guest());
    instance.write("etc/eniroute.toml", "main_routes_first = true\n");
    instance
        .host
        .ip("rule add fwmark 0x80/0x80 lookup main priority 1024");
    let run = instance.must("apply");
    assert!(run.contains("eth0 is left alone: the VPC CNI"), "{run}");
    neighbours_reach(
        &mut vpc,
        &subnets,
        &["10.1.0.30", "10.1.0.31", "2001:db8:0:b::300"],
    );
}
