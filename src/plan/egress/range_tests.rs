use super::*;
use crate::property_tests::draw::{Draw, seeds};

fn nets(draw: &mut Draw) -> Vec<IpNet> {
    let net = |draw: &mut Draw| {
        let length = 24 + draw.below(9);
        let net: IpNet = format!("10.0.0.{}/{length}", draw.below(256))
            .parse()
            .unwrap();
        net.trunc()
    };
    (0..draw.below(12)).map(|_| net(draw)).collect()
}

#[test]
fn each_address_is_in_the_ranges_of_the_first_net_that_has_it_and_in_no_others() {
    for seed in seeds(300) {
        let mut draw = Draw::new(seed);
        let nets = nets(&mut draw);
        let mut taken = Taken::default();
        let dealt: Vec<Vec<Range>> = nets.iter().map(|net| merged(taken.take(*net))).collect();
        for last in 0..=255 {
            let ip: IpAddr = Ipv4Addr::new(10, 0, 0, last).into();
            let first = nets.iter().position(|net| net.contains(&ip));
            let has =
                |ranges: &Vec<Range>| ranges.iter().filter(|range| range.contains(ip)).count();
            let counts: Vec<usize> = dealt.iter().map(has).collect();
            let expected: Vec<usize> = (0..nets.len())
                .map(|index| usize::from(Some(index) == first))
                .collect();
            assert_eq!(counts, expected, "seed {seed}: {ip} of {nets:?}");
        }
    }
}

#[test]
fn neighbours_are_one_range_and_what_is_no_prefix_is_told_by_its_ends() {
    let mut taken = Taken::default();
    let words = |ranges: Vec<Range>| {
        let words = merged(ranges)
            .iter()
            .map(Range::to_string)
            .collect::<Vec<_>>();
        words.join(" ")
    };
    let mut take = |net: &str| taken.take(net.parse().unwrap());
    assert_eq!(words(take("172.31.24.3/32")), "172.31.24.3");
    assert_eq!(
        words(take("172.31.24.0/29")),
        "172.31.24.0-172.31.24.2 172.31.24.4/30"
    );
    assert_eq!(words(take("172.31.24.0/28")), "172.31.24.8/29");
    assert_eq!(words(take("172.31.24.0/30")), "");
    let two = [take("10.0.0.0/25"), take("10.0.0.128/25")].concat();
    assert_eq!(words(two), "10.0.0.0/24");
    assert_eq!(words(take("255.255.255.255/32")), "255.255.255.255");
    assert_eq!(
        words(take("0.0.0.0/0")).split(' ').next(),
        Some("0.0.0.0-9.255.255.255")
    );
    assert_eq!(
        words(take("2001:db8::/64")),
        "2001:db8::/64",
        "of another family"
    );
    assert_eq!(
        words(take("::/0")),
        "::-2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db8:0:1::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    );
}
