//! The primary ENI's IPv6 addresses: EC2 assigns them, and a DHCPv6 client brings them, or nobody. With packets.

use std::net::{IpAddr, Ipv6Addr, SocketAddrV6, UdpSocket};
use std::time::{Duration, Instant};

use crate::instance::{Instance, changed, neighbours_reach};
use crate::vpc::{EniId, EniSpec, SubnetId, Vpc};

const LATER: [&str; 2] = ["2001:db8:0:a::100", "2001:db8:0:a::101"];

/// A primary that was launched without IPv6, alone or beside another ENI that has it.
fn launched(second: bool) -> (Vpc, [SubnetId; 2], EniId) {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
    let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
    let primary = vpc.attach(
        EniSpec::new(a, "eth0")
            .ipv4(["10.0.0.10"])
            .public("10.0.0.10", "203.0.113.10"),
    );
    if second {
        vpc.attach(
            EniSpec::new(b, "eth1")
                .ipv4(["10.1.0.30"])
                .ipv6(["2001:db8:0:b::300"]),
        );
    }
    (vpc, [a, b], primary)
}

#[test]
fn an_ipv6_address_that_is_assigned_later_answers_where_no_dhcpv6_client_runs() {
    for (second, command) in [
        (false, "apply"),
        (false, "refresh"),
        (true, "refresh"),
        (true, "apply"),
    ] {
        let (mut vpc, subnets, primary) = launched(second);
        let instance = Instance::with_netplan(vpc.guest());
        let before = instance.host.dump();
        instance.must("apply");
        LATER.iter().for_each(|ip| vpc.assign(primary, ip));
        assert_eq!(vpc.inet().ping(&LATER).len(), 2, "nobody brings them");
        // Which of the values a refresh compares is another one each minute.
        instance.must(command);
        if command == "refresh" && !instance.host.ip("-6 address").contains(LATER[0]) {
            instance.must("apply");
        }
        assert_eq!(vpc.inet().ping(&LATER), [] as [IpAddr; 0], "{command}");
        neighbours_reach(&mut vpc, &subnets[..1 + usize::from(second)], &LATER);
        assert!(
            instance.must("apply").starts_with("nothing to do"),
            "{command}"
        );
        let states = instance.json("status");
        assert!(
            states["enis"]
                .as_array()
                .unwrap()
                .iter()
                .all(|eni| eni["state"] == "ok"),
            "{states:#}"
        );
        let drop_in =
            instance.read("etc/systemd/network/10-netplan-eth0.network.d/60-eniroute-eth0.conf");
        assert!(
            drop_in.contains(&format!("Address={}/128\n", LATER[1])),
            "{drop_in}"
        );
        assert!(
            drop_in.contains("Gateway=fe80:ec2::1\nGatewayOnLink=yes\nMetric=10000\n"),
            "{drop_in}"
        );

        vpc.unassign(primary, LATER[1]);
        instance.must("apply");
        let left = instance.host.ip("-6 address show dev eth0");
        assert!(
            left.contains(LATER[0]) && !left.contains(LATER[1]),
            "{left}"
        );
        instance.must("remove");
        assert_eq!(changed(&before, &instance.host.dump()), [""; 0]);
    }
}

/// A router's advertisement says better what the way out is; ours stays behind it.
#[test]
fn a_default_that_a_router_advertises_wins_and_one_that_is_there_is_enough() {
    let (mut vpc, [a, _], primary) = launched(false);
    let instance = Instance::with_netplan(vpc.guest());
    vpc.assign(primary, LATER[0]);
    instance.must("apply");
    let router = vpc.describe(a).router_link_local();
    instance.host.ip(&format!(
        "-6 route add default via {router} dev eth0 proto ra metric 1024 expires 1800"
    ));
    assert!(instance.must("apply").starts_with("nothing to do"));
    assert!(
        instance.way_out(LATER[0]).contains("metric 1024"),
        "{}",
        instance.way_out(LATER[0])
    );
    instance.must("remove");
    instance.must("apply");
    assert!(
        !instance.host.ip("-6 route").contains("metric 10000"),
        "not beside one that is there"
    );
    assert_eq!(vpc.inet().ping(&LATER[..1]), [] as [IpAddr; 0]);
}

#[test]
fn what_a_dhcpv6_client_has_to_bring_is_left_to_it_and_told() {
    for everywhere in [true, false] {
        let (mut vpc, _, primary) = launched(true);
        let instance = Instance::with_netplan(vpc.guest());
        instance.host.settle();
        let client = instance.host.enter(|| {
            let index = nix::net::if_::if_nametoindex("eth0").unwrap();
            let bound = if everywhere {
                Ipv6Addr::UNSPECIFIED
            } else {
                link_local(&instance)
            };
            UdpSocket::bind(SocketAddrV6::new(bound, 546, 0, index)).unwrap()
        });
        vpc.assign(primary, LATER[0]);
        instance.must("apply");
        let before = instance.host.dump();
        for command in ["apply", "status"] {
            let said = instance.must(command);
            assert!(said.contains("missing 1"), "{command}: {said}");
            let note = format!(
                "eth0 lacks {}, which EC2 has assigned: the DHCPv6 client",
                LATER[0]
            );
            assert!(said.contains(&note), "{command}: {said}");
        }
        assert_eq!(changed(&before, &instance.host.dump()), [""; 0]);
        let files = instance.host.sh(&format!(
            "grep -rl {}/128 {}/etc || :",
            LATER[0],
            instance.root().display()
        ));
        assert_eq!(files, "", "nor does a file bring it");

        // As the client would have it.
        instance.host.ip(&format!(
            "address add {}/128 dev eth0 noprefixroute nodad valid_lft 450 preferred_lft 140",
            LATER[0]
        ));
        assert!(instance.must("apply").starts_with("nothing to do: 2"));
        drop(client);
        assert!(
            instance.must("apply").starts_with("nothing to do: 2"),
            "it was a client's"
        );
        instance
            .host
            .ip(&format!("address del {}/128 dev eth0", LATER[0]));
        instance.must("apply");
        assert_eq!(
            vpc.inet().ping(&LATER[..1]),
            [] as [IpAddr; 0],
            "the client is gone for good"
        );
    }
}

/// The boot's own run may come before the client, which starts when a router has advertised itself.
#[test]
fn the_run_of_the_boot_waits_a_while_for_a_client_and_then_does_without() {
    let boot = |starts: bool| {
        let (mut vpc, _, primary) = launched(false);
        let instance = Instance::with_netplan(vpc.guest());
        vpc.assign(primary, LATER[0]);
        let began = Instant::now();
        let client = starts.then(|| {
            let host = instance.host.clone();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_secs(1));
                host.enter(|| UdpSocket::bind("[::]:546").unwrap())
            })
        });
        let said = instance.must(&format!(
            "apply --service --wait 30 --imds http://{}",
            crate::vpc::IMDS
        ));
        let took = began.elapsed();
        let there = instance
            .host
            .ip("-6 address show dev eth0")
            .contains(LATER[0]);
        drop(client.map(|client| client.join().unwrap()));
        let is_soon = instance.is_soon(took, Duration::from_secs(if starts { 4 } else { 8 }));
        assert!(is_soon, "{took:?} {said}");
        (there, said)
    };
    let (there, said) = boot(true);
    assert!(!there && said.contains("missing 1"), "{said}");
    let (there, said) = boot(false);
    assert!(there && !said.contains("missing"), "{said}");
}

/// The address came from us, and a client that starts later makes it its own: `remove` leaves it.
#[test]
fn an_address_of_ours_that_a_client_has_taken_over_is_the_client_s() {
    let (mut vpc, _, primary) = launched(false);
    let instance = Instance::with_netplan(vpc.guest());
    vpc.assign(primary, LATER[0]);
    instance.must("apply");
    instance.host.ip(&format!(
        "address replace {}/128 dev eth0 valid_lft 450 preferred_lft 140",
        LATER[0]
    ));
    instance.must("apply");
    instance.must("remove");
    assert!(
        instance
            .host
            .ip("-6 address show dev eth0")
            .contains(LATER[0])
    );
}

#[test]
fn where_ipv6_is_switched_off_nothing_of_it_is_brought() {
    let (mut vpc, _, primary) = launched(false);
    let instance = Instance::with_netplan(vpc.guest());
    instance.host.sysctl("net.ipv6.conf.eth0.disable_ipv6", 1);
    vpc.assign(primary, LATER[0]);
    let before = instance.host.dump();
    let said = instance.must("apply");
    assert!(said.contains("IPv6 is switched off on eth0"), "{said}");
    assert_eq!(changed(&before, &instance.host.dump()), [""; 0]);
}

/// Its only addresses are IPv6, and no lease of IPv4 is waited for. A client has brought the first, and is gone.
#[test]
fn a_primary_in_a_subnet_without_ipv4_gets_its_addresses_at_once() {
    let mut vpc = Vpc::new();
    let a = vpc.subnet_ipv6_only("2001:db8:0:a::/64");
    let primary = vpc.attach(EniSpec::new(a, "eth0").ipv6([LATER[0]]));
    vpc.enable_imds_ipv6();
    vpc.assign(primary, LATER[1]);
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    assert_eq!(vpc.inet().ping(&LATER), [] as [IpAddr; 0]);
    neighbours_reach(&mut vpc, &[a], &LATER);
}

fn link_local(instance: &Instance) -> Ipv6Addr {
    let shown = instance.host.ip("-6 -o address show dev eth0 scope link");
    let address = shown
        .split_whitespace()
        .find(|word| word.starts_with("fe80:"))
        .unwrap();
    address.split('/').next().unwrap().parse().unwrap()
}
