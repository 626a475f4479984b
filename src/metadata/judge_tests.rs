//! Values that no VPC has, one by one, beside an innocent ENI.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

fn eni(number: u32) -> Eni {
    Eni {
        mac: Mac([6, 0, 0, 0, 0, number as u8]),
        id: format!("eni-{number}"),
        primary: number == 0,
        device_number: number,
        network_card: 0,
        ipv4: vec![format!("10.0.0.{}", 10 * (number + 1)).parse().unwrap()],
        ipv6: vec![
            format!("2001:db8:0:a::{number}00")
                .parse::<Ipv6Addr>()
                .unwrap(),
        ],
        ipv4_prefixes: vec![],
        ipv6_prefixes: vec![],
        subnet_ipv4: Some("10.0.0.0/20".parse().unwrap()),
        subnet_ipv6: vec!["2001:db8:0:a::/64".parse().unwrap()],
        vpc: None,
        vpc_ranges: Vec::new(),
        public: BTreeMap::new(),
    }
}

/// The primary, and two others. Its IPv6 address must not be the subnet's base.
fn three() -> [Eni; 3] {
    let primary = Eni {
        ipv6: vec!["2001:db8:0:a::f00".parse().unwrap()],
        ..eni(0)
    };
    [primary, eni(1), eni(2)]
}

/// What is refused, and why, as it is reported.
fn refused(enis: impl IntoIterator<Item = Eni>) -> Vec<String> {
    let metadata = judge(enis.into_iter().collect(), &BTreeSet::new());
    let both = metadata
        .refused
        .iter()
        .map(|eni| eni.mac)
        .collect::<Vec<_>>();
    assert_eq!(
        both,
        metadata
            .incomplete
            .iter()
            .map(|incomplete| incomplete.mac)
            .collect::<Vec<_>>()
    );
    metadata
        .incomplete
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The third ENI is changed: it alone is refused, with its MAC, the key, and the value told.
fn only_the_third(change: impl FnOnce(&mut Eni), key: &str, value: &str) {
    let [first, second, mut third] = three();
    change(&mut third);
    let told = refused([third, first, second]);
    let [told] = &told[..] else {
        panic!("{key} {value}: {told:?}")
    };
    for words in ["06:00:00:00:00:02", &format!("`{key}`"), value] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn what_ec2_may_say_is_accepted() {
    assert_eq!(refused(three()), [""; 0]);
    for (v4, subnet) in [
        ("10.0.0.4", "10.0.0.0/20"),
        ("10.0.15.254", "10.0.0.0/20"),
        ("10.9.0.20", "10.9.0.16/28"),
        ("100.64.0.9", "100.64.0.0/16"),
        ("198.19.200.7", "198.19.0.0/16"),
        ("54.178.197.195", "54.178.0.0/16"),
        ("172.31.41.29", "172.31.32.0/20"),
    ] {
        let [.., third] = three();
        let odd = Eni {
            ipv4: vec![v4.parse().unwrap()],
            subnet_ipv4: Some(subnet.parse().unwrap()),
            ..third
        };
        assert_eq!(refused([odd]), [""; 0], "{v4}");
    }
    for (v6, subnet) in [
        ("2001:db8:0:b::4", "2001:db8:0:b::/64"),
        ("2600:1f16:a:ff00::1:1", "2600:1f16:a:ff00::/56"),
        ("fd12:3456::99", "fd12:3456::/44"),
    ] {
        let [.., third] = three();
        let odd = Eni {
            ipv6: vec![v6.parse().unwrap()],
            subnet_ipv6: vec![subnet.parse().unwrap()],
            ..third
        };
        assert_eq!(refused([odd]), [""; 0], "{v6}");
    }
    let [first, second, mut third] = three();
    third.ipv4_prefixes = vec![
        "10.0.3.16/28".parse().unwrap(),
        "10.0.3.32/28".parse().unwrap(),
    ];
    third.ipv6_prefixes = vec!["2001:db8:0:a:b::/80".parse().unwrap()];
    assert_eq!(refused([first, second, third]), [""; 0]);
}

#[test]
fn an_address_that_is_none_of_the_subnet_is_refused_for_its_eni_alone() {
    for value in [
        "0.0.0.0",
        "127.0.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "10.0.16.5",
        "8.8.8.8",
        // The network, the router, the name server, the future, and the broadcast address.
        "10.0.0.0",
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
        "10.0.15.255",
    ] {
        only_the_third(
            |eni| eni.ipv4 = vec![value.parse().unwrap()],
            "local-ipv4s",
            value,
        );
        only_the_third(
            |eni| eni.ipv4.push(value.parse().unwrap()),
            "local-ipv4s",
            value,
        );
    }
    for value in [
        "::",
        "::1",
        "fe80::1",
        "fe80:ec2::1",
        "ff02::1",
        "fd00:ec2::254",
        "::ffff:10.0.0.77",
        "2001:db8:0:b::7",
        "2001:db8:0:a::",
        "2001:db8:0:a::1",
        "2001:db8:0:a::3",
        "2001:db8:0:a:ffff:ffff:ffff:ffff",
    ] {
        only_the_third(
            |eni| eni.ipv6 = vec![value.parse().unwrap()],
            "ipv6s",
            value,
        );
    }
}

#[test]
fn a_prefix_that_ec2_does_not_delegate_is_refused() {
    for value in [
        "0.0.0.0/0",
        "10.0.0.0/20",
        "10.0.3.16/29",
        "10.0.3.16/32",
        "10.0.3.0/24",
        "10.0.64.16/28",
        "224.0.0.0/28",
        "169.254.169.240/28",
        // The router lies in it, or the last address of the subnet.
        "10.0.0.0/28",
        "10.0.15.240/28",
    ] {
        only_the_third(
            |eni| eni.ipv4_prefixes = vec![value.parse().unwrap()],
            "ipv4-prefix",
            value,
        );
    }
    for value in [
        "::/0",
        "2001:db8:0:a::/64",
        "2001:db8:0:a:b::/81",
        "2001:db8:0:a:b::9/128",
        "2001:db8:0:b:1::/80",
        "ff02::/80",
        "fe80::/80",
        "2001:db8:0:a::/80",
        "2001:db8:0:a:ffff::/80",
    ] {
        only_the_third(
            |eni| eni.ipv6_prefixes = vec![value.parse().unwrap()],
            "ipv6-prefix",
            value,
        );
    }
}

#[test]
fn a_subnet_that_no_vpc_has_is_refused() {
    for value in [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.0.0.0/15",
        "10.0.0.16/29",
        "10.0.0.30/32",
        "127.0.0.0/16",
        "224.0.0.0/20",
    ] {
        only_the_third(
            |eni| eni.subnet_ipv4 = Some(value.parse().unwrap()),
            "subnet-ipv4-cidr-block",
            value,
        );
    }
    for value in [
        "::/0",
        "2000::/3",
        "2001:db8::/40",
        "2001:db8:0:a::/63",
        "2001:db8:0:a::/68",
        "fe80::/64",
        "fd00:ec2::/64",
    ] {
        only_the_third(
            |eni| eni.subnet_ipv6 = vec![value.parse().unwrap()],
            "subnet-ipv6-cidr-blocks",
            value,
        );
    }
}

#[test]
fn what_belongs_to_another_eni_is_refused_and_the_primary_s_always_win() {
    for value in ["10.0.0.10", "10.0.0.20"] {
        only_the_third(
            |eni| eni.ipv4.push(value.parse().unwrap()),
            "local-ipv4s",
            value,
        );
    }
    for value in ["2001:db8:0:a::f00", "2001:db8:0:a::100"] {
        only_the_third(|eni| eni.ipv6.push(value.parse().unwrap()), "ipv6s", value);
    }
    // A prefix around the others' addresses, and an address in another's prefix.
    let [mut first, second, third] = three();
    first.ipv4 = vec!["10.0.3.17".parse().unwrap()];
    first.ipv6_prefixes = vec!["2001:db8:0:a:f::/80".parse().unwrap()];
    let around = Eni {
        ipv4_prefixes: vec!["10.0.3.16/28".parse().unwrap()],
        ..third.clone()
    };
    let told = refused([first.clone(), second.clone(), around]);
    assert!(
        told.len() == 1 && told[0].contains("`ipv4-prefix`") && told[0].contains("10.0.3.17"),
        "{told:?}"
    );
    let inside = Eni {
        ipv6: vec!["2001:db8:0:a:f::9".parse().unwrap()],
        ..third.clone()
    };
    let told = refused([first.clone(), second.clone(), inside]);
    assert!(
        told.len() == 1 && told[0].contains("2001:db8:0:a:f::9 overlaps with 2001:db8:0:a:f::/80"),
        "{told:?}"
    );
    let double = Eni {
        ipv6_prefixes: first.ipv6_prefixes.clone(),
        ..third
    };
    let told = refused([first, second, double]);
    assert!(
        told.len() == 1 && told[0].contains("`ipv6-prefix`") && told[0].contains("belongs to"),
        "{told:?}"
    );
}

#[test]
fn nonsense_of_the_primary_is_refused_and_nobody_takes_its_addresses() {
    let [mut first, second, mut third] = three();
    first.subnet_ipv4 = Some("0.0.0.0/0".parse().unwrap());
    third.ipv4.push(first.ipv4[0]);
    let told = refused([first, second, third]);
    assert!(
        told.len() == 2 && told[0].contains("0.0.0.0/0") && told[1].contains("10.0.0.10"),
        "{told:?}"
    );
}

#[test]
fn an_eni_that_is_refused_takes_nothing_from_the_others() {
    let [first, mut second, mut third] = three();
    second.ipv4 = vec!["10.0.0.1".parse().unwrap(), third.ipv4[0]];
    third.device_number = 1;
    third.id.clone_from(&second.id);
    let told = refused([first, second, third]);
    assert!(told.len() == 1 && told[0].contains("10.0.0.1"), "{told:?}");
}

#[test]
fn subnets_overlap_only_in_different_vpcs() {
    let in_vpc = |mut eni: Eni, vpc: &str, subnet: &str, ip: &str| {
        eni.vpc = Some(vpc.to_owned());
        eni.subnet_ipv4 = Some(subnet.parse().unwrap());
        eni.ipv4 = vec![ip.parse().unwrap()];
        eni
    };
    let [first, second, third] = three();
    let a = in_vpc(first, "vpc-a", "10.0.0.0/20", "10.0.0.10");
    for subnet in ["10.0.0.0/24", "10.0.0.0/16"] {
        let b = in_vpc(second.clone(), "vpc-b", subnet, "10.0.0.20");
        assert_eq!(
            overlapping([&a, &b].into_iter()),
            BTreeSet::from([a.mac, b.mac])
        );
        assert_eq!(refused([a.clone(), b.clone()]), [""; 0]);
        for unknown in [Some("vpc-a".to_owned()), None] {
            let told = refused([
                a.clone(),
                Eni {
                    vpc: unknown,
                    ..b.clone()
                },
            ]);
            assert!(
                told.len() == 1
                    && told[0].contains("subnet-ipv4-cidr-block")
                    && told[0].contains(subnet),
                "{told:?}"
            );
        }
    }
    // Prefixes, too; but neither an exact double nor what takes the primary's address away.
    let b = in_vpc(second, "vpc-b", "10.0.0.0/20", "10.0.3.17");
    let prefix = |net: &str| vec![net.parse().unwrap()];
    let c = in_vpc(third, "vpc-c", "10.0.0.0/20", "10.0.0.30");
    assert_eq!(
        refused([
            a.clone(),
            b.clone(),
            Eni {
                ipv4_prefixes: prefix("10.0.3.16/28"),
                ..c.clone()
            }
        ]),
        [""; 0]
    );
    let double = Eni {
        ipv4: b.ipv4.clone(),
        ..c.clone()
    };
    assert_eq!(refused([a.clone(), b.clone(), double]).len(), 1);
    let a = Eni {
        ipv4: vec!["10.0.1.17".parse().unwrap()],
        ..a
    };
    let told = refused([
        a,
        b,
        Eni {
            ipv4_prefixes: prefix("10.0.1.16/28"),
            ..c
        },
    ]);
    assert!(told.len() == 1 && told[0].contains("10.0.1.17"), "{told:?}");
    let mut b = in_vpc(three()[1].clone(), "vpc-b", "10.0.0.0/20", "10.0.2.17");
    let mut a = in_vpc(three()[0].clone(), "vpc-a", "10.0.0.0/20", "10.0.0.10");
    a.ipv4_prefixes = prefix("10.0.2.16/28");
    assert_eq!(refused([a.clone(), b.clone()]), [""; 0]);
    b.vpc = a.vpc.clone();
    assert_eq!(refused([a, b]).len(), 1);
}

#[test]
fn the_vpc_is_asked_for_only_where_ranges_overlap() {
    assert_eq!(overlapping(three().iter()), BTreeSet::new());
    let [first, second, mut third] = three();
    third.ipv4.push(first.ipv4[0]);
    assert_eq!(
        overlapping([&first, &second, &third].into_iter()),
        BTreeSet::new(),
        "an exact double is wrong in any case"
    );
}

#[test]
fn what_a_file_may_say_beyond_what_the_service_is_asked_for_is_refused_too() {
    only_the_third(
        |eni| eni.id = "eni-../../etc/passwd".to_owned(),
        "interface-id",
        "passwd",
    );
    only_the_third(|eni| eni.id = "eni-1".to_owned(), "interface-id", "eni-1");
    only_the_third(|eni| eni.device_number = 4000, "device-number", "4000");
    only_the_third(|eni| eni.network_card = 77, "device-number", "77");
    only_the_third(|eni| eni.device_number = 0, "device-number", "device 0");
    only_the_third(
        |eni| eni.ipv4_prefixes = vec!["10.0.3.17/28".parse().unwrap()],
        "ipv4-prefix",
        "10.0.3.17/28",
    );
    let [first, mut second, third] = three();
    (second.primary, second.device_number) = (true, 0);
    assert_eq!(
        refused([first, second, third]).len(),
        1,
        "there is one primary ENI"
    );
}

#[test]
fn eighty_enis_of_a_hundred_addresses_are_judged_at_once() {
    let many = |n: u32| Eni {
        network_card: n / 10,
        device_number: 1 + n % 10,
        ipv4: (0..50)
            .map(|i| Ipv4Addr::from_bits(0x0a00_0400 + n * 50 + i))
            .collect(),
        ipv6: (0..50)
            .map(|i| {
                Ipv6Addr::from_bits(
                    0x2001_0db8_0000_000a_0000_0000_0001_0000 + u128::from(n * 50 + i),
                )
            })
            .collect(),
        subnet_ipv4: Some("10.0.0.0/16".parse().unwrap()),
        mac: Mac([6, 0, 0, 0, 1, n as u8]),
        id: format!("eni-{n}"),
        ..eni(1)
    };
    let began = std::time::Instant::now();
    let metadata = judge((1..=80).map(many).collect(), &BTreeSet::new());
    assert_eq!(metadata.enis.len(), 80, "{:?}", metadata.incomplete);
    assert!(began.elapsed().as_millis() < 1000, "{:?}", began.elapsed());
}
