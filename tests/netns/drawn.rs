//! Secondary ENIs made up from a seed: what each network stack makes of the files must be what netlink makes, whatever EC2
//! has given.

use crate::draw::Draw;
use crate::vpc::{EniSpec, SubnetId};

/// eth1 and eth2, each in either of two dual-stack subnets (10.0.0.0/20, 2001:db8:0:a::/64 and 10.1.0.0/20,
/// 2001:db8:0:b::/64), with addresses of both families and delegated prefixes.
pub fn secondaries(seed: u64, subnets: [SubnetId; 2]) -> [EniSpec; 2] {
    eprintln!("again: ENIROUTE_SEED={seed}");
    let mut draw = Draw::new(seed);
    [1, 2].map(|number| secondary(&mut draw, number, subnets))
}

fn secondary(draw: &mut Draw, number: usize, subnets: [SubnetId; 2]) -> EniSpec {
    let which = draw.below(2);
    let letter = ["a", "b"][which];
    let mut up_to = |end: usize| 0..draw.below(end);
    let spec = EniSpec::new(subnets[which], &format!("eth{number}"))
        .ipv4((0..1 + up_to(3).end).map(|n| format!("10.{which}.{number}.{}", 20 + n)))
        .ipv6(up_to(4).map(|n| format!("2001:db8:0:{letter}::{number}{n}")));
    let spec = up_to(3).fold(spec, |spec, n| {
        spec.prefix4(&format!("10.{which}.{}.{}/28", 4 + number, 16 * n))
    });
    up_to(3).fold(spec, |spec, n| {
        spec.prefix6(&format!("2001:db8:0:{letter}:{number}{n}::/80"))
    })
}
